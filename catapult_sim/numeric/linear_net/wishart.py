"""Gram matrices of Gaussian weights, drawn from their Wishart law at any width."""

from __future__ import annotations

import numpy as np

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.randomness import draw
from catapult_sim.types import Array, Rng


def draw_gram(rng: Rng, ensemble: tuple[int, ...], data: PrincipalData, width: float) -> Array:
    """Draw the states of networks whose n (d + k) weights are all N(0, 1), ``(*ensemble, p, p)``.

    The Gram matrix of Gaussian weights is Wishart with n degrees of freedom; Bartlett's
    decomposition [Bartlett1933] draws it at the same cost for every width. The squared norm of what
    lies outside the inputs' span is chi-squared.
    """
    r, size = data.rank, data.rank + data.target.shape[1]
    rest = [width * (data.inputs - r)] if len(data.scales) > r else []
    freedom = np.concatenate([np.maximum(width - np.arange(size), 0), rest])
    drawable = np.where(np.isfinite(freedom) & (freedom > 0), freedom, 1)
    drawn = draw(lambda one: _deviates(one, size, drawable), rng, ensemble)
    # Rows beyond the n-th are combinations of those before: a network of n units has rank n.
    square = drawn[..., : size**2].reshape(*ensemble, size, size)
    normal = np.tril(square, -1) * (freedom[:size] > 0)
    squares = _mean_squares(drawn[..., size**2 :], freedom, width)
    radius = np.sqrt(squares[..., :size])
    triangle = normal / np.sqrt(width) + radius[..., None] * np.eye(size)
    inner = triangle @ np.swapaxes(triangle, -1, -2)
    # F = sqrt(n) times its block of W^T W / n, without passing through 0 * inf.
    across = np.swapaxes(normal[..., r:, :r], -1, -2)
    A, F, B = inner[..., :r, :r], triangle[..., :r, :r] @ across, inner[..., r:, r:]
    if not rest:
        return joined(A, F, B)
    # At infinite width the law of large numbers leaves the number of directions.
    outside = np.full(ensemble, data.inputs - r) if np.isinf(width) else squares[..., -1]
    return joined(*with_rest(A, F, outside), B)


def with_rest(A: Array, F: Array, outside: Array) -> tuple[Array, Array]:
    """Return A and F with the coordinate of the norm outside the inputs' span."""
    pads = [(0, 0)] * (A.ndim - 2)
    A = np.pad(A, [*pads, (0, 1), (0, 1)])
    A[..., -1, -1] = outside
    return A, np.pad(F, [*pads, (0, 1), (0, 0)])


def _deviates(rng: np.random.Generator, size: int, freedom: Array) -> Array:
    """Draw the normal and the chi-squared numbers of a member, ``(size^2 + len(freedom),)``."""
    normal = rng.normal(size=size**2)
    return np.concatenate([normal, rng.chisquare(freedom)])


def _mean_squares(drawn: Array, freedom: Array, width: float) -> Array:
    """Divide chi-squared numbers by the width; return their mean at infinite width."""
    return np.where(np.isfinite(width), np.where(freedom > 0, drawn, 0) / width, 1)


def joined(A: Array, F: Array, B: Array) -> Array:
    """Join the blocks of a state: ``[[A, F], [F^T, B]]``."""
    upper = np.concatenate([A, F], axis=-1)
    return np.concatenate([upper, np.concatenate([np.swapaxes(F, -1, -2), B], axis=-1)], axis=-2)
