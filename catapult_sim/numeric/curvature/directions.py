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

from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import InputError


def projection(steps: npt.ArrayLike, vectors: npt.ArrayLike) -> Array:
    r"""Project steps onto the span of vectors, ``V (V^T V)^-1 V^T step``.

    Parameters
    ----------
    steps : array_like, shape (..., P)
    vectors : array_like, shape (P, K)
        Linearly independent, not necessarily orthonormal; the error is the rounding error times
        the condition number of ``V^T V``.

    Returns
    -------
    numpy.ndarray, shape (..., P)

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    >>> projection([1.0, 2.0, 3.0], [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    array([1., 2., 0.])
    """
    array, frame = _require_fit(steps, vectors)
    components = np.linalg.solve(frame.T @ frame, frame.T @ array.reshape(-1, len(frame)).T)
    return (frame @ components).T.reshape(array.shape)


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

    Examples
    --------
    >>> nudge([3.0, 4.0], [[1.0], [0.0]], 0.1)
    array([0.3, 4. ])
    """
    array, frame = _require_fit(steps, vectors)
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

    Examples
    --------
    >>> found = alignment([[3.0, 4.0], [3.0, -4.0]], np.eye(2))
    >>> found.mean, found.magnitude, found.deviation
    (array([0.6, 0. ]), array([0.6, 0.8]), array([0. , 0.8]))
    """
    found = cosines(gradients, vectors).reshape(-1, np.shape(vectors)[1])
    return Alignment(found.mean(axis=0), np.abs(found).mean(axis=0), found.std(axis=0))


@np.errstate(invalid="ignore")
def cosines(gradients: npt.ArrayLike, vectors: npt.ArrayLike) -> Array:
    """Return the cosine of each gradient ``(..., P)`` with each vector ``(P, K)``, ``(..., K)``.

    NaN where either is zero.
    """
    array, frame = _require_fit(gradients, vectors)
    lengths = np.linalg.norm(array, axis=-1, keepdims=True) * np.linalg.norm(frame, axis=0)
    return (array @ frame) / lengths


def _require_fit(steps: npt.ArrayLike, vectors: npt.ArrayLike) -> tuple[Array, Array]:
    array, frame = np.asarray(steps), np.asarray(vectors)
    if frame.ndim != 2 or array.shape[-1:] != frame.shape[:1]:
        raise InputError(
            "steps and vectors must have shapes (..., P) and (P, K); "
            f"got {array.shape} and {frame.shape}"
        )
    return array, frame
