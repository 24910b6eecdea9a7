"""Every optimiser in the closure, against explicit weights trained in plain NumPy."""

import mpmath
import numpy as np
import pytest

from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.batches import SAMPLINGS, minibatches
from catapult_sim.numeric.runs.optimizers import (
    GradientDescent,
    HeavyBall,
    Nesterov,
    Regularized,
)
from catapult_sim.validation import InputError
from tests.numeric.linear_net import explicit

SHAPES = [(6, 4, 1), (6, 3, 2), (4, 7, 1), (3, 5, 3)]  # m, d, k

OPTIMIZERS = {
    "gradient descent": {},
    "heavy ball": {"optimizer": HeavyBall(0.6)},
    "Nesterov": {"optimizer": Nesterov(0.6)},
    "weight decay": {"weight_decay": 0.002},
    "averaged": {"average": EMA(0.8)},
    "all at once": {
        "optimizer": Nesterov(0.4),
        "weight_decay": 0.001,
        "average": SWA(5),
    },
}


def compare(net, X, y, U, V, rate, steps, options, batches=None):
    """Train both ways; return the explicit run, and the largest relative error in functions."""
    average = options.get("average")
    keep = None if average is None else average.keep
    truth = explicit.train(
        X, y, U, V, rate, steps, batches=batches, keep=keep, **explicit.plain(options)
    )
    options = {"observe": {"f": net.predict}, "batches": batches, **options}
    decayed = LinearNet(X, y, width=net.width, weight_decay=options.pop("weight_decay", 0.0))
    run = decayed.train(learning_rate=rate, steps=steps, weights=(U, V), **options)
    errors = [
        np.abs(run.values["f"] - truth.functions)
        / np.abs(truth.functions).max((1, 2), keepdims=True)
    ]
    if average is not None:
        scale = np.abs(truth.averaged).max(axis=(1, 2), keepdims=True)
        errors.append(np.abs(run.values["average_f"] - truth.averaged) / scale)
    return truth, run, max(error.max() for error in errors)


def assert_same_losses(losses, truth):
    """Explicit weights resolve residuals to rounding of the functions only, not beyond."""
    rounding = 1e-13 * np.abs(truth.functions).max()
    np.testing.assert_allclose(np.sqrt(losses), np.sqrt(truth.losses), rtol=1e-10, atol=rounding)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_closure_is_the_optimiser_on_the_weights_through_a_catapult(name, shape):
    options, width = OPTIMIZERS[name], 400
    X, y, U, V = explicit.problem(3, width, *shape)
    net = LinearNet(X, y, width=width)
    top = net.top_eigenvalue(net.from_weights(U, V))
    momentum = {k: v for k, v in explicit.plain(options).items() if k != "weight_decay"}
    rate = 1.3 * largest_stable_rate(top, **momentum)
    truth, run, error = compare(net, X, y, U, V, rate, 120, options)
    assert truth.losses.max() > 2 * truth.losses[0]  # it rose,
    assert truth.losses[-1] < 0.2 * truth.losses.max()  # and came down
    assert error < 1e-10
    assert_same_losses(run.values["loss"], truth)


@pytest.mark.parametrize("width", [1, 2, 3, 2000])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_closure_holds_at_every_width(name, width):
    X, y, U, V = explicit.problem(5, width, 5, 4, 2)
    net = LinearNet(X, y, width=width)
    rate = 0.7 / net.top_eigenvalue(net.from_weights(U, V))
    assert compare(net, X, y, U, V, rate, 80, OPTIMIZERS[name])[2] < 1e-10


