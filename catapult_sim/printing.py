"""Printing of results in a few lines: small values in full, large arrays by type and shape."""

import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

WIDTH = 88  # of a line
SHORT = 6  # how many numbers are written out


def short_repr(result: Any) -> str:
    """Return the fields of a dataclass as text of a few lines.

    Assigned as ``__repr__`` in the body of the class.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> Pairs = make_dataclass("Pairs", ["values", "vectors"], namespace={"__repr__": short_repr})
    >>> Pairs(np.array([2.0, 1.0]), np.eye(100)[:, :2])
    Pairs(values=[2, 1], vectors=float64 (100, 2))
    """
    # Break lines only between fields, never within a number or a shape.
    texts = [f"{one.name}={brief(getattr(result, one.name))}" for one in fields(result)]
    line = ", ".join(text.replace(" ", "\xa0") for text in texts)
    filled = textwrap.fill(
        f"{type(result).__name__}({line})",
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\xa0", " ")


def brief(value: Any) -> str:
    """Return a value in a few words.

    Examples
    --------
    >>> print(brief(np.arange(3)), brief(np.zeros((3, 4))), brief({"loss": np.zeros(9)}))
    [0, 1, 2] float64 (3, 4) {loss: float64 (9,)}
    >>> print(brief([1, 2]), brief(list(range(100))), brief("x" * 100))
    [1, 2] list of 100 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    match value:
        case np.ndarray(ndim=0 | 1) if value.size <= SHORT:
            return _written_out(value)
        case np.ndarray():
            return f"{value.dtype} {value.shape}"
        case Mapping() if len(value) <= SHORT:
            return "{" + ", ".join(f"{name}: {brief(one)}" for name, one in value.items()) + "}"
        case list() | tuple() | Mapping() if len(value) > SHORT:
            return f"{type(value).__name__} of {len(value)}"
        case str():
            return repr(value) if len(value) < 32 else repr(value[:29] + "...")
    text = str(value)
    return text if len(text) < WIDTH else text[: WIDTH - 3] + "..."


def _written_out(array: Any) -> str:
    if type(array) is not np.ndarray:
        return str(array)  # phases are words
    write: Any = {"float_kind": "{:.6g}".format, "bool": str}
    return np.array2string(array, separator=", ", formatter=write)


def in_time(seconds: float) -> str:
    """Return a time in a unit that fits.

    Examples
    --------
    >>> in_time(0.2), in_time(100), in_time(10_000), in_time(1e6)
    ('1 s', '2 min', '3 h', '12 days')
    """
    for name, unit, most in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{max(1, round(seconds / unit))} {name}"
    return f"{seconds / 86400:,.0f} days"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, with an s unless the number is 1.

    Examples
    --------
    >>> counted(1, "claim"), counted(0, "claim"), counted(2, "hidden layer")
    ('1 claim', '0 claims', '2 hidden layers')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
