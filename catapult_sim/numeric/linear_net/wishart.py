"""Gram matrices of Gaussian weights, drawn from their Wishart law at any width."""

from __future__ import annotations

import numpy as np

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.types import Array


def draw_gram(rng: np.random.Generator, data: PrincipalData, width: float) -> Array:
    """Draw the state of a network whose n (d + k) weights are all N(0, 1), ``(p, p)``.

    The Gram matrix of Gaussian weights is Wishart with n degrees of freedom; Bartlett's
    decomposition [Bartlett1933] draws it at the same cost for every width. The squared norm of what
    lies outside the inputs' span is chi-squared.
    """
    r, k = data.rank, data.target.shape[1]
    freedom = np.maximum(width - np.arange(r + k), 0)
    # Rows beyond the n-th are combinations of those before: a network of n units has rank n.
    normal = np.tril(rng.normal(size=(r + k, r + k)), -1) * (freedom > 0)
    radius = np.sqrt(_mean_squares(rng, freedom, width))
    triangle = normal / np.sqrt(width) + np.diag(radius)
    inner = triangle @ triangle.T
    # F = sqrt(n) times its block of W^T W / n, without passing through 0 * inf.
    A, F, B = inner[:r, :r], triangle[:r, :r] @ normal[r:, :r].T, inner[r:, r:]
    rest = len(data.scales) - r
    if rest:
        outside = _mean_squares(rng, np.array([width * (data.inputs - r)]), width)
        A = np.block([[A, np.zeros((r, 1))], [np.zeros((1, r)), outside]])
        F = np.pad(F, ((0, 1), (0, 0)))
        # At infinite width the law of large numbers leaves the number of directions.
        A[-1, -1] = data.inputs - r if np.isinf(width) else A[-1, -1]
    return joined(A, F, B)


def _mean_squares(rng: np.random.Generator, freedom: Array, width: float) -> Array:
    """Draw chi-squared numbers divided by the width; return their mean at infinite width."""
    drawn = rng.chisquare(np.where(np.isfinite(freedom) & (freedom > 0), freedom, 1))
    return np.where(np.isfinite(width), np.where(freedom > 0, drawn, 0) / width, 1)


def joined(A: Array, F: Array, B: Array) -> Array:
    """Join the blocks of a state: ``[[A, F], [F^T, B]]``."""
    upper = np.concatenate([A, F], axis=-1)
    return np.concatenate([upper, np.concatenate([np.swapaxes(F, -1, -2), B], axis=-1)], axis=-2)
