"""``catapult-sim simulate``: runs at given learning rates; loss, curvature, phase."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim.commands.files import draw
from catapult_sim.commands.options import add_command
from catapult_sim.commands.sweeping import RECORD, network, opened, report, undecided
from catapult_sim.experiments.phase_cells import run_of
from catapult_sim.sweeps.record import Line, read_record, settled
from catapult_sim.validation import InputError, require_positive

FIGURE = "simulation.png"


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
    parser.add_argument(
        "--c", type=float, nargs="+", default=[1.0, 2.5, 3.5], metavar="C", help="eta lambda_0"
    )


def run(options: argparse.Namespace) -> int:
    """Sweep, draw, print; 1 if a cell failed."""
    base = network(options)
    wanted = require_positive("--c", options.c).tolist()
    with opened(options, base) as tally:
        lines = tally.sweep(run_of, [base | {"c": c} for c in dict.fromkeys(wanted)])
    runs = _runs(lines)
    if runs:
        draw(_drawn(runs), options.out / FIGURE)
    rows = [_row(c, found) for c, found in runs.items()]
    words = tabulate(rows, "keys", tablefmt="plain")
    words += undecided(sum(row["phase"] == "undecided" for row in rows))
    return report(options, tally, {"runs": rows}, words)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Draw what a folder holds, and name the figure."""
    runs = _runs(settled(read_record(folder / RECORD)))
    if not runs:
        raise InputError(f"{folder} must hold at least one finished cell; its record has none")
    return _drawn(runs), FIGURE


def _runs(lines: dict[str, Line]) -> dict[float, dict[str, Any]]:
    """Return results by c."""
    found = {line.cell["c"]: line.result for line in lines.values() if line.error is None}
    return dict(sorted(found.items()))


def _row(c: float, found: dict[str, Any]) -> dict[str, Any]:
    loss, top = found["loss"], found["top_eigenvalue"]
    return {
        "c": c,
        "phase": found["phase"],
        "steps": len(loss) - 1,
        "first loss": loss[0],
        "peak loss": max((value for value in loss if value is not None), default=None),
        "last loss": loss[-1],
        "first eigenvalue": top[0],
        "last eigenvalue": top[-1],
    }


def _drawn(runs: dict[float, dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    from catapult_sim import plots

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    plots.plot_runs(runs, "loss", ax=upper)
    plots.plot_runs(runs, "top_eigenvalue", ax=lower)
    upper.set(yscale="log", ylabel="loss", ylim=_range(runs, "loss"))
    lower.set(
        xlabel="step",
        ylabel=r"top kernel eigenvalue  $\lambda$",
        ylim=(0, _range(runs, "top_eigenvalue")[1]),
    )
    upper.legend(fontsize=8, frameon=False)
    return figure


def _range(runs: dict[float, dict[str, Any]], quantity: str) -> tuple[float, float]:
    """Return where to draw: divergent runs, which leave every bound, leave the picture."""
    starts = [run[quantity][0] for run in runs.values()]
    inside = [run[quantity] for run in runs.values() if run["phase"] != "divergent"]
    values = [value for column in [starts, *inside] for value in column if value] or [1.0]
    return min(values) / 1.5, max(values) * 1.5
