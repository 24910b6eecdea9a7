"""Labels: decide what a column of them means, and write it as numbers that a network can fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.datasets.csv_lines import is_held, is_number
from catapult_sim.datasets.label_text import AS_NAMES, missing_one, odd_one
from catapult_sim.memory import require_memory
from catapult_sim.types import Array
from catapult_sim.validation import (
    UNREADABLE,
    InputError,
    brief_text,
    require_count,
    require_exact,
    require_finite,
    require_one_of,
    shown,
)

MOST_CLASSES = 10_000
FEW_CLASSES = 10  # may be so many although they are more than half of the samples
AS_TEXT = ("binary", "classes")  # the encodings of labels of which only some are numbers
SMALL_SPAN = 100  # whole numbers within it may be classes, and may be counts


@dataclass(frozen=True)
class Labels:
    """Labels as numbers, and what they mean.

    Attributes
    ----------
    values : numpy.ndarray, shape (m, k)
        What the outputs of a network are to be.
    encoding : str
        "binary", "parity", "classes" or "numbers".
    meaning : str
        The same in words, with the labels found.
    """

    values: Array
    encoding: str
    meaning: str


def encode_labels(
    y: npt.ArrayLike, encoding: str = "auto", *, classes: int | None = None
) -> Labels:
    """Decide what labels mean, and return them as numbers to fit.

    Parameters
    ----------
    y : array_like, shape (m,) or (m, k)
        Numbers, or names of classes.
    encoding : {"auto", "binary", "parity", "classes", "numbers"}
        ``"binary"``: two labels as -1 and +1; ``"parity"``: odd class numbers as +1, even ones as
        -1; ``"classes"``: one-hot, an output for each class; ``"numbers"``: as they are.
        Of labels of which only some are numbers, binary and classes read all as names.
        ``"auto"``: binary for two whole numbers or two names; classes for more names, and for
        whole numbers from 0 or 1 on without gaps; numbers where some are not whole, where all
        differ, or where they are many in a wide range.
    classes : int, optional
        The number of classes, where these are known to be counted from 0.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        Where labels are missing, never vary, do not fit the encoding, or could be classes as well
        as numbers.

    Examples
    --------
    >>> encode_labels([0, 1, 1]).meaning
    'two labels, 0 as -1 and 1 as +1'
    >>> found = encode_labels(["cat", "dog", "cow"])
    >>> found.meaning, found.values.tolist()[1]
    ('3 classes (cat, cow, dog), one-hot', [0.0, 0.0, 1.0])
    >>> encode_labels([0.5, 1.5, 1.0]).meaning
    'numbers to fit, from 0.5 to 1.5'
    """
    require_one_of("labels", encoding, ENCODINGS)
    labels = _require_labels(y)
    if labels.ndim == 2 and not _is_one_hot(labels):
        return _several(labels, encoding)
    if labels.ndim == 2:
        if encoding in ("auto", "classes", "numbers"):
            return Labels(labels, "classes", f"{labels.shape[1]} classes, one-hot")
        labels, classes = labels.argmax(axis=1), labels.shape[1]
    if encoding not in AS_TEXT:
        _require_one_kind(labels)
    chosen = _decide(labels) if encoding == "auto" else encoding
    values, meaning = ENCODERS[chosen](labels, classes)
    return Labels(values.reshape(len(labels), -1), chosen, meaning)


def one_hot(labels: npt.ArrayLike, classes: int | None = None) -> Array:
    """Return class numbers, counted from 0, as rows with a single 1, at that number.

    Parameters
    ----------
    labels : array_like of int, shape (m,) or (m, 1)
    classes : int, optional
        The number of classes; by default the largest label plus 1.

    Returns
    -------
    numpy.ndarray, shape (m, classes)

    Raises
    ------
    InputError
        Where a label is not a whole number from 0 to below ``classes``, or there is none; or where
        memory does not suffice.

    Examples
    --------
    >>> one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    numbers = require_finite("labels", labels)
    if numbers.ndim not in (1, 2) or numbers.size != len(numbers) or not numbers.size:
        raise InputError(f"labels must have shape (m,), m >= 1; got shape {numbers.shape}")
    most = MOST_CLASSES if classes is None else require_count("classes", classes, 1)
    wrong = (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= most)
    if wrong.any():
        raise InputError(
            f"labels must be whole numbers from 0 to {most - 1}; got {numbers[wrong][0]:g}"
        )
    codes = numbers.ravel().astype(int)
    outputs = codes.max() + 1 if classes is None else most
    require_memory(8.0 * len(codes) * outputs, None, "one-hot labels", "samples or classes")
    hot = np.zeros((len(codes), outputs))
    hot[np.arange(len(codes)), codes] = 1
    return hot


