"""The neural tangent kernel, against J J^T with a Jacobian from the complex step."""

import numpy as np
import pytest

from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from tests.mlp.test_network import CASES, X, build, written_out


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_kernel_is_the_jacobian_times_itself_over_m(case):
    net, theta = build(*case)
    nudged = theta + 1e-30j * np.eye(net.size)
    jacobian = np.stack([written_out(net, row, X).imag.ravel() / 1e-30 for row in nudged], axis=1)
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
