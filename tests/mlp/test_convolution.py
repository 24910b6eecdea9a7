"""Convolutional networks: the products of a convolution, their memory, and PyTorch's numbers."""

import itertools

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.mlp import convolution, kernel
from catapult_sim.mlp.convolution import CrossCorrelation
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(7, 6, 5, 2)), RNG.normal(size=(7, 2))


def network(**options):
    layers = [
        cs.Convolution(4, 3, padding=1),
        "tanh",
        cs.Residual([cs.Convolution(4, 3, padding=1), "silu"], scale=0.5),
        cs.Convolution(3, 2, stride=2),
        "tanh",
        cs.MeanPooling((1, 2)),
        cs.Dense(2),
    ]
    return cs.Network((6, 5, 2), layers, **options)


def random_convolution(rng):
    """A layer, and an input, weights and a signal for it."""
    size = tuple(rng.integers(1, 5, size=2).tolist())
    padding = tuple(int(rng.integers(0, one)) for one in size)
    least = [max(1, f - 2 * p) for f, p in zip(size, padding, strict=True)]
    image = (*(int(rng.integers(one, one + 6)) for one in least), int(rng.integers(1, 4)))
    stride = tuple(rng.integers(1, 4, size=2).tolist())
    layer = CrossCorrelation(image, int(rng.integers(1, 4)), size, stride, padding)
    x = rng.normal(size=(3, np.prod(image)))
    return layer, x, rng.normal(size=layer.shape), rng.normal(size=(3, layer.outputs(x.shape[1])))


def written_out(layer, x, W):
    """Each number of a convolution as the sum that it is, without zeros around the image."""
    height, width, channels = layer.image
    x, z = x.reshape(-1, height, width, channels), np.zeros((len(x), *layer.places, layer.channels))
    for i, j, u, v in np.ndindex(*layer.places, *layer.window):
        row = i * layer.stride[0] + u - layer.padding[0]
        column = j * layer.stride[1] + v - layer.padding[1]
        if 0 <= row < height and 0 <= column < width:
            z[:, i, j] += x[:, row, column] @ W[u, v]
    return z.reshape(len(z), -1)


@pytest.mark.parametrize("patch_bytes", [1, 500, 2**20])
def test_the_three_products_of_any_convolution_are_its_definition(patch_bytes, monkeypatch):
    monkeypatch.setattr(convolution, "PATCH_BYTES", patch_bytes)
    rng = np.random.default_rng(1)
    for _ in range(60):
        layer, x, W, s = random_convolution(rng)
        z = written_out(layer, x, W)
        np.testing.assert_allclose(layer.multiply(x, W), z, rtol=1e-12, atol=1e-13)
        assert layer.multiplications == z[0].size * W[..., 0].size
        # The other two are the derivatives of s . z, which is linear in x and in W.
        by_x = s @ written_out(layer, np.eye(x.shape[1]), W).T
        np.testing.assert_allclose(layer.transpose(s, W), by_x, rtol=1e-12, atol=1e-13)
        V = rng.normal(size=W.shape)
        slope = np.sum(s * written_out(layer, x, V))
        assert np.sum(layer.outer(x, s) * V) == pytest.approx(slope, rel=1e-11, abs=1e-12)


def test_an_ensemble_is_its_members_bit_for_bit():
    net = network(biases=True)
    theta, v = net.init(rng=0, ensemble=(2, 2)), net.init(rng=1, ensemble=(2, 2))
    u = RNG.normal(size=(2, 2, 7, 2))
    products = {
        "gradient": lambda at: net.gradient(theta[at], IMAGES, LABELS),
        "hessian": lambda at: net.hessian_product(theta[at], IMAGES, LABELS, v[at]),
        "sharpness": lambda at: net.sharpness_gradient(theta[at], IMAGES, LABELS, v[at]),
        "gauss-newton": lambda at: net.gauss_newton_product(theta[at], IMAGES, LABELS, v[at]),
        "kernel": lambda at: net.kernel_product(theta[at], IMAGES, u[at]),
        "dense kernel": lambda at: cs.ntk(net, theta[at], IMAGES),
    }
    for name, product in products.items():
        together = product(...)
        for at in np.ndindex(2, 2):
            np.testing.assert_array_equal(together[at], product(at), err_msg=name)


def test_members_with_images_of_their_own_are_single_networks():
    net, shift = network(), np.arange(3.0)[:, None]
    theta, X = net.init(rng=0, ensemble=(3,)), IMAGES.reshape(7, -1) + shift[..., None]
    loss, gradient = net.loss_and_gradient(theta, X, LABELS + shift[..., None])
    for i in range(3):
        alone = net.loss_and_gradient(theta[i], X[i], LABELS + shift[i])
        np.testing.assert_array_equal(loss[i], alone[0])
        np.testing.assert_array_equal(gradient[i], alone[1])


