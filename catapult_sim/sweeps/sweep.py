"""Compute many cells on any executor, with one append-only record: stop and resume.

Results depend on the cells alone: not on their order, nor on the executor, nor on which cells
are computed in one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.numeric.runs.blas_threads import one_thread
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.sweeps.cell import (
    Function,
    Named,
    compute,
    failure,
    groups,
    identify_all,
    physics_of,
)
from catapult_sim.sweeps.record import (
    Line,
    Memory,
    Record,
    line_columns,
    line_text,
    open_record,
)
from catapult_sim.tables import data_frame
from catapult_sim.types import Progress
from catapult_sim.validation import InputError, require_count, shown

if TYPE_CHECKING:
    import pandas

CELL_BYTES = 4000  # of a cell in memory with its line of the record; measured: 3000


@dataclass(frozen=True)
class Sweep:
    """The result of :func:`sweep`: how many cells were computed, and all lines of the record."""

    computed: int  # cells with a new result
    known: int  # cells whose results were in the record
    failed: int  # cells with a new failure; the same call tries them again
    dropped: int  # lines of the record that could not be read
    lines: Iterable[Line]  # of the record; where that is a file, read at each iteration

    __repr__ = short_repr

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame: a row for each cell of the record.

        Columns are the entries of the cells, then those of the results, or ``result`` where these
        are not dicts; ``error`` is the traceback of a cell that failed.
        """
        return data_frame(line_columns(self.lines))


def sweep(
    cell: Function,
    cells: Iterable[dict[str, Any]],
    *,
    executor: Executor | None = None,
    record: str | Path | None = None,
    progress: Progress | bool | None = None,
    group: int | None = None,
    window: int = 256,
) -> Sweep:
    """Compute every cell that the record does not hold yet.

    Parameters
    ----------
    cell : callable
        A function of a module, ``dict -> result`` of numbers, text, None, lists, dicts and NumPy
        arrays; see :func:`~catapult_sim.sweeps.cell.cell` for its version and its batched twin.
        A record of a function that is not marked is refused once its source has changed.
    cells : iterable of dict
        Read as they are needed. A cell given twice may be computed twice.
    executor : concurrent.futures.Executor, optional
        Where to compute: :func:`~catapult_sim.sweeps.workers.process_pool`, a dask
        ``Client.get_executor()``, an ``mpi4py.futures`` pool; by default this process. A group
        whose result it loses is computed once more.
    record : path, optional
        The file that results are appended to as they come. Repeated after an interruption, the
        same call computes only what is missing. By default results stay in memory.
    progress : callable, bool or None
        A function that is called with the number of cells just found in the record or finished. By
        default a bar appears after two seconds on a terminal or in a notebook; False: never.
    group : int, optional
        How many cells to compute in one call; by default as the function is marked.
    window : int
        How many groups the executor holds at a time, a few for each of its workers.

    Returns
    -------
    Sweep

    Raises
    ------
    InputError
        Where the function, a cell or the record is not as required.
    OSError
        Where the disk is full; the record is whole.
    concurrent.futures.BrokenExecutor
        Where the executor has lost its workers; the record is whole.

    Examples
    --------
    >>> def halve(cell):
    ...     return cell["x"] / 2
    >>> found = sweep(halve, ({"x": x} for x in range(3)))
    >>> [line.result for line in found.lines]
    [0.0, 0.5, 1.0]
    """
    physics = physics_of(cell)
    if group is not None:
        physics = replace(physics, batch_size=require_count("group", group, 1))
    require_count("window", window, 1)
    if not np.iterable(cells):
        raise InputError(f"cells must be dicts, one for each cell; got {shown(cells)}")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InputError(
            f"executor must be one of concurrent.futures, such as process_pool(2); got "
            f"{shown(executor)}"
        )
    opened = nullcontext(Memory()) if record is None else open_record(record, physics.name)
    book: Record
    bar = showing(progress, "cells", len(cells) if isinstance(cells, Sized) else None)
    with bar as told, one_thread(), opened as book:
        tell = told or (lambda count: None)
        known = failed = computed = 0

        def missing() -> Iterator[Named]:
            nonlocal known
            for one in identify_all(cells, physics):
                if one.key in book.known:
                    known += 1
                    tell(1)
                else:
                    yield one

        for done, outcomes in _finished(cell, groups(missing(), physics), executor, window):
            pairs = zip(done, outcomes, strict=True)
            book.append([line_text(one.key, physics.name, one.text, end) for one, end in pairs])
            failures = sum(outcome.startswith('"error"') for outcome in outcomes)
            failed, computed = failed + failures, computed + len(outcomes) - failures
            tell(len(outcomes))
        return Sweep(computed, known, failed, book.dropped, book.lines())


def _finished(
    function: Function, tasks: Iterable[list[Named]], executor: Executor | None, window: int
) -> Iterator[tuple[list[Named], list[str]]]:
    """Yield groups with their outcomes as they are computed, at most ``window`` at a time."""
    if executor is None:
        yield from ((task, compute(function, [one.cell for one in task])) for task in tasks)
        return
    # Each group with whether it is computed for the second time.
    under_way: dict[Future[list[str]], tuple[list[Named], bool]] = {}
    finished: SimpleQueue[Future[list[str]]] = SimpleQueue()

    def submit(task: list[Named], again: bool = False) -> None:
        future = executor.submit(compute, function, [one.cell for one in task])
        under_way[future] = task, again
        future.add_done_callback(finished.put)

    def next_finished() -> tuple[list[Named], list[str]]:
        while True:
            future = finished.get()
            task, again = under_way.pop(future)
            try:
                return task, future.result()
            except (BrokenExecutor, CancelledError):
                raise
            except Exception as error:
                # Errors of cells are results. This is the executor's: that it lost a result with a
                # worker, or, such as dask's, that these cells kill their workers.
                if again:
                    return task, [failure(error)] * len(task)
                submit(task, again=True)

    try:
        for task in tasks:
            submit(task)
            if len(under_way) >= window:
                yield next_finished()
        while under_way:
            yield next_finished()
    finally:
        for future in under_way:
            future.cancel()
