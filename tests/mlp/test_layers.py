"""Networks of layers: those of the package, and a convolution and a pooling layer made here.

Every network is written out once more from its definition; all derivatives are held to complex
steps of that, or of a gradient that is.
"""

import dataclasses
import importlib
import inspect

import numpy as np
import pytest

from catapult_sim import mlp
from catapult_sim.mlp import kernel
from catapult_sim.mlp.activations import ACTIVATIONS, Pointwise, Scale
from catapult_sim.mlp.bilinear import Bilinear
from catapult_sim.mlp.convolution import Convolution
from catapult_sim.mlp.dense import Affine, Dense
from catapult_sim.mlp.layers import Chain, Layer
from catapult_sim.mlp.network import MLP, Network
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.plans import Plan
from catapult_sim.mlp.pooling import MeanPooling
from catapult_sim.mlp.residual import Residual, Skip
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
FLAT, P = RNG.normal(size=(5, 6)), RNG.dirichlet([1, 1], size=5)
IMAGES = RNG.normal(size=(5, 4, 3, 2))
TANH, SILU = Pointwise(ACTIVATIONS["tanh"], 0.7), Pointwise(ACTIVATIONS["silu"])


@dataclasses.dataclass(frozen=True)
class Circular(Bilinear):
    """A circular convolution of places with a filter of two, ``(places, channels)`` in a row."""

    places: int
    shape: tuple[int, int, int] = (2, 1, 1)  # filter, channels in, channels out
    biases: bool = False
    deviation = bias_deviation = 1.0

    def outputs(self, inputs):
        assert inputs == self.places * self.shape[1]
        return self.places * self.shape[2]

    def _seen(self, x):
        image = x.reshape(*x.shape[:-1], self.places, self.shape[1])
        return np.stack([image, np.roll(image, -1, axis=-2)], axis=-2)

    def multiply(self, x, W, out=None):
        z = np.einsum("...mpfi,...fio->...mpo", self._seen(x), W)
        z = z.reshape(*z.shape[:-2], -1)
        return z if out is None else np.copyto(out, z) or out

    def transpose(self, s, W, out=None):
        image = s.reshape(*s.shape[:-1], self.places, self.shape[2])
        back = np.einsum("...mpo,...fio->f...mpi", image, W)
        x = back[0] + np.roll(back[1], 1, axis=-2)
        x = x.reshape(*x.shape[:-2], -1)
        return x if out is None else np.copyto(out, x) or out

    def outer(self, x, s, out=None):
        image = s.reshape(*s.shape[:-1], self.places, self.shape[2])
        W = np.einsum("...mpfi,...mpo->...fio", self._seen(x), image)
        return W if out is None else np.copyto(out, W) or out


@dataclasses.dataclass(frozen=True)
class OwnMean(Layer):
    """The mean over places of each channel."""

    places: int

    def outputs(self, inputs):
        return inputs // self.places

    def _mean(self, x):
        return x.reshape(*x.shape[:-1], self.places, -1).mean(axis=-2)

    def _spread(self, s):
        return np.tile(s, self.places) / self.places

    def forward(self, at, order):
        at.z.values[order][...] = self._mean(at.x.values[order])

    def backward(self, at, order, kind):
        at.x.signals[kind][order][...] = self._spread(at.z.signals[kind][order])

    def pullback(self, at, signals):
        return self._spread(signals)


def tanh(z):
    return 0.7 * np.tanh(z)


def silu(z):
    return z / (1 + np.exp(-z))


