"""Networks: derivatives against the complex step, the linear network as an oracle."""

import itertools

import numpy as np
import pytest
from scipy.special import erf

from catapult_sim.mlp.activations import ACTIVATIONS, leaky_relu
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
P = np.random.default_rng(7).dirichlet([1, 1], size=5)
LABELS = {"squared_error": Y, "cross_entropy": P}
KINKED = ("relu", "leaky_relu")
CASES = list(
    itertools.product(
        ACTIVATIONS, ([4], [4, 6, 3]), ("ntk", "standard", "mean-field"), (False, True)
    )
)

# Once more, from their definitions, and naive.
VALUES = {
    "linear": lambda z: z,
    "relu": lambda z: z * (z.real > 0),
    "leaky_relu": lambda z: z * np.where(z.real > 0, 1, 0.01),
    "tanh": np.tanh,
    "erf": erf,
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "quadratic": lambda z: z * z,
}


def build(activation, hidden, parametrization, biases, loss="squared_error", **options):
    options |= {"activation": activation, "parametrization": parametrization, "biases": biases}
    net = MLP([3, *hidden, 2], **options, loss=loss)
    # Biases away from zero, so that an error in them is seen.
    return net, net.init(rng=1) + 0.1 * np.random.default_rng(2).normal(size=net.size)


def written_out(net, theta, X):
    """The network once more, layer by layer from its definition, on complex parameters."""
    a, start, gain = X.astype(theta.dtype), 0, net.activation.gain
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(net.widths)):
        last = layer == len(net.widths) - 2
        W = theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)
        start += fan_in * fan_out
        scale = {
            "ntk": (1 if last else gain) / np.sqrt(fan_in),
            "standard": 1,
            "mean-field": 1 / fan_in if last else gain / np.sqrt(fan_in),
        }[net.parametrization]
        a = scale * a @ W
        if net.biases:
            a = a + theta[start : start + fan_out]
            start += fan_out
        a = a if last else VALUES[net.activation.name](a)
    assert start == net.size
    return a


def losses_written_out(net, thetas, X):
    outputs = np.stack([written_out(net, row, X) for row in thetas])
    if net.loss_function.name == "squared_error":
        return 0.5 * np.mean(np.sum((outputs - Y) ** 2, axis=-1), axis=-1)
    softmax = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
    return -np.mean(np.sum(P * np.log(softmax), axis=-1), axis=-1)


