"""What the commands that sweep share: the network, the folder, the executor, the words."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from catapult_sim.commands.files import as_json, config, folder
from catapult_sim.commands.room import require_room
from catapult_sim.experiments import phase_cells
from catapult_sim.experiments.networks import SETTLED
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.sweeps.record import Line, erase, settled
from catapult_sim.sweeps.sweep import Sweep, sweep
from catapult_sim.sweeps.workers import process_pool
from catapult_sim.validation import InputError, require_count, require_momentum

Cell = dict[str, Any]

RECORD = "records.jsonl"

# Options that say how to compute, where, how much at a time or what to print, or which cells of
# a folder are wanted, whose names tell them apart: but not what.
MANNER = {"out", "workers", "scheduler", "resume", "overwrite", "progress", "json"}
MANNER |= {"memory_limit", "claims", "kinds", "curvature"}

# Why a loss may not come down.
REASONS = (
    "the network may not be able to fit the data (take fewer --samples, or a wider network), or "
    "want more --steps"
)


def network(options: argparse.Namespace) -> Cell:
    """Return what all cells share, once such a network could be drawn, or raise InputError."""
    cell = {
        "model": options.model,
        "width": options.width,
        "scale": options.scale,
        "seed": require_count("--seed", options.seed),
        "samples": require_count("--samples", options.samples, 1),
        "steps": require_count("--steps", options.steps, 1),
        **phase_cells.data_entries(options.data),
        **_architecture(options),
        **_method(options),
    }
    require_count("--workers", options.workers, 1)
    require_room(options, [cell], phase_cells.bytes_of)
    phase_cells.start(cell, [cell["scale"]])
    return cell


def _architecture(options: argparse.Namespace) -> Cell:
    given = {"depth": options.depth, "activation": options.activation}
    if options.model == "mlp":
        require_count("--width", options.width, 1)
        depth = require_count("--depth", 1 if options.depth is None else options.depth, 1)
        return {"depth": depth, "activation": options.activation or "relu"}
    for name, value in given.items():
        if value is not None:
            raise InputError(f"--{name} is for --model mlp; got --{name} {value}, model linear")
    return {}


def _method(options: argparse.Namespace) -> Cell:
    method: Cell = {}
    if options.momentum is not None:
        method["momentum"] = float(require_momentum(options.momentum))
    if options.batch_size is not None:
        method["batch_size"] = require_count("--batch-size", options.batch_size, 1)
    return method


class Tally:
    """Sweeps of one function of cells into one folder, one after another."""

    def __init__(self, options: argparse.Namespace, executor: Executor | None) -> None:
        self._options, self._executor = options, executor
        self.computed = self.known = self.failed = self.dropped = 0

    def sweep(
        self, function: Callable[[Cell], Any], cells: list[Cell], group: int | None = None
    ) -> dict[str, Line]:
        """Compute what is missing; return the lines of all cells in the folder, by key."""
        progress = self._options.progress
        with tqdm(total=len(cells), disable=None if progress is None else not progress) as bar:
            found = sweep(
                function,
                cells,
                executor=self._executor,
                record=self._options.out / RECORD,
                progress=bar.update,
                group=group,
            )
        self._count(found)
        return settled(found.lines)

    def _count(self, found: Sweep) -> None:
        self.computed += found.computed
        self.known += found.known
        self.failed += found.failed
        self.dropped += found.dropped

    def __str__(self) -> str:
        """Say what was done, and what was not."""
        done = f"{self.computed} cells computed, {self.known} found in the record"
        failed = (
            f"; {self.failed} failed, their tracebacks are in the record" if self.failed else ""
        )
        torn = f"; {self.dropped} torn lines dropped" if self.dropped else ""
        return done + failed + torn


@contextmanager
def opened(options: argparse.Namespace, cell: Cell) -> Iterator[Tally]:
    """Make the folder ready for these cells, and start the workers.

    Raises
    ------
    InputError
        Where the folder holds another sweep, or the workers cannot be reached.
    """
    with _executor(options) as executor:
        asked = config(options) | {"cell": cell}
        # Whoever opens the record first has the folder.
        if not options.overwrite:
            _require_same(asked, options.out)
        folder(options.out)
        if options.overwrite:
            erase(options.out / RECORD)
        write_whole(options.out / "config.json", as_json(asked).encode())
        yield Tally(options, executor)


def _require_same(asked: dict[str, Any], out: Path) -> None:
    path = out / "config.json"
    if not path.exists():
        return
    held = json.loads(path.read_text())
    commands = [{"command": one["options"].get("command")} for one in (held, asked)]
    cells, options = [[one.get(part, {}) for one in (held, asked)] for part in ("cell", "options")]
    for old, new in (commands, cells, options):
        for name in sorted((old.keys() | new.keys()) - MANNER):
            if old.get(name) != new.get(name):
                raise InputError(
                    f"--out must be the folder of this sweep, or --overwrite be given; {out} has "
                    f"{name} {old.get(name)}, this one {new.get(name)}"
                )


@contextmanager
def _executor(options: argparse.Namespace) -> Iterator[Executor | None]:
    if options.scheduler is not None:
        with _dask(options.scheduler) as executor:
            yield executor
    elif options.workers is None:
        threads = ThreadPoolExecutor(os.cpu_count())
        try:
            yield threads
        finally:
            # After an error or an interrupt nobody waits for what is under way.
            threads.shutdown(wait=False, cancel_futures=True)
    elif require_count("--workers", options.workers, 1) == 1:
        yield None
    else:
        with _silent_about_withdrawn_cells(), process_pool(options.workers) as pool:
            try:
                yield pool
            except KeyboardInterrupt:
                # Nobody waits for what the workers are at.
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise


@contextmanager
def _silent_about_withdrawn_cells() -> Iterator[None]:
    """Keep quiet a pool's own thread, which fails over cancelled cells when its workers end."""
    tell = threading.excepthook

    def told(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_type is not InvalidStateError:
            tell(failure)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = tell


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler needs dask: pip install 'catapult_sim[cluster]'") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler must be the address of a running dask scheduler; got {address} ({error})"
        ) from None
    with client:
        yield client.get_executor()


def undecided(count: int) -> str:
    """Explain, in a line of its own, so many undecided runs; of none there is nothing to say."""
    what = "undecided: not divergent, but the loss has not come down to"
    return f"\n{count} {what} {SETTLED:g} of its start; {REASONS}" if count else ""


def report(options: argparse.Namespace, tally: Tally, summary: dict[str, Any], words: str) -> int:
    """Write the summary, print it or its words, and return the exit status."""
    text = as_json(summary)
    write_whole(options.out / "summary.json", text.encode())
    print(tally, file=sys.stderr)
    print(text if options.json else f"{words}\nrecord and figure: {options.out}")
    return int(tally.failed > 0)