def taken(theta, *shapes):
    """Parameters one after the other."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    assert ends[-1] == len(theta)
    return [p.reshape(s) for p, s in zip(np.split(theta, ends[:-1]), shapes, strict=True)]


def residual(theta, X):
    W, U, b, V, c = taken(theta, (6, 4), (4, 4), (4,), (4, 2), (2,))
    a = tanh(X @ W)
    a = silu(a + 0.3 * a @ U + b)
    return a @ V + c


def residual_first(theta, X):
    U, b, V = taken(theta, (6, 6), (6,), (6, 2))
    return tanh(X + X @ U + b) @ V


def block(theta, X):
    """A block that contains a block, and one that is the last layer."""
    W, A, a, C, B, D = taken(theta, (6, 2), (2, 3), (3,), (3, 3), (3, 2), (2, 2))
    x = X @ W
    inner = tanh(x @ A + a)
    x = x + (inner + inner @ C) @ B
    return x + x @ D


def listed(theta, X):
    """A list of layers in the parametrisation of the tangent kernel."""
    W, c, U, b, Q, a, V, d = taken(theta, (6, 4), (4,), (4, 3), (3,), (3, 4), (4,), (4, 2), (2,))
    x = np.tanh(X @ W / 6**0.5 + c)
    inner = silu(x) @ U / 2 + b
    x = x + 0.3 * (np.tanh(inner) @ Q / 3**0.5 + a)
    return x @ V / 2 + d


def convolved(x, W, b=0.0, stride=(1, 1), padding=(0, 0)):
    """The convolution of images ``(m, height, width, channels)``, number by number."""
    height, width, _, channels = W.shape
    x = np.pad(x, [(0, 0), *[(one, one) for one in padding], (0, 0)])
    down, across = ((x.shape[i] - W.shape[i - 1]) // stride[i - 1] + 1 for i in (1, 2))
    z = np.empty((len(x), down, across, channels), dtype=np.result_type(x, W))
    for a, i, j, c in np.ndindex(z.shape):
        top, left = i * stride[0], j * stride[1]
        z[a, i, j, c] = np.sum(x[a, top : top + height, left : left + width] * W[..., c])
    return z + b


def convolutional(theta, X):
    """Different in height and width; in the parametrisation of the tangent kernel."""
    shapes = (3, 3, 2, 3), (3,), (2, 2, 3, 2), (2,), (8, 2), (2,)
    F, b, G, c, V, d = taken(theta, *shapes)
    a = np.tanh(convolved(X, F / 18**0.5, b, padding=(1, 1)))
    a = (a[:, [0, 2]] + a[:, [1, 3]]) / 2
    a = silu(convolved(a, GAIN / 12**0.5 * G, c, stride=(2, 1), padding=(1, 0)))
    return a.reshape(len(a), 8) @ V / 8**0.5 + d


def residual_images(theta, X):
    """A block on the samples and one inside of another; in the standard parametrisation."""
    F, b, G, c, H, e, V, d = taken(
        theta, *[(3, 3, 2, 2), (2,)] * 2, (1, 1, 2, 2), (2,), (2, 2), (2,)
    )
    x = X + np.tanh(convolved(X, F, b, padding=(1, 1)))
    inner = convolved(x, G, c, padding=(1, 1))
    inner = inner - 0.7 * silu(convolved(inner, H, e))
    x = np.tanh(x + inner)
    return x.mean(axis=(1, 2)) @ V + d


def strided(theta, X):
    """Filters with a stride in both directions, and filters last; in the mean-field one."""
    F, G = taken(theta, (3, 2, 2, 3), (2, 1, 3, 2))
    a = silu(convolved(X, GAIN / 12**0.5 * F, stride=(2, 2), padding=(2, 1)))
    return convolved(a, G / 6).mean(axis=(1, 2))


def convolution_written_out(x, F, b, places):
    image = x.reshape(len(x), places, -1)
    z = np.stack(
        [
            [image[a, p] @ F[0] + image[a, (p + 1) % places] @ F[1] + b for p in range(places)]
            for a in range(len(x))
        ]
    )
    return z.reshape(len(x), -1)


def convolution(theta, X):
    F, b, G, V = taken(theta, (2, 2, 3), (3,), (2, 3, 2), (6, 2))
    a = tanh(convolution_written_out(X, F, b, 3))
    a = silu(convolution_written_out(a, G, 0, 3))
    return a @ V


def pooling(theta, X):
    F, b, G, c = taken(theta, (2, 2, 3), (3,), (2, 3, 2), (2,))
    a = tanh(convolution_written_out(X, F, b, 3))
    a = convolution_written_out(a, G, c, 3)
    return a.reshape(len(a), 3, 2).sum(axis=1) / 3


GAIN = ACTIVATIONS["silu"].gain
INNER = Chain((Affine(2, 3, biases=True), TANH, Skip(Affine(3, 3)), Affine(3, 2)))
NETWORKS = {
    residual: [
        Affine(6, 4),
        TANH,
        Skip(Chain((Scale(0.3), Affine(4, 4, biases=True)))),
        SILU,
        Affine(4, 2, biases=True),
    ],
    residual_first: [Skip(Affine(6, 6, biases=True)), TANH, Affine(6, 2)],
    listed: [
        Dense(4),
        "tanh",
        Residual(["silu", Dense(3), "tanh", Dense(4)], scale=0.3),
        Dense(2),
    ],
    convolutional: [
        Convolution(3, 3, padding=1),
        "tanh",
        MeanPooling((2, 1)),
        Convolution(2, 2, stride=(2, 1), padding=(1, 0)),
        "silu",
        Dense(2),
    ],
    residual_images: [
        Residual([Convolution(2, 3, padding=1), "tanh"]),
        Residual([Convolution(2, 3, padding=1), Residual([Convolution(2, 1), "silu"], scale=-0.7)]),
        "tanh",
        MeanPooling(),
        Dense(2),
    ],
    strided: [
        Convolution(3, (3, 2), stride=2, padding=(2, 1)),
        "silu",
        Convolution(2, (2, 1)),
        MeanPooling(),
    ],
    block: [Affine(6, 2), Skip(INNER), Skip(Affine(2, 2))],
    convolution: [
        Circular(3, (2, 2, 3), biases=True),
        TANH,
        Circular(3, (2, 3, 2)),
        SILU,
        Affine(6, 2),
    ],
    pooling: [
        Circular(3, (2, 2, 3), biases=True),
        TANH,
        Circular(3, (2, 3, 2), biases=True),
        OwnMean(3),
    ],
}
OPTIONS = {
    listed: {"biases": True},
    convolutional: {"biases": True},
    residual_images: {"biases": 0.5, "parametrization": "standard"},
    strided: {"parametrization": "mean-field"},
}
SAMPLES = dict.fromkeys((convolutional, residual_images, strided), IMAGES)
each = pytest.mark.parametrize("written_out", NETWORKS, ids=lambda one: one.__name__)
TIGHT = {"rtol": 1e-10, "atol": 1e-13}


def build(written_out, **options):
    options |= OPTIONS.get(written_out, {})
    inputs = IMAGES.shape[1:] if written_out in SAMPLES else 6
    net = Network(inputs, NETWORKS[written_out], loss="cross_entropy", **options)
    return net, 0.5 * net.init(rng=1)


def dense_jacobian(written_out, theta):
    """(m k, P), from the complex step."""
    nudged, X = theta + 1e-30j * np.eye(len(theta)), SAMPLES.get(written_out, FLAT)
    return np.stack([written_out(row, X).imag.ravel() / 1e-30 for row in nudged], axis=1)


def softmax(outputs):
    return np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)


def layers_of(layer):
    return {type(layer)}.union(*map(layers_of, layer.inside))


@each
def test_gradients_by_inputs_are_complex_steps(written_out):
    net, theta = build(written_out)
    X = np.array(SAMPLES.get(written_out, FLAT), dtype=float)
    flat = X.reshape(len(X), -1)
    steps = [(flat + 1e-30j * e).reshape(X.shape) for e in np.eye(flat.shape[1])]
    outputs = [written_out(theta, step).imag.reshape(len(X), -1) / 1e-30 for step in steps]
    np.testing.assert_allclose(net.input_gradient(theta, X), np.stack(outputs, axis=-1), **TIGHT)


def test_every_layer_of_the_package_is_in_one_of_these_networks():
    modules = [importlib.import_module(f"catapult_sim.mlp.{name}") for name in mlp.__all__]
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    defined = {
        one for one in classes if issubclass(one, Layer | Plan) and not inspect.isabstract(one)
    }
    listed = {type(layer) for layers in NETWORKS.values() for layer in layers}
    assert defined <= listed.union(*(layers_of(build(one)[0].layers) for one in NETWORKS))


@each
def test_outputs_and_gradient_are_the_definition_and_its_complex_step(written_out):
    net, theta = build(written_out, weight_decay=0.3)
    X = SAMPLES.get(written_out, FLAT)
    np.testing.assert_allclose(net.predict(theta, X), written_out(theta, X), **TIGHT)
    nudged = theta + 1e-30j * np.eye(net.size)
    losses = [
        -np.mean(np.sum(P * np.log(softmax(written_out(row, X))), axis=1)) + 0.15 * row @ row
        for row in nudged
    ]
    np.testing.assert_allclose(net.gradient(theta, X, P), np.imag(losses) / 1e-30, **TIGHT)


@each
def test_hessian_and_sharpness_gradient_are_complex_steps_of_lower_derivatives(written_out):
    net, theta = build(written_out, weight_decay=0.3)
    X = SAMPLES.get(written_out, FLAT)
    v, axes = RNG.normal(size=net.size), 1e-30j * np.eye(net.size)
    hessian = net.gradient(theta + axes, X, P).imag / 1e-30
    np.testing.assert_allclose(net.hessian_product(theta, X, P, v), hessian @ v, **TIGHT)
    curvatures = net.hessian_product(theta + axes, X, P, v) @ v
    found = net.sharpness_gradient(theta, X, P, v)
    np.testing.assert_allclose(found, curvatures.imag / 1e-30, **TIGHT)


@each
def test_products_and_dense_kernel_are_those_of_the_complex_step_jacobian(written_out):
    net, theta = build(written_out)
    X = SAMPLES.get(written_out, FLAT)
    J, point = dense_jacobian(written_out, theta), net.at(theta, X, P)
    v, u = RNG.normal(size=net.size), RNG.normal(size=(5, 2))
    np.testing.assert_allclose(point.jacobian_product(v).ravel(), J @ v, **TIGHT)
    np.testing.assert_allclose(point.transposed_jacobian_product(u), J.T @ u.ravel(), **TIGHT)
    K = J @ J.T / 5
    np.testing.assert_allclose(point.kernel_product(u).ravel(), K @ u.ravel(), **TIGHT)
    np.testing.assert_allclose(kernel.ntk(net, theta, X), K, **TIGHT)
    factored = kernel._Factored(net.passes(1), theta, X.reshape(5, -1)).matvec(u.ravel())
    np.testing.assert_allclose(factored, K @ u.ravel(), **TIGHT)
    by_outputs = [np.diag(p) - np.outer(p, p) for p in softmax(written_out(theta, X))]
    curved = (
        np.concatenate([H @ row for H, row in zip(by_outputs, (J @ v).reshape(5, 2), strict=True)])
        / 5
    )
    np.testing.assert_allclose(point.gauss_newton_product(v), J.T @ curved, **TIGHT)


@each
@pytest.mark.parametrize("order", [1, 2])
def test_taylor_models_are_the_polynomial_of_dense_derivatives(order, written_out):
    net, origin = build(written_out)
    X = SAMPLES.get(written_out, FLAT)
    model = TaylorModel(net, origin, order=order)
    theta = origin + 0.3 * np.random.default_rng(5).normal(size=(3, net.size))
    units = np.eye(10).reshape(10, 5, 2)
    nudged = (origin + 1e-30j * np.eye(net.size))[:, None]
    bends = net.transposed_jacobian_product(nudged, X, units).imag.swapaxes(0, 1) / 1e-30
    J, d = dense_jacobian(written_out, origin), theta - origin
    bent = np.einsum("apq,nq->nap", bends, d) * (order == 2)
    outputs = written_out(origin, X).ravel() + d @ J.T + np.einsum("nap,np->na", bent, d) / 2
    np.testing.assert_allclose(model.predict(theta, X).reshape(3, 10), outputs, **TIGHT)
    K = (J + bent) @ (J + bent).swapaxes(-1, -2) / 5
    np.testing.assert_allclose(model.kernel(theta, X), K, **TIGHT)
    v, gradient = RNG.normal(size=net.size), model.gradient(theta, X, P)
    steps = model.loss(theta[:, None] + 1e-30j * np.eye(net.size), X, P).imag / 1e-30
    np.testing.assert_allclose(gradient, steps, **TIGHT)
    slope = model.gradient(theta + 1e-30j * v, X, P).imag / 1e-30
    product = model.loss_hessian_product(
        theta, X.reshape(5, -1), P, np.broadcast_to(v, theta.shape)
    )
    np.testing.assert_allclose(product, slope, **TIGHT)
    A, B = model.kernel_terms(theta, X, P)
    G = np.einsum("apq,nq->nap", bends, gradient) * (order == 2)
    np.testing.assert_allclose(A, G @ (J + bent).swapaxes(-1, -2) / 5, **TIGHT)
    np.testing.assert_allclose(B, G @ G.swapaxes(-1, -2) / 5, **TIGHT)


@each
def test_an_ensemble_is_its_members_and_trains_as_each_alone(written_out):
    net, _ = build(written_out)
    X = SAMPLES.get(written_out, FLAT)
    theta = 0.5 * net.init(rng=0, ensemble=(3,))
    v, u = net.init(rng=1, ensemble=(3,)), RNG.normal(size=(3, 5, 2))
    together = [net.hessian_product(theta, X, P, v), net.at(theta, X).kernel_product(u)]
    together += [kernel.ntk(net, theta, X), TaylorModel(net, theta[0]).kernel(theta, X)]
    options = {"learning_rate": 0.1, "steps": 5}
    together.append(train(net, theta, X, P, **options).state)
    for i in range(3):
        alone = [
            net.hessian_product(theta[i], X, P, v[i]),
            net.at(theta[i], X).kernel_product(u[i]),
        ]
        alone += [kernel.ntk(net, theta[i], X), TaylorModel(net, theta[0]).kernel(theta[i], X)]
        alone.append(train(net, theta[i], X, P, **options).state)
        for all_of_them, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_of_them[i], one, rtol=1e-12, atol=1e-15)


def test_a_perceptron_is_a_sequence_of_scales_dense_layers_and_activations():
    mlp = MLP([6, 5, 4, 2], activation="tanh", biases=True, parametrization="mean-field")
    tanh = ACTIVATIONS["tanh"]
    layers = [Affine(6, 5, True), Affine(5, 4, True), Affine(4, 2, True)]
    steps = [Scale(1 / 6**0.5), Pointwise(tanh, 1 / 5**0.5), Pointwise(tanh, 0.25)]
    net = Network(6, [one for pair in zip(steps, layers, strict=True) for one in pair])
    theta = net.init(rng=0)
    np.testing.assert_array_equal(theta, mlp.init(rng=0))
    for product in ("gradient", "loss"):
        np.testing.assert_array_equal(
            getattr(net, product)(theta, FLAT, P), getattr(mlp, product)(theta, FLAT, P)
        )
    assert net.numbers_per_sample == mlp.numbers_per_sample == 4 * (6 + 5 + 4 + 2)


def test_the_scale_of_an_activation_is_not_lost_before_weights():
    net = Network(6, [TANH, Dense(2)])
    W = net.init(rng=0)
    np.testing.assert_allclose(net.predict(W, FLAT), tanh(FLAT) @ W.reshape(6, 2) / 6**0.5, **TIGHT)


def test_active_units_are_those_of_the_activations_inside_of_blocks_too():
    net, theta = build(block)
    W, A, a, *_ = taken(theta, (6, 2), (2, 3), (3,), (3, 3), (3, 2), (2, 2))
    expected = np.mean(FLAT @ W @ A + a > 0)
    assert Observers(net, FLAT, P).active_fraction(theta) == pytest.approx(expected)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="a dense layer of fan in 4 is given 5 numbers"):
        Network(6, [Affine(6, 5), Affine(4, 2)])
    with pytest.raises(
        InputError, match=r"must give the shape that they take; got \(5,\) of \(6,\)"
    ):
        Network(6, [Residual([Dense(5)]), Dense(1)])
    with pytest.raises(InputError, match=r"at least one layer, such as .*; got \[\]"):
        Network(6, [])
    with pytest.raises(InputError, match="layers must include one with weights"):
        Network(6, ["tanh", Residual(["relu"])])
    with pytest.raises(InputError, match="each layer must be one such as Dense"):
        Network(6, [Dense(2), np.tanh])
    with pytest.raises(InputError, match=r"activation must be one of linear, .*; got 'swish'"):
        Network(6, [Dense(2), Residual(["swish"])])


@pytest.mark.parametrize(
    "made",
    [
        "Network(6, [Dense(4), 'relu', Residual(['tanh', Dense(4)], scale=0.5)], biases=0.1)",
        "Network((4, 3, 2), [Convolution(2, (1, 3), padding=(0, 1)), MeanPooling(), 'erf'])",
        "Network((4, 3, 2), [Convolution(5, 3, stride=2), MeanPooling((1, 1)), Dense(1)])",
    ],
)
def test_a_network_is_written_as_it_was_made(made):
    assert repr(eval(made)) == made


def test_passes_out_of_order_are_an_error_and_not_old_numbers():
    net, theta = build(residual)
    room, signal = np.empty(net.size), np.ones((5, 2))

    def moved() -> Passes:
        passes = net.passes(3)
        passes.move(theta, FLAT)
        return passes

    with pytest.raises(RuntimeError, match=r"gradient\(0\) before backward\(0\)"):
        moved().gradient(0, room)
    with pytest.raises(RuntimeError, match=r"backward\(1\) before forward\(1\)"):
        moved().backward(1, signal)
    with pytest.raises(RuntimeError, match=r"forward\(2\) before forward\(1\)"):
        moved().forward(2)
    passes = moved()
    passes.backward(0, signal)
    passes.aim(theta)
    passes.forward(1)
    passes.backward(1, signal)
    passes.gradient(1, room)
    passes.aim(2 * theta)  # the tangents are those of another direction
    with pytest.raises(RuntimeError, match=r"backward\(1\) before forward\(1\)"):
        passes.backward(1, signal)
