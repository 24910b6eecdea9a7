"""Functions, kernels, norms and alignment of a state; ensembles and degenerate data."""

import subprocess
import sys

import numpy as np
import pytest

from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs import strides
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.optimizers import HeavyBall, Nesterov
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.validation import InputError
from tests.numeric.linear_net import explicit

SHAPES = [(6, 4, 1), (3, 5, 2), (4, 4, 3), (1, 1, 1), (2, 7, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [1, 40])
def test_functions_loss_and_kernel_are_those_of_the_weights(shape, width):
    X, y, U, V = explicit.problem(9, width, *shape)
    net = LinearNet(X, y, width=width)
    state = net.from_weights(U, V)
    J = explicit.jacobian(X, U, V)
    kernel = J @ J.T / len(X)
    spectrum = np.linalg.eigvalsh(kernel)[::-1]
    np.testing.assert_allclose(net.predict(state), explicit.outputs(X, U, V), atol=1e-13)
    assert net.loss(state) == pytest.approx(explicit.loss(X, y, U, V), rel=1e-13)
    np.testing.assert_allclose(net.kernel(state), kernel, atol=1e-13)
    np.testing.assert_allclose(net.kernel_spectrum(state), spectrum, atol=1e-13)
    assert net.top_eigenvalue(state) == pytest.approx(spectrum[0], rel=1e-13)
    norms = [np.sum(U**2) / width, np.sum(V**2) / width]
    np.testing.assert_allclose(net.layer_norms(state), norms, rtol=1e-13)
    assert net.weight_norm(state) == pytest.approx(sum(norms), rel=1e-13)


def test_alignment_with_one_input_is_the_cosine():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 30))
    net = LinearNet([[2.0]], [0.0], width=30)
    cosine = abs(u @ v) / np.linalg.norm(u) / np.linalg.norm(v)
    assert net.alignment(net.from_weights(u[:, None], v)) == pytest.approx(cosine, rel=1e-12)
    assert net.alignment(net.from_weights(u[:, None], -3 * u)) == pytest.approx(1, rel=1e-12)
    assert LinearNet([[2.0]], [0.0], width=np.inf).alignment(net.init(rng=0)) == 0


def test_a_catapult_aligns_the_layers():
    net = LinearNet([[1.0]], [0.0], width=1000)
    state = net.init(rng=0)
    rates = np.array([1.0, 2.7]) / net.top_eigenvalue(state)
    run = net.train(learning_rate=rates, steps=8, state=state, observe={"alignment": net.alignment})
    lazy, catapult = run.values["alignment"].max(axis=0)
    assert lazy < 0.1 < 0.5 < catapult


def test_observers_may_measure_arrays():
    X, y, _, _ = explicit.problem(0, 1, 5, 3, 2)
    net = LinearNet(X, y, width=20)
    run = net.train(
        learning_rate=[0.1, 0.2, 0.3], steps=7, rng=0, observe={"f": net.predict}, every=3
    )
    assert run.values["f"].shape == (8, 3, 5, 2)
    np.testing.assert_array_equal(np.isnan(run.values["f"]).all(axis=(1, 2, 3)), run.step % 3 != 0)


@pytest.mark.parametrize("options", [{}, {"optimizer": HeavyBall(0.3)}, {"compiled": True}])
def test_observing_every_step_changes_neither_the_run_nor_where_members_end(options):
    # Observed, a run goes step by step; unobserved, in strides, within which members end.
    if options.get("compiled"):
        pytest.importorskip("numba")
    X, y, _, _ = explicit.problem(1, 1, 8, 3, 1)
    net = LinearNet(X, 0 * y, width=100)
    rates = np.linspace(0.3, 6, 40) / net.top_eigenvalue(net.init(rng=0))
    options = {"rng": 0, "tolerance": 1e-9, "escape": 1e9, **options}
    watched = net.train(
        learning_rate=rates, steps=150, observe={"norm": net.weight_norm}, **options
    )
    free = net.train(learning_rate=rates, steps=150, **options)
    assert len(set(watched.outcome.tolist())) == 3
    np.testing.assert_array_equal(free.values["loss"], watched.values["loss"])
    np.testing.assert_array_equal(free.state, watched.state)
    np.testing.assert_array_equal(free.outcome, watched.outcome)
    np.testing.assert_array_equal(free.stopped, watched.stopped)


