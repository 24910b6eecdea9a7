"""``catapult-sim scan``: what training comes to, against the learning rate."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim import plots
from catapult_sim.commands.diagram import rates
from catapult_sim.commands.options import (
    add_command,
    add_decay,
    network,
    require_cells,
    require_networks,
)
from catapult_sim.commands.sweeping import finished, opened, report
from catapult_sim.commands.titles import title
from catapult_sim.experiments.phase_cells import MORE, bytes_of, phase_of, require_accuracy
from catapult_sim.experiments.scan_rows import Row, counts_of, mean_of, rows_of
from catapult_sim.sweeps.cell import Cell
from catapult_sim.sweeps.record import Line
from catapult_sim.validation import InputError

FIGURE = "scan.png"
QUANTITIES = ("peak", "loss", "curvature", "sharpness", "accuracy", "average_loss")
MEANING = {
    "peak": "peak: largest loss over that at the start",
    "loss": "loss: last loss over that at the start",
    "curvature": "curvature: last top eigenvalue of the kernel over lambda_0",
    "sharpness": "sharpness: last top eigenvalue of the Hessian over lambda_0",
    "accuracy": "accuracy: share of samples not trained on that are classified correctly",
    "average_loss": "average_loss: loss of the averaged weights over that at the start",
}


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "scan",
        run,
        help="draw peak loss, final curvature or accuracy against the learning rate",
        does="Train networks at many learning rates, and draw what training came to against "
        "c = eta lambda_0, with the phase of each run beneath.",
        out="scan",
    )
    add = parser.add_argument
    words = "N learning rates times lambda_0, spaced geometrically"
    add("--c", default="0.5:8:25", metavar="LOW:HIGH:N", dest="rates", help=words)
    words = f"quantities: {', '.join(QUANTITIES)}"
    default = ["peak", "curvature"]
    add("--of", nargs="+", choices=QUANTITIES, default=default, metavar="QUANTITY", help=words)
    words = "train for TIME / c steps, the same time eta steps for all (in place of --steps)"
    add("--time", type=float, metavar="TIME", help=words)
    add("--members", type=int, default=4, metavar="S", help="number of seeds, from --seed on")
    add_decay(parser)


def run(options: argparse.Namespace) -> int:
    """Train, draw and print; return 1 if a run failed."""
    cells = _cells(options)
    with opened(options, _shared(cells[0])) as tally:
        lines = tally.sweep(phase_of, cells)
    found = [line for line in lines.values() if line.error is None]
    rows = rows_of(found, options.of)
    words = tabulate(_table(rows, options.of), ("c", "phases", *options.of), tablefmt="plain")
    words += "".join(f"\n{MEANING[name]}" for name in options.of)
    drawn = _drawn(found, options.of) if found else None
    return report(options, tally, {"runs": rows}, words, drawn)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    return _drawn(finished(folder), config["options"]["of"])


def _drawn(lines: Sequence[Line], names: Sequence[str]) -> tuple[Any, str]:
    cells = [line.cell for line in lines]
    return plots.scan(rows_of(lines, names), names, title(cells, apart=["c"])), FIGURE


def _cells(options: argparse.Namespace) -> list[Cell]:
    """Return the cells of all learning rates and seeds, or raise InputError."""
    base, asked_rates = network(options), rates(options.rates)
    require_cells(options, options.members * len(asked_rates), "--members, or learning rates")
    asked = [name for name in options.of if name in MORE]
    if asked and options.model != "mlp":
        raise InputError(f"--of {asked[0]} is for --model mlp; got model linear")
    if "average_loss" in asked and "average" not in base:
        raise InputError("--of average_loss needs --average")
    base |= {"of": asked} if asked else {}
    base |= {} if options.decay_to is None else {"decay_to": options.decay_to}
    cells = [
        base | {"c": c, "seed": options.seed + member, "steps": _steps(options, c)}
        for member in range(options.members)
        for c in asked_rates
    ]
    longest = max(cells, key=lambda cell: cell["steps"])
    require_networks(options, [base], [longest], bytes_of)
    if "accuracy" in asked:
        require_accuracy(base)
    return cells


def _steps(options: argparse.Namespace, c: float) -> int:
    return int(options.steps) if options.time is None else max(1, round(options.time / c))


def _shared(cell: Cell) -> Cell:
    return {name: value for name, value in cell.items() if name not in ("c", "seed", "steps")}


def _table(rows: list[Row], names: Iterable[str]) -> list[list[Any]]:
    return [
        [row["c"], counts_of(row["phases"]), *(mean_of(row, name) for name in names)]
        for row in rows
    ]
