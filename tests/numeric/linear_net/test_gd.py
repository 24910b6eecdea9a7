"""Gradient descent in the closure, against explicit weights trained in plain NumPy."""

import numpy as np
import pytest

from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.symbolic import linear_net as derived
from catapult_sim.validation import InputError


def explicit(X, y, U, V, rate, steps):
    """Train f = V^T U x / sqrt(n) on its weights; return outputs and kernels of every step."""
    n, m, k = len(U), len(X), V.shape[1]
    outputs, kernels = [], []
    for _ in range(steps + 1):
        f = X @ U.T @ V / np.sqrt(n)
        by_u = np.einsum("nk,ad->aknd", V, X).reshape(m * k, -1) / np.sqrt(n)
        by_v = np.einsum("an,kj->aknj", X @ U.T, np.eye(k)).reshape(m * k, -1) / np.sqrt(n)
        outputs.append(f)
        kernels.append((by_u @ by_u.T + by_v @ by_v.T) / m)
        g = X.T @ (f - y) / m
        U, V = U - rate * V @ g.T / np.sqrt(n), V - rate * U @ g / np.sqrt(n)
    return np.array(outputs), np.array(kernels)


@pytest.mark.parametrize("shape", [(6, 4, 1), (3, 5, 2), (1, 1, 1)])
@pytest.mark.parametrize("width", [1, 300])
def test_the_closure_is_gradient_descent_on_the_weights_through_a_catapult(shape, width):
    m, d, k = shape
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(m, d)), rng.normal(size=(m, k))
    U, V = rng.normal(size=(width, d)), rng.normal(size=(width, k))
    net = LinearNet(X, y, width=width)
    c, steps = (3.0, 60) if width > 1 else (0.5, 60)
    rate = c / net.top_eigenvalue(net.from_weights(U, V))
    run = net.train(
        learning_rate=rate,
        steps=steps,
        weights=(U, V),
        observe={"f": lambda s: net.predict(s)[:, -1, -1], "lam": net.top_eigenvalue},
    )
    outputs, kernels = explicit(X, y, U, V, rate, steps)
    ended = len(run.step)  # a loss of exactly zero is the end
    outputs, kernels = outputs[:ended], kernels[:ended]
    scale = np.abs(outputs).max(axis=(1, 2))
    assert (np.abs(run.values["f"] - outputs[:, -1, -1]) < 1e-10 * scale).all()
    losses = 0.5 * np.sum((outputs - y) ** 2, axis=2).mean(axis=1)
    np.testing.assert_allclose(run.values["loss"], losses, rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(run.values["lam"], np.linalg.eigvalsh(kernels)[:, -1], rtol=1e-10)
    if width > 1:
        assert losses.max() > 5 * losses[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
def test_an_ensemble_is_gradient_descent_on_the_weights_of_each_member(outputs, compiled):
    rng, width, steps = np.random.default_rng(4), 40, 25
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, outputs))
    U, V = rng.normal(size=(3, width, 3)), rng.normal(size=(3, width, outputs))
    net = LinearNet(X, y, width=width)
    rates = np.array([0.3, 1.0, 2.5]) / net.top_eigenvalue(net.from_weights(U, V))
    run = net.train(learning_rate=rates, steps=steps, weights=(U, V), compiled=compiled)
    for i in range(3):
        functions, _ = explicit(X, y, U[i], V[i], rates[i], steps)
        losses = 0.5 * np.sum((functions - y) ** 2, axis=2).mean(axis=1)
        np.testing.assert_allclose(run.values["loss"][:, i], losses, rtol=1e-9)
        np.testing.assert_allclose(net.predict(run.state[i]), functions[-1], rtol=1e-8)


@pytest.mark.parametrize("width", [10.0, 1e6, 1e12])
def test_on_one_sample_the_closure_is_the_derived_map(width):
    net = LinearNet([[1.0]], [0.0], width=width)
    state = net.init(rng=1)
    rate = 2.7 / net.top_eigenvalue(state)
    observe = {"top_eigenvalue": net.top_eigenvalue}
    run = net.train(learning_rate=rate, steps=80, state=state, observe=observe)
    step, point = derived.sample_map().numpy(), np.array([state[0, 1], np.trace(state)])
    for t in run.step:
        assert run.values["loss"][t] == pytest.approx(point[0] ** 2 / 2, rel=1e-7)
        assert run.values["top_eigenvalue"][t] == pytest.approx(point[1], rel=1e-9)
        point = step(point, rate, width)


