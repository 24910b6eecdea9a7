"""Validation of arguments: return what was given in its required form, or raise InputError."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Real
from types import UnionType
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array

# Loops of more turns would take days.
MOST = 10**8
# What NumPy raises of rows of several lengths, and tensors that require gradients or are on a GPU.
UNREADABLE = (TypeError, ValueError, RuntimeError, ArithmeticError)
# Floats hold every integer up to here.
EXACT = 2**53


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


def require_reals(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, or raise InputError; they may be NaN or infinite.

    Complex numbers, texts, dates and masked values are no numbers here.
    """
    if np.ma.is_masked(values):
        raise InputError(
            f"{name} must have a value everywhere; got masked ones (fill or drop them)"
        )
    try:
        given = np.asarray(values)
        if not _are_real(given):
            raise TypeError
        with np.errstate(over="ignore"):  # longer floats become infinite
            return given.astype(float, copy=False)
    except OverflowError:
        raise InputError(f"{name} must be below 1e308; got a larger integer") from None
    except UNREADABLE:
        raise InputError(f"{name} must be an array of numbers; got {shown(values)}") from None


def require_numbers(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats of their own precision or complex ones, or raise InputError."""
    try:
        given = np.asarray(values)
    except UNREADABLE:
        return require_reals(name, values)
    kept = given.dtype.kind in "fc" and not np.ma.is_masked(values)
    return given if kept else require_reals(name, values)


def _are_real(array: Array) -> bool:
    if array.dtype.kind != "O":
        return array.dtype.kind in "biuf"
    return all(isinstance(one, Real) or _becomes_real(one) for one in array.flat)


def _becomes_real(one: Any) -> bool:
    return hasattr(one, "__float__") and not isinstance(one, np.generic | np.ndarray)


def require_finite(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite, or raise InputError."""
    array = require_reals(name, values)
    if array.ndim == 0 and not np.isfinite(array):
        raise InputError(f"{name} must be finite; got {np.asarray(values)}")
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise InputError(f"{name} must be finite; got {array[where]} at index {where}")
    return array


def require_exact(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite and no integer rounded, or raise InputError."""
    array, given = require_finite(name, values), np.asarray(values)
    for large in given[np.abs(array) >= EXACT] if given.dtype.kind in "iuO" else ():
        if isinstance(large, int | np.integer) and int(large) != int(float(large)):
            raise InputError(
                f"{name} must be integers that floats hold, such as all up to {EXACT}; got {large}"
            )
    return array


def require_positive(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite and above zero, or raise InputError."""
    array = require_finite(name, values)
    if not (array > 0).all():
        raise InputError(f"{name} must be positive; got {array[~(array > 0)].flat[0]:g}")
    return array


def require_at_least_zero(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, all finite and at least zero, or raise InputError."""
    array = require_reals(name, values)
    right = np.isfinite(array) & (array >= 0)
    if not right.all():
        raise InputError(f"{name} must be finite and at least 0; got {array[~right].flat[0]}")
    return array


def require_momentum(momentum: npt.ArrayLike) -> Array:
    """Return momentum as floats, all in [0, 1), or raise InputError."""
    beta = require_reals("momentum", momentum)
    if not ((beta >= 0) & (beta < 1)).all():
        raise InputError(f"momentum must satisfy 0 <= momentum < 1; got {shown(momentum)}")
    return beta


def require_integers(name: str, values: npt.ArrayLike, below: int = MOST) -> npt.NDArray[np.int64]:
    """Return an array of integers from 0 to below ``below``, or raise InputError."""
    array = require_reals(name, values)
    if np.asarray(values).dtype.kind not in "iu" or not ((array >= 0) & (array < below)).all():
        raise InputError(f"{name} must be integers from 0 to {below - 1}; got {shown(values)}")
    return np.asarray(values, dtype=np.int64)


def require_broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which named shapes broadcast, or raise InputError."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        given = ", ".join(map(str, shapes.values()))
        raise InputError(f"{', '.join(shapes)} must broadcast; got shapes {given}") from None


def require_number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return a single finite number within the bounds, or raise InputError."""
    number = _number(value)
    if number is None:
        raise InputError(f"{name} must be a single number; got {shown(value)}")
    if number >= least and above < number < below:
        return number
    bounds = {"at least": least, "above": above, "below": below}
    said = [f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound)]
    raise InputError(f"{name} must be {' and '.join(['finite', *said])}; got {shown(value)}")


def require_limit(name: str, value: Any) -> float:
    """Return a single number, which may be infinite, or raise InputError."""
    number = _number(value)
    if number is None or math.isnan(number):
        raise InputError(f"{name} must be a single number or infinity; got {shown(value)}")
    return number


def _number(value: Any) -> float | None:
    """Return a single number as a float, None for all else."""
    try:
        array = require_reals("", value)
    except InputError:
        return None
    return None if array.ndim else float(array)


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer; a bool is none, nor a time, which NumPy calls one."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def require_count(name: str, value: Any, least: int = 0, most: int = MOST) -> int:
    """Return value as an integer from ``least`` to ``most``, or raise InputError."""
    if not is_integer(value) or value < least:
        raise InputError(f"{name} must be an integer of at least {least}; got {shown(value)}")
    if value > most:
        raise InputError(f"{name} must be at most {most}; got {shown(value)}")
    return int(value)


def require_width(value: Any) -> float:
    """Return a width as a float: a positive integer or infinity, or raise InputError."""
    number = None if isinstance(value, bool) else _number(value)
    if isinstance(value, int) and number is None and value > 1:
        raise InputError("width must be below 1e308, or infinity; got a larger integer")
    if number is None or not number >= 1 or (number < math.inf and number != int(number)):
        raise InputError(f"width must be a positive integer or infinity; got {shown(value)}")
    return number


def require_flag(name: str, value: Any) -> bool:
    """Return True or False, or raise InputError."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def require_one_of(name: str, value: Any, names: Collection[str]) -> str:
    """Return a word if it is among ``names``, or raise InputError."""
    if not isinstance(value, str) or value not in names:
        raise InputError(f"{name} must be one of {', '.join(names)}; got {shown(value)}")
    return value


# Sizes -------------------------------------------------------------------------------------------


def require_ensemble(ensemble: Any) -> tuple[int, ...]:
    """Return the shape of an ensemble, a tuple of positive integers, or raise InputError."""
    sizes = ensemble if isinstance(ensemble, tuple | list) else (None,)
    if not all(is_integer(one) and one > 0 for one in sizes):
        raise InputError(f"ensemble must be a tuple of positive integers; got {shown(ensemble)}")
    return tuple(map(int, sizes))


def ensemble_shape(
    state: Array, parameters: Sequence[Array], state_ndim: int = 1
) -> tuple[int, ...]:
    """Return the shape of an ensemble: leading axes of the state and parameters, broadcast."""
    leading = state.shape[: state.ndim - state_ndim]
    shapes = [parameter.shape for parameter in parameters]
    try:
        return np.broadcast_shapes(leading, *shapes)
    except ValueError:
        raise InputError(
            f"parameters must broadcast against the leading axes {leading} of the state; "
            f"got shapes {', '.join(map(str, shapes))}"
        ) from None


def require_instance(name: str, value: Any, kind: type[Any] | UnionType, described: str) -> Any:
    """Return an object of a class, or raise InputError; ``described`` says of which."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {described}; got {shown(value)}")
    return value


def require_function(name: str, value: Any, described: str) -> Callable[..., Any]:
    """Return a function, or raise InputError; ``described`` says of what."""
    if not callable(value):
        raise InputError(f"{name} must be a function {described}; got {shown(value)}")
    function: Callable[..., Any] = value
    return function


def require_observed(name: str, values: Any, members: int) -> Array:
    """Return what an observer measured of each member, ``(N, ...)``, or raise InputError."""
    measured = as_array(values)
    if measured.shape[:1] != (members,) or measured.dtype.kind not in "biuf":
        raise InputError(
            f"what observes {name} must return real numbers of shape ({members}, ...), one row for "
            f"each member; got {shown(values)}"
        )
    return measured


def require_result(name: str, values: Any, *shape: int | None) -> Array:
    """Return the numbers that a user's function returned, or raise InputError.

    They may be complex, NaN or infinite; a size of None is any.
    """
    found = as_array(values)
    sizes = zip(found.shape, shape, strict=False)
    fits = found.ndim == len(shape) and all(wanted in (None, size) for size, wanted in sizes)
    if not fits or found.dtype.kind not in "biufc":
        wanted = str(tuple("m" if size is None else size for size in shape)).replace("'", "")
        raise InputError(f"{name} must return numbers of shape {wanted}; got {shown(values)}")
    return found


def as_array(values: Any) -> Array:
    """Return what a user gave or a user's function as an array, one of no numbers if it is none."""
    try:
        return np.asarray(values)
    except UNREADABLE:
        return np.empty(0, dtype=object)


def require_observers(observe: Any) -> dict[str, Callable[[Any], Any]]:
    """Return quantities to measure by name, none of None, or raise InputError."""
    quantities = {} if observe is None else observe
    if not isinstance(quantities, Mapping) or not all(map(callable, quantities.values())):
        raise InputError(f"observe must map names to functions of states; got {shown(observe)}")
    return dict(quantities)


def not_installed(what: str, package: str) -> str:
    """Return the sentence that ``what`` needs a package, and how to install it.

    The package itself is recommended, not an extra of ours: a package index may know our name as
    that of somebody else's package.

    Examples
    --------
    >>> not_installed("to_frame", "pandas")
    'to_frame needs pandas; install it with: pip install pandas'
    """
    return f"{what} needs {package}; install it with: pip install {package}"


def read_only(array: Array) -> Array:
    """Return a view of an array that functions of a user cannot write to."""
    view = array.view()
    view.flags.writeable = False
    return view


def shown(value: Any) -> str:
    """Return how an argument is written in a message: its repr on one line, shortened."""
    try:
        return brief_text(repr(value))
    except Exception:  # of integers with thousands of digits, and whatever a class may raise
        return brief_text(f"an object of type {type(value).__name__}")


def brief_text(text: str) -> str:
    """Return a text on one line, shortened.

    Examples
    --------
    >>> brief_text("New   York")
    'New York'
    """
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "..."