def test_images_and_their_rows_of_numbers_are_the_same_samples():
    net, rows = network(), IMAGES.reshape(7, -1)
    theta = net.init(rng=0)
    for product in (net.loss, net.gradient, cs.TaylorModel(net, theta).gradient):
        np.testing.assert_array_equal(product(theta, IMAGES, LABELS), product(theta, rows, LABELS))
    np.testing.assert_array_equal(cs.ntk(net, theta, IMAGES), cs.ntk(net, theta, rows))
    np.testing.assert_array_equal(net.require_batches(IMAGES[None], LABELS[None])[0], rows[None])
    with pytest.raises(InputError, match=r"X must have shape \(m, d\).* got shape \(7, 5, 6, 2\)"):
        net.loss(theta, IMAGES.swapaxes(1, 2), LABELS)


def test_single_precision_is_single_throughout_and_near_to_double():
    single, double = network(dtype="float32", biases=True), network(biases=True)
    theta, v = double.init(rng=0), double.init(rng=1)
    for name in ("gradient", "hessian_product", "sharpness_gradient"):
        along = () if name == "gradient" else (v,)
        found = getattr(single, name)(theta, IMAGES, LABELS, *along)
        expected = getattr(double, name)(theta, IMAGES, LABELS, *along)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert cs.ntk(single, theta, IMAGES).dtype == np.float32


@pytest.mark.parametrize("parametrization", ["ntk", "standard", "mean-field"])
def test_weights_start_as_the_parametrisation_says(parametrization):
    layers = [cs.Convolution(40, 3), "relu", cs.Convolution(60, 3), cs.MeanPooling(), cs.Dense(50)]
    net = cs.Network((6, 6, 10), layers, parametrization=parametrization, biases=True)
    fan_in, gain = np.array([90, 360, 60]), np.array([2**0.5, 1, 1])
    units = gain / np.sqrt(fan_in)
    if parametrization == "mean-field":
        units[-1] = 1 / 60
    standard = parametrization == "standard"
    np.testing.assert_allclose(net.scales, [1, 1, 1] if standard else units)
    for unit, (W, b) in zip(units, net.split(net.init(rng=0)), strict=True):
        # The deviation of n normal numbers is known to 1 / sqrt(2 n); five of those.
        expected = unit if standard else 1.0
        assert W.std() == pytest.approx(expected, rel=5 / (2 * W.size) ** 0.5)
        assert not b.any() if standard else b.std() == pytest.approx(1, rel=5 / (2 * b.size) ** 0.5)


def test_gains_and_a_last_layer_of_zeros_are_those_asked_for():
    layers = [cs.Convolution(3, 2), "relu", cs.Residual([cs.Convolution(3, 1)]), cs.Dense(2)]
    one = cs.Network((3, 3, 1), layers, gain=[2.0, 3.0, 5.0], zero_output=True)
    np.testing.assert_allclose(one.scales, [2 / 2, 3 / 3**0.5, 5 / 12**0.5])
    first, second, last = one.split(one.init(rng=0))
    assert first[0].any()
    assert second[0].any()
    assert not last[0].any()
    with pytest.raises(InputError, match=r"gain must be one number or 3; got shape \(2,\)"):
        cs.Network((3, 3, 1), layers, gain=[2.0, 3.0])


def test_a_perceptron_is_its_list_of_layers_bit_for_bit():
    options = {"biases": 0.3, "parametrization": "mean-field", "weight_decay": 0.1}
    mlp = cs.MLP([60, 5, 4, 2], activation="gelu", **options)
    layers = [cs.Dense(5), "gelu", cs.Dense(4), "gelu", cs.Dense(2)]
    net, theta = cs.Network(60, layers, **options), mlp.init(rng=0)
    X = IMAGES.reshape(7, -1)
    np.testing.assert_array_equal(net.init(rng=0), theta)
    assert net.scales == mlp.scales
    for name in ("loss", "gradient"):
        found, expected = (getattr(one, name)(theta, X, LABELS) for one in (net, mlp))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("way", ["whole", "unit signals", "passes"])
def test_the_top_eigenvalue_of_the_kernel_is_that_of_the_matrix(way, monkeypatch):
    net = network(biases=True)
    theta = net.init(rng=0, ensemble=(2,))
    if way != "whole":
        monkeypatch.setattr(kernel.eigenpairs, "DENSE", 1)
        monkeypatch.setattr(kernel, "_factors_pay", lambda *_: way == "unit signals")
    expected = [np.linalg.eigvalsh(cs.ntk(net, one, IMAGES))[-1] for one in theta]
    found = kernel.top_eigenvalue(net, theta, IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_observers_see_is_what_dense_algebra_gives():
    net = network(biases=True)
    theta, see = net.init(rng=3), cs.Observers(net, IMAGES, LABELS)
    hessian = net.hessian_product(theta, IMAGES, LABELS, np.eye(net.size))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-12)
    assert see.sharpness(theta) == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-7)
    # The third activation, by hand: what the layers before it give.
    layers = [cs.Convolution(4, 3, padding=1), "tanh"]
    before = cs.Network((6, 5, 2), layers, biases=True)
    inputs = before.forward(theta[: before.size], IMAGES.reshape(7, -1))[1][0]
    hidden = net.forward(theta, IMAGES.reshape(7, -1))[1]
    np.testing.assert_array_equal(hidden[0], inputs)
    assert [one.shape for one in hidden] == [(7, 120), (7, 120), (7, 18)]
    positive = sum(np.sum(one > 0) for one in hidden)
    assert see.active_fraction(theta) == pytest.approx(positive / (7 * 258))


