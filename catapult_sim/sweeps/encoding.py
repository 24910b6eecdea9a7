"""Encoding of cells and of their results as JSON, NumPy's numbers and arrays included.

A cell is identified by its text, so that NaN, which equals nothing, is refused there. Results hold
NaN and infinities as Python's ``json`` writes and reads them: ``NaN``, ``Infinity``, ``-Infinity``.
Arrays and tuples are read back as lists.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.printing import brief
from catapult_sim.validation import InputError

HELD = "numbers, text, None, lists, dicts with text as keys, and NumPy arrays of these"


def _plain(value: Any) -> Any:
    """Return a NumPy number or array as Python has it; the encoder asks for what it lacks."""
    if not isinstance(value, np.generic | np.ndarray) or value.dtype.char not in "?bhilqBHILQefdUO":
        raise TypeError(f"got {type(value).__name__}")
    return value.tolist()


_encoder = partial(json.JSONEncoder, sort_keys=True, separators=(",", ":"))
_cell = _encoder(allow_nan=False).encode
_cell_of_numpy = _encoder(allow_nan=False, default=_plain).encode
_result = _encoder(default=_plain).encode

# What an encoder raises: for types, for NaN and what contains itself, for what is nested too deep.
REFUSED = (TypeError, ValueError, RecursionError)


def cell_texts(cells: Sequence[Any]) -> list[str] | None:
    """Return the canonical JSON of plain cells in one call, or None where one is not plain."""
    try:
        return _each(_cell, cells) if all(map(_is_cell, cells)) else None
    except REFUSED:
        return None


def plain_cell(cell: Any) -> tuple[dict[str, Any], str]:
    """Return a cell as JSON holds it, with its canonical JSON, or raise InputError.

    Examples
    --------
    >>> plain_cell({"width": np.int64(8), "c": 3.0})
    ({'c': 3.0, 'width': 8}, '{"c":3.0,"width":8}')
    """
    text = _text_of(cell)
    if text is None:
        raise InputError(
            "a cell must be a dict that JSON can hold, without NaN and with text as keys; got "
            + _odd(cell)
        )
    return json.loads(text), text


def _text_of(cell: Any) -> str | None:
    try:
        return _cell_of_numpy(cell) if _is_cell(cell) else None
    except REFUSED:
        return None


def result_text(result: Any) -> str:
    """Return the JSON of a result, or raise InputError.

    Examples
    --------
    >>> result_text({"loss": np.array([1, np.nan]), "steps": np.int64(3)})
    '{"loss":[1.0,NaN],"steps":3}'
    """
    return result_texts([result])[0]


def result_texts(results: Sequence[Any]) -> list[str]:
    """Return the JSON of each result, encoding many in one call, or raise InputError."""
    try:
        if not all(map(_has_text_keys, results)):
            raise TypeError("got a key that is not text")
        return _each(_result, results)
    except REFUSED as error:
        raise InputError(f"a result must hold only {HELD}; {error}") from None


def _each(encode: Any, values: Sequence[Any]) -> list[str]:
    # A call costs 7 us, as much as all else in recording a cell: so the values are encoded as one
    # list with a marker between them, and its text is split there.
    marked: list[Any] = [MARK] * (2 * len(values) - 1)
    marked[::2] = values
    texts = encode(marked)[1:-1].split(f",{encode(MARK)},")
    return texts if len(texts) == len(values) else [encode(value) for value in values]


MARK = "\0"  # if a value contains it, all are encoded one by one


def _is_cell(value: Any) -> bool:
    return isinstance(value, dict) and _has_text_keys(value)


def _has_text_keys(value: Any) -> bool:
    """Return whether all dicts within a value have text as keys: JSON turns others into text."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and _all_have_text_keys(value.values())
    return not isinstance(value, list | tuple) or _all_have_text_keys(value)


def _all_have_text_keys(values: Any) -> bool:
    return all(_has_text_keys(one) for one in values if isinstance(one, dict | list | tuple))


def _odd(cell: Any) -> str:
    """Return the first entry of a cell that JSON cannot hold, in words."""
    entries = cell.items() if isinstance(cell, dict) else ()
    odd = (f"{brief(one)} in {name!r}" for name, one in entries if _text_of({name: one}) is None)
    return next(odd, brief(cell))
