"""The neural tangent kernel, against J J^T with a Jacobian from the complex step."""

import numpy as np
import pytest

from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.validation import InputError
from tests.mlp.test_network import CASES, X, build, jacobian_written_out


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_kernel_is_the_jacobian_times_itself_over_m(case):
    net, theta = build(*case)
    jacobian = jacobian_written_out(net, theta, X)
    expected = jacobian @ jacobian.T / len(X)
    found = kernel.ntk(net, theta, X)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    top = np.linalg.eigvalsh(expected)[-1]
    assert kernel.top_eigenvalue(net, theta, X) == pytest.approx(top, rel=1e-11)


def test_an_ensemble_of_kernels_is_its_members():
    net = MLP([3, 6, 4, 2], activation="relu", biases=True)
    theta = net.init(rng=0, ensemble=(2, 2))
    together = kernel.ntk(net, theta, X)
    for i, j in np.ndindex(2, 2):
        np.testing.assert_allclose(together[i, j], kernel.ntk(net, theta[i, j], X), rtol=1e-13)


def test_a_network_that_has_blown_up_has_no_curvature():
    net = MLP([3, 6, 2], activation="linear")
    assert np.isnan(kernel.top_eigenvalue(net, np.full(net.size, 1e200), X))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_large_kernel_has_the_eigenvalue_of_dense_algebra(depth):
    net = MLP([3, *[9] * depth, 4], activation="relu", biases=True)
    theta = net.init(rng=0, ensemble=(2,))
    inputs = np.random.default_rng(1).normal(size=(150, 3))  # 600 rows: by products
    expected = np.linalg.eigvalsh(kernel.ntk(net, theta, inputs))[:, -1]
    found = kernel.top_eigenvalue(net, theta, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    theta[1] = 1e200
    found = kernel.top_eigenvalue(net, theta, inputs)
    assert found[0] == pytest.approx(expected[0], rel=1e-10)
    assert np.isnan(found[1])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_products_from_unit_signals_are_those_of_the_jacobian(case):
    net, theta = build(*case)
    jacobian = jacobian_written_out(net, theta, X)
    operator = kernel._Factored(net.passes(1), theta, X)
    found = np.stack([operator.matvec(unit) for unit in np.eye(10)], axis=1)
    np.testing.assert_allclose(found, jacobian @ jacobian.T / 5, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("samples", [9, 70])  # more, and fewer, inputs than half the samples
def test_unit_signals_and_passes_give_the_same_product(samples, outputs, dtype):
    net = MLP([12, 20, 30, 25, outputs], activation="relu", biases=True, dtype=dtype)
    rng = np.random.default_rng(1)
    inputs, vector = rng.normal(size=(samples, 12)), rng.normal(size=samples * outputs)
    theta = net.init(rng=0)
    expected = net.at(theta, inputs).kernel @ vector.astype(dtype)
    found = kernel._Factored(net.passes(1), theta, net.require_inputs(inputs)).matvec(
        vector.astype(dtype)
    )
    assert found.dtype == dtype
    tight = 20 * np.finfo(dtype).eps * np.linalg.norm(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tight)


@pytest.mark.parametrize(("width", "chosen"), [(30, False), (300, True)])
def test_top_eigenvalues_of_wide_and_narrow_networks_are_those_of_dense_algebra(width, chosen):
    net = MLP([4, width, width, 1], biases=True)
    theta, inputs = net.init(rng=0), np.random.default_rng(1).normal(size=(520, 4))
    assert kernel._factors_pay(net, 520, 8) == chosen  # each of the two ways is tested
    values = np.linalg.eigvalsh(kernel.ntk(net, theta, inputs))
    pairs = kernel.top_eigenpairs(net, theta, inputs, 2, tolerance=1e-9, rng=0)
    np.testing.assert_allclose(pairs.values, values[:-3:-1], rtol=1e-12)
    assert kernel.top_eigenvalue(net, theta, inputs) == pytest.approx(values[-1], rel=1e-12)


def test_single_precision_stays_single():
    net = MLP([3, 6, 4, 2], activation="gelu", biases=True, dtype="float32")
    theta = net.init(rng=0)
    found = kernel.ntk(net, theta, X)
    assert found.dtype == np.float32
    double = MLP([3, 6, 4, 2], activation="gelu", biases=True)
    np.testing.assert_allclose(found, kernel.ntk(double, theta, X), rtol=1e-4, atol=1e-5)


def test_a_kernel_beyond_the_memory_limit_is_refused_before_it_is_computed():
    net = MLP([3, 6, 2])
    theta, inputs = np.broadcast_to(net.init(rng=0), (100, net.size)), np.zeros((10**5, 3))
    with pytest.raises(InputError, match=r"requires 80 TB of memory; .* allows 4 GB"):
        kernel.ntk(net, theta, inputs, memory_limit="4GB")
    small = 8 * 10 * 10  # the kernel alone
    with pytest.raises(InputError, match="memory_limit allows 800 B"):
        kernel.ntk(net, net.init(rng=0), X, memory_limit=small)


def test_the_top_eigenpairs_are_those_of_dense_algebra():
    net = MLP([3, 9, 9, 2], activation="silu", biases=True)
    theta = net.init(rng=0)
    J = jacobian_written_out(net, theta, X)
    values, vectors = np.linalg.eigh(J @ J.T / 5)
    pairs = kernel.top_eigenpairs(net, theta, X, 3, tolerance=1e-10, rng=0)
    np.testing.assert_allclose(pairs.values, values[:-4:-1], rtol=1e-10)
    overlaps = np.abs(pairs.vectors.T @ vectors[:, :-4:-1])
    np.testing.assert_allclose(overlaps, np.eye(3), atol=1e-8)
    assert np.isnan(kernel.top_eigenpairs(net, np.full(net.size, 1e200), X, rng=0).values).all()
