"""Cells of a sweep: mark functions of cells with a version, identify cells, compute them.

A cell is a dict that JSON can hold; its function is defined at the top level of a module. The key
of a cell is a hash of its canonical JSON and of the *physics*, the name of the function with the
version of what it computes. The version belongs to the function, as that of the package changes
with words and figures too. It goes up by one with every change that could alter the result of any
cell, of a criterion, a random draw, an integrator or a unit, and stays where only speed changes.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from catapult_sim.numeric.runs.blas_threads import use_one_thread
from catapult_sim.validation import InputError, require_count

Cell = dict[str, Any]
Function = Callable[[Cell], Any]
F = TypeVar("F", bound=Function)

# JSON has neither NaN nor infinity: values that were not measured are None.
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Physics:
    """The version of a function of cells, and its twin that computes several cells at once."""

    name: str  # as records have it: "function/version"
    batch_key: Callable[[Cell], Hashable] | None = None
    batched: Callable[[list[Cell]], Sequence[Any]] | None = None
    batch_size: int = 1


class Named(NamedTuple):
    """A cell, its key in records, and its canonical JSON."""

    cell: Cell
    key: str
    text: str


def cell(
    *,
    version: int,
    batch_key: Callable[[Cell], Hashable] | None = None,
    batched: Callable[[list[Cell]], Sequence[Any]] | None = None,
    batch_size: int = 1,
) -> Callable[[F], F]:
    """Mark a function of cells with the version of what it computes, and with a batched twin.

    Parameters
    ----------
    version : int
        Goes up whenever a result could change; records of another version are refused.
    batch_key : callable, optional
        ``cell -> hashable``, equal for cells that the twin may compute in one call.
    batched : callable, optional
        The twin: ``cells -> results``, bit for bit those of the function.
    batch_size : int
        How many cells the twin is given at a time.

    Examples
    --------
    >>> @cell(version=2, batch_key=len, batched=lambda cells: [cell["x"] ** 2 for cell in cells])
    ... def square(cell):
    ...     return cell["x"] ** 2
    >>> physics_of(square).name
    'square/2'
    """
    require_count("version", version, 1)

    def mark(function: F) -> F:
        name = f"{function.__qualname__}/{version}"
        setattr(function, "physics", Physics(name, batch_key, batched, batch_size))  # noqa: B010
        return function

    return mark


def physics_of(function: Function) -> Physics:
    """Return the physics of a function of cells: version 0, without a twin, if it is not marked.

    Raises
    ------
    InputError
        Where workers could not find the function by its name.
    """
    name = getattr(function, "__qualname__", None)
    if name is None or "<" in name:
        raise InputError(
            "cell must be a function at the top level of a module, so that workers can import it; "
            f"got {name or repr(function)}"
        )
    return getattr(function, "physics", Physics(f"{name}/0"))


def identify(cell: Cell, physics: str) -> Named:
    """Return a cell with its key in records and its canonical JSON.

    Raises
    ------
    InputError
        Where the cell is not a dict that JSON can hold.

    Examples
    --------
    >>> identify({"x": 1.0, "a": None}, "square/2")[1:]
    ('0056a5be1d596bbd346f85ef45440340', '{"a":null,"x":1.0}')
    """
    return _named(cell, _text(cell), _hash_of(physics))


def identify_all(cells: Iterable[Cell], physics: Physics) -> Iterator[Named]:
    """Yield what :func:`identify` returns for each cell, encoding many cells in one call."""
    source, begun = iter(cells), _hash_of(physics.name)
    while ahead := list(islice(source, READ_AHEAD * physics.batch_size)):
        try:
            texts = _encode_each(ahead) if all(isinstance(cell, dict) for cell in ahead) else None
        except (TypeError, ValueError):
            texts = None
        for cell, text in zip(ahead, texts or map(_text, ahead), strict=True):
            yield _named(cell, text, begun)


def _hash_of(physics: str) -> hashlib.blake2b:
    return hashlib.blake2b(f"{physics}\n".encode(), digest_size=16)


def _named(cell: Cell, text: str, begun: hashlib.blake2b) -> Named:
    hashed = begun.copy()
    hashed.update(text.encode())
    return Named(cell, hashed.hexdigest(), text)


def _text(cell: Cell) -> str:
    try:
        if isinstance(cell, dict):
            return _json(cell)
    except (TypeError, ValueError):
        pass
    raise InputError(f"a cell must be a dict that JSON can hold, without NaN; got {cell!r}")


def _encode_each(values: Sequence[Any]) -> list[str]:
    """Encode each value as JSON, in one call of the encoder."""
    # A call costs 7 us, as much as all else in recording a cell: so the values are encoded as one
    # list with a marker between them, and its text is split there.
    marked: list[Any] = [MARK] * (2 * len(values) - 1)
    marked[::2] = values
    texts = _json(marked)[1:-1].split(f",{_json(MARK)},")
    return texts if len(texts) == len(values) else [_json(value) for value in values]


MARK = "\0"  # if a value contains it, all are encoded one by one


def groups(cells: Iterable[Named], physics: Physics) -> Iterator[list[Named]]:
    """Yield groups of cells of equal batch key, reading ahead at most ``READ_AHEAD`` groups."""
    if physics.batched is None or physics.batch_key is None:
        yield from ([one] for one in cells)
        return
    source = iter(cells)
    while ahead := list(islice(source, READ_AHEAD * physics.batch_size)):
        shapes: defaultdict[Hashable, list[Named]] = defaultdict(list)
        for one in ahead:
            shapes[physics.batch_key(one.cell)].append(one)
        for same in shapes.values():
            yield from (
                same[k : k + physics.batch_size] for k in range(0, len(same), physics.batch_size)
            )


READ_AHEAD = 8  # so many batch keys may alternate before groups get smaller


def compute(function: Function, cells: list[Cell]) -> list[str]:
    """Compute cells; return for each the last entry of its line in JSON, a result or an error."""
    use_one_thread()
    batched = physics_of(function).batched
    if batched is not None:
        # If one cell fails, all are computed one by one, so that only that one counts as failed.
        with suppress(Exception):
            return _results(batched(cells), len(cells))
    return [_result_or_error(function, cell) for cell in cells]


def _result_or_error(function: Function, cell: Cell) -> str:
    try:
        return '"result":' + _json(function(cell))
    except Exception as error:
        return failure(error)


def _results(found: Sequence[Any], count: int) -> list[str]:
    if len(found) != count:
        raise InputError(f"batched must return {count} results, one a cell; got {len(found)}")
    return ['"result":' + text for text in _encode_each(found)]


def failure(error: BaseException) -> str:
    """Return the last entry of the line of a cell that failed: the traceback."""
    return '"error":' + _json("".join(traceback.format_exception(error)))