@pytest.mark.parametrize("options", [{}, {"optimizer": HeavyBall(0.3)}])
@pytest.mark.parametrize("rate", [0.1, [0.1, 0.2, 0.3]])
def test_progress_is_told_of_every_step_of_every_member(rate, options):
    X, y, _, _ = explicit.problem(0, 1, 5, 3, 1)
    net, told = LinearNet(X, y, width=20), []
    net.train(learning_rate=rate, steps=300, rng=0, progress=told.append, **options)
    assert sum(told) == 301 * np.size(rate)
    assert len(told) > 2


# Ensembles --------------------------------------------------------------------------------------


def test_rates_seeds_and_scales_are_one_call():
    X, y, _, _ = explicit.problem(0, 1, 5, 3, 1)
    net = LinearNet(X, y, width=20)
    scales = np.array([0.5, 1.0, 2.0])
    states = net.init(rng=0, ensemble=(4,), scale=scales[:, None])
    run = net.train(learning_rate=np.array([0.1, 0.2])[:, None, None], steps=9, state=states)
    assert run.values["loss"].shape == (10, 2, 3, 4)
    np.testing.assert_array_equal(states, scales[:, None, None, None] ** 2 * states[1])


CONFIGURATIONS = {
    "gradient descent": {},
    "momentum": {"optimizer": Nesterov(0.5)},
    "average": {"average": SWA(3)},
    "decay": {},
    "batches": {"batches": minibatches(12, 3, 70, rng=0)},
}


@pytest.mark.parametrize("shape", [(12, 10, 1), (12, 1, 1), (12, 4, 3), (12, 20, 2)])
@pytest.mark.parametrize("width", [2, 100.0, np.inf])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_member_has_the_same_bits_alone_and_beside_others_on_threads(
    name, width, shape, monkeypatch
):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 10_000)
    X, y, _, _ = explicit.problem(1, 1, *shape)
    net = LinearNet(X, y, width=width, weight_decay=0.01 if name == "decay" else 0.0)
    states = net.init(rng=0, ensemble=(5,))
    observe = {"top_eigenvalue": net.top_eigenvalue, "weight_norm": net.weight_norm}
    rates = np.linspace(0.2, 5, 4)[:, None] / net.top_eigenvalue(states)
    options = {"steps": 70, "tolerance": 1e-6, "escape": 1e20, "observe": observe}
    options |= CONFIGURATIONS[name]
    together = net.train(learning_rate=rates, state=states, **options)
    for j in range(len(states)):
        i = j % len(rates)  # every start, and every rate
        alone = net.train(learning_rate=rates[i, [j]], state=states[j], **options)
        length = len(alone.step)
        for quantity, values in alone.values.items():
            np.testing.assert_array_equal(values[:, 0], together.values[quantity][:length, i, j])
        np.testing.assert_array_equal(alone.state[0], together.state[i, j])
        assert alone.outcome == together.outcome[i, j]


@pytest.mark.parametrize("shape", [(12, 10, 1), (12, 1, 1), (12, 4, 3), (12, 20, 2)])
@pytest.mark.parametrize("width", [2, 100.0, 1e12, np.inf])
def test_a_network_that_is_no_ensemble_is_one_of_one_member_to_rounding(width, shape):
    X, y, _, _ = explicit.problem(1, 1, *shape)
    net = LinearNet(X, y, width=width)
    state = net.init(rng=0)
    rate = 1.5 / net.top_eigenvalue(state)
    alone, of_one = (
        net.train(learning_rate=rates, steps=40, state=state) for rates in (rate, rate[None])
    )
    np.testing.assert_allclose(alone.values["loss"], of_one.values["loss"][:, 0], rtol=1e-12)
    np.testing.assert_allclose(alone.state, of_one.state[0], rtol=1e-12, atol=1e-13)


def test_memory_is_stated_before_it_is_taken():
    net, limit = LinearNet(np.eye(3), np.ones(3), width=10), {"memory_limit": 1e6}
    with pytest.raises(InputError, match=r"requires 2\.56 GB.*allows 1 MB"):
        net.init(rng=0, ensemble=(10**7,), **limit)
    with pytest.raises(InputError, match=r"this run requires .* of memory"):
        net.train(learning_rate=np.full(1000, 0.1), steps=1000, rng=0, **limit)
    values = {"f": net.predict}
    with pytest.raises(InputError, match=r"this run requires .* of memory"):
        net.train(learning_rate=np.full(10, 0.1), steps=5000, rng=0, observe=values, **limit)
    run = net.train(learning_rate=np.full(10, 0.1), steps=1000, rng=0, **limit)
    assert run.step[-1] == 1000


