"""What is watched along a run, against dense algebra and against what it is by definition."""

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.optimizers import Nesterov
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
NET = MLP([4, 6, 5, 2], activation="tanh", biases=True)
THETA = NET.init(rng=0, ensemble=(2, 3))
SEE = Observers(NET, X, Y)
EVERY = [
    "loss",
    "accuracy",
    "weight_norm",
    "gradient_norm",
    "active_fraction",
    "top_eigenvalue",
    "sharpness",
    "alignment",
]


def hessian(theta, labels=Y):
    """Return the dense Hessian, a complex step of the gradient along every parameter."""
    nudged = theta + 1e-30j * np.eye(NET.size)
    return NET.gradient(nudged, X, labels).imag / 1e-30


def test_sharpness_and_alignment_are_those_of_the_dense_hessian():
    sharpness, alignment = SEE.sharpness(THETA), SEE.alignment(THETA)
    assert sharpness.shape == alignment.shape == (2, 3)
    for member in np.ndindex(2, 3):
        values, vectors = np.linalg.eigh(hessian(THETA[member]))
        g = NET.gradient(THETA[member], X, Y)
        cosine = abs(vectors[:, -1] @ g) / np.sqrt(g @ g)
        assert sharpness[member] == pytest.approx(values[-1], rel=1e-9)
        assert alignment[member] == pytest.approx(cosine, rel=1e-6)


def input_jacobian(net, theta, inputs):
    """Return the derivative of every output by every input, a complex step in each."""
    steps = inputs[:, None, :] + 1e-30j * np.eye(inputs.shape[1])  # (m, d, d)
    outputs, *_ = net.forward(theta, steps.reshape(-1, inputs.shape[1]))
    return outputs.imag.reshape(len(inputs), inputs.shape[1], -1).swapaxes(1, 2) / 1e-30


@pytest.mark.parametrize("activation", ["tanh", "linear", "gelu"])
@pytest.mark.parametrize("hidden", [[6], [6, 5]])
def test_gradients_by_inputs_are_complex_steps(activation, hidden):
    net = MLP([4, *hidden, 2], activation=activation, biases=True)
    theta = net.init(rng=0, ensemble=(2, 3))
    found = net.input_gradient(theta, X)
    assert found.shape == (2, 3, 12, 2, 4)
    for member in np.ndindex(2, 3):
        expected = input_jacobian(net, theta[member], X)
        np.testing.assert_allclose(found[member], expected, rtol=1e-12, atol=1e-14)


def test_the_gradient_outer_product_is_the_mean_over_samples():
    found = SEE.gradient_outer_product(THETA)
    assert found.shape == (2, 3, 4, 4)
    J = input_jacobian(NET, THETA[1, 2], X)
    expected = np.mean([one.T @ one for one in J], axis=0)
    np.testing.assert_allclose(found[1, 2], expected, rtol=1e-12)


def test_it_is_recorded_along_a_run():
    observe = {"looks": SEE.gradient_outer_product}
    run = train(NET, THETA, X, Y, learning_rate=0.1, steps=4, every=2, observe=observe)
    assert run.values["looks"].shape == (5, 2, 3, 4, 4)
    np.testing.assert_array_equal(run.values["looks"][0], SEE.gradient_outer_product(THETA))


def test_sharpness_is_the_largest_eigenvalue_not_the_largest_in_magnitude():
    labels = np.random.default_rng(1).normal(0, 30, (12, 2))  # far off, the Hessian bends down
    values = np.linalg.eigvalsh(hessian(THETA[0, 0], labels))
    assert -values[0] > 1.1 * values[-1] > 0
    found = Observers(NET, X, labels).sharpness(THETA[0, 0])
    assert found == pytest.approx(values[-1], rel=1e-9)


def test_the_kernel_s_top_eigenvalue_is_that_of_the_jacobian():
    nudged = THETA[0, 0] + 1e-30j * np.eye(NET.size)
    outputs, *_ = NET.forward(nudged, X)
    jacobian = outputs.imag.reshape(NET.size, -1) / 1e-30
    expected = np.linalg.norm(jacobian, 2) ** 2 / len(X)
    assert SEE.top_eigenvalue(THETA)[0, 0] == pytest.approx(expected, rel=1e-10)


