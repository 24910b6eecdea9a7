"""A square root of a network's Gram matrix: weights that have it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["gram_root"]

Array = npt.NDArray[Any]


def gram_root(gram: Array, q: int, seen: int, width: float) -> Array:
    """Return ``R (..., min(n, p), p)`` with ``R^T R = W^T W / n`` on the inputs' span.

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
    squares, axes = np.linalg.eigh(inner)
    rows = int(min(width, len(columns)))
    lengths = np.sqrt(np.maximum(squares, 0.0))[..., -rows:]
    return lengths[..., None] * np.swapaxes(axes[..., -rows:], -1, -2)
