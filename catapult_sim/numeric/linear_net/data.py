r"""Principal coordinates of a data set, all that a linear network depends on.

The singular value decomposition ``X / sqrt(m) = P S Q^T`` splits the problem. Along the
columns of Q the inputs have the scales S; what U does outside their span never reaches
an output. What the labels have outside the span of P can never be fitted: it is a floor
of the loss. In between the loss is ``|e|^2 / 2`` with ``e = S F - P^T y / sqrt(m)``, and
its gradient with respect to F is ``S e``. An ``e`` that is carried along has rounding errors
relative to itself; one computed from F has those of F, and is lost where the loss is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import require_samples


@dataclass(frozen=True)
class PrincipalData:
    """A data set in principal coordinates.

    There are q coordinates: one for each of the ``rank`` directions in the span of the inputs and,
    where ``rank < d``, a last one of scale 0 for all directions outside the span.
    """

    rank: int
    inputs: int  # d
    scales: Array  # (q,) singular values of X / sqrt(m), largest first
    directions: Array  # (d, rank): Q
    left: Array  # (m, q): P; the coordinate of scale 0 has none
    target: Array  # (q, k): P^T y / sqrt(m), the value of S F at the smallest loss
    unseen: Array  # (m, k): the part of the labels that no weights can fit

    __repr__ = short_repr

    @classmethod
    def of(cls, X: Array, y: Array) -> PrincipalData:
        """Decompose inputs ``(m, d)`` and labels ``(m, k)``."""
        X, y = require_samples(X, y)
        samples, inputs = X.shape
        left, scales, right = np.linalg.svd(X / np.sqrt(samples), full_matrices=False)
        rank = int(np.sum(scales > scales[0] * max(X.shape) * np.finfo(float).eps))
        directions, left = _signed(right[:rank].T, left[:, :rank])
        rest = int(rank < inputs)
        left = np.pad(left, ((0, 0), (0, rest)))
        return cls(
            rank,
            inputs,
            np.pad(scales[:rank], (0, rest)),
            directions,
            left,
            left.T @ y / np.sqrt(samples),
            _outside(left, y),
        )

    @property
    def floor(self) -> float:
        """The smallest loss that any weights reach."""
        return float(np.sum(self.unseen**2) / (2 * len(self.unseen)))

    def residual(self, F: Array) -> Array:
        """Return ``e`` of ``F (..., q, k)``, of the same shape."""
        return self.scales[:, None] * F - self.target

    def loss(self, residual: Array) -> Array:
        """Return the loss of ``e (..., q, k)``, shape ``(...)``."""
        return self.floor + 0.5 * np.sum(residual**2, axis=(-2, -1))


def _signed(directions: Array, left: Array) -> tuple[Array, Array]:
    """Return the factors with signs for which each direction's largest component is positive."""
    largest = np.argmax(np.abs(directions), axis=0)[None]
    signs = np.sign(np.take_along_axis(directions, largest, axis=0))
    return directions * signs, left * signs


def _outside(left: Array, y: Array) -> Array:
    """Return the labels projected out of the span of ``left``; zero where only rounding is left."""
    outside = y - left @ (left.T @ y)
    outside -= left @ (left.T @ outside)
    rounding = 4 * len(y) * np.finfo(float).eps * np.linalg.norm(y, axis=0)
    return np.where(np.linalg.norm(outside, axis=0) <= rounding, 0.0, outside)


def batch_gradient(
    data: PrincipalData, rows: npt.NDArray[np.int64] | None, residual: Array
) -> Array:
    """Return the gradient with respect to F of the loss of some samples, ``(N, q, k)``.

    Of all samples, where ``rows`` is None, that is ``S e``. Those of a batch, ``(b,)`` or
    ``(N, b)``, have the errors ``sqrt(m) P e - unseen``, in its rows.
    """
    if rows is None:
        return data.scales[:, None] * residual
    left = np.sqrt(len(data.left)) * data.left[rows]
    pull = np.swapaxes(left, -1, -2) @ (left @ residual - data.unseen[rows])
    return data.scales[:, None] * pull / rows.shape[-1]


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