@pytest.mark.parametrize("seed", [4, 7])  # where weights perturbed by 1e-12 move outputs by 1e-11
def test_one_unit_stays_one_unit_at_the_saddle_that_a_wider_network_would_leave(seed):
    X, y, U, V = explicit.problem(seed, 1, 5, 4, 2)
    net = LinearNet(X, y, width=1)
    rate = 0.7 / net.top_eigenvalue(net.from_weights(U, V))
    assert compare(net, X, y, U, V, rate, 400, {})[2] < 1e-10


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["gradient descent", "all at once"])
def test_the_closure_is_sgd_on_the_weights(name, shape, sampling):
    X, y, U, V = explicit.problem(7, 200, *shape)
    size = 1 if shape[0] == 3 else 2
    batches = minibatches(shape[0], size, 60, rng=2, sampling=sampling)
    net = LinearNet(X, y, width=200)
    rate = 0.8 / net.top_eigenvalue(net.from_weights(U, V))
    truth, run, error = compare(net, X, y, U, V, rate, 60, OPTIMIZERS[name], batches)
    assert error < 1e-10
    assert_same_losses(run.values["loss"], truth)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("width", [3, 200])
def test_members_with_batches_of_their_own_are_each_sgd_on_its_weights(width, outputs, compiled):
    X, y, U, V = explicit.problem(9, width, 6, 4, outputs)
    batches = minibatches(6, 2, 40, rng=5, ensemble=(3,), sampling="replacement")
    schedule = np.linspace(1.0, 0.5, 40)
    net = LinearNet(X, y, width=width)
    rate = 1.2 / net.top_eigenvalue(net.from_weights(U, V))
    starts = [np.stack([w, 0.5 * w, -w]) for w in (U, V)]
    options = {"steps": 40, "weights": tuple(starts), "compiled": compiled, "batches": batches}
    run = net.train(learning_rate=rate, **options)
    lowered = net.train(learning_rate=rate, schedule=schedule, **options)
    for i in range(3):
        weights = starts[0][i], starts[1][i]
        truth = explicit.train(X, y, *weights, rate, 40, batches=batches[i])
        np.testing.assert_allclose(run.values["loss"][:, i], truth.losses, rtol=1e-9)
        truth = explicit.train(X, y, *weights, rate * schedule, 40, batches=batches[i])
        np.testing.assert_allclose(lowered.values["loss"][:, i], truth.losses, rtol=1e-9)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_a_member_of_sgd_is_the_same_to_the_bit_in_any_company(own, compiled):
    X, y, _, _ = explicit.problem(2, 5, 6, 4, 1)
    net = LinearNet(X, y, width=1e4)
    states, ensemble = net.init(rng=0, ensemble=(70,)), (70,) if own else ()
    batches = minibatches(6, 3, 30, rng=1, ensemble=ensemble)
    options = {"learning_rate": 1.5, "steps": 30, "compiled": compiled}
    many = net.train(state=states, batches=batches, **options)
    for few in ([4], [1, 69]):
        run = net.train(state=states[few], batches=batches[few] if own else batches, **options)
        np.testing.assert_array_equal(run.values["loss"], many.values["loss"][:, few])


def test_one_batch_of_all_samples_is_gradient_descent():
    X, y, U, V = explicit.problem(0, 50, 6, 3, 1)
    net = LinearNet(X, y, width=50)
    whole = net.train(
        learning_rate=0.3, steps=40, weights=(U, V), batches=minibatches(6, 6, 40, rng=0)
    )
    plain = net.train(learning_rate=0.3, steps=40, weights=(U, V))
    np.testing.assert_allclose(whole.values["loss"], plain.values["loss"], rtol=1e-11)


def test_batches_of_a_table_come_again():
    X, y, U, V = explicit.problem(0, 50, 4, 3, 1)
    net, table = LinearNet(X, y, width=50), [[0, 1], [2, 3]]
    short = net.train(learning_rate=0.3, steps=10, weights=(U, V), batches=table)
    long = net.train(learning_rate=0.3, steps=10, weights=(U, V), batches=table * 5)
    np.testing.assert_array_equal(short.values["loss"], long.values["loss"])


@pytest.mark.parametrize("width", [60, 3])
def test_norms_kernel_and_state_of_the_average_are_those_of_averaged_weights(width):
    X, y, U, V = explicit.problem(1, width, 5, 7, 2)
    net = LinearNet(X, y, width=width)
    observe = {"norm": net.weight_norm, "kernel": net.kernel}
    options = {"average": SWA(10), "optimizer": HeavyBall(0.5), "observe": observe}
    run = net.train(learning_rate=0.3, steps=30, weights=(U, V), **options)
    truth = explicit.train(X, y, U, V, 0.3, 30, momentum=0.5, keep=lambda t: SWA(10).keep(t))
    J = explicit.jacobian(X, *truth.average)
    np.testing.assert_allclose(run.values["average_kernel"][-1], J @ J.T / 5, atol=1e-13)
    norm = sum(np.sum(w**2) for w in truth.average) / width
    assert run.values["average_norm"][-1] == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(run.average, net.from_weights(*truth.average), atol=1e-13)