def test_units_are_active_where_their_input_is_positive():
    net = MLP([2, 3, 1], activation="relu")
    weights = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    theta = np.concatenate([weights.ravel(), np.ones(3)])
    see = Observers(net, [[1.0, -1.0], [2.0, 1.0]], [0.0, 0.0])
    assert see.active_fraction(theta) == pytest.approx(3 / 6)


@pytest.mark.parametrize("name", EVERY)
def test_a_network_beyond_every_bound_is_not_measured_and_silent(name):
    theta = np.stack([THETA[0, 0], np.full(NET.size, np.nan), np.full(NET.size, np.inf)])
    found = getattr(SEE, name)(theta)
    assert np.isfinite(found[0])
    assert not np.isfinite(found[1:]).any()


@pytest.mark.parametrize("name", EVERY)
def test_members_are_measured_the_same_alone(name):
    together = getattr(SEE, name)(THETA)
    alone = np.reshape([getattr(SEE, name)(THETA[member]) for member in np.ndindex(2, 3)], (2, 3))
    np.testing.assert_allclose(together, alone, rtol=1e-13)


@pytest.mark.parametrize(
    "options",
    [{}, {"optimizer": Nesterov(0.5), "batches": minibatches(12, 4, 6, rng=0)}],
)
def test_watching_changes_nothing_of_a_run(options):
    options = {"learning_rate": [[0.1], [50.0]], "steps": 6, "every": 3, **options}
    observe = {name: getattr(SEE, name) for name in EVERY if name != "loss"}
    seen = train(NET, THETA[0], X, Y, observe=observe, **options)
    free = train(NET, THETA[0], X, Y, **options)
    np.testing.assert_array_equal(seen.state, free.state)
    np.testing.assert_array_equal(seen.values["loss"], free.values["loss"])
    np.testing.assert_allclose(seen.values["sharpness"][0, 0], SEE.sharpness(THETA[0]))
    assert np.isnan(seen.values["weight_norm"][1]).all()


def test_data_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="this network takes 4 inputs"):
        Observers(NET, X[:, :2], Y)
    with pytest.raises(InputError, match=r"\(an own model is observed by train and study\)"):
        Observers(object(), X, Y)


def test_units_at_their_kink_are_not_active():
    network = MLP([1, 3, 1])
    see = Observers(network, [[0.0], [1.0]], [0.0, 0.0])
    assert see.active_fraction(np.ones(network.size)) == 0.5


@pytest.mark.parametrize(
    ("dtype", "gaps"), [("float64", (5, 36, 40, 100, 700)), ("float32", (5, 16, 18, 50, 95))]
)
def test_the_sharpness_of_a_network_that_is_sure_of_its_label_has_its_closed_form(dtype, gaps):
    """Two logits ``u v_i`` that are d apart: s (1 - s) g g^T and what u does to the v."""
    network = MLP([1, 1, 2], activation="linear", loss="cross_entropy", dtype=dtype)
    see = Observers(network, [[1.0]], [[1.0, 0.0]])
    for d in gaps:
        s, g = 1 / (1 + np.exp(d)), np.array([d, 1.0, -1.0])
        bend = np.array([[0, 1, -1], [1, 0, 0], [-1, 0, 0]])
        hessian = (1 - s) * np.outer(g, g) - bend  # over s, which may be tiny
        expected = s * np.linalg.eigvalsh(hessian)[-1]
        found = see.sharpness(np.array([1.0, d / 2, -d / 2]))
        assert found == pytest.approx(expected, rel=3e-3)


def test_a_run_is_observed_beyond_the_point_where_it_is_sure():
    network = MLP([1, 1, 2], activation="linear", loss="cross_entropy")
    X, y = [[1.0]], [[1.0, 0.0]]
    observe = {"sharpness": Observers(network, X, y).sharpness}
    run = train(network, [1.0, 15, -15], X, y, learning_rate=1e10, steps=9, observe=observe)
    assert (np.diff(run.values["loss"]) < 0).all()
    assert (run.values["sharpness"] > 0).all()