def test_infinite_width_is_the_linear_dynamics_in_closed_form():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    net = LinearNet(X, y, width=float("inf"))
    state = net.init(rng=5)
    eta = 0.9 / net.top_eigenvalue(state)
    observe = {"top_eigenvalue": net.top_eigenvalue}
    run = net.train(learning_rate=eta, steps=40, state=state, observe=observe)
    kernel = 2 * X @ X.T / 7  # A = B = 1
    residual = net.predict(state)[:, 0] - y
    powers = [np.linalg.matrix_power(np.eye(7) - eta * kernel, t) @ residual for t in range(41)]
    np.testing.assert_allclose(run.values["loss"], [r @ r / 14 for r in powers], rtol=1e-11)
    np.testing.assert_array_equal(run.values["top_eigenvalue"], run.values["top_eigenvalue"][0])


def test_the_wide_network_tends_to_the_infinite_one():
    X, y = np.eye(2), [1.0, -1.0]
    losses = [
        LinearNet(X, y, width=width).train(learning_rate=0.7, steps=30, rng=2).values["loss"]
        for width in (1e4, 1e8, 1e12, float("inf"))
    ]
    gaps = [np.abs(loss - losses[-1]).max() for loss in losses[:-1]]
    np.testing.assert_array_less(gaps[1:], [1e-1 * gap for gap in gaps[:-1]])
    assert gaps[-1] < 1e-4


@pytest.mark.parametrize("width", [1, 2, 3, 50])
def test_drawn_states_have_the_moments_of_gaussian_weights(width):
    d, draws = 3, 4000
    net = LinearNet(np.eye(d), np.zeros(d), width=width)
    states = net.init(rng=0, ensemble=(draws,))
    rng = np.random.default_rng(99)
    U, V = rng.normal(size=(draws, width, d)), rng.normal(size=(draws, width, 1))
    explicit_states = net.from_weights(U, V)
    for power in (1, 2, 3):
        drawn, direct = states**power, explicit_states**power
        error = np.hypot(drawn.std(axis=0), direct.std(axis=0)) / np.sqrt(draws)
        assert (np.abs(drawn.mean(axis=0) - direct.mean(axis=0)) < 5 * error + 1e-12).all()
    unscaled = np.where(np.eye(4)[3] + np.eye(4)[:, [3]] == 1, states / np.sqrt(width), states)
    rank = np.linalg.matrix_rank(unscaled[:50])
    np.testing.assert_array_equal(rank, min(width, d + 1))


def test_a_state_of_width_1e12_fluctuates_as_one_over_sqrt_n():
    net = LinearNet(np.eye(2), np.zeros(2), width=10**12)
    states = net.init(rng=0, ensemble=(2000,))
    assert states[:, 0, 0].std() == pytest.approx(np.sqrt(2e-12), rel=0.1)
    assert states[:, 0, 2].std() == pytest.approx(1, rel=0.1)


def test_a_larger_ensemble_begins_with_the_members_of_a_smaller_one():
    net = LinearNet(np.eye(2), np.zeros(2), width=20)
    np.testing.assert_array_equal(
        net.init(rng=4, ensemble=(3,)), net.init(rng=4, ensemble=(7,))[:3]
    )


def test_a_member_is_the_same_in_an_ensemble_of_one_and_of_many():
    rng = np.random.default_rng(1)
    net = LinearNet(rng.normal(size=(5, 3)), rng.normal(size=5), width=100)
    rates = np.linspace(0.1, 3, 9) / net.top_eigenvalue(net.init(rng=3))
    together = net.train(learning_rate=rates, steps=50, rng=3)
    for i, rate in enumerate(rates):
        alone = net.train(learning_rate=[rate], steps=50, rng=3)
        np.testing.assert_array_equal(
            together.values["loss"][: len(alone.step), i], alone.values["loss"][:, 0]
        )


def test_gradient_flow_s_conservation_law_holds_to_first_order_in_the_rate():
    # A - B conserves U^T U - v v^T only in the limit of small rates; the drift is O(eta).
    net = LinearNet([[1.0]], [0.0], width=10)
    state = net.init(rng=0)

    def drift(rate):
        end = net.train(learning_rate=rate, steps=round(1 / rate), state=state).state
        return abs((end[0, 0] - end[1, 1]) - (state[0, 0] - state[1, 1]))

    assert drift(1e-3) / drift(1e-4) == pytest.approx(10, rel=0.1)


def test_weight_norm_is_the_squared_norm_over_the_width():
    rng = np.random.default_rng(2)
    U, V = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    net = LinearNet(rng.normal(size=(3, 4)), np.zeros((3, 2)), width=30)
    norm = net.weight_norm(net.from_weights(U, V))
    assert norm == pytest.approx((np.sum(U**2) + np.sum(V**2)) / 30, rel=1e-13)


def test_weights_of_another_width_are_refused():
    net = LinearNet(np.eye(2), np.zeros(2), width=5)
    with pytest.raises(
        InputError, match=r"weights must have shapes \(..., 5, 2\) and \(..., 5, 1\)"
    ):
        net.from_weights(np.ones((4, 2)), np.ones(4))


