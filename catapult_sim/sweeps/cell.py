"""Cells of a sweep: mark functions of cells with a version, identify cells, compute them.

A cell is a dict that JSON can hold; its function is defined at the top level of a module. The key
of a cell is a hash of its canonical JSON and of the *physics*, the name of the function with the
version of what it computes. The version belongs to the function, as that of the package changes
with words and figures too. It goes up by one with every change that could alter the result of any
cell, of a criterion, a random draw, an integrator or a unit, and stays where only speed changes.
A function without a version is known by its source; see :mod:`~catapult_sim.sweeps.identity`.
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
from catapult_sim.sweeps.encoding import cell_texts, plain_cell, result_text, result_texts
from catapult_sim.sweeps.identity import name_of
from catapult_sim.validation import InputError, require_count, require_function, shown

Cell = dict[str, Any]
Function = Callable[[Cell], Any]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Physics:
    """What a function of cells computes, and its twin that computes several cells at once."""

    name: str  # as records have it: "module.function/version"
    identity: Callable[[Cell], Cell] | None = None
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
    identity: Callable[[Cell], Cell] | None = None,
    batch_key: Callable[[Cell], Hashable] | None = None,
    batched: Callable[[list[Cell]], Sequence[Any]] | None = None,
    batch_size: int = 1,
) -> Callable[[F], F]:
    """Mark a function of cells with the version of what it computes, and with a batched twin.

    Parameters
    ----------
    version : int
        Goes up whenever a result could change; records of another version are refused. It stands
        for the source, which may then change.
    identity : callable, optional
        ``cell -> cell``, with the entries that say what is computed and without those that say
        only where something lies: cells of equal identity share a result. By default all entries.
    batch_key : callable, optional
        ``cell -> hashable``, equal for cells that the twin may compute in one call.
    batched : callable, optional
        The twin: ``cells -> results``, bit for bit those of the function.
    batch_size : int
        How many cells the twin is given at a time.

    Raises
    ------
    InputError
        Where a number is below 1 or no integer, or anything else not callable.

    Examples
    --------
    >>> @cell(version=2, batch_key=len, batched=lambda cells: [cell["x"] ** 2 for cell in cells])
    ... def square(cell):
    ...     return cell["x"] ** 2
    >>> physics_of(square).name
    'square/2'
    """
    require_count("version", version, 1)
    require_count("batch_size", batch_size, 1)
    for name, given in (("identity", identity), ("batch_key", batch_key), ("batched", batched)):
        if given is not None:
            require_function(name, given, "of cells, or None")

    def mark(function: F) -> F:
        name = name_of(function, version)
        physics = Physics(name, identity, batch_key, batched, batch_size)
        setattr(function, "physics", physics)  # noqa: B010
        return function

    return mark


def physics_of(function: Function) -> Physics:
    """Return the physics of a function of cells: named by its source if it is not marked.

    An object that is called and has ``physics`` of its own is sent to workers as it is.

    Raises
    ------
    InputError
        Where workers could not find the function by its name.
    """
    marked = _marked(function)
    name = getattr(function, "__qualname__", marked.name if marked else None)
    if name is None or "<" in name:
        raise InputError(
            "cell must be a function at the top level of a module, so that workers can import it; "
            f"got {name or shown(function)}"
        )
    return marked or Physics(name_of(function))


def _marked(function: Function) -> Physics | None:
    return getattr(function, "physics", None)


def identify(cell: Cell, physics: Physics) -> Named:
    """Return a cell as JSON holds it, with its key in records and its canonical JSON.

    Raises
    ------
    InputError
        Where the cell is not a dict that JSON can hold.

    Examples
    --------
    >>> identify({"x": 1.0, "a": None}, Physics("square/2"))[1:]
    ('0056a5be1d596bbd346f85ef45440340', '{"a":null,"x":1.0}')
    """
    return _named(*plain_cell(cell), physics, _hash_of(physics))


def identify_all(cells: Iterable[Cell], physics: Physics) -> Iterator[Named]:
    """Yield what :func:`identify` returns for each cell, encoding many cells in one call."""
    source, begun = iter(cells), _hash_of(physics)
    while ahead := list(islice(source, READ_AHEAD * physics.batch_size)):
        texts = cell_texts(ahead)
        plain = zip(ahead, texts, strict=True) if texts else map(plain_cell, ahead)
        for cell, text in plain:
            yield _named(cell, text, physics, begun)


def _hash_of(physics: Physics) -> hashlib.blake2b:
    return hashlib.blake2b(f"{physics.name}\n".encode(), digest_size=16)


def _named(cell: Cell, text: str, physics: Physics, begun: hashlib.blake2b) -> Named:
    hashed = begun.copy()
    identity = cell if physics.identity is None else physics.identity(cell)
    hashed.update((text if identity is cell else plain_cell(identity)[1]).encode())
    return Named(cell, hashed.hexdigest(), text)


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
    physics = _marked(function)
    if physics is not None and physics.batched is not None:
        # If one cell fails, all are computed one by one, so that only that one counts as failed.
        with suppress(Exception):
            return _results(physics.batched(cells), len(cells))
    return [_result_or_error(function, cell) for cell in cells]


def _result_or_error(function: Function, cell: Cell) -> str:
    try:
        return '"result":' + result_text(function(cell))
    except Exception as error:
        return failure(error)


def _results(found: Sequence[Any], count: int) -> list[str]:
    if len(found) != count:
        raise InputError(f"batched must return {count} results, one a cell; got {len(found)}")
    return ['"result":' + text for text in result_texts(found)]


def failure(error: BaseException) -> str:
    """Return the last entry of the line of a cell that failed: the traceback."""
    return '"error":' + json.dumps("".join(traceback.format_exception(error)))
