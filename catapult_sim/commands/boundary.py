"""``catapult-sim boundary``: the learning rates at which training changes its nature."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import groupby, product
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim.commands.files import draw
from catapult_sim.commands.options import add_command
from catapult_sim.commands.room import require_room
from catapult_sim.commands.sweeping import REASONS, RECORD, network, opened, report
from catapult_sim.experiments import first_steps
from catapult_sim.experiments.boundary_cells import (
    CURVATURES,
    KINDS,
    WHOLE_RUNS,
    boundary_of,
    bytes_of,
)
from catapult_sim.experiments.phase_cells import SETTLED
from catapult_sim.numeric.runs.boundary import centre
from catapult_sim.sweeps.record import Line, read_record, settled
from catapult_sim.validation import InputError, require_count, require_positive

Cell = dict[str, Any]

FIGURE = "boundary.png"
MEANING = {
    "loss": "c_loss: the loss exceeds its start",
    "sharp": "c_sharp: the sharpness exceeds its start",
    "barrier": "c_barrier: the loss exceeds its start on the straight way",
    "max": f"c_max: the loss exceeds {first_steps.ESCAPE:g} times its start",
    "rise": "rise: the loss exceeds its start",
    "end": "end: convergence ends",
}
NOWHERE = "none converged"
EXPLAINED = (
    f"{NOWHERE}: at no learning rate that was tried did the loss come down to {SETTLED:g} of its "
    f"start; {REASONS}"
)
LONG = 300  # steps of whole runs
AXES = ("width", "depth", "activation")


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "boundary",
        run,
        help="bracket c_loss, c_sharp, c_barrier and c_max, over widths, depths and activations",
        does="Bracket boundaries for each of several seeds: of the first steps c_loss, c_sharp, "
        "c_barrier and c_max as Kalra and Barkeshli define them (arXiv:2302.12250); of whole runs "
        "where the loss first rises, and where convergence ends.",
        out="boundary",
        several=AXES,
    )
    parser.set_defaults(width=[512], steps=None)
    add = parser.add_argument
    add("--members", type=int, default=8, metavar="S", help="seeds, from --seed on")
    add("--tolerance", type=float, default=0.01, help="relative, of each bracket")
    kinds = f"of {first_steps.STEPS} steps: {', '.join(first_steps.KINDS)} (default: these); "
    kinds += f"of {LONG} steps: {', '.join(WHOLE_RUNS)}; or of --steps"
    add("--kinds", nargs="+", choices=KINDS, metavar="KIND", help=kinds)
    words = "whose top eigenvalue is lambda_0 and the sharpness: ntk, hessian (default: ntk)"
    add("--curvature", nargs="+", choices=tuple(CURVATURES), metavar="MATRIX", help=words)


def run(options: argparse.Namespace) -> int:
    """Sweep, draw, print; 1 if a cell failed."""
    cells = _cells(options)
    shared = {name: value for name, value in cells[0].items() if name not in VARIED}
    with opened(options, shared) as tally:
        lines = tally.sweep(boundary_of, cells)
    rows = _rows(lines.values())
    if rows:
        draw(_drawn(rows), options.out / FIGURE)
    return report(options, tally, {"boundaries": rows}, _words(rows))


VARIED = {*AXES, "seed", "kind", "curvature", "steps"}


def _cells(options: argparse.Namespace) -> list[Cell]:
    """Return every cell asked for, once each of their networks could be drawn."""
    tolerance = float(require_positive("--tolerance", options.tolerance))
    seeds = range(options.seed, options.seed + require_count("--members", options.members, 1))
    shapes = product(*(getattr(options, name) or [None] for name in AXES))
    networks = [_network(options, **dict(zip(AXES, shape, strict=True))) for shape in shapes]
    how = [
        {"kind": kind, "tolerance": tolerance, "steps": _steps(options, kind), "seed": seed}
        | ({} if curvature == "ntk" else {"curvature": curvature})
        for curvature in options.curvature or ["ntk"]
        for kind in _kinds(options)
        for seed in seeds
    ]
    cells = [network | one for network in networks for one in how]
    require_room(options, cells, bytes_of)
    return cells


def _network(options: argparse.Namespace, **shape: Any) -> Cell:
    steps = LONG if options.steps is None else options.steps
    return network(argparse.Namespace(**vars(options) | shape | {"steps": steps}))


def _kinds(options: argparse.Namespace) -> list[str]:
    linear = options.model == "linear"
    if linear and "barrier" in (options.kinds or ()):
        raise InputError("--kinds barrier is for --model mlp; got model linear")
    usual = [kind for kind in first_steps.KINDS if not (linear and kind == "barrier")]
    return list(dict.fromkeys(options.kinds or usual))


def _steps(options: argparse.Namespace, kind: str) -> int:
    usual = LONG if kind in WHOLE_RUNS else first_steps.STEPS
    return usual if options.steps is None else int(options.steps)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Draw what a folder holds, and name the figure."""
    rows = _rows(settled(read_record(folder / RECORD)).values())
    if not rows:
        raise InputError(f"{folder} must hold at least one finished cell; its record has none")
    return _drawn(rows), FIGURE


