"""The small problem's Hessian spectrum, against dense Hessians of all the weights."""

import numpy as np
import pytest

from catapult_sim.numeric.linear_net import LinearNet
from tests.numeric.linear_net import explicit


def dense_hessian(X, y, U, V):
    """Differentiate the gradient by a complex step, one weight at a time."""
    (n, d), k = U.shape, V.shape[1]
    size, columns = n * (d + k), []
    for i in range(size):
        weights = np.concatenate([U.ravel(), V.ravel()]).astype(complex)
        weights[i] += 1e-30j
        by_U, by_V = explicit.gradients(
            X, y, weights[: n * d].reshape(n, d), weights[n * d :].reshape(n, k)
        )
        columns.append(np.concatenate([by_U.ravel(), by_V.ravel()]).imag / 1e-30)
    return np.array(columns)


def all_eigenvalues(found):
    pairs = np.repeat(found.pairs, int(found.pair_multiplicity))
    zeros = np.zeros(int(found.zero_multiplicity))
    return np.sort(np.concatenate([found.values, pairs, -pairs, zeros]))


@pytest.mark.parametrize(
    "shape", [(6, 4, 1), (3, 6, 1), (5, 3, 2), (4, 2, 4), (1, 1, 1), (2, 5, 3)]
)
@pytest.mark.parametrize("width", [1, 2, 5, 20])
def test_every_eigenvalue_of_the_hessian_is_found_with_its_multiplicity(shape, width):
    X, y, U, V = explicit.problem(2, width, *shape)
    net = LinearNet(X, y, width=width)
    found = net.hessian_spectrum(net.from_weights(U, V))
    dense = np.linalg.eigvalsh(dense_hessian(X, y, U, V))
    np.testing.assert_allclose(all_eigenvalues(found), dense, atol=1e-12 * dense[-1])


def test_the_sharpness_is_right_in_the_middle_of_a_catapult():
    X, y, U, V = explicit.problem(3, 30, 5, 3, 1)
    net = LinearNet(X, y, width=30)
    state = net.from_weights(U, V)
    rate = 2.6 / net.top_eigenvalue(state)
    run = net.train(
        learning_rate=rate,
        steps=30,
        state=state,
        observe={"sharpness": net.sharpness, "top": net.top_eigenvalue},
    )
    for t in (0, 3, 6, 30):
        end = explicit.train(X, y, U, V, rate, t).end
        dense = np.linalg.eigvalsh(dense_hessian(X, y, *end))[-1]
        assert run.values["sharpness"][t] == pytest.approx(dense, rel=1e-11)
    gap = np.abs(run.values["sharpness"] / run.values["top"] - 1)
    assert gap.max() > 0.02  # the Hessian is not the kernel


@pytest.mark.parametrize("width", [1, 2, 10.0, 1e12])
def test_on_one_sample_the_spectrum_is_the_closed_form(width):
    net = LinearNet([[1.0]], [0.3], width=width)
    state = net.init(rng=1)
    f, lam = state[0, 1], np.trace(state)
    gap, root = f - 0.3, np.sqrt(lam**2 + (8 * f * (f - 0.3) + 4 * (f - 0.3) ** 2) / width)
    found = net.hessian_spectrum(state)
    assert found.pair_multiplicity == max(width - 2, 0)
    np.testing.assert_allclose(found.pairs, [abs(gap) / np.sqrt(width)], rtol=1e-12)
    expected = [(lam + root) / 2, (lam - root) / 2]
    if width > 1:
        expected += [abs(gap) / np.sqrt(width), -abs(gap) / np.sqrt(width)]
    np.testing.assert_allclose(found.values, sorted(expected)[::-1], atol=1e-13 * lam)


def test_at_infinite_width_the_hessian_is_the_kernel():
    X, y, _, _ = explicit.problem(2, 1, 4, 6, 2)
    net = LinearNet(X, y, width=float("inf"))
    state = net.init(rng=0)
    found, kernel = net.hessian_spectrum(state), net.kernel_spectrum(state)
    np.testing.assert_allclose(found.values[: kernel.size], kernel, rtol=1e-12)
    np.testing.assert_allclose(found.values[kernel.size :], 0, atol=1e-14)
    np.testing.assert_array_equal(found.pairs, 0)
    assert found.pair_multiplicity == found.zero_multiplicity == np.inf


def test_an_ensemble_has_the_spectra_of_its_members_and_nan_where_one_has_left():
    X, y, _, _ = explicit.problem(2, 1, 4, 3, 1)
    net = LinearNet(X, y, width=12)
    states = net.init(rng=0, ensemble=(3,))
    states[1] = np.inf
    values = net.hessian_spectrum(states).values
    np.testing.assert_array_equal(np.isnan(values).all(axis=1), [False, True, False])
    np.testing.assert_allclose(values[2], net.hessian_spectrum(states[2]).values, rtol=1e-13)


def test_the_sharpness_of_an_infinitely_wide_network_stays_to_the_last_bit():
    X, y, _, _ = explicit.problem(3, 1, 5, 3, 1)
    net = LinearNet(X, y, width=np.inf)
    state = net.init(rng=0)
    rate = 1.5 / net.hessian_spectrum(state).values[0]
    run = net.train(learning_rate=rate, steps=30, state=state, observe={"sharpness": net.sharpness})
    start = run.values["sharpness"][0]
    assert start == pytest.approx(net.hessian_spectrum(state).values[0], rel=1e-13)
    assert (run.values["sharpness"] == start).all()
