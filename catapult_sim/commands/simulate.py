"""``catapult-sim simulate``: train one network at given learning rates."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim import plots
from catapult_sim.commands.options import add_command, network, require_networks
from catapult_sim.commands.sweeping import finished, opened, report, undecided
from catapult_sim.commands.titles import title
from catapult_sim.experiments.phase_cells import bytes_of, run_of
from catapult_sim.sweeps.record import Line

FIGURE = "simulation.png"
HEADERS = ("c", "phase", "steps", "first loss", "peak loss", "last loss", "lambda_0", "last lambda")
LAMBDA = "lambda: top eigenvalue of the kernel; c = eta lambda_0"


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "simulate",
        run,
        help="train one network at given learning rates; show loss, curvature and phase",
        does="Train one network at each learning rate.",
        out="simulation",
    )
    words = "learning rates times lambda_0"
    parser.add_argument(
        "--c", type=float, nargs="+", default=[1.0, 2.5, 3.5], metavar="C", help=words
    )


def run(options: argparse.Namespace) -> int:
    """Train, draw and print; return 1 if a run failed."""
    base = network(options)
    require_networks(options, [base], [base], bytes_of)
    with opened(options, base) as tally:
        lines = tally.sweep(run_of, [base | {"c": c} for c in dict.fromkeys(options.c)])
    found = [line for line in lines.values() if line.error is None]
    runs = _runs(found)
    rows = [_row(c, found) for c, found in runs.items()]
    words = tabulate([list(row.values()) for row in rows], HEADERS, tablefmt="plain")
    words += undecided(sum(row["phase"] == "undecided" for row in rows))
    drawn = _drawn(found) if found else None
    return report(options, tally, {"runs": rows}, f"{words}\n{LAMBDA}", drawn)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    return _drawn(finished(folder))


def _drawn(lines: list[Line]) -> tuple[Any, str]:
    cells = [line.cell for line in lines]
    momentum = cells[0].get("momentum", 0.0)
    return plots.runs(_runs(lines), title(cells), momentum), FIGURE


def _runs(lines: Iterable[Line]) -> dict[float, dict[str, Any]]:
    """Return results by c, in its order."""
    return dict(sorted((line.cell["c"], line.result) for line in lines))


def _row(c: float, found: dict[str, Any]) -> dict[str, Any]:
    loss, top = found["loss"], found["top_eigenvalue"]
    return {
        "c": c,
        "phase": found["phase"],
        "steps": len(loss) - 1,
        "first loss": loss[0],
        "peak loss": None if None in loss else max(loss),  # None: not finite
        "last loss": loss[-1],
        "first eigenvalue": top[0],
        "last eigenvalue": top[-1],
    }
