"""Scaling of inputs: by one mean and variance for all of them, or for each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import require_exact, require_inputs, require_one_of

SCALINGS = ("raw", "global", "pixel")


def scale_inputs(X: npt.ArrayLike, how: str = "global") -> Array:
    """Scale inputs in one of three ways.

    Parameters
    ----------
    X : array_like, shape (m, d)
    how : {"global", "pixel", "raw"}
        ``"global"``: one mean and one variance for all inputs together, as images are usually
        treated; ``"pixel"``: a mean and a variance for each input, as :func:`standardise` does,
        for inputs of different units; ``"raw"``: as they are.

    Returns
    -------
    numpy.ndarray, shape (m, d)

    Raises
    ------
    InputError
        Where ``X`` is not ``(m, d)`` or not finite, or has integers that floats would round, or
        ``how`` is not known.

    Examples
    --------
    >>> scale_inputs([[1, 5], [3, 7]], "global").round(2)
    array([[-1.34,  0.45],
           [-0.45,  1.34]])
    >>> scale_inputs([[1, 5], [3, 7]], "pixel")
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    if require_one_of("inputs", how, SCALINGS) == "raw":
        return require_inputs(require_exact("X", X))
    return _standardised(X, axis=None if how == "global" else 0)


def standardise(X: npt.ArrayLike) -> Array:
    """Shift and scale every input to mean 0 and variance 1; constant inputs become 0.

    The unit of the inputs does not matter: what varies by rounding only counts as constant.

    Raises
    ------
    InputError
        Where ``X`` is not ``(m, d)`` or not finite, or has integers that floats would round.

    Examples
    --------
    >>> standardise([[1, 5], [3, 5]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    return _standardised(X, axis=0)


def _standardised(X: npt.ArrayLike, axis: int | None) -> Array:
    """Return X less its mean along an axis, in units of its standard deviation, or zeros."""
    inputs = require_inputs(require_exact("X", X))
    along: dict[str, Any] = {"axis": axis, "keepdims": True}
    # Powers of two are exact: in these units nothing overflows, and no digit is lost.
    largest = np.maximum(inputs.max(**along), -inputs.min(**along))
    scaled = np.ldexp(inputs, -np.frexp(largest)[1])
    # Less the first value before the mean, which would lose the digits of a small variation.
    scaled -= scaled[:1].copy() if axis == 0 else scaled[0, 0]
    varies = np.ptp(scaled, **along) > 4 * _rounding(X)
    scaled -= scaled.mean(**along)
    deviation = np.sqrt(np.mean(scaled**2, **along))
    scaled *= varies
    scaled /= np.where(varies, deviation, 1.0)
    return scaled


def _rounding(X: npt.ArrayLike) -> float:
    """Return the relative rounding of the numbers given, which is 0 of whole numbers."""
    dtype = np.asarray(X).dtype
    return float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0
