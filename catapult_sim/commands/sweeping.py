"""What the sweeping commands share: their folder, their workers, their summary."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, InvalidStateError
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from catapult_sim import __version__, plots
from catapult_sim.commands.costs import MANY, costs
from catapult_sim.commands.stopping import silent
from catapult_sim.experiments.networks import SETTLED
from catapult_sim.experiments.phase_cells import meaning_of, without_path
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.printing import counted
from catapult_sim.progress import showing
from catapult_sim.sweeps.cell import Cell
from catapult_sim.sweeps.record import Line, erase, read_record, settled
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.sweeps.workers import process_pool
from catapult_sim.validation import InputError, not_installed, require_count

RECORD, CONFIG = "records.jsonl", "config.json"

# Options that change no result, or choose which cells of a folder are wanted: a folder may be
# continued with other values of these. What the data are, the cell says.
EXECUTION = {"out", "workers", "scheduler", "resume", "overwrite", "progress", "json", "data"}
EXECUTION |= {"memory_limit", "claims", "compare", "all", "strict", "kinds", "curvature"}
EXECUTION |= {"labels", "inputs", "label_column", "drop", "labels_file"}  # said by the cell

# Why a loss may not come down.
REASONS = (
    "it may need more --steps; the network may not be able to fit the data (take fewer --samples, "
    "or a wider network); or, where lambda is 0, no unit is alive"
)


class Tally:
    """Run sweeps into one folder, one after another, and count the cells they computed."""

    def __init__(self, options: argparse.Namespace, executor: Executor | None) -> None:
        self._options, self._executor = options, executor
        self.computed = self.known = self.failed = self.dropped = 0

    def sweep(self, function: Callable[[Cell], Any], cells: list[Cell]) -> dict[str, Line]:
        """Compute what is missing; return the lines of all cells in the folder, by key.

        What many cells cost is said before.
        """
        if len(cells) > MANY:
            print(costs(function, cells, self._options), file=sys.stderr)
        found = sweep(
            function,
            cells,
            executor=self._executor,
            record=self._options.out / RECORD,
            progress=self._options.progress,
        )
        self.computed += found.computed
        self.known += found.known
        self.failed += found.failed
        self.dropped += found.dropped
        return settled(found.lines)

    def __str__(self) -> str:
        """Say how many cells were computed, found, and failed."""
        done = f"{counted(self.computed, 'cell')} computed, {self.known} found in the record"
        failed = f"; {self.failed} failed, with tracebacks in the record" if self.failed else ""
        torn = f"; {counted(self.dropped, 'torn or altered line')} dropped" if self.dropped else ""
        return done + failed + torn


@contextmanager
def opened(options: argparse.Namespace, cell: Cell) -> Iterator[Tally]:
    """Begin a sweep with its folder, see :func:`begin`, and with its workers.

    The first line on standard error says what was understood of the data.
    """
    with _executor(options) as executor:
        begin(options, cell)
        print(meaning_of(cell), file=sys.stderr)
        yield Tally(options, executor)


def begin(options: argparse.Namespace, cell: Cell) -> None:
    """Make or check the folder of a sweep whose cells share ``cell``, and write its config.json.

    Raises
    ------
    InputError
        Where the folder holds another sweep.
    """
    asked = config(options) | {"cell": cell}
    # Two commands may begin at once: the first to open the record keeps the folder.
    options.out = _folder(options, asked)
    make_folder(options.out)
    if options.overwrite:
        erase(options.out / RECORD)
    write_whole(options.out / CONFIG, as_json(asked).encode())


def recorded(folder: Path) -> dict[str, Line]:
    """Return the lines of all cells in a folder, finished or not, by key."""
    return settled(read_record(folder / RECORD))


def finished(folder: Path) -> list[Line]:
    """Return the lines of the cells in a folder that did not fail; raise InputError for none."""
    lines = [line for line in recorded(folder).values() if line.error is None]
    if not lines:
        raise InputError(f"{folder} must hold at least one finished cell; its record has none")
    return lines


def config(options: argparse.Namespace) -> dict[str, Any]:
    """Return what this run was asked to do, and the version and commit of the package."""
    inner = {"list", "print_completion", "run", "usual_out"}
    asked = {name: value for name, value in vars(options).items() if name not in inner}
    paths = {name: str(value) for name, value in asked.items() if isinstance(value, Path)}
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:  # git is not installed
        commit = ""
    return {
        "options": asked | paths,
        "version": __version__,
        "commit": commit or None,
        "command": sys.argv,
    }


def make_folder(path: Path) -> Path:
    """Make a folder that can be written to, or raise InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"--out must be a folder; {path} is a file") from None
    except OSError as error:
        raise InputError(
            f"--out must be a folder that can be made: {path}: {error.strerror}"
        ) from None
    if not os.access(path, os.W_OK):
        raise InputError(f"--out must be a folder that can be written to; got {path}")
    return path