def jacobian_written_out(net, theta, X):
    """(m k, P), from the complex step."""
    nudged = theta + 1e-30j * np.eye(net.size)
    return np.stack([written_out(net, row, X).imag.ravel() / 1e-30 for row in nudged], axis=1)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_loss_and_gradient_are_the_definition_and_its_complex_step(case, loss):
    net, theta = build(*case, loss=loss)
    outputs = written_out(net, theta, X)
    np.testing.assert_allclose(net.predict(theta, X), outputs, rtol=1e-11, atol=1e-14)
    losses = losses_written_out(net, theta + 1e-30j * np.eye(net.size), X)
    assert net.loss(theta, X, LABELS[loss]) == pytest.approx(losses[0].real, rel=1e-12)
    np.testing.assert_allclose(
        net.gradient(theta, X, LABELS[loss]), losses.imag / 1e-30, rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_hessian_product_is_the_slope_of_the_gradient_along_the_direction(case, loss):
    net, theta = build(*case, loss=loss, weight_decay=0.3)
    directions, y = RNG.normal(size=(4, net.size)), LABELS[loss]
    found = net.hessian_product(theta, X, y, directions)
    if case[0] in KINKED:  # no complex step across a kink; none is as near as this one
        ahead, behind = (net.gradient(theta + h * directions, X, y) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(found, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-8)
    else:
        slope = net.gradient(theta + 1e-30j * directions, X, y).imag / 1e-30
        np.testing.assert_allclose(found, slope, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sharpness_gradient_is_the_slope_of_the_curvature_along_a_direction(case, loss):
    net, theta = build(*case, loss=loss, weight_decay=0.3)
    direction, y, axes = RNG.normal(size=net.size), LABELS[loss], np.eye(net.size)

    def curvature(thetas):
        return net.hessian_product(thetas, X, y, direction) @ direction

    found = net.sharpness_gradient(theta, X, y, direction)
    if case[0] in KINKED:
        slope = (curvature(theta + 1e-6 * axes) - curvature(theta - 1e-6 * axes)) / 2e-6
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-6)
    else:
        slope = curvature(theta + 1e-30j * axes).imag / 1e-30
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_jacobian_and_gauss_newton_products_are_those_of_the_complex_step_jacobian(case, loss):
    net, theta = build(*case, loss=loss, weight_decay=0.3)
    J = jacobian_written_out(net, theta, X)
    v, u = RNG.normal(size=net.size), RNG.normal(size=(5, 2))
    tolerances = {"rtol": 1e-10, "atol": 1e-12}
    forth, back = net.jacobian_product(theta, X, v), net.transposed_jacobian_product(theta, X, u)
    np.testing.assert_allclose(forth.ravel(), J @ v, **tolerances)
    np.testing.assert_allclose(back, J.T @ u.ravel(), **tolerances)
    kernel_product = net.at(theta, X).kernel_product(u)
    np.testing.assert_allclose(kernel_product.ravel(), J @ J.T @ u.ravel() / 5, **tolerances)
    p = np.exp(written_out(net, theta, X))
    p /= p.sum(axis=1, keepdims=True)
    of_outputs = {
        "squared_error": [np.eye(2)] * 5,
        "cross_entropy": [np.diag(row) - np.outer(row, row) for row in p],
    }[loss]
    curved = np.concatenate([H @ Jv for H, Jv in zip(of_outputs, forth, strict=True)]) / 5
    found = net.gauss_newton_product(theta, X, LABELS[loss], v)
    np.testing.assert_allclose(found, J.T @ curved, **tolerances)


@pytest.mark.parametrize("loss", LABELS)
def test_weight_decay_is_half_its_square_in_the_loss(loss):
    case, y = ("tanh", [4], "ntk", True), LABELS[loss]
    (plain, theta), (decayed, _) = build(*case, loss), build(*case, loss, weight_decay=0.3)
    v = RNG.normal(size=plain.size)
    differences = {
        "loss": (0.15 * theta @ theta, ()),
        "gradient": (0.3 * theta, ()),
        "hessian_product": (0.3 * v, (v,)),
        "sharpness_gradient": (0 * v, (v,)),
        "gauss_newton_product": (0 * v, (v,)),
    }
    for name, (difference, along) in differences.items():
        without, with_decay = (getattr(net, name)(theta, X, y, *along) for net in (plain, decayed))
        np.testing.assert_allclose(with_decay - without, difference, rtol=1e-12, atol=1e-14)


def test_the_hessian_is_symmetric():
    net = MLP([3, 4, 3, 2], activation="tanh", biases=True, loss="cross_entropy")
    hessian = net.hessian_product(net.init(rng=0), X, P, np.eye(net.size))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_ensemble_is_its_members_bit_for_bit(activation, loss):
    net, y = MLP([3, 7, 5, 2], activation=activation, biases=True, loss=loss), LABELS[loss]
    theta, v = net.init(rng=0, ensemble=(2, 3)), net.init(rng=1, ensemble=(2, 3))
    u = RNG.normal(size=(2, 3, 5, 2))
    products = {
        "gradient": lambda at: net.gradient(theta[at], X, y),
        "loss": lambda at: net.loss(theta[at], X, y),
        "hessian": lambda at: net.hessian_product(theta[at], X, y, v[at]),
        "sharpness": lambda at: net.sharpness_gradient(theta[at], X, y, v[at]),
        "gauss-newton": lambda at: net.gauss_newton_product(theta[at], X, y, v[at]),
        "forth": lambda at: net.jacobian_product(theta[at], X, v[at]),
        "back": lambda at: net.transposed_jacobian_product(theta[at], X, u[at]),
        "kernel": lambda at: net.at(theta[at], X).kernel_product(u[at]),
    }
    for name, product in products.items():
        together = product(...)
        for at in np.ndindex(2, 3):
            np.testing.assert_array_equal(together[at], product(at), err_msg=name)


def test_members_with_samples_of_their_own_are_single_networks():
    net = MLP([3, 7, 5, 2], activation="gelu", biases=True, weight_decay=0.1)
    theta, v = net.init(rng=0, ensemble=(4,)), net.init(rng=1, ensemble=(4,))
    inputs, targets = RNG.normal(size=(4, 6, 3)), RNG.normal(size=(4, 6, 2))
    loss, gradient = net.loss_and_gradient(theta, inputs, targets)
    product = net.loss_hessian_product(theta, inputs, targets, v)
    for i in range(4):
        alone = inputs[i], targets[i]
        assert loss[i] == net.loss(theta[i], *alone)
        np.testing.assert_array_equal(gradient[i], net.gradient(theta[i], *alone))
        np.testing.assert_array_equal(product[i], net.hessian_product(theta[i], *alone, v[i]))
    for same in (net.loss_and_gradient(theta[0], inputs, targets)[1],):
        np.testing.assert_array_equal(same[3], net.gradient(theta[0], inputs[3], targets[3]))


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_single_precision_stays_single_and_is_near_double(activation, loss):
    options = {"activation": activation, "biases": True, "loss": loss, "weight_decay": 0.1}
    double = MLP([3, 7, 5, 2], **options)
    single = MLP([3, 7, 5, 2], **options, dtype="float32")
    theta, v, u, y = double.init(rng=0), double.init(rng=1), RNG.normal(size=(5, 2)), LABELS[loss]
    assert single.init(rng=0).dtype == np.float32
    np.testing.assert_array_equal(single.init(rng=0), theta.astype(np.float32))
    for net_product in (
        lambda net: net.predict(theta, X),
        lambda net: net.loss(theta, X, y),
        lambda net: net.gradient(theta, X, y),
        lambda net: net.hessian_product(theta, X, y, v),
        lambda net: net.sharpness_gradient(theta, X, y, v),
        lambda net: net.gauss_newton_product(theta, X, y, v),
        lambda net: net.jacobian_product(theta, X, v),
        lambda net: net.transposed_jacobian_product(theta, X, u),
        lambda net: net.at(theta, X).kernel_product(u),
        lambda net: net.at(theta, X, y).hessian @ v.astype(net.dtype),
    ):
        expected, found = net_product(double), net_product(single)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


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


def test_a_gain_multiplies_the_signal_in_every_parametrisation():
    # Homogeneous of degree one in every layer: gains come out in front.
    for parametrization in ("ntk", "standard", "mean-field"):
        outputs = {
            gain: (net := MLP([3, 6, 2], parametrization=parametrization, gain=gain)).predict(
                net.init(rng=0), X
            )
            for gain in ("he", "lecun", 3.0, (2.0, 5.0))
        }
        for gain, factor in {"he": 2**0.5, 3.0: 9.0, (2.0, 5.0): 10.0}.items():
            np.testing.assert_allclose(outputs[gain], factor * outputs["lecun"], rtol=1e-12)


def test_mean_field_outputs_are_those_of_the_ntk_over_the_root_of_the_width():
    ntk, mean_field = (MLP([3, 6, 2], parametrization=p) for p in ("ntk", "mean-field"))
    theta = ntk.init(rng=0)
    np.testing.assert_array_equal(mean_field.init(rng=0), theta)
    expected = ntk.predict(theta, X) / np.sqrt(6)
    np.testing.assert_allclose(mean_field.predict(theta, X), expected, rtol=1e-12)


@pytest.mark.parametrize("parametrization", ["ntk", "standard", "mean-field"])
def test_a_zero_output_layer_is_zero_and_the_others_are_as_without(parametrization):
    options = {"parametrization": parametrization, "biases": True}
    zero, plain = MLP([3, 5, 2], **options, zero_output=True), MLP([3, 5, 2], **options)
    np.testing.assert_array_equal(zero.predict(zero.init(rng=0), X), np.zeros((5, 2)))
    np.testing.assert_array_equal(zero.init(rng=0)[:20], plain.init(rng=0)[:20])


def test_an_activation_of_one_s_own_is_taken():
    net = MLP([3, 5, 2], activation=leaky_relu(0.5))
    theta = net.init(rng=0)
    (U, _), (V, _) = net.split(theta)
    z = net.activation.gain / np.sqrt(3) * X @ U
    expected = np.where(z > 0, z, z / 2) @ V / np.sqrt(5)
    np.testing.assert_allclose(net.predict(theta, X), expected, rtol=1e-12)


def test_standard_biases_start_at_zero_and_ntk_biases_do_not():
    for parametrization, zero in (("standard", True), ("ntk", False)):
        net = MLP([3, 5, 2], parametrization=parametrization, biases=True)
        assert all((b == 0).all() == zero for _, b in net.split(net.init(rng=0)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"widths": [3, 2]}, "widths must name inputs, hidden layers and outputs, at least 3"),
        ({"widths": range(1, 10**9)}, "widths must be at most 10000; got more"),
        ({"widths": [3, 0, 2]}, "each width must be an integer of at least 1; got 0"),
        ({"activation": "sine"}, "activation must be one of linear, relu, .*; got 'sine'"),
        ({"parametrization": "mup"}, "must be one of ntk, standard, mean-field; got 'mup'"),
        ({"gain": "xavier"}, "gain must be he, lecun or numbers; got 'xavier'"),
        ({"gain": -1.0}, "gain must be positive; got -1"),
        ({"gain": [1.0, 1.0, 1.0]}, r"gain must be one number or 2; got shape \(3,\)"),
        ({"weight_decay": -1}, "weight_decay must be finite and at least 0; got -1"),
        ({"dtype": "a"}, "dtype must be one of float64, float32; got 'a'"),  # once a type of bytes
        ({"dtype": "\ud800"}, "dtype must be one of float64, float32; got"),
        ({"dtype": "float16"}, "dtype must be one of float64, float32; got 'float16'"),
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
    with pytest.raises(InputError, match=r"X must have shape \(m, 3\); got shape \(5, 2\)"):
        net.predict(net.init(rng=0), Y)


def test_cross_entropy_takes_probabilities_only():
    net = MLP([3, 4, 2], loss="cross_entropy")
    theta = net.init(rng=0)
    with pytest.raises(InputError, match="cross-entropy needs targets of at least 0; got -1"):
        net.loss(theta, X, [[-1.0, 2.0]] * 5)
    with pytest.raises(InputError, match=r"targets that add up to 1; got a row with 1\.5"):
        net.gradient(theta, X, [*P[:4], [1.0, 0.5]])


def test_a_network_says_what_differs_from_what_is_usual():
    assert repr(MLP([2, 3, 1])) == "MLP([2, 3, 1])"
    asked = {"parametrization": "standard", "biases": True, "loss": "cross_entropy"}
    asked |= {"gain": [1.0, 2.0], "zero_output": True, "weight_decay": 0.1, "dtype": "float32"}
    net = MLP([2, 3, 2], activation="tanh", **asked)
    again = eval(repr(net), {"MLP": MLP})
    assert again.layers == net.layers
    assert vars(again).keys() == vars(net).keys()
    assert repr(again) == repr(net)
    assert all(f"{name}={value!r}" in repr(net) for name, value in asked.items())
