"""``catapult-sim phase-diagram``: where training is lazy, catapults or diverges."""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim import plots
from catapult_sim.commands.diagram import Diagram, axis, code, key, most_levels
from catapult_sim.commands.options import add_command, network, require_cells, require_networks
from catapult_sim.commands.sweeping import opened, recorded, report, undecided
from catapult_sim.commands.titles import title
from catapult_sim.experiments.phase_cells import bytes_of, phase_of
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.progress import showing
from catapult_sim.sweeps.cell import physics_of
from catapult_sim.sweeps.refinement import refine
from catapult_sim.validation import InputError

FIGURE = "phase-diagram.png"
LEVELS = 3  # usual halvings of the coarse grid
GRID_BYTES = 10  # of a cell of the whole diagram while it is refined


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = add_command(
        commands,
        "phase-diagram",
        run,
        help="draw phases over two of: learning rate, width, depth, scale, batch size, momentum",
        does="Draw where training is lazy (the loss never exceeds its start), catapults (it does, "
        "and comes down), diverges, or is undecided after --steps. The phase of each cell near a "
        "boundary is computed; cells between equal neighbours are filled in, not computed.",
        out="phase-diagram",
    )
    group = parser.add_argument_group(
        "axes",
        "c, width and scale are spaced geometrically, momentum evenly; depth=LOW:HIGH takes every "
        "integer, batch_size=LOW:HIGH doubles from LOW on",
    )
    spans = {"--x": ("c=0.5:8:65", "horizontal"), "--y": ("width=16:1024:65", "vertical")}
    for name, (span, which) in spans.items():
        words = f"{which} axis: c, width, scale, momentum, depth or batch_size"
        group.add_argument(name, default=span, metavar="NAME=LOW:HIGH:POINTS", help=words)
    words = "how many times the grid is refined near boundaries; 0: every cell is computed"
    words += f" (default: {LEVELS}, or what the points of the axes allow)"
    group.add_argument("--levels", type=int, help=words)
    words = "learning rate times lambda_0, where it is not an axis"
    group.add_argument("--c", type=float, default=3.0, help=words)


def run(options: argparse.Namespace) -> int:
    """Compute the phases, draw and print; return 1 if a cell failed."""
    diagram = _diagram(options)
    with opened(options, diagram.cell) as tally:

        def phases_at(places: npt.NDArray[np.int64]) -> list[int]:
            with showing(options.progress, "cells to compute"):
                values = diagram.values_at(places.tolist())
                cells = {each: diagram.cell_of(each) for each in values}  # widths may coincide
            lines = tally.sweep(phase_of, list(cells.values()))
            with showing(options.progress, "phases"):
                codes = {each: code(lines[key(cell)]) for each, cell in cells.items()}
                return [codes[each] for each in values]

        found = refine(phases_at, diagram.shape, diagram.levels, progress=options.progress)
    shares = {
        str(phase): float((found.phases == phase).mean())
        for phase in Phase
        if (found.phases == phase).any()
    }
    summary = {"cells": found.phases.size, "computed": found.fraction, "phases": shares}
    words = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    spent = f"{found.fraction:.1%} of {found.phases.size} cells computed, the others filled in"
    spent += undecided(int((found.phases == Phase.UNDECIDED).sum()))
    spent += _advice(options, shares.get(str(Phase.UNDECIDED), 0.0))
    with showing(options.progress, "drawing"):
        figure = _drawn(diagram, found.phases), FIGURE
    return report(options, tally, summary, f"{words}\n{spent}", figure)


def _advice(options: argparse.Namespace, undecided: float) -> str:
    """Return a line on what helps where most cells are undecided, else nothing."""
    if undecided <= 0.5:
        return ""
    other = ", or --model mlp, networks with nonlinear units" if options.model == "linear" else ""
    return f"\nmost cells are undecided: more --steps than {options.steps} may help{other}"


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    options = config["options"]
    diagram = Diagram(axis(options["x"]), axis(options["y"]), config["cell"], options["levels"])
    diagram.require_size()
    return _drawn(diagram, diagram.recorded(recorded(folder))), FIGURE


def _diagram(options: argparse.Namespace) -> Diagram:
    x, y = axis(options.x), axis(options.y)
    if x.name == y.name:
        raise InputError(f"--x and --y must differ; got {x.name} twice")
    if "depth" in (x.name, y.name) and options.model != "mlp":
        raise InputError("depth is an axis of --model mlp; got model linear")
    if options.levels is None:
        options.levels = most_levels((x, y), LEVELS)
    diagram = Diagram(x, y, network(options) | {"c": options.c}, options.levels)
    diagram.require_size()
    grids = GRID_BYTES * math.prod(diagram.shape)
    require_cells(options, diagram.coarse, "points, or raise --levels", grids)
    together = physics_of(phase_of).batch_size
    most = partial(bytes_of, networks=together, members=together)
    require_networks(options, [diagram.network], diagram.corners, most)
    return diagram


def _drawn(diagram: Diagram, phases: npt.NDArray[Any]) -> Any:
    x, y = ((axis.name, axis.values) for axis in (diagram.x, diagram.y))
    words = title([diagram.cell], apart=[diagram.x.name, diagram.y.name])
    return plots.phase_grid(x, y, np.transpose(phases), words, diagram.cell)
