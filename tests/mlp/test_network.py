"""Networks: gradients against the complex step, the linear network as an oracle."""

import itertools

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.requirements import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
P = np.random.default_rng(7).dirichlet([1, 1], size=5)
LABELS = {"squared_error": Y, "cross_entropy": P}
CASES = list(
    itertools.product(
        ("linear", "relu", "tanh"), ([4], [4, 6, 3]), ("ntk", "standard"), (False, True)
    )
)


def build(activation, hidden, parametrization, biases, loss="squared_error"):
    options = {"activation": activation, "parametrization": parametrization, "biases": biases}
    net = MLP([3, *hidden, 2], **options, loss=loss)
    # Biases away from zero, so that an error in them is seen.
    return net, net.init(rng=1) + 0.1 * np.random.default_rng(2).normal(size=net.size)


def written_out(net, theta, X):
    """The network once more, layer by layer from its definition, on complex parameters."""
    value = {"linear": lambda z: z, "relu": lambda z: z * (z.real > 0), "tanh": np.tanh}
    gains = {"linear": 1, "tanh": 1, "relu": np.sqrt(2)}
    a, start = X.astype(theta.dtype), 0
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(net.widths)):
        last = layer == len(net.widths) - 2
        W = theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)
        start += fan_in * fan_out
        ntk = net.parametrization == "ntk"
        scale = (1 if last else gains[net.activation.name]) / np.sqrt(fan_in) if ntk else 1
        a = scale * a @ W
        if net.biases:
            a = a + theta[start : start + fan_out]
            start += fan_out
        a = a if last else value[net.activation.name](a)
    assert start == net.size
    return a


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_and_loss_are_the_definition_written_out(case):
    net, theta = build(*case)
    outputs = written_out(net, theta, X)
    np.testing.assert_allclose(net.predict(theta, X), outputs, rtol=1e-12, atol=1e-14)
    expected = 0.5 * np.mean(np.sum((outputs - Y) ** 2, axis=1))
    assert net.loss(theta, X, Y) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_gradient_is_the_complex_step_of_the_loss(case):
    net, theta = build(*case)
    nudged = theta + 1e-30j * np.eye(net.size)
    losses = [0.5 * np.sum((written_out(net, row, X) - Y) ** 2) / len(X) for row in nudged]
    np.testing.assert_allclose(
        net.gradient(theta, X, Y), np.imag(losses) / 1e-30, rtol=1e-11, atol=1e-14
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_cross_entropy_gradient_is_the_complex_step_of_its_definition(case):
    _, theta = build(*case)
    net, _ = build(*case, loss="cross_entropy")
    nudged = theta + 1e-30j * np.eye(net.size)
    outputs = np.stack([written_out(net, row, X) for row in nudged])
    softmax = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
    losses = -np.mean(np.sum(P * np.log(softmax), axis=-1), axis=-1)
    assert net.loss(theta, X, P) == pytest.approx(losses[0].real, rel=1e-13)
    np.testing.assert_allclose(
        net.gradient(theta, X, P), losses.imag / 1e-30, rtol=1e-11, atol=1e-14
    )


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_hessian_product_is_the_slope_of_the_gradient_along_the_direction(case, loss):
    net, theta = build(*case, loss=loss)
    directions, y = RNG.normal(size=(4, net.size)), LABELS[loss]
    found = net.hessian_product(theta, X, y, directions)
    if case[0] == "relu":  # no complex step across a kink; none is as near as this one
        ahead, behind = (net.gradient(theta + h * directions, X, y) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(found, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-8)
    else:
        slope = net.gradient(theta + 1e-30j * directions, X, y).imag / 1e-30
        np.testing.assert_allclose(found, slope, rtol=1e-11, atol=1e-14)


def test_the_hessian_is_symmetric():
    net = MLP([3, 4, 3, 2], activation="tanh", biases=True, loss="cross_entropy")
    hessian = net.hessian_product(net.init(rng=0), X, P, np.eye(net.size))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_ensemble_is_its_members_bit_for_bit(activation, loss):
    net, y = MLP([3, 7, 5, 2], activation=activation, biases=True, loss=loss), LABELS[loss]
    theta, v = net.init(rng=0, ensemble=(2, 3)), net.init(rng=1, ensemble=(2, 3))
    gradients, products = net.gradient(theta, X, y), net.hessian_product(theta, X, y, v)
    for i, j in np.ndindex(2, 3):
        alone = theta[i, j]
        np.testing.assert_array_equal(gradients[i, j], net.gradient(alone, X, y))
        np.testing.assert_array_equal(products[i, j], net.hessian_product(alone, X, y, v[i, j]))
        assert net.loss(theta, X, y)[i, j] == net.loss(alone, X, y)


def test_many_directions_at_many_points_broadcast():
    net = MLP([3, 4, 5, 2], activation="tanh", biases=True)
    theta, v = net.init(rng=0, ensemble=(2, 1)), net.init(rng=1, ensemble=(3,))
    together = net.hessian_product(theta, X, Y, v)
    assert together.shape == (2, 3, net.size)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(together[i, j], net.hessian_product(theta[i, 0], X, Y, v[j]))
    for one, direction in ((theta, v[0]), (theta[0, 0], v)):
        found = net.hessian_product(one, X, Y, direction)
        np.testing.assert_array_equal(found, together[:, :1] if one is theta else together[0])


def test_accuracy_counts_the_samples_whose_largest_output_is_at_the_label():
    net = MLP([2, 2, 2], activation="linear")
    swap = np.concatenate([np.eye(2).ravel(), np.eye(2)[::-1].ravel()])
    inputs, one_hot = np.array([[3.0, 1.0], [0.0, 1.0], [2.0, 5.0], [4.0, 1.0]]), np.eye(2)[[0] * 4]
    keep = np.concatenate([np.eye(2).ravel()] * 2)
    np.testing.assert_array_equal(net.accuracy([keep, swap], inputs, one_hot), [0.5, 0.5])
    np.testing.assert_array_equal(net.accuracy([keep, swap], inputs[:2], one_hot[:2]), [0.5, 0.5])
    np.testing.assert_array_equal(net.accuracy([keep, swap], inputs[:1], one_hot[:1]), [1, 0])
    assert np.isnan(net.accuracy(np.full(net.size, np.inf), [[1.0, 1.0]], one_hot[:1]))


def test_the_linear_network_is_the_other_floor_s_linear_network():
    net = MLP([3, 40, 2], activation="linear")
    theta = net.init(rng=3)
    (U, _), (V, _) = net.split(theta)
    other = LinearNet(X / np.sqrt(3), Y, width=40)
    state = other.from_weights(U.T, V)
    np.testing.assert_allclose(net.predict(theta, X), other.predict(state), rtol=1e-12)


@pytest.mark.parametrize("parametrization", ["ntk", "standard"])
def test_signals_keep_their_size_through_depth(parametrization):
    net = MLP([64, 800, 800, 800, 1], activation="relu", parametrization=parametrization)
    inputs = np.random.default_rng(5).normal(size=(50, 64))
    outputs = net.predict(net.init(rng=6, ensemble=(20,)), inputs)
    # Rectified signals keep their second moment; the last layer sees it with gain 1.
    assert np.mean(outputs**2) == pytest.approx(1, rel=0.25)


def test_standard_and_ntk_parametrisation_are_the_same_function_of_scaled_weights():
    standard = MLP([3, 6, 2], activation="relu", parametrization="standard")
    ntk = MLP([3, 6, 2], activation="relu")
    theta = ntk.init(rng=0)
    scaled = np.concatenate([theta[:18] * np.sqrt(2 / 3), theta[18:] / np.sqrt(6)])
    np.testing.assert_allclose(standard.predict(scaled, X), ntk.predict(theta, X), rtol=1e-12)


def test_standard_biases_start_at_zero_and_ntk_biases_do_not():
    for parametrization, zero in (("standard", True), ("ntk", False)):
        net = MLP([3, 5, 2], parametrization=parametrization, biases=True)
        assert all((b == 0).all() == zero for _, b in net.split(net.init(rng=0)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"widths": [3, 2]}, "widths must name inputs, hidden layers and outputs, at least 3"),
        ({"widths": [3, 0, 2]}, "each width must be an integer of at least 1; got 0"),
        ({"activation": "sine"}, "activation must be one of linear, relu, tanh; got 'sine'"),
        ({"parametrization": "mup"}, "parametrization must be one of ntk, standard; got 'mup'"),
        ({"loss": "hinge"}, "loss must be one of squared_error, cross_entropy; got 'hinge'"),
    ],
)
def test_wrong_networks_are_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        MLP(**{"widths": [3, 4, 2]} | wrong)


def test_data_and_parameters_of_another_network_are_refused():
    net = MLP([3, 4, 2])
    with pytest.raises(
        InputError, match="takes 3 inputs and gives 2 outputs; got data with 3 and 1"
    ):
        net.loss(net.init(rng=0), X, Y[:, 0])
    with pytest.raises(InputError, match=r"theta must have shape \(..., 20\); got shape \(19,\)"):
        net.loss(np.zeros(19), X, Y)
    with pytest.raises(InputError, match=r"theta must have shape \(..., 20\); got shape \(4,\)"):
        net.hessian_product(net.init(rng=0), X, Y, np.zeros(4))


def test_cross_entropy_takes_probabilities_only():
    net = MLP([3, 4, 2], loss="cross_entropy")
    theta = net.init(rng=0)
    with pytest.raises(InputError, match="cross-entropy needs targets of at least 0; got -1"):
        net.loss(theta, X, [[-1.0, 2.0]] * 5)
    with pytest.raises(InputError, match=r"targets that add up to 1; got a row with 1\.5"):
        net.gradient(theta, X, [*P[:4], [1.0, 0.5]])
