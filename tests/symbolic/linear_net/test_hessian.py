"""The derived Hessian spectrum, against explicit weights and against the printed one."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic.linear_net import f, hessian_eigenvalues, lam, n, y


def explicit_hessian(u, v, label):
    """Central differences of the gradient."""
    theta, small, width = np.concatenate([u, v]), 1e-5, len(u)

    def gradient(theta):
        u, v = theta[:width], theta[width:]
        return (u @ v / np.sqrt(width) - label) * np.concatenate([v, u]) / np.sqrt(width)

    shifts = small * np.eye(2 * width)
    return np.stack([gradient(theta + e) - gradient(theta - e) for e in shifts]) / (2 * small)


@pytest.mark.parametrize("width", [2, 3, 12])
@pytest.mark.parametrize("label", [0, 0.8])
def test_the_hessian_spectrum_is_that_of_the_explicit_hessian(width, label):
    u, v = np.random.default_rng(width).normal(size=(2, width))
    values = {f: u @ v / np.sqrt(width), lam: (u @ u + v @ v) / width, n: width}
    derived = [
        float(value.subs(values))
        for value, multiplicity in hessian_eigenvalues(label=label).items()
        for _ in range(int(multiplicity.subs(values)))
    ]
    expected = np.linalg.eigvalsh(explicit_hessian(u, v, label))
    np.testing.assert_allclose(np.sort(derived), expected, atol=1e-9)
    assert derived[0] == max(derived)


def test_the_sharpness_is_the_printed_one():
    sharpness, *_ = hessian_eigenvalues()
    printed = (lam + sp.sqrt(lam**2 + 12 * f**2 / n)) / 2
    assert sp.expand(sharpness - printed) == 0
    sharpness, *_ = hessian_eigenvalues(label=y)
    residual = f - y
    root = sp.sqrt(sp.expand(lam**2 + 8 * f * residual / n + 4 * residual**2 / n))
    assert sp.expand(sharpness - (lam + root) / 2) == 0


def test_the_hessian_s_trace_is_the_kernel_s_eigenvalue():
    spectrum = hessian_eigenvalues(label=y)
    assert sp.expand(sum(value * count for value, count in spectrum.items())) == lam
    assert sp.expand(sum(spectrum.values())) == 2 * n
