"""Components of steps and gradients along a few directions: projection, nudging, alignment.

Nudged-SGD [Jastrzebski2019] multiplies the component of a step in the span of the sharpest
directions by gamma, and leaves the rest as it is. Vectors are columns ``(P, K)``, as
:func:`~catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs` returns them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.operators import require_floats
from catapult_sim.numeric.scale import scaled
from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_number


def projection(steps: npt.ArrayLike, vectors: npt.ArrayLike) -> Array:
    r"""Project steps onto the span of vectors, ``V (V^T V)^-1 V^T step``.

    Parameters
    ----------
    steps : array_like, shape (..., P)
    vectors : array_like, shape (P, K)
        Linearly independent, not necessarily orthonormal; their lengths do not matter.

    Returns
    -------
    numpy.ndarray, shape (..., P)

    Raises
    ------
    InputError
        Where the shapes do not fit, or the vectors are linearly dependent.

    Examples
    --------
    >>> projection([1.0, 2.0, 3.0], [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    array([1., 2., 0.])
    """
    array, frame = _require_fit(steps, vectors)
    basis = _orthonormal(frame)
    return (array @ basis) @ basis.T


def _orthonormal(vectors: Array) -> Array:
    """Return an orthonormal basis ``(P, K)`` of the span of vectors, or raise InputError."""
    with np.errstate(all="ignore"):
        apart = np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])).max(initial=0.0)
    if apart <= 100 * np.finfo(vectors.dtype).eps:  # as eigenvectors are already
        return vectors
    numbers, _ = scaled(vectors, axis=0)
    basis, triangle = np.linalg.qr(numbers)
    left = np.abs(np.diagonal(triangle))
    rounding = len(vectors) * np.finfo(basis.dtype).eps * np.linalg.norm(numbers, axis=0)
    if len(left) < vectors.shape[1] or (left <= rounding).any():
        raise InputError("vectors must be linearly independent; got some that are not")
    return basis


def nudge(
    steps: npt.ArrayLike, vectors: npt.ArrayLike, gamma: float, *, rest: float = 1.0
) -> Array:
    """Multiply the components of steps in the span of vectors by gamma, the rest by ``rest``.

    Parameters
    ----------
    steps : array_like, shape (..., P)
    vectors : array_like, shape (P, K)
        As in :func:`projection`.
    gamma : float
        1 leaves the step as it is, bit for bit; 0 removes the span.
    rest : float
        1 in Nudged-SGD; 0 with gamma = 1 keeps the span alone.

    Returns
    -------
    numpy.ndarray, shape (..., P)

    Raises
    ------
    InputError
        As :func:`projection`, and where a factor is not a finite number.

    Examples
    --------
    >>> nudge([3.0, 4.0], [[1.0], [0.0]], 0.1)
    array([0.3, 4. ])
    """
    array, frame = _require_fit(steps, vectors)
    gamma, rest = require_number("gamma", gamma), require_number("rest", rest)
    if gamma == rest:
        return array if rest == 1 else rest * array
    return rest * array + (gamma - rest) * projection(array, frame)


class Escape(NamedTuple):
    """Factors of the components of steps: a row of the ablation of the escape from sharpness."""

    gamma: float  # what multiplies the component along e_1
    rest: float  # what multiplies everything else
    frozen: bool = False  # whether e_1 stays that of the start


ESCAPES = MappingProxyType(
    {
        "normal": Escape(1.0, 1.0),
        "only e1": Escape(1.0, 0.0),
        "only the initial e1": Escape(1.0, 0.0, frozen=True),
        "all but e1": Escape(0.0, 1.0),
        "e1 times 4": Escape(4.0, 1.0),
        "e1 times 2": Escape(2.0, 1.0),
        "e1 times 1/2": Escape(0.5, 1.0),
        "e1 times 1/4": Escape(0.25, 1.0),
    }
)


@dataclass(frozen=True)
class Alignment:
    """Cosines of gradients with directions: their statistics over the gradients."""

    mean: Array  # (K,)
    magnitude: Array  # (K,), of |cos|
    deviation: Array  # (K,), standard deviation of cos; 0 for a single gradient

    __repr__ = short_repr


def alignment(gradients: npt.ArrayLike, vectors: npt.ArrayLike) -> Alignment:
    """Return statistics of the cosines between gradients ``(B, P)`` and vectors ``(P, K)``.

    A single gradient may be ``(P,)``. Random directions have cosines of the order ``P ** -0.5``.

    Raises
    ------
    InputError
        Where the shapes do not fit, or there is no gradient.

    Examples
    --------
    >>> found = alignment([[3.0, 4.0], [3.0, -4.0]], np.eye(2))
    >>> found.mean, found.magnitude, found.deviation
    (array([0.6, 0. ]), array([0.6, 0.8]), array([0. , 0.8]))
    """
    found = cosines(gradients, vectors)
    found = found.reshape(-1, found.shape[-1])
    if not len(found):
        raise InputError("gradients must be at least one; got none")
    return Alignment(found.mean(axis=0), np.abs(found).mean(axis=0), found.std(axis=0))


@np.errstate(invalid="ignore")
def cosines(gradients: npt.ArrayLike, vectors: npt.ArrayLike) -> Array:
    """Return the cosine of each gradient ``(..., P)`` with each vector ``(P, K)``, ``(..., K)``.

    NaN where either is zero. Raises InputError where the shapes do not fit.
    """
    array, frame = _require_fit(gradients, vectors)
    (array, _), (frame, _) = scaled(array, axis=-1), scaled(frame, axis=0)
    lengths = np.linalg.norm(array, axis=-1, keepdims=True) * np.linalg.norm(frame, axis=0)
    return (array @ frame) / lengths


def _require_fit(steps: npt.ArrayLike, vectors: npt.ArrayLike) -> tuple[Array, Array]:
    array, frame = require_floats("steps", steps), require_floats("vectors", vectors)
    if frame.ndim != 2 or array.shape[-1:] != frame.shape[:1]:
        raise InputError(
            "steps and vectors must have shapes (..., P) and (P, K); "
            f"got {array.shape} and {frame.shape}"
        )
    return array, frame
