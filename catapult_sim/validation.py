"""Validation of arguments: return what was given in its required form, or raise InputError."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array


class InputError(ValueError):
    """Input that a public function cannot accept; the message says what it requires."""


def require_samples(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Return X as ``(m, d)`` and y as ``(m, k)`` floats, or raise InputError.

    One-dimensional labels ``(m,)`` become ``(m, 1)``.
    """
    inputs, labels = require_inputs(X), require_finite("y", y)
    if labels.ndim not in (1, 2) or labels.size == 0 or len(labels) != len(inputs):
        raise InputError(
            f"y must have shape ({len(inputs)},) or ({len(inputs)}, k), one row for each of the "
            f"{len(inputs)} samples of X; got shape {labels.shape}"
        )
    return inputs, labels.reshape(len(labels), -1)


def require_inputs(X: npt.ArrayLike) -> Array:
    """Return X as ``(m, d)`` floats, or raise InputError."""
    inputs = require_finite("X", X)
    if inputs.ndim != 2 or inputs.size == 0:
        raise InputError(
            f"X must have shape (m, d) with m, d >= 1 (samples, inputs); got shape {inputs.shape}"
        )
    return inputs


def require_finite(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite, or raise InputError."""
    array = _numbers(name, values)
    if array.ndim == 0 and not np.isfinite(array):
        raise InputError(f"{name} must be finite; got {np.asarray(values)}")
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise InputError(f"{name} must be finite; got {array[where]} at index {where}")
    return array


def _numbers(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, or raise InputError."""
    if np.ma.is_masked(values):
        raise InputError(
            f"{name} must have a value everywhere; got masked ones (fill or drop them)"
        )
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO" or _has_text(given):  # text and dates could be cast
            raise TypeError
        with np.errstate(over="ignore"):
            return given.astype(float, copy=False)
    # RuntimeError comes from tensors that require gradients.
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{name} must be an array of numbers; got {_shown(values)}") from None


def _has_text(given: npt.NDArray[Any]) -> bool:
    return given.dtype.kind == "O" and any(isinstance(one, str | bytes) for one in given.flat)


def require_positive(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite and above zero, or raise InputError."""
    array = require_finite(name, values)
    if not (array > 0).all():
        raise InputError(f"{name} must be positive; got {array[~(array > 0)].flat[0]:g}")
    return array


def require_at_least_zero(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite and at least zero, or raise InputError."""
    array = _numbers(name, values)
    right = np.isfinite(array) & (array >= 0)
    if not right.all():
        raise InputError(f"{name} must be finite and at least 0; got {array[~right].flat[0]}")
    return array


def require_count(name: str, value: Any, least: int = 0) -> int:
    """Return value as an integer of at least ``least``, or raise InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}; got {_shown(value)}")
    return int(value)


def require_one_of(name: str, value: Any, names: Collection[str]) -> str:
    """Return a word if it is among ``names``, or raise InputError."""
    if not isinstance(value, str) or value not in names:
        raise InputError(f"{name} must be one of {', '.join(names)}; got {_shown(value)}")
    return value


def require_momentum(momentum: npt.ArrayLike) -> Array:
    """Return momentum as floats, all in [0, 1), or raise InputError."""
    beta = np.asarray(momentum, dtype=float)
    if not ((beta >= 0) & (beta < 1)).all():
        raise InputError(f"momentum must satisfy 0 <= momentum < 1; got {momentum!r}")
    return beta


def require_observers(observe: Any) -> dict[str, Callable[[Any], Any]]:
    """Return quantities to measure by name, none of None, or raise InputError."""
    quantities = {} if observe is None else observe
    if not isinstance(quantities, Mapping) or not all(map(callable, quantities.values())):
        raise InputError(f"observe must map names to functions of states; got {_shown(observe)}")
    return dict(quantities)


def require_width(value: Any) -> float:
    """Return a width as a float: a positive integer or infinity, or raise InputError."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not value >= 1 or (value != math.inf and value != int(value)):
        raise InputError(f"width must be a positive integer or infinity; got {_shown(value)}")
    try:
        return float(value)
    except OverflowError:
        raise InputError("width must be below 1e308, or infinity; got a larger integer") from None


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else text[:37] + "..."