def could_be_classes(column: Array) -> bool:
    """Return whether numbers are two whole ones, or whole ones from 0 or 1 on, some repeated.

    Examples
    --------
    >>> could_be_classes(np.array([1.0, 3.0, 2.0, 1.0])), could_be_classes(np.array([0.5, 1.0]))
    (True, False)
    """
    levels = np.unique(column)
    repeated = 1 < len(levels) < len(column)
    alike = _are_whole(levels) and (len(levels) == 2 or _are_consecutive(levels))
    return repeated and alike


# What was given -------------------------------------------------------------------------------


def _require_labels(y: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return labels ``(m,)``, names or numbers, or ``(m, k)`` with k > 1, numbers."""
    try:
        given = np.asarray(y)
    except UNREADABLE:
        raise InputError(f"y must be an array of labels; got {shown(y)}") from None
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim not in (1, 2) or not given.size:
        raise InputError(f"labels must have shape (m,) or (m, k); got shape {given.shape}")
    named = _has_names(given) and not np.ma.is_masked(y)
    labels = _read(given) if named else require_exact("labels", y).reshape(given.shape)
    if len(labels) > 1 and (labels == labels[0]).all():
        one = _shown(labels[0]) if labels.ndim == 1 else labels[0].tolist()
        raise InputError(f"labels must vary between samples; all {len(labels)} are {one}")
    return labels


def _has_names(given: npt.NDArray[Any]) -> bool:
    if given.dtype.kind == "O":
        text = any(isinstance(one, str | bool) for one in given.flat)
        return given.ndim == 1 and text and all(isinstance(one, str | Number) for one in given)
    return given.ndim == 1 and given.dtype.kind in "USb"


def _read(given: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return text as numbers where all of it is, else as names, none missing."""
    text = np.char.decode(given, "latin-1") if given.dtype.kind == "S" else given.astype(str)
    names = np.char.strip(text)
    missing = missing_one(names.tolist())
    if missing is not None:
        found = f"is {str(names[missing])!r}" if names[missing] else "is empty"
        raise InputError(f"labels must all have a name; label {missing + 1} {found}")
    if not all(is_number(one, ".") for one in set(names)):
        return names
    for one in set(names):
        if not is_held(one, "."):
            raise InputError(f"labels must be numbers that floats hold; got {one}")
    return names.astype(float)


def _require_one_kind(labels: npt.NDArray[Any]) -> None:
    """Raise InputError where some labels are numbers, and others names."""
    odd = odd_one(labels.tolist(), ".") if _are_names(labels) else None
    if odd is not None:
        place, why = odd
        raise InputError(
            f"labels must be numbers or names; label {place + 1} is {str(labels[place])!r}, {why}; "
            f"{AS_NAMES}"
        )


def _is_one_hot(labels: Array) -> bool:
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def _are_names(labels: npt.NDArray[Any]) -> bool:
    return labels.dtype.kind == "U"


def _are_whole(labels: npt.NDArray[Any]) -> bool:
    return bool((labels == np.floor(labels)).all())


def _are_consecutive(levels: Array) -> bool:
    """Return whether whole numbers run from 0 or 1 on without gaps."""
    return bool(levels[0] in (0, 1) and levels[-1] - levels[0] == len(levels) - 1)


# What it means --------------------------------------------------------------------------------


def _decide(labels: npt.NDArray[Any]) -> str:
    """Return the encoding of a column of labels, or raise InputError where two are as likely."""
    levels = np.unique(labels)
    found, samples = len(levels), len(labels)
    if _are_names(labels):
        return "binary" if found == 2 else "classes"
    if found == 2 and _are_whole(levels):
        return "binary"
    if not _are_whole(levels) or found == samples:
        return "numbers"
    if _are_consecutive(levels) and found <= max(FEW_CLASSES, samples / 2):
        return "classes"
    if levels[-1] < levels[0] + SMALL_SPAN or found <= samples / 10:
        raise InputError(
            f"labels could be classes or numbers to fit: {found} different whole numbers from "
            f"{levels[0]:g} to {levels[-1]:g}; say labels='classes', or labels='numbers'"
        )
    return "numbers"


def _several(labels: Array, encoding: str) -> Labels:
    """Return several labels of each sample as numbers to fit."""
    if encoding not in ("auto", "numbers"):
        raise InputError(
            f"labels of {labels.shape[1]} columns must be one-hot to be read as {encoding}; "
            "got other numbers"
        )
    still = (labels == labels[0]).all(axis=0)
    if still.any() and len(labels) > 1:
        column = int(np.argmax(still))
        raise InputError(
            f"labels must vary between samples; column {column + 1} of {labels.shape[1]} is "
            f"{labels[0, column]:g} in all {len(labels)}"
        )
    return Labels(labels, "numbers", f"{labels.shape[1]} numbers to fit for each sample")


def _binary(labels: npt.NDArray[Any], classes: int | None) -> tuple[Array, str]:
    levels = np.unique(labels)
    if len(levels) != 2:
        raise InputError(f"binary labels must be two different ones; got {_listed(levels)}")
    low, high = map(_shown, levels)
    meaning = f"two labels, {low} as -1 and {high} as +1"
    if (low, high) == ("-1", "1"):
        meaning = "labels -1 and +1"
    return np.where(labels == levels[1], 1.0, -1.0), meaning


def _parity(labels: npt.NDArray[Any], classes: int | None) -> tuple[Array, str]:
    if _are_names(labels) or not _are_whole(labels):
        raise InputError(f"parity needs whole numbers for labels; got {_listed(np.unique(labels))}")
    signs = 2.0 * (labels % 2) - 1.0
    if (signs == signs[0]).all() and len(labels) > 1:
        raise InputError(f"parity needs odd and even labels; got {_listed(np.unique(labels))}")
    return signs, "odd labels as +1 and even ones as -1"


def _classes(labels: npt.NDArray[Any], classes: int | None) -> tuple[Array, str]:
    if classes is not None:
        return one_hot(labels, classes), f"{classes} classes (0 to {classes - 1}), one-hot"
    levels, codes = np.unique(labels, return_inverse=True)
    if (not _are_names(labels) and not _are_whole(levels)) or len(levels) > MOST_CLASSES:
        raise InputError(
            f"classes must be names or whole numbers, at most {MOST_CLASSES} different ones; got "
            f"{_listed(levels)}"
        )
    return one_hot(codes), f"{len(levels)} classes ({_listed(levels)}), one-hot"


def _numbers(labels: npt.NDArray[Any], classes: int | None) -> tuple[Array, str]:
    if _are_names(labels):
        raise InputError(f"labels must be numbers to be fitted; got {_listed(np.unique(labels))}")
    return labels.astype(float), f"numbers to fit, from {labels.min():g} to {labels.max():g}"


Encoder = Callable[[npt.NDArray[Any], int | None], tuple[Array, str]]
ENCODERS: dict[str, Encoder] = {
    "binary": _binary,
    "parity": _parity,
    "classes": _classes,
    "numbers": _numbers,
}
ENCODINGS = ("auto", *ENCODERS)


def _listed(levels: npt.NDArray[Any]) -> str:
    """Return labels in words: all of a few, else the first and the last."""
    if len(levels) > 3:
        return f"{_shown(levels[0])} to {_shown(levels[-1])}"
    return ", ".join(map(_shown, levels))


def _shown(label: Any) -> str:
    return brief_text(label) if isinstance(label, str) else f"{label:g}"
