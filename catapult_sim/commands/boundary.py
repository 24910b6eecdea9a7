"""``catapult-sim boundary``: the learning rates at which training changes."""

from __future__ import annotations

import argparse
from itertools import groupby, product
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from catapult_sim import plots
from catapult_sim.commands.options import add_command, network, require_cells, require_networks
from catapult_sim.commands.sweeping import REASONS, finished, opened, report
from catapult_sim.commands.titles import title
from catapult_sim.experiments import first_steps
from catapult_sim.experiments.boundary_cells import CURVATURES, KINDS, boundary_of, bytes_of
from catapult_sim.experiments.networks import SETTLED, WHOLE_RUNS
from catapult_sim.numeric.runs.boundary import centre
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell
from catapult_sim.sweeps.record import Line
from catapult_sim.validation import InputError

FIGURE = "boundary.png"
MEANING = {
    "loss": "c_loss: the loss exceeds its start",
    "sharp": "c_sharp: the sharpness exceeds its start",
    "barrier": "c_barrier: the loss exceeds its start on the straight line to the last weights",
    "max": f"c_max: the loss exceeds {first_steps.ESCAPE:g} times its start",
    "rise": "rise: the loss exceeds its start",
    "end": "end: convergence ends",
}
NOWHERE = "none converged"
EXPLAINED = (
    f"{NOWHERE}: at no learning rate that was tried did the loss come down to {SETTLED:g} of its "
    f"start; {REASONS}"
)
REENTRIES = "re-entries: learning rates beyond a boundary at which training is again as below it"
BOUNDS = (
    ">=, <=: of some seeds it is above, below all learning rates that were tried; they count with "
    "the last of these"
)
LONG = 300  # steps of whole runs
AXES = ("width", "depth", "activation")
VARIED = {*AXES, "seed", "kind", "curvature", "steps"}


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "boundary",
        run,
        help="find the learning rates at which training changes, over widths, depths, activations",
        does="Find the c = eta lambda_0 at which training changes, for several seeds: from the "
        "first steps c_loss, c_sharp, c_barrier and c_max as Kalra and Barkeshli define them "
        "(arXiv:2302.12250); from whole runs where the loss first rises, and where convergence "
        "ends. Each is bracketed between two learning rates, and printed as eta too.",
        out="boundary",
        several=AXES,
    )
    parser.set_defaults(width=[512], steps=None)
    add = parser.add_argument
    add("--members", type=int, default=8, metavar="S", help="number of seeds, from --seed on")
    add("--tolerance", type=float, default=0.01, help="largest relative width of a bracket")
    words = f"what to find: {', '.join(first_steps.KINDS)} (default: these) in the first "
    words += f"{first_steps.STEPS} steps, {', '.join(WHOLE_RUNS)} in {LONG} (--steps replaces both)"
    add("--kinds", nargs="+", choices=KINDS, metavar="KIND", help=words)
    words = "matrix whose top eigenvalue is lambda_0 and the sharpness: ntk, hessian (default: ntk)"
    add("--curvature", nargs="+", choices=tuple(CURVATURES), metavar="MATRIX", help=words)


def run(options: argparse.Namespace) -> int:
    """Find the boundaries, draw and print; return 1 if a cell failed."""
    cells = _cells(options)
    shared = {name: value for name, value in cells[0].items() if name not in VARIED}
    with opened(options, shared) as tally:
        lines = tally.sweep(boundary_of, cells)
    found = [line for line in lines.values() if line.error is None]
    rows = _rows(found)
    drawn = _drawn(found) if found else None
    return report(options, tally, {"boundaries": rows}, _words(rows), drawn)