# Compiled ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 3, 1), (6, 1, 1), (3, 5, 2), (6, 3, 3)])
@pytest.mark.parametrize(("width", "top"), [(2.0, 0.8), (30.0, 2.2), (1e12, 2.2), (np.inf, 2.2)])
def test_the_compiled_loop_agrees_to_rounding(shape, width, top):
    pytest.importorskip("numba")
    X, y, _, _ = explicit.problem(4, 1, *shape)
    net = LinearNet(X, y, width=width)
    states = np.tile(net.init(rng=0, ensemble=(70,)), (2, 1, 1))  # more than one load of lanes
    rates = np.tile(np.linspace(0.3, top, 70), 2) / net.top_eigenvalue(states)
    plain, fast = (
        net.train(learning_rate=rates, steps=60, state=states, compiled=compiled)
        for compiled in (False, True)
    )
    np.testing.assert_allclose(fast.values["loss"], plain.values["loss"], rtol=1e-9)
    np.testing.assert_allclose(fast.state, plain.state, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(fast.state, np.swapaxes(fast.state, -1, -2))


def test_importing_the_network_draws_in_neither_numba_nor_sympy():
    code = (
        "import sys, catapult_sim.numeric.linear_net as l;"
        "l.LinearNet([[1.0]], [0.0], width=9).train(learning_rate=0.1, steps=3, rng=0);"
        "print([m for m in ('numba', 'sympy') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


# Degenerate data --------------------------------------------------------------------------------

DEGENERATE = {
    "one sample": ([[1.0, 2.0, 3.0]], [1.0]),
    "one input": ([[1.0], [2.0], [-1.0]], [1.0, 2.0, 0.5]),
    "one of each": ([[2.0]], [1.0]),
    "zero labels": (np.eye(3), np.zeros(3)),
    "zero inputs": (np.zeros((3, 2)), [1.0, 2.0, 3.0]),
    "rank one": (np.outer([1.0, 2.0, 3.0], [1.0, -1.0]), [1.0, 0.0, 1.0]),
    "repeated samples": ([[1.0, 2.0]] * 3, [1.0, 1.0, 1.0]),
    "contradicting labels": ([[1.0, 2.0]] * 2, [1.0, -1.0]),
    "huge labels": (np.eye(2), [1e15, -1e15]),
    "tiny inputs": (1e-12 * np.eye(2), [1.0, -1.0]),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("width", [1, 2, 50])
@pytest.mark.parametrize("options", [{}, {"optimizer": HeavyBall(0.5), "average": EMA(0.5)}])
def test_degenerate_data_train_as_the_weights_do(name, width, options):
    X, y = (np.array(part, dtype=float) for part in DEGENERATE[name])
    rng = np.random.default_rng(3)
    U, V = rng.normal(size=(width, X.shape[1])), rng.normal(size=(width, 1))
    net = LinearNet(X, y, width=width)
    state = net.from_weights(U, V)
    top = net.top_eigenvalue(state)
    size = max(1.0, np.abs(y).max())
    rate = float(0.3 / max(top, size))
    truth = explicit.train(X, y[:, None], U, V, rate, 20, **explicit.plain(options))
    run = net.train(
        learning_rate=rate,
        steps=20,
        state=state,
        observe={"f": net.predict, "h": net.sharpness},
        **options,
    )
    expected = truth.functions[: len(run.step)]  # a loss of exactly zero is the end
    scale = np.abs(expected).max() + size
    np.testing.assert_allclose(run.values["f"], expected, atol=1e-12 * scale)
    assert np.isfinite(run.values["h"][0])
    assert np.isfinite(net.hessian_spectrum(state).values).all()
    assert net.kernel_spectrum(state).shape == (len(X),)


def test_without_inputs_nothing_moves():
    net = LinearNet(np.zeros((2, 3)), [1.0, 2.0], width=5)
    state = net.init(rng=0)
    observe = {"top_eigenvalue": net.top_eigenvalue}
    run = net.train(learning_rate=0.5, steps=4, state=state, observe=observe)
    np.testing.assert_array_equal(run.values["loss"], 1.25)
    np.testing.assert_array_equal(run.values["top_eigenvalue"], 0)
    np.testing.assert_array_equal(run.state, state)


@pytest.mark.parametrize("scales", [(1e-12, 1.0), (1.0, 1e-12)])
def test_a_short_layer_keeps_its_digits_beside_a_long_one(scales):
    X, y, U, V = explicit.problem(2, 40, 5, 3, 2)
    U, V = scales[0] * U, scales[1] * V
    net = LinearNet(X, 0 * y, width=40)
    state = net.from_weights(U, V)
    rate = 1.3 / net.top_eigenvalue(state)
    truth = explicit.train(X, 0 * y, U, V, rate, 30)
    run = net.train(learning_rate=rate, steps=30, state=state)
    np.testing.assert_allclose(run.values["loss"], truth.losses, rtol=1e-10)
    end = net.from_weights(*truth.end)
    lengths = np.sqrt(np.diag(end))
    np.testing.assert_array_less(np.abs(run.state - end), 1e-10 * np.outer(lengths, lengths))


def test_a_run_from_a_state_that_is_not_finite_has_diverged():
    net = LinearNet(np.eye(2), [1.0, -1.0], width=9)
    states = net.init(rng=0, ensemble=(2,))
    states[1] = np.nan
    run = net.train(learning_rate=0.1, steps=5, state=states)
    assert [Outcome(code).name for code in run.outcome] == ["RUNNING", "DIVERGED"]


def test_what_lies_outside_the_inputs_counts_in_the_norm_and_decays():
    X, y = [[1.0, 0.0, 0.0]], [0.5]
    rng = np.random.default_rng(1)
    U, V = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    for decay in (0.0, 0.1):
        net = LinearNet(X, y, width=20, weight_decay=decay)
        options = {"weights": (U, V), "observe": {"weight_norm": net.weight_norm}}
        run = net.train(learning_rate=0.2, steps=15, **options)
        truth = explicit.train(np.array(X), np.array([y]), U, V, 0.2, 15, weight_decay=decay)
        norm = sum(np.sum(w**2) for w in truth.end) / 20
        assert run.values["weight_norm"][-1] == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("width", [1, 3, 60])
def test_more_inputs_than_samples_are_drawn_with_the_moments_of_gaussian_weights(width):
    draws, d = 4000, 6
    X, y, _, _ = explicit.problem(0, 1, 2, d, 1)
    net = LinearNet(X, y, width=width)
    rng = np.random.default_rng(5)
    states = net.init(rng=0, ensemble=(draws,))
    direct = net.from_weights(
        rng.normal(size=(draws, width, d)), rng.normal(size=(draws, width, 1))
    )
    for power in (1, 2):
        ours, theirs = states**power, direct**power
        error = np.hypot(ours.std(axis=0), theirs.std(axis=0)) / np.sqrt(draws)
        assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 5 * error + 1e-12).all()


def test_a_diverging_run_is_labelled_and_warns_of_nothing():
    X, y, _, _ = explicit.problem(0, 1, 4, 3, 2)
    net = LinearNet(X, y, width=30)
    observe = {"h": net.sharpness, "s": lambda s: net.kernel_spectrum(s)[:, 0], "a": net.alignment}
    for options in ({}, {"optimizer": HeavyBall(0.5), "average": EMA(0.9)}):
        run = net.train(learning_rate=50.0, steps=200, rng=0, observe=observe, **options)
        assert run.outcome == Outcome.DIVERGED


@pytest.mark.parametrize(("X", "y", "name"), [([[1e160]], [1.0], "X"), ([[1.0]], [-1e160], "y")])
def test_data_whose_squares_overflow_are_refused(X, y, name):
    with pytest.raises(InputError, match=rf"{name} must be at most 1e\+150 in size; got 1e\+160"):
        LinearNet(X, y, width=10)


def test_the_top_eigenvalue_of_many_inputs_and_outputs_needs_no_spectrum(monkeypatch):
    """Theta = (1/m n) (X U^T U X^T x 1 + X X^T x V^T V); V^T V is brought to its largest value."""
    rng, width = np.random.default_rng(1), 700
    X, y = rng.normal(size=(550, 540)), rng.normal(size=(550, 3))
    U, V = rng.normal(size=(width, 540)), rng.normal(size=(width, 3))
    most = np.linalg.svd(V, compute_uv=False)[0] ** 2
    expected = np.linalg.eigvalsh(X @ (U.T @ U + most * np.eye(540)) @ X.T / 550 / width)[-1]
    net = LinearNet(X, y, width=width)
    state, sizes, original = net.from_weights(U, V), [], np.linalg.eigvalsh
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda a: [sizes.append(len(a)), original(a)][1])
    assert net.top_eigenvalue(state) == pytest.approx(expected, rel=1e-11)
    assert sizes == [3]
