"""``catapult-sim boundary``: where a network stops being lazy, and where it stops converging."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim.commands.files import draw
from catapult_sim.commands.sweeping import RECORD, add_command, network, opened, report
from catapult_sim.mlp.runs import BOUNDARIES, boundary_of
from catapult_sim.numeric.phases import centre
from catapult_sim.numeric.record import Line, read_record, settled
from catapult_sim.numeric.requirements import InputError, require_count, require_positive

__all__ = ["add", "figure", "run"]

FIGURE = "boundary.png"
MEANING = {"rise": "the loss first rises", "end": "convergence ends"}


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "boundary",
        run,
        help="bracket where a network stops being lazy, and where it stops converging",
        does="Bracket both boundaries for each of several seeds.",
        out="boundary",
    )
    parser.add_argument("--members", type=int, default=8, metavar="S", help="seeds, from --seed on")
    parser.add_argument("--tolerance", type=float, default=0.01, help="relative, of each bracket")


def run(options: argparse.Namespace) -> int:
    """Sweep, draw, print; 1 if a cell failed."""
    base = network(options) | {
        "tolerance": float(require_positive("--tolerance", options.tolerance))
    }
    seeds = range(options.seed, options.seed + require_count("--members", options.members, 1))
    cells = [base | {"kind": kind, "seed": seed} for kind in BOUNDARIES for seed in seeds]
    with opened(options, base) as tally:
        lines = tally.sweep(boundary_of, cells)
    rows = _rows(base, lines)
    if rows:
        draw(_drawn(rows), options.out / FIGURE)
    table = [[MEANING[row["boundary"]], row["text"], row["n"], row["windows"]] for row in rows]
    words = tabulate(table, ("boundary", "c", "seeds", "converging beyond"), tablefmt="plain")
    return report(options, tally, {"boundaries": rows}, words)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Draw what a folder holds, and name the figure."""
    rows = _rows(config["cell"], settled(read_record(folder / RECORD)))
    if not rows:
        raise InputError(f"{folder} must hold at least one finished cell; its record has none")
    return _drawn(rows), FIGURE


def _rows(base: dict[str, Any], lines: dict[str, Line]) -> list[dict[str, Any]]:
    """Average the seeds of each boundary, in the form of ``report.json``."""
    found = [line for line in lines.values() if line.error is None]
    ordered = sorted(found, key=lambda line: line.cell["seed"])
    grouped = {kind: [one for one in ordered if one.cell["kind"] == kind] for kind in BOUNDARIES}
    return [_row(base, kind, members) for kind, members in grouped.items() if members]


def _row(base: dict[str, Any], kind: str, members: list[Line]) -> dict[str, Any]:
    brackets = [(line.result["lower"], line.result["upper"]) for line in members]
    measured = centre(
        [lower for lower, _ in brackets],
        [float("inf") if upper is None else upper for _, upper in brackets],
    )
    return {
        "model": _name(base),
        "boundary": kind,
        "width": base["width"],
        "text": str(measured),
        "value": measured.value,
        "error": measured.error,
        "at_least": measured.at_least,
        "n": measured.n,
        "brackets": brackets,
        "windows": sum(len(line.result["windows"]) for line in members),
    }


def _name(base: dict[str, Any]) -> str:
    if base["model"] == "linear":
        return "exact linear network"
    return f"{base['activation']}, {base['depth']} hidden layer{'s' * (base['depth'] > 1)}"


def _drawn(rows: list[dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    from catapult_sim import plots

    figure = Figure(figsize=(6.4, 2.4), layout="constrained")
    plots.plot_architectures(rows, ax=figure.subplots())
    return figure
