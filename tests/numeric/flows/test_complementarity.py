"""The semidefinite complementarity problem, on problems made from their solutions."""

import numpy as np
import pytest

from catapult_sim.numeric.flows import complementarity
from catapult_sim.numeric.flows.complementarity import complementary
from catapult_sim.validation import InputError


def made(rng, k, rank, rows):
    """Return B, A and a solution X of the given rank, unique for enough rows."""
    G = rng.normal(size=(rows, k, k))
    G = G + G.transpose(0, 2, 1)
    B = np.einsum("pij,pkl->ijkl", G, G) * 10 ** rng.uniform(-6, 6)
    Q, _ = np.linalg.qr(rng.normal(size=(k, k)))
    sizes = np.exp(rng.normal(size=k))
    X = (Q[:, :rank] * sizes[:rank]) @ Q[:, :rank].T
    S = (Q[:, rank:] * sizes[rank:]) @ Q[:, rank:].T * np.abs(B).max()
    A = S - np.einsum("ijkl,kl", B, X)
    return B, (A + A.T) / 2, X


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_it_finds_the_solution_that_a_problem_was_made_from(k):
    rng = np.random.default_rng(k)
    for rank in range(k + 1):
        for _ in range(6):
            B, A, X = made(rng, k, rank, k * (k + 1))
            found = complementary(B, A)
            assert found.solution == pytest.approx(X, abs=1e-6 * max(1, np.abs(X).max()))
            assert found.residual < 1e-7


def test_newton_s_derivative_is_that_of_the_smoothed_matrix():
    """By central differences: with another derivative the problem is solved, too, but slowly."""
    rng, pairs, h, mu = np.random.default_rng(0), complementarity._symmetric_basis(3), 1e-5, 0.3
    z = rng.normal(size=len(pairs))

    def coordinates(z):
        X, slope = complementarity._smoothed(np.tensordot(z, pairs, 1), mu, pairs)
        return np.tensordot(pairs, X, 2), slope

    steps = h * np.eye(len(z))
    differences = [(coordinates(z + e)[0] - coordinates(z - e)[0]) / (2 * h) for e in steps]
    np.testing.assert_allclose(coordinates(z)[1], np.transpose(differences), atol=1e-8)


def test_one_dimension_is_a_quotient():
    assert complementary([[[[4.0]]]], [[-2.0]]).solution == [[0.5]]
    assert complementary([[[[4.0]]]], [[2.0]]).solution == [[0.0]]
    assert complementary([[[[0.0]]]], [[-2.0]]).solution == [[np.inf]]
    assert complementary([[[[0.0]]]], [[-2.0]]).residual == np.inf


def test_a_problem_without_solution_says_so():
    zero = np.zeros((2,) * 4)
    assert complementary(zero, np.diag([-1.0, 2.0])).residual == 1
    # B only sees X_11: no X makes the second entry of the slack positive.
    zero[0, 0, 0, 0] = 1
    assert not complementary(zero, np.diag([1.0, -2.0])).residual < 1e-3


def test_nothing_to_hold_back_needs_no_force():
    B, A, _ = made(np.random.default_rng(0), 3, 0, 12)
    assert complementary(B, A).solution == pytest.approx(np.zeros((3, 3)), abs=1e-9)
    assert (complementary(B, np.zeros((3, 3))).solution == 0).all()


@pytest.mark.parametrize(
    ("B", "A", "message"),
    [
        (np.zeros((2,) * 4), np.zeros((2, 3)), r"A must have shape \(k, k\), and B"),
        (np.zeros((2,) * 3), np.zeros((2, 2)), r"A must have shape \(k, k\), and B"),
        (np.zeros((2,) * 4), [[0.0, 1.0], [0.0, 0.0]], "A and B must be symmetric"),
        (np.full((1,) * 4, np.nan), [[1.0]], "B must be finite; got nan"),
    ],
)
def test_what_it_cannot_take_it_says(B, A, message):
    with pytest.raises(InputError, match=message):
        complementary(B, A)