def _rows(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Average the seeds of each boundary, in the form of ``summary.json``."""
    found = [line for line in lines if line.error is None]
    ordered = sorted(found, key=lambda line: (*_place(line.cell), line.cell["seed"]))
    grouped = groupby(ordered, key=lambda line: _place(line.cell))
    return [_row(members[0].cell, members) for _, group in grouped if (members := list(group))]


def _place(cell: Cell) -> tuple[Any, ...]:
    """Say where a boundary comes among others."""
    shape = (cell.get("activation", ""), cell.get("depth", 0), float(cell["width"]))
    curvature = list(CURVATURES).index(cell.get("curvature", "ntk"))
    return *shape, curvature, KINDS.index(cell["kind"]), cell["steps"]


def _row(cell: Cell, members: list[Line]) -> dict[str, Any]:
    brackets = [(line.result["lower"], line.result["upper"]) for line in members]
    measured = centre(
        [lower for lower, _ in brackets],
        [float("inf") if upper is None else upper for _, upper in brackets],
    )
    ends = cell["kind"] != "end" or any(lower > 0 for lower, _ in brackets)
    return {
        "model": _name(cell),
        "boundary": cell["kind"],
        "width": cell["width"],
        "depth": cell.get("depth", 1),
        "activation": cell.get("activation", "linear"),
        "curvature": cell.get("curvature", "ntk"),
        "steps": cell["steps"],
        "text": str(measured) if ends else NOWHERE,
        "value": measured.value if ends else None,
        "error": measured.error if ends else None,
        "at_least": measured.at_least,
        "at_most": measured.at_most,
        "n": measured.n if ends else len(members),
        "brackets": brackets,
        "windows": sum(len(line.result["windows"]) for line in members),
    }


def _name(cell: Cell) -> str:
    if cell["model"] == "linear":
        return "exact linear network"
    return f"{cell['activation']}, {cell['depth']} hidden layer{'s' * (cell['depth'] > 1)}"


def _words(rows: list[dict[str, Any]]) -> str:
    columns = {"model": "network", "width": "width", "curvature": "lambda_0", "steps": "steps"}
    columns |= {"text": "c", "seeds": "seeds", "windows": "below again beyond"}
    told = [row | {"what": MEANING[row["boundary"]], "seeds": _seeds(row)} for row in rows]
    table = [[row["what"], *(row[name] for name in columns)] for row in told]
    headers = ("boundary", *columns.values())
    words = tabulate(table, headers, tablefmt="plain", disable_numparse=True)
    return f"{words}\n{EXPLAINED}" if any(row["text"] == NOWHERE for row in rows) else words


def _seeds(row: dict[str, Any]) -> str:
    """Say how many seeds were averaged, and of how many where some crossed nowhere."""
    members = len(row["brackets"])
    return f"{row['n']}" if row["n"] == members else f"{row['n']} of {members}"


def _drawn(rows: list[dict[str, Any]]) -> Any:
    from catapult_sim import plots

    return plots.boundaries(rows)
