"""``catapult-sim phase-diagram``: lazy, catapult, divergent, over two axes."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.commands.diagram import Diagram, axis, code, key
from catapult_sim.commands.files import draw
from catapult_sim.commands.options import add_command
from catapult_sim.commands.room import require_room
from catapult_sim.commands.sweeping import RECORD, network, opened, report, undecided
from catapult_sim.experiments.phase_cells import bytes_of, phase_of, start
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.sweeps.cell import physics_of
from catapult_sim.sweeps.record import read_record, settled
from catapult_sim.sweeps.refinement import refine
from catapult_sim.validation import InputError, require_count, require_positive

FIGURE = "phase-diagram.png"


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "phase-diagram",
        run,
        help="draw phases over two of: learning rate, width, depth, scale, batch size, momentum",
        does="Compute phases where they meet, and paint the rest.",
        out="phase-diagram",
    )
    group = parser.add_argument_group(
        "axes",
        "c, width and scale in geometric steps, momentum in even ones; depth=LOW:HIGH takes "
        "every number, batch_size=LOW:HIGH doubles",
    )
    spans = {"--x": "c=0.5:8:65", "--y": "width=16:1024:65"}
    for name, span in spans.items():
        group.add_argument(name, default=span, metavar="NAME=LOW:HIGH:POINTS", help="an axis")
    group.add_argument(
        "--levels", type=int, default=3, help="halvings of the coarse grid; 0 computes every cell"
    )
    group.add_argument("--c", type=float, default=3.0, help="where it is not an axis")


def run(options: argparse.Namespace) -> int:
    """Sweep, draw, print; 1 if a cell failed."""
    diagram = _diagram(options)
    with opened(options, diagram.cell) as tally:

        def phases_at(places: npt.NDArray[np.int64]) -> list[int]:
            cells = diagram.at(places)
            named = {key(cell): cell for cell in cells}  # rounded widths may coincide
            lines = tally.sweep(phase_of, list(named.values()))
            return [code(lines[key(cell)]) for cell in cells]

        found = refine(phases_at, diagram.shape, diagram.levels)
    draw(_drawn(diagram, found.phases), options.out / FIGURE)
    shares = {
        phase.name.lower(): float((found.phases == phase).mean())
        for phase in Phase
        if (found.phases == phase).any()
    }
    summary = {"cells": found.phases.size, "computed": found.fraction, "phases": shares}
    words = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    spent = f"{found.fraction:.1%} of {found.phases.size} cells computed, the others painted"
    spent += undecided(int((found.phases == Phase.UNDECIDED).sum()))
    return report(options, tally, summary, f"{words}\n{spent}")


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Draw what a folder holds, and name the figure."""
    options = config["options"]
    diagram = Diagram(
        axis(options["x"]), axis(options["y"]), config["cell"], int(options["levels"])
    )
    lines = settled(read_record(folder / RECORD))
    return _drawn(diagram, diagram.recorded(lines)), FIGURE


def _diagram(options: argparse.Namespace) -> Diagram:
    x, y = axis(options.x), axis(options.y)
    if x.name == y.name:
        raise InputError(f"--x and --y must differ; got {x.name} twice")
    if "depth" in (x.name, y.name) and options.model != "mlp":
        raise InputError("depth is an axis of --model mlp; got model linear")
    c = float(require_positive("--c", options.c))
    require_count("--levels", options.levels)
    diagram = Diagram(x, y, network(options) | {"c": c}, options.levels)
    diagram.require_size()
    together = physics_of(phase_of).batch_size
    room = partial(bytes_of, networks=together, members=together)
    require_room(options, diagram.corners, room)
    for one in (x, y):
        if one.name == "batch_size":
            for size in one.values:
                start(diagram.cell | {"batch_size": size}, [diagram.cell["scale"]])
    # Whether the axes fit the levels is known before anything is computed.
    refine(lambda places: np.zeros(len(places)), diagram.shape, diagram.levels)
    return diagram


def _drawn(diagram: Diagram, phases: npt.NDArray[Any]) -> Any:
    from matplotlib.figure import Figure

    from catapult_sim import plots

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    x, y = diagram.x, diagram.y
    ax = plots.plot_phase_grid(x.values, y.values, np.transpose(phases), ax=figure.subplots())
    ax.set(xlabel=plots.AXES[x.name], ylabel=plots.AXES[y.name])
    ax.set_title(_title(diagram), fontsize=9)
    return figure


def _title(diagram: Diagram) -> str:
    """Name what all cells share, but for the data, the steps and the axes."""
    apart = {"model", "data", "digest", "steps", diagram.x.name, diagram.y.name}
    shared = {name: value for name, value in diagram.cell.items() if name not in apart}
    words = [f"{name.replace('_', ' ')} {value}" for name, value in shared.items()]
    return f"{diagram.cell['model']} network: {', '.join(words)}"
