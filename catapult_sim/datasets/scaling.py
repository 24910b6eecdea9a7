"""Scaling of inputs: by one mean and variance for all of them, or for each by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_inputs

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
        Where ``X`` is not ``(m, d)`` or not finite, or ``how`` is not known.

    Examples
    --------
    >>> scale_inputs([[1, 5], [3, 7]], "global").round(2)
    array([[-1.34,  0.45],
           [-0.45,  1.34]])
    >>> scale_inputs([[1, 5], [3, 7]], "pixel")
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    if how not in SCALINGS:
        raise InputError(f"inputs must be scaled by one of {', '.join(SCALINGS)}; got {how!r}")
    if how == "raw":
        return require_inputs(X)
    return _standardised(X, axis=None if how == "global" else 0)


def standardise(X: npt.ArrayLike) -> Array:
    """Shift and scale every input to mean 0 and variance 1; constant inputs become 0.

    The unit of the inputs does not matter: what varies by rounding only counts as constant.

    Raises
    ------
    InputError
        Where ``X`` is not ``(m, d)`` or not finite.

    Examples
    --------
    >>> standardise([[1, 5], [3, 5]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    return _standardised(X, axis=0)


def _standardised(X: npt.ArrayLike, axis: int | None) -> Array:
    """Return X less its mean along an axis, in units of its standard deviation, or zeros."""
    inputs = require_inputs(X)
    # Powers of two are exact: in these units nothing overflows, and no digit is lost.
    exponent = np.frexp(np.abs(inputs).max(axis=axis, keepdims=True))[1]
    scaled = np.ldexp(inputs, -exponent)
    # Less the first value before the mean, which would lose the digits of a small variation.
    moved = scaled - (scaled[:1] if axis == 0 else scaled[0, 0])
    varies = np.ptp(moved, axis=axis, keepdims=True) > 4 * _rounding(X)
    centred = moved - moved.mean(axis=axis, keepdims=True)
    deviation = centred.std(axis=axis, keepdims=True)
    return np.where(varies, centred, 0.0) / np.where(varies, deviation, 1.0)


def _rounding(X: npt.ArrayLike) -> float:
    """Return the relative rounding of the numbers given, which is 0 of whole numbers."""
    dtype = np.asarray(X).dtype
    return float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0