def test_the_average_of_what_diverged_makes_no_noise():
    X, y, U, V = explicit.problem(1, 60, 5, 7, 2)
    options = {"learning_rate": [0.3, 1e200], "steps": 30, "weights": (U, V)}
    run = LinearNet(X, y, width=60).train(average=EMA(0.9), **options)
    finite = np.isfinite(run.average).all(axis=(-2, -1))
    assert run.average.shape == run.state.shape
    np.testing.assert_array_equal(finite, [True, False])


def test_swa_is_the_mean_of_the_iterates_from_its_start():
    X, y, U, V = explicit.problem(1, 30, 5, 3, 1)
    iterates = [explicit.train(X, y, U, V, 0.5, t).end for t in range(4, 13)]
    mean = [np.mean([one[layer] for one in iterates], axis=0) for layer in (0, 1)]
    options = {"learning_rate": 0.5, "steps": 12, "weights": (U, V)}
    run = LinearNet(X, y, width=30).train(average=SWA(4), **options)
    assert run.values["average_loss"][-1] == pytest.approx(explicit.loss(X, y, *mean), rel=1e-12)


@pytest.mark.parametrize(("batches", "rate"), [(None, 0.9), ([[0], [1]], 0.3)])
@pytest.mark.parametrize("options", [{}, {"optimizer": HeavyBall(0.25)}])
def test_losses_keep_their_digits_when_they_have_fallen_by_twenty_decades(batches, rate, options):
    X, y, U, V = explicit.problem(2, 16, 2, 2, 1)
    X = np.linalg.qr(X)[0]  # no slow direction
    net = LinearNet(X, y, width=16)  # whose square root is exact
    run = net.train(learning_rate=rate, steps=90, weights=(U, V), batches=batches, **options)
    with mpmath.workdps(120):
        precise = (np.vectorize(mpmath.mpf, otypes=[object])(array) for array in (X, y, U, V))
        truth = explicit.train(*precise, rate, 90, batches=batches, **explicit.plain(options))
        losses = truth.losses.astype(float)
    assert (losses < 1e-20 * losses[0]).any()
    np.testing.assert_allclose(run.values["loss"], losses, rtol=1e-12)


# Infinite width ---------------------------------------------------------------------------------


def linear_run(matrix, drive, error, steps, momentum=0.0, nesterov=False):
    """Iterate e <- e + beta (e - e_before) - (K e or K (look-ahead)) + drive, in closed form."""
    before, errors = error, [error]
    for _ in range(steps):
        ahead = error + momentum * (error - before)
        error, before = ahead - matrix @ (ahead if nesterov else error) + drive, error
        errors.append(error)
    return np.array(errors)


@pytest.mark.parametrize("nesterov", [False, True])
def test_infinite_width_with_momentum_is_the_linear_dynamics(nesterov):
    X, y, _, _ = explicit.problem(4, 1, 5, 8, 1)
    net = LinearNet(X, y, width=float("inf"))
    state = net.init(rng=0)
    rate, kernel = 0.8 / net.top_eigenvalue(state), 2 * X @ X.T / 5  # A = B = 1
    start = net.predict(state)[:, 0] - y[:, 0]
    errors = linear_run(rate * kernel, 0.0, start, 60, 0.7, nesterov)
    optimizer = (Nesterov if nesterov else HeavyBall)(0.7)
    run = net.train(learning_rate=rate, steps=60, state=state, optimizer=optimizer)
    np.testing.assert_allclose(run.values["loss"], (errors**2).sum(axis=1) / 10, rtol=1e-9)