# The compiled loop ------------------------------------------------------------------------------

# samples, inputs, outputs: more inputs than samples, more coordinates than a block holds
COMPILED = [(6, 3, 1), (3, 5, 2), (14, 11, 1), (14, 11, 2), (6, 3, 3)]


@pytest.mark.parametrize("shape", COMPILED)
@pytest.mark.parametrize("spare", [-1, 0, None])  # units beyond columns; None: two thousand
def test_the_compiled_loop_is_gradient_descent_on_the_weights_through_a_catapult(shape, spare):
    pytest.importorskip("numba")
    m, d, k = shape
    width = 2000 if spare is None else min(m, d) + k + spare
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(m, d)), rng.normal(size=(m, k))
    U, V = rng.normal(size=(width, d)), rng.normal(size=(width, k))
    net = LinearNet(X, y, width=width)
    rate = (0.7 if spare is not None else 2.6) / net.top_eigenvalue(net.from_weights(U, V))
    run = net.train(
        learning_rate=rate, steps=60, weights=(U, V), compiled=True, observe={"f": net.predict}
    )
    outputs, _ = explicit(X, y, U, V, rate, 60)
    scale = np.abs(outputs).max(axis=(1, 2), keepdims=True)
    assert (np.abs(run.values["f"] - outputs) < 1e-10 * scale).all()
    losses = 0.5 * np.sum((outputs - y) ** 2, axis=2).mean(axis=1)
    assert spare is not None or losses.max() > 2 * losses[0]


def test_the_compiled_loop_holds_where_inputs_span_less_than_they_could():
    pytest.importorskip("numba")
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 3)) @ rng.normal(size=(3, 4)), rng.normal(size=(6, 2))
    U, V = rng.normal(size=(40, 4)), rng.normal(size=(40, 2))
    net = LinearNet(X, y, width=40)
    rate = 1.0 / net.top_eigenvalue(net.from_weights(U, V))
    run = net.train(
        learning_rate=rate, steps=60, weights=(U, V), compiled=True, observe={"f": net.predict}
    )
    outputs, _ = explicit(X, y, U, V, rate, 60)
    assert np.abs(run.values["f"] - outputs).max() < 1e-10 * np.abs(outputs).max()


def test_a_compiled_member_is_the_same_in_any_company_beside_one_that_diverges():
    pytest.importorskip("numba")
    rng = np.random.default_rng(1)
    net = LinearNet(rng.normal(size=(14, 11)), rng.normal(size=14), width=100)
    rates = np.linspace(0.1, 9, 140) / net.top_eigenvalue(net.init(rng=3))
    options = {"steps": 50, "rng": 3, "compiled": True}
    together = net.train(learning_rate=rates, **options)
    assert set(together.outcome.tolist()) == {Outcome.RUNNING, Outcome.DIVERGED}
    for i in (0, 63, 64, 139):  # in three loads of lanes, of which the last ends within a stride
        alone = net.train(learning_rate=rates[i : i + 1], **options)
        losses = alone.values["loss"][:, 0]
        np.testing.assert_array_equal(together.values["loss"][: len(losses), i], losses)
        np.testing.assert_array_equal(together.state[i], alone.state[0])


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_compiled_loop_leaves_a_network_alone_whose_inputs_are_zero(outputs):
    pytest.importorskip("numba")
    net = LinearNet(np.zeros((3, 2)), np.ones((3, outputs)), width=20)
    start = net.init(rng=0, ensemble=(2,))
    run = net.train(learning_rate=np.array([0.1, 0.2]), steps=9, state=start, compiled=True)
    np.testing.assert_allclose(run.state, start, rtol=1e-12)
    np.testing.assert_array_equal(run.values["loss"], outputs / 2)


def test_a_compiled_loop_is_kept_on_disk_for_every_size_apart():
    pytest.importorskip("numba")
    from catapult_sim.numeric.linear_net.gradient_descent_numba import _compiled

    run = {"learning_rate": 0.1, "steps": 9, "rng": 0, "compiled": True}
    nets = [LinearNet(np.eye(m), np.ones(m), width=100) for m in (1, 2)]
    before = [net.train(**run).state for net in nets]
    _compiled.cache_clear()
    for net, state in zip(nets, before, strict=True):
        np.testing.assert_array_equal(net.train(**run).state, state)
        kept = _compiled(net.data.rank, single=True, batches=False)
        assert sum(kept.stats.cache_hits.values()) == 1


def test_a_compiled_loop_runs_where_no_folder_can_be_written(monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    from catapult_sim.numeric.linear_net.gradient_descent_numba import _compiled

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    _compiled.cache_clear()
    LinearNet([[1.0]], [0.0], width=100).train(learning_rate=0.1, steps=1, rng=0, compiled=True)
    assert _compiled(1, single=True, batches=False).stats.cache_path is None
