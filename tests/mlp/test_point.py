"""Points: products do not depend on what was computed before, and nothing handed out changes."""

import itertools

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from catapult_sim.mlp.network import MLP
from catapult_sim.validation import InputError
from tests.mlp.test_network import LABELS, X

RNG = np.random.default_rng(0)
V, U = RNG.normal(size=53), RNG.normal(size=(5, 2))
PRODUCTS = {
    "loss": lambda point: point.loss,
    "outputs": lambda point: point.outputs,
    "gradient": lambda point: point.gradient(),
    "hessian": lambda point: point.hessian_product(V),
    "sharpness": lambda point: point.sharpness_gradient(V),
    "gauss-newton": lambda point: point.gauss_newton_product(V),
    "forth": lambda point: point.jacobian_product(V),
    "back": lambda point: point.transposed_jacobian_product(U),
    "kernel": lambda point: point.kernel_product(U),
}


def network(loss="cross_entropy", activation="silu"):
    return MLP([3, 4, 5, 2], activation=activation, biases=True, loss=loss, weight_decay=0.1)


def fresh(name, net, theta):
    return PRODUCTS[name](net.at(theta, X, LABELS[net.loss_function.name]))


@pytest.mark.parametrize("activation", ["silu", "relu"])
@pytest.mark.parametrize("loss", LABELS)
def test_products_do_not_depend_on_those_before_them(loss, activation):
    net = network(loss, activation)
    theta = net.init(rng=0)
    expected = {name: fresh(name, net, theta) for name in PRODUCTS}
    point = net.at(theta, X, LABELS[loss])
    for before, after in itertools.product(PRODUCTS, PRODUCTS):
        PRODUCTS[before](point)
        np.testing.assert_array_equal(
            PRODUCTS[after](point), expected[after], err_msg=f"{after} after {before}"
        )


def test_a_point_that_moves_is_a_new_point():
    net, y = network(), LABELS["cross_entropy"]
    thetas = [net.init(rng=seed, ensemble=shape) for seed, shape in enumerate([(), (4,), (2,), ()])]
    point = net.at(thetas[0], X, y)
    for theta, name in itertools.product(thetas, PRODUCTS):
        found = PRODUCTS[name](point.move(theta))
        np.testing.assert_array_equal(found, fresh(name, net, theta), err_msg=name)
    inputs, targets = RNG.normal(size=(2, 3, 3)), np.eye(2)[RNG.integers(2, size=(2, 3))]
    found = point.move(thetas[2], inputs, targets).gradient()
    np.testing.assert_array_equal(found, net.loss_and_gradient(thetas[2], inputs, targets)[1])


def test_nothing_handed_out_changes_afterwards():
    net = network()
    point = net.at(net.init(rng=0), X, LABELS["cross_entropy"])
    handed_out = {name: product(point) for name, product in PRODUCTS.items()}
    kept = {name: np.copy(array) for name, array in handed_out.items()}
    point.move(net.init(rng=1))
    for product in PRODUCTS.values():
        product(point)
    for name, array in handed_out.items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)


def test_results_can_be_written_where_one_wants_them():
    net, room = network(), np.empty(53)
    point = net.at(net.init(rng=0), X, LABELS["cross_entropy"])
    for product, arguments in (
        (point.gradient, ()),
        (point.hessian_product, (V,)),
        (point.sharpness_gradient, (V,)),
        (point.gauss_newton_product, (V,)),
        (point.transposed_jacobian_product, (U,)),
    ):
        assert product(*arguments, out=room) is room
        np.testing.assert_array_equal(room, product(*arguments))


def dense(product, size):
    return np.stack([product(axis) for axis in np.eye(size)])


@pytest.mark.parametrize("loss", LABELS)
def test_the_operators_have_the_eigenvalues_of_dense_algebra(loss):
    net = network(loss)
    theta = net.init(rng=0)
    point = net.at(theta, X, LABELS[loss])
    J = dense(lambda v: net.jacobian_product(theta, X, v).ravel(), 53).T
    # Rows from the complex step of the gradient: another channel than the R-pass.
    nudged = theta + 1e-30j * np.eye(53)
    hessian = net.gradient(nudged, X, LABELS[loss]).imag / 1e-30
    curved = dense(point.gauss_newton_product, 53)
    for operator, matrix in (
        (point.hessian, hessian),
        (point.kernel, J @ J.T / 5),
        (point.gauss_newton, curved),
    ):
        assert operator.shape == matrix.shape
        found = eigsh(operator, k=3, which="LA", return_eigenvectors=False)
        np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix)[-3:], rtol=1e-10)


def test_forth_and_back_are_adjoint():
    net = MLP([3, 7, 6, 2], activation="relu", biases=True)
    point = net.at(net.init(rng=0, ensemble=(4,)), X)
    v, u = RNG.normal(size=(4, net.size)), RNG.normal(size=(4, 5, 2))
    forth, back = point.jacobian_product(v), point.transposed_jacobian_product(u)
    np.testing.assert_allclose(
        np.sum(u * forth, axis=(-2, -1)), np.sum(back * v, axis=-1), rtol=1e-12
    )


def test_kernel_products_go_through_gram_matrices_or_not():
    # More samples than twice the inputs of a layer, and fewer.
    net = MLP([1, 3, 20, 2], activation="tanh", biases=True)
    theta, inputs, u = net.init(rng=0), RNG.normal(size=(8, 1)), RNG.normal(size=(8, 2))
    point = net.at(theta, inputs)
    expected = point.jacobian_product(point.transposed_jacobian_product(u)) / 8
    np.testing.assert_allclose(point.kernel_product(u), expected, rtol=1e-12)


def test_what_a_point_cannot_do_is_refused():
    net = network()
    theta = net.init(rng=0, ensemble=(2,))
    with pytest.raises(InputError, match=r"of one network; got an ensemble of shape \(2,\)"):
        _ = net.at(theta, X, LABELS["cross_entropy"]).hessian
    with pytest.raises(InputError, match="needs labels y; got a point without them"):
        _ = net.at(theta, X).loss
    for wrong in (np.zeros(58), np.zeros((3, 53)), np.zeros((2, 1))):
        with pytest.raises(InputError, match=r"direction must have shape \(53,\), or with leading"):
            net.at(theta, X).jacobian_product(wrong)
    with pytest.raises(InputError, match=r"signal must have shape \(5, 2\), .* got shape \(5,\)"):
        net.at(theta, X).kernel_product(np.zeros(5))
    with pytest.raises(InputError, match="direction must be real"):
        net.at(theta, X).jacobian_product(1j * np.ones(53))