# What cannot be built ----------------------------------------------------------------------------

REFUSED = {
    "a convolution needs images, and is given 60": (60, [cs.Convolution(2, 3)]),
    "mean pooling needs images, and is given 4": ((2, 2, 2), [cs.Dense(4), cs.MeanPooling()]),
    "a convolution needs images, and is given 2": (
        (2, 2, 2),
        [cs.MeanPooling(), cs.Convolution(1, 1)],
    ),
    "a filter must fit into its image; got size (7, 7)": ((6, 5, 2), [cs.Convolution(2, 7)]),
    "must divide height and width of its images; got (2, 2)": ((6, 5, 2), [cs.MeanPooling(2)]),
    "got (2, 2, 4) of (4, 4, 2)": ((4, 4, 2), [cs.Residual([cs.Convolution(4, 3)])]),
    "inputs must be a number of inputs, or height, width": ((6, 5), [cs.Dense(2)]),
    "inputs must be an integer of at least 1": ((6, 0, 1), [cs.Dense(2)]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(message):
    inputs, layers = REFUSED[message]
    with pytest.raises(InputError) as refused:
        cs.Network(inputs, layers)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (cs.Convolution, (0, 3)),
        (cs.Convolution, (2, (3, 0))),
        (cs.Convolution, (2, (3, 3, 3))),
        (cs.Convolution, (2, 3, 0)),
        (cs.Convolution, (2, 3, 1, 3)),
        (cs.Convolution, (2, 3, 1, -1)),
        (cs.Convolution, (2, 2.5)),
        (cs.MeanPooling, (0,)),
        (cs.MeanPooling, ((2, "a"),)),
        (cs.Dense, (True,)),
        (cs.Residual, (cs.Dense(2),)),
        (cs.Residual, ([cs.Dense(2)], np.nan)),
        (cs.Residual, ([],)),
    ],
)
def test_a_layer_refuses_what_it_cannot_be(layer, arguments):
    with pytest.raises(InputError):
        layer(*arguments)


# PyTorch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stride", "padding"), [*itertools.product([1, 2, (2, 1)], [0, 1, (1, 2)])]
)
def test_loss_gradient_and_hessian_product_are_those_of_pytorch(stride, padding):
    torch = pytest.importorskip("torch")
    layers = [
        cs.Convolution(3, 3, stride=stride, padding=padding),
        "tanh",
        cs.Residual([cs.Convolution(3, 3, padding=1), "silu"], scale=0.5),
        cs.MeanPooling(),
        cs.Dense(2),
    ]
    net = cs.Network((6, 5, 2), layers, parametrization="standard", biases=0.1)
    theta, v = net.init(rng=0), net.init(rng=1)

    def tensors(vector):
        return [
            torch.tensor(np.moveaxis(part, (-1, -2), (0, 1)) if part.ndim == 4 else part.T)
            for pair in net.split(vector)
            for part in pair
        ]

    parts = [part.requires_grad_() for part in tensors(theta)]
    F, b, G, c, V, d = parts
    conv = torch.nn.functional.conv2d
    x = conv(torch.tensor(IMAGES).permute(0, 3, 1, 2), F, b, stride, padding).tanh()
    x = x + 0.5 * torch.nn.functional.silu(conv(x, G, c, padding=1))
    outputs = x.mean(dim=(2, 3)) @ V.T + d
    loss = ((outputs - torch.tensor(LABELS)) ** 2).sum() / (2 * len(IMAGES))
    gradient = torch.autograd.grad(loss, parts, create_graph=True)
    product = torch.autograd.grad(gradient, parts, tensors(v))
    assert net.loss(theta, IMAGES, LABELS) == pytest.approx(loss.item(), rel=1e-12)
    found = {"gradient": net.gradient(theta, IMAGES, LABELS)}
    found["product"] = net.hessian_product(theta, IMAGES, LABELS, v)
    for ours, theirs in zip(found.values(), (gradient, product), strict=True):
        for one, other in zip(tensors(ours), theirs, strict=True):
            np.testing.assert_allclose(one, other.detach(), rtol=1e-10, atol=1e-13)