def as_json(content: Any) -> str:
    """Return the text of a JSON file."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def read_config(folder: Path) -> dict[str, Any] | None:
    """Return the config.json of a folder; None where it is not as a command writes it."""
    try:
        held = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        parts = held, held["options"], held.setdefault("cell", {})
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    whole = all(isinstance(part, dict) for part in parts)
    return held if whole and isinstance(held["options"].get("command"), str) else None


def _folder(options: argparse.Namespace, asked: dict[str, Any]) -> Path:
    """Return the folder asked for; else the first free one of the usual and those numbered."""
    if options.overwrite:
        return options.out or Path(options.usual_out)
    if options.out is None:
        usual = Path(options.usual_out)
        numbered = (usual.with_name(f"{usual.name}-{i}") for i in count(2))
        return next(out for out in chain([usual], numbered) if _conflict(asked, out) is None)
    if conflict := _conflict(asked, options.out):
        anew = " (--overwrite starts anew)" if options.usual_out else ""
        raise InputError(
            f"--out must be a folder of this very sweep, or a new one{anew}; {conflict}"
        )
    return Path(options.out)


def _conflict(asked: dict[str, Any], out: Path) -> str | None:
    """Return how the sweep in a folder differs in command, cell or options; None if it does not."""
    if not os.path.exists(out / CONFIG):
        return None
    held = read_config(out)
    if held is None:
        return f"{out / CONFIG} is of another program, or damaged"
    old, new = _identity(held), _identity(asked)
    said = asked["options"]  # what was typed tells more than what follows from it
    order = sorted(old | new, key=lambda name: (name != "command", name not in said, name))
    for name in order:
        if old.get(name) != new.get(name):
            return _difference(name, held, asked, out)
    return None


def _identity(config: dict[str, Any]) -> Cell:
    """Return what a sweep is known by: its options but those of execution, and its cell."""
    options = {name: value for name, value in config["options"].items() if name not in EXECUTION}
    return options | without_path(config["cell"])


def _difference(name: str, held: dict[str, Any], asked: dict[str, Any], out: Path) -> str:
    """Return a clause that says how two sweeps differ in an entry."""
    name = "data" if name == "digest" else name
    old, new = (one["cell"].get(name, one["options"].get(name)) for one in (held, asked))
    if name == "data" and old == new:
        return f"the content of {new} has changed since {out} was begun"
    return f"{out} has {name} {old}, this one {new}"


@contextmanager
def _executor(options: argparse.Namespace) -> Iterator[Executor | None]:
    if options.scheduler is not None:
        with _dask(options.scheduler) as executor:
            yield executor
    elif require_count("--workers", options.workers, 1) == 1:
        yield None
    else:
        # The pool's own thread raises InvalidStateError for cells it had cancelled.
        hook = silent(threading, "excepthook", InvalidStateError)
        with hook, process_pool(options.workers) as pool:
            yield pool


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError(not_installed("--scheduler", "distributed")) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler must be the address of a running dask scheduler; got {address} ({error})"
        ) from None
    with client:
        yield client.get_executor()


def undecided(count: int) -> str:
    """Return a line that explains undecided runs, or nothing if there are none."""
    what = "undecided: not divergent, but the loss has not come down to"
    return f"\n{count} {what} {SETTLED:g} of its start; {REASONS}" if count else ""


def report(
    options: argparse.Namespace,
    tally: Tally,
    summary: dict[str, Any],
    words: str,
    figure: tuple[Any, str] | None,
) -> int:
    """Write figure and summary, print the summary or its words, and return the exit status."""
    if figure:
        words = f"{' '.join(figure[0].get_suptitle().split())}\n{words}"
        with showing(options.progress, "drawing"):
            plots.save(figure[0], options.out / figure[1])
    text = as_json(summary)
    write_whole(options.out / "summary.json", text.encode())
    print(tally, file=sys.stderr)
    print(text if options.json else f"{words}\nrecord and figure: {options.out}")
    return int(tally.failed > 0)
