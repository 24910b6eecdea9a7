"""A factor of a network's Gram matrix: weights that have this matrix."""

from __future__ import annotations

import math

import numpy as np

from catapult_sim.types import Array


def gram_root(gram: Array, q: int, seen: int, width: float) -> Array:
    """Return ``R (..., min(n, p), p)`` with ``R^T R = W^T W / n`` on the inputs' span.

    Each column is accurate relative to its own length, also where others are much longer.
    NaN where a Gram matrix is not finite.

    Parameters
    ----------
    gram : numpy.ndarray, shape (..., q + k, q + k)
        A state as in :mod:`catapult_sim.numeric.linear_net`.
    q, seen : int
        How many coordinates U has, and how many of them to keep; ``p = seen + k``.
    width : float
    """
    columns = np.r_[:seen, q : gram.shape[-1]]
    inner = gram[..., columns[:, None], columns]
    inner[..., :seen, seen:] /= math.sqrt(width)
    inner[..., seen:, :seen] /= math.sqrt(width)
    lengths = np.sqrt(np.maximum(np.diagonal(inner, axis1=-2, axis2=-1), 0.0))[..., None, :]
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    cosines = inner * inverse * np.swapaxes(inverse, -1, -2)
    finite = np.isfinite(cosines).all(axis=(-2, -1), keepdims=True)
    squares, axes = np.linalg.eigh(np.where(finite, cosines, 0.0))
    rows = int(min(width, len(columns)))
    roots = np.sqrt(np.maximum(squares, 0.0))[..., -rows:, None]
    return np.where(finite, roots * np.swapaxes(axes[..., -rows:], -1, -2) * lengths, np.nan)