def test_decay_at_infinite_width_shrinks_kernel_and_functions():
    X, y, _, _ = explicit.problem(4, 1, 5, 3, 1)
    rate, decay = 0.2, 0.3
    net = LinearNet(X, y, width=float("inf"), weight_decay=decay)
    state, observe = net.init(rng=0), {"weight_norm": net.weight_norm}
    run = net.train(learning_rate=rate, steps=25, state=state, observe=observe)
    kept, f, expected = 1 - rate * decay, net.predict(state)[:, 0], []
    for t in range(26):
        expected.append(((f - y[:, 0]) ** 2).sum() / 10)
        kernel = 2 * kept ** (2 * t) * X @ X.T / 5
        f = kept**2 * f - rate * kept * kernel @ (f - y[:, 0])
    np.testing.assert_allclose(run.values["loss"], expected, rtol=1e-10)
    norms = run.values["weight_norm"]
    np.testing.assert_allclose(norms, norms[0] * kept ** (2 * np.arange(26)), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_infinite_width_diverges_beyond_the_threshold_and_not_before(momentum, nesterov):
    X, y, _, _ = explicit.problem(6, 1, 4, 3, 1)
    net = LinearNet(X, y, width=float("inf"))
    state = net.init(rng=0)
    edge = largest_stable_rate(net.top_eigenvalue(state), momentum=momentum, nesterov=nesterov)
    optimizer = (Nesterov if nesterov else HeavyBall)(momentum)
    rates = edge * np.array([0.98, 1.02])
    run = net.train(learning_rate=rates, steps=3000, state=state, optimizer=optimizer)
    assert run.values["loss"][-1, 0] < 10 * run.values["loss"][0, 0]
    assert run.values["loss"][run.stopped[1], 1] > 1e10 * run.values["loss"][0, 1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_wide_networks_tend_to_the_infinite_one(name):
    X, y, _, _ = explicit.problem(8, 1, 4, 6, 2)
    losses = []
    for width in (1e4, 1e8, 1e12, float("inf")):
        options = dict(OPTIMIZERS[name])
        net = LinearNet(X, y, width=width, weight_decay=options.pop("weight_decay", 0.0))
        run = net.train(learning_rate=0.5, steps=30, rng=2, **options)
        losses.append(run.values["loss"])
    gaps = [np.abs(loss / losses[-1] - 1).max() for loss in losses[:-1]]
    np.testing.assert_array_less(gaps[1:], [0.1 * gap for gap in gaps[:-1]])
    assert gaps[-1] < 1e-4


# The public door --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": 0.9}, "optimizer must be one such as"),
        ({"optimizer": Regularized(GradientDescent(), 0.1)}, "optimizer must be .*; got Regular"),
        ({"average": 0.9}, r"average must be EMA\(...\), SWA\(...\) or None; got 0.9"),
        ({"batches": [[0, 9]]}, "batches must number samples from 0 to 3; got 0 to 9"),
        ({"batches": [[0.5]]}, "batches must be a non-empty array of integers"),
        ({"batches": [0, 1]}, "batches must be a non-empty array of integers"),
        (
            {"compiled": True, "optimizer": HeavyBall(0.5)},
            "compiled=True requires gradient descent without momentum",
        ),
        ({"state": np.eye(3)}, r"state must have shape \(..., 4, 4\); got \(3, 3\)"),
        ({"steps": -1}, "steps must be an integer of at least 0; got -1"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options, message):
    X, y, _, _ = explicit.problem(0, 1, 4, 3, 1)
    with pytest.raises(InputError, match=message):
        LinearNet(X, y, width=10).train(learning_rate=0.1, **{"steps": 3, **options})


@pytest.mark.parametrize("decay", [-1.0, np.inf])
def test_wrong_weight_decays_are_refused_in_one_sentence(decay):
    sentence = f"weight_decay must be finite and at least 0; got {decay}"
    with pytest.raises(InputError, match=sentence):
        LinearNet([[1.0]], [0.0], width=10, weight_decay=decay)


@pytest.mark.parametrize("wrong", [lambda: EMA(1.0), lambda: EMA(-0.1), lambda: SWA(-1)])
def test_wrong_averages_are_refused(wrong):
    with pytest.raises(InputError, match=r"decay must satisfy|start must be"):
        wrong()