def _cells(options: argparse.Namespace) -> list[Cell]:
    """Return the cells of all networks, kinds and seeds, or raise InputError."""
    seeds = range(options.seed, options.seed + options.members)
    shapes = list(product(*(getattr(options, name) or [None] for name in AXES)))
    require_cells(options, len(shapes) * len(seeds) * len(_kinds(options)), "--members")
    networks = [_network(options, **dict(zip(AXES, shape, strict=True))) for shape in shapes]
    how = [
        {"kind": kind, "tolerance": options.tolerance, "steps": _steps(options, kind), "seed": seed}
        | ({} if curvature == "ntk" else {"curvature": curvature})
        for curvature in options.curvature or ["ntk"]
        for kind in _kinds(options)
        for seed in seeds
    ]
    cells = [network | one for network in networks for one in how]
    require_networks(options, networks, cells, bytes_of)
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
    """Return the figure of a folder, finished or not, and its file name."""
    return _drawn(finished(folder))


def _drawn(lines: list[Line]) -> tuple[Any, str]:
    words = title([line.cell for line in lines], apart=["activation", "depth"])
    return plots.boundaries(_rows(lines), words), FIGURE


def _rows(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the mean over seeds of each boundary, as an entry of ``summary.json``."""
    ordered = sorted(lines, key=lambda line: (*_place(line.cell), line.cell["seed"]))
    grouped = groupby(ordered, key=lambda line: _place(line.cell))
    return [_row(members[0].cell, members) for _, group in grouped if (members := list(group))]


def _place(cell: Cell) -> tuple[Any, ...]:
    """Return the key by which boundaries are sorted."""
    shape = (cell.get("activation", ""), cell.get("depth", 0), float(cell["width"]))
    curvature = list(CURVATURES).index(cell.get("curvature", "ntk"))
    return *shape, curvature, KINDS.index(cell["kind"]), cell["steps"]


def _row(cell: Cell, members: list[Line]) -> dict[str, Any]:
    brackets = [(line.result["lower"], line.result["upper"]) for line in members]
    measured = _mean(brackets, [1.0] * len(members))
    # Records of before have no lambda_0.
    lambdas = [line.result.get("lambda_0", nan) for line in members]
    rate = _mean(brackets, lambdas)
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
        "learning_rate": str(rate) if ends and np.isfinite(lambdas).all() else "",
        "value": measured.value if ends else None,
        "error": measured.error if ends else None,
        "at_least": measured.at_least,
        "at_most": measured.at_most,
        "n": measured.n if ends else len(members),
        "brackets": brackets,
        "windows": sum(len(line.result["windows"]) for line in members),
    }


def _mean(brackets: list[tuple[float, float | None]], lambdas: list[float]) -> Measured:
    """Return the mean centre of brackets of c over lambda_0."""
    upper = [
        inf if end is None else end / top for (_, end), top in zip(brackets, lambdas, strict=True)
    ]
    return centre([end / top for (end, _), top in zip(brackets, lambdas, strict=True)], upper)


def _name(cell: Cell) -> str:
    if cell["model"] == "linear":
        return "exact linear network"
    return f"{cell['activation']}, {counted(cell['depth'], 'hidden layer')}"


def _words(rows: list[dict[str, Any]]) -> str:
    columns = {"model": "network", "width": "width", "curvature": "lambda_0 of", "steps": "steps"}
    columns |= {"text": "c", "learning_rate": "eta", "seeds": "seeds", "windows": "re-entries"}
    told = [row | {"what": MEANING[row["boundary"]], "seeds": _seeds(row)} for row in rows]
    table = [[row["what"], *(row[name] for name in columns)] for row in told]
    headers = ("boundary", *columns.values())
    words = tabulate(table, headers, tablefmt="plain", disable_numparse=True)
    words += f"\n{REENTRIES}" if any(row["windows"] for row in rows) else ""
    words += f"\n{BOUNDS}" if any(row["at_least"] or row["at_most"] for row in rows) else ""
    return f"{words}\n{EXPLAINED}" if any(row["text"] == NOWHERE for row in rows) else words


def _seeds(row: dict[str, Any]) -> str:
    """Return the number of seeds averaged, and of all where some never converged."""
    members = len(row["brackets"])
    return f"{row['n']}" if row["n"] == members else f"{row['n']} of {members}"
