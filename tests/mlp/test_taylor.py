"""Taylor models: against dense derivatives, orders of agreement, and solved dynamics."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from catapult_sim.mlp import kernel
from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.optimizers import HeavyBall, Regularized
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.validation import InputError
from tests.mlp.test_network import LABELS, X, Y, jacobian_written_out

RNG = np.random.default_rng(3)
CASES = list(itertools.product(ACTIVATIONS, ([4], [4, 3]), (False, True)))


def build(activation="tanh", hidden=(4,), biases=True, *, order=2, **options):
    net = MLP([3, *hidden, 2], activation=activation, biases=biases, **options)
    origin = net.init(rng=1) + 0.1 * np.random.default_rng(2).normal(size=net.size)
    return net, TaylorModel(net, origin, order=order)


def displaced(model, members=4, by=0.3):
    return model.origin + by * np.random.default_rng(5).normal(size=(members, model.size))


def derivatives(net, origin):
    """Outputs (m k), Jacobian (m k, P) and Hessian (m k, P, P), dense."""
    slopes = jacobian_written_out(net, origin, X)
    units = np.eye(len(slopes)).reshape(len(slopes), *net.predict(origin, X).shape)
    nudged = (origin + 1e-30j * np.eye(net.size))[:, None]
    bends = net.transposed_jacobian_product(nudged, X, units).imag / 1e-30
    return net.predict(origin, X).ravel(), slopes, bends.swapaxes(0, 1)


def dense_model(model, theta):
    """Outputs (N, m k) and Jacobian (N, m k, P) of the polynomial, from dense derivatives."""
    values, slopes, bends = derivatives(model.network, model.origin)
    d = theta - model.origin
    bent = np.einsum("apq,nq->nap", bends, d) * (model.order == 2)
    outputs = values + d @ slopes.T + 0.5 * np.einsum("nap,np->na", bent, d)
    return outputs, slopes + bent


def dense_kernel(model, theta):
    _, J = dense_model(model, theta)
    return J @ J.swapaxes(-1, -2) / len(X)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_are_the_taylor_polynomial(case, order):
    _, model = build(*case, order=order)
    theta = displaced(model)
    outputs, _ = dense_model(model, theta)
    np.testing.assert_allclose(
        model.predict(theta, X).reshape(4, -1), outputs, rtol=1e-11, atol=1e-13
    )


@pytest.mark.parametrize("order", [1, 2])
def test_along_a_run_outputs_are_those_at_every_theta(order):
    _, model = build(order=order)
    theta, at = displaced(model), model.along(X)
    outputs, _ = dense_model(model, theta)
    with ThreadPoolExecutor(1) as other:
        pairs = zip(theta, theta[::-1], outputs, outputs[::-1], strict=True)
        for here, there, known, beside in pairs:
            mine, of_other = at(here), other.submit(at, there).result()
            np.testing.assert_allclose(mine.outputs.ravel(), known, rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(of_other.outputs.ravel(), beside, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_kernel_is_that_of_the_dense_jacobian(case, order):
    _, model = build(*case, order=order)
    theta = displaced(model)
    np.testing.assert_allclose(
        model.kernel(theta, X), dense_kernel(model, theta), rtol=1e-11, atol=1e-13
    )


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_gradient_is_the_complex_step_of_the_loss(case, order, loss):
    _, model = build(*case, order=order, loss=loss, weight_decay=0.3)
    theta, y = displaced(model), LABELS[loss]
    nudged = theta[:, None] + 1e-30j * np.eye(model.size)
    found, gradient = model.loss_and_gradient(theta, X, y)
    np.testing.assert_allclose(
        gradient, model.loss(nudged, X, y).imag / 1e-30, rtol=1e-10, atol=1e-13
    )
    np.testing.assert_array_equal(gradient, model.gradient(theta, X, y))
    np.testing.assert_allclose(found, model.loss(theta, X, y), rtol=1e-14)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_hessian_product_is_the_complex_step_of_the_gradient(case, order, loss):
    _, model = build(*case, order=order, loss=loss, weight_decay=0.3)
    theta, along, y = displaced(model), RNG.normal(size=(4, model.size)), LABELS[loss]
    slope = model.gradient(theta + 1e-30j * along, X, y).imag / 1e-30
    for length in (1.0, 1e-9, 1e9):
        product = model.loss_hessian_product(theta, X, y, length * along)
        np.testing.assert_allclose(product, length * slope, rtol=1e-9, atol=length * 1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("activation", "hidden"), [("tanh", [20]), ("silu", [20, 20]), ("relu", [20, 20])]
)
def test_the_error_along_a_ray_vanishes_with_the_next_order(activation, hidden, order):
    net, model = build(activation, hidden, order=order)
    ray, lengths = np.random.default_rng(0).normal(size=net.size), 1e-3 * 2.0 ** -np.arange(5)
    points = model.origin + lengths[:, None] * ray
    if activation == "relu":  # no unit passes its kink on this ray
        assert all((z > 0).all(0).sum() == (z > 0).any(0).sum() for z in net.forward(points, X)[1])
    errors = np.linalg.norm(net.predict(points, X) - model.predict(points, X), axis=(-2, -1))
    assert convergence_order(lengths, errors).value == pytest.approx(order + 1, abs=0.02)


def test_the_quadratic_model_of_relu_keeps_the_units_of_the_origin():
    net, model = build("relu", [50], biases=False)
    theta = displaced(model, by=2.0)
    (W, _), (V, _) = net.split(theta)
    (W0, _), _ = net.split(model.origin)
    scale = (2 / 3) ** 0.5 / 50**0.5
    frozen = scale * ((X @ W) * (X @ W0 > 0)) @ V
    np.testing.assert_allclose(model.predict(theta, X), frozen, rtol=1e-11)
    assert np.abs(frozen - net.predict(theta, X)).max() > 0.1  # units have changed


def test_a_linear_network_with_one_hidden_layer_is_its_quadratic_model():
    net, model = build("linear", biases=False, weight_decay=0.1)
    theta = displaced(model, by=2.0)
    np.testing.assert_allclose(model.predict(theta, X), net.predict(theta, X), rtol=1e-11)
    np.testing.assert_allclose(model.kernel(theta, X), kernel.ntk(net, theta, X), rtol=1e-11)
    rates = np.array([0.5, 2.5]) / kernel.top_eigenvalue(net, model.origin, X)
    options = {"learning_rate": rates, "optimizer": HeavyBall(0.2), "steps": 30}
    runs = [train(one, model.origin, X, Y, **options) for one in (net, model)]
    np.testing.assert_allclose(*(run.values["loss"] for run in runs), rtol=1e-9)
    np.testing.assert_allclose(*(run.state for run in runs), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", [("tanh", [4, 3], True), ("relu", [6], False)], ids=str)
def test_at_the_origin_kernel_and_gradient_are_the_network_s(case):
    net, model = build(*case)
    origin = model.origin
    np.testing.assert_allclose(model.kernel(origin, X), kernel.ntk(net, origin, X), rtol=1e-12)
    np.testing.assert_allclose(
        model.gradient(origin, X, Y), net.gradient(origin, X, Y), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("case", [("tanh", [4, 3], True), ("relu", [6], False)], ids=str)
def test_a_step_changes_the_kernel_by_its_two_terms_exactly(case, loss, order):
    _, model = build(*case, order=order, loss=loss, weight_decay=0.2)
    theta, y, rate = displaced(model), LABELS[loss], 0.7
    A, B = model.kernel_terms(theta, X, y)
    after = dense_kernel(model, theta - rate * model.gradient(theta, X, y))
    update = dense_kernel(model, theta) - rate * (A + A.swapaxes(-1, -2)) + rate**2 * B
    np.testing.assert_allclose(update, after, rtol=1e-11, atol=1e-13)
    if order == 2:
        printed = dense_kernel(model, theta) - rate * A + rate**2 / 4 * B
        assert np.abs(printed - after).max() > 1e-3 * np.abs(after).max()


def test_the_linear_model_trains_as_powers_of_its_kernel():
    net, model = build("tanh", [30], order=1)
    K = dense_kernel(model, model.origin[None])[0]
    rates = np.array([0.5, 1.9, 2.1]) / np.linalg.eigvalsh(K)[-1]
    run = train(model, model.origin, X, Y, learning_rate=rates, steps=25)
    values, vectors = np.linalg.eigh(K)
    start = vectors.T @ (net.predict(model.origin, X) - Y).ravel()
    for t in (1, 7, 25):
        modes = (1 - rates[:, None] * values) ** t * start
        expected = np.sum(modes**2, axis=1) / (2 * len(X))
        np.testing.assert_allclose(run.values["loss"][t], expected, rtol=1e-9)
    residual = model.predict(run.state, X) - Y
    np.testing.assert_allclose(residual.reshape(3, -1), modes @ vectors.T, rtol=1e-7, atol=1e-9)


def test_members_train_as_each_alone_with_batches_of_their_own():
    _, model = build("silu", [5, 4])
    theta = displaced(model, members=3)
    batches = minibatches(len(X), 1, steps=8, rng=0, ensemble=(3,))
    options = {"learning_rate": 0.1, "steps": 8}
    options["optimizer"] = Regularized(HeavyBall(0.5), 0.1)
    together = train(model, theta, X, Y, batches=batches, **options)
    for member in range(3):
        alone = train(model, theta[member], X, Y, batches=batches[member], **options)
        np.testing.assert_allclose(together.state[member], alone.state, rtol=1e-12)


def test_what_was_asked_before_does_not_matter():
    net, model = build()
    inputs, theta = X.copy(), displaced(model)
    for change in (1.0, 2.0, 0.5):
        inputs *= change
        fresh = TaylorModel(net, model.origin)
        for points in (theta, theta[0], theta):
            np.testing.assert_array_equal(
                model.predict(points, inputs), fresh.predict(points, inputs)
            )
            model.loss_hessian_product(points, inputs, Y, points)


def test_what_was_handed_out_stays_and_the_origin_is_a_copy():
    net = MLP([3, 4, 2])
    origin = net.init(rng=0)
    model = TaylorModel(net, origin)
    outputs = model.predict(origin, X)
    K = model.kernel(origin, X)
    kept = outputs.copy(), K.copy()
    origin += 1
    model.predict(origin, X)
    model.kernel(origin, X)
    np.testing.assert_array_equal(outputs, kept[0])
    np.testing.assert_array_equal(K, kept[1])
    np.testing.assert_array_equal(model.origin, net.init(rng=0))


def test_single_precision_stays_single():
    net = MLP([3, 6, 2], activation="tanh", dtype="float32")
    model = TaylorModel(net, net.init(rng=0))
    theta, (inputs, targets) = displaced(model).astype("float32"), net.require_data(X, Y)
    loss, gradient = model.loss_and_gradient(theta, inputs, targets)
    product = model.loss_hessian_product(theta, inputs, targets, theta)
    kinds = [a.dtype for a in (model.predict(theta, X), loss, gradient, product)]
    assert kinds == [np.float32] * 4
    double = TaylorModel(MLP([3, 6, 2], activation="tanh"), model.origin)
    np.testing.assert_allclose(
        product, double.loss_hessian_product(theta.astype(float), X, Y, theta), rtol=1e-3, atol=1e-4
    )


def test_observers_watch_a_model():
    _, model = build()
    see = Observers(model, X, Y)
    theta = displaced(model)
    hessian = model.loss_hessian_product(theta[0], X, Y, np.eye(model.size))
    assert see.sharpness(theta)[0] == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-8)
    top = np.linalg.eigvalsh(dense_kernel(model, theta))[:, -1]
    np.testing.assert_allclose(see.top_eigenvalue(theta), top, rtol=1e-10)
    gradients = np.linalg.norm(model.gradient(theta, X, Y), axis=-1)
    np.testing.assert_allclose(see.gradient_norm(theta), gradients)
    right = np.mean(model.predict(theta, X).argmax(-1) == Y.argmax(-1), axis=-1)
    np.testing.assert_array_equal(see.accuracy(theta), right)
    with pytest.raises(InputError, match="needs a network"):
        see.active_fraction(theta)


def test_divergence_is_data():
    _, model = build()
    rate = 100 / model.top_eigenvalue(model.origin, X)
    observe = {"top": lambda theta: model.top_eigenvalue(theta, X)}
    run = train(model, model.origin, X, Y, learning_rate=rate, steps=50, observe=observe)
    assert run.outcome == Outcome.DIVERGED
    assert np.isnan(model.top_eigenvalue(np.full(model.size, np.inf), X))


@pytest.mark.parametrize(
    ("theta", "order", "message"),
    [
        (np.zeros(3), 2, "theta must have shape"),
        (np.zeros((2, 26)), 2, r"theta must have shape \(26,\)"),
        (np.zeros(26), 3, "order must be 1 or 2"),
    ],
)
def test_what_does_not_fit_is_refused(theta, order, message):
    with pytest.raises(InputError, match=message):
        TaylorModel(MLP([3, 4, 2], biases=True), theta, order=order)
