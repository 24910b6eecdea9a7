r"""The semidefinite complementarity problem of few dimensions, to which central flows come down."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_finite, shown

# Newton steps; ten to thirty are usual.
MOST_STEPS = 200

# Of the product of X and the slack in units of the problem, where a solution has been reached.
_LAST = 1e-20

# In units of the problem: X grows without end where there is no solution.
_LARGEST = 1e9

# Of a Newton step, by which what is left has to decrease.
_SHORTEST = 1e-6


class Complementary(NamedTuple):
    """A solution, and by how much it fails to be one."""

    solution: Array  # X (k, k), positive semidefinite
    residual: float  # the largest entry of X S, in units of the problem; 0 where X is exact


@np.errstate(all="ignore")
def complementary(B: npt.ArrayLike, A: npt.ArrayLike) -> Complementary:
    r"""Find a positive semidefinite X for which ``S = B[X] + A`` is so too, with ``X S = 0``.

    These are the conditions of the smallest ``<X, B[X]> / 2 + <A, X>`` over positive semidefinite
    X. For ``k = 1`` that is ``X = max(0, -A / B)``.

    Parameters
    ----------
    B : array_like, shape (k, k, k, k)
        ``B[X]_ij = sum_kl B_ijkl X_kl``, symmetric and positive semidefinite as a matrix of pairs.
    A : array_like, shape (k, k)
        Symmetric.

    Returns
    -------
    Complementary
        X is infinite or large, and the residual not small, where there is no solution.

    Raises
    ------
    InputError
        Where the shapes are others or numbers are not finite.

    Notes
    -----
    X and S have the same eigenvectors, so that ``X S = mu`` means that they are
    ``(Z + sqrt(Z^2 + 4 mu)) / 2`` and ``X - Z`` of one matrix Z. Newton's method finds Z, while mu
    decreases to nothing (a smoothed form of the interior-point method).

    Examples
    --------
    >>> B = np.zeros((2, 2, 2, 2))
    >>> B[0, 0, 0, 0] = B[1, 1, 1, 1] = 2.0
    >>> print(complementary(B, np.diag([-4.0, 1.0])).solution.round(9))
    [[2. 0.]
     [0. 0.]]
    """
    tensor, offset = require_finite("B", B), require_finite("A", A)
    k = len(offset) if offset.ndim else 0
    if not k or offset.shape != (k, k) or tensor.shape != (k,) * 4:
        raise InputError(
            f"A must have shape (k, k), and B (k, k, k, k); got {offset.shape} and {tensor.shape}"
        )
    if not (np.allclose(offset, offset.T) and np.allclose(tensor, tensor.transpose(2, 3, 0, 1))):
        raise InputError(f"A and B must be symmetric; got {shown(A)} and {shown(B)}")
    pairs, size = _symmetric_basis(k), float(np.abs(offset).max())
    M = np.einsum("aij,ijkl,bkl->ab", pairs, tensor, pairs)
    scale = float(np.abs(M).max())
    if k == 1 or not size or not scale:
        X = np.where(offset < 0, -offset / scale, 0.0) if k == 1 else 0 * offset
        lacking = 0.0 if k == 1 else max(0.0, -float(np.linalg.eigvalsh(offset)[0]))
        return Complementary(X, lacking if np.isfinite(X).all() else math.inf)
    unit, residual = _solve(M / scale, np.tensordot(pairs, offset / size, 2), pairs)
    return Complementary(unit * size / scale, residual)


def _symmetric_basis(k: int) -> Array:
    """Return an orthonormal basis of symmetric matrices, ``(k (k + 1) / 2, k, k)``."""
    eye = np.eye(k)
    rows, columns = np.triu_indices(k)
    outer = eye[rows][:, :, None] * eye[columns][:, None, :]
    both = outer + outer.transpose(0, 2, 1)
    return both / np.linalg.norm(both, axis=(1, 2), keepdims=True)


def _solve(M: Array, q: Array, pairs: Array) -> tuple[Array, float]:
    """Return X in units of the problem, and by how much it fails to be a solution."""
    z, mu = -q, 1.0
    excess, x, slope = _excess(M, q, z, mu, pairs)
    for _ in range(MOST_STEPS):
        if np.abs(excess).max() <= 0.1 * math.sqrt(mu):
            if mu <= _LAST:
                break
            mu = max(_LAST, min(mu / 30, mu**1.5))
            excess, x, slope = _excess(M, q, z, mu, pairs)
        step, length = np.linalg.lstsq(M @ slope + np.eye(len(z)) - slope, excess)[0], 1.0
        while length > _SHORTEST:
            after = _excess(M, q, z - length * step, mu, pairs)
            if np.linalg.norm(after[0]) <= (1 - length / 4) * np.linalg.norm(excess):
                break
            length /= 2
        z, (excess, x, slope) = z - length * step, after
        if not np.abs(x).max() < _LARGEST:
            break
    X, S = (np.tensordot(one, pairs, 1) for one in (x, M @ x + q))
    return X, max(float(np.abs(X @ S).max()), -float(np.linalg.eigvalsh(S)[0]))


def _excess(M: Array, q: Array, z: Array, mu: float, pairs: Array) -> tuple[Array, Array, Array]:
    """Return what Newton's method brings to 0, X, and its derivative by Z."""
    X, slope = _smoothed(np.tensordot(z, pairs, 1), mu, pairs)
    x = np.tensordot(pairs, X, 2)
    return M @ x + q - (x - z), x, slope


def _smoothed(Z: Array, mu: float, pairs: Array) -> tuple[Array, Array]:
    """Return ``(Z + sqrt(Z^2 + 4 mu)) / 2`` and its derivative by Z, in the basis of pairs."""
    values, vectors = np.linalg.eigh(Z)
    root = np.sqrt(values**2 + 4 * mu)
    # Of the two forms of a root of x (x - z) = mu, the one without cancellation.
    large = np.where(values > 0, (values + root) / 2, 2 * mu / (root - values))
    ratios = (1 + np.add.outer(values, values) / np.add.outer(root, root)) / 2
    turned = vectors.T @ pairs @ vectors
    slope = np.tensordot(turned * ratios, turned, axes=([1, 2], [1, 2]))
    return (vectors * large) @ vectors.T, slope
