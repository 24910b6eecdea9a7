"""What a sweep of many cells costs, said before it is computed."""

from __future__ import annotations

import argparse
import time
from typing import Any

from catapult_sim.memory import in_words
from catapult_sim.numeric.runs.blas_threads import one_thread
from catapult_sim.printing import in_time
from catapult_sim.progress import showing
from catapult_sim.sweeps.cell import READ_AHEAD, Cell, compute, groups, identify_all, physics_of
from catapult_sim.sweeps.sweep import CELL_BYTES

MANY = 1000  # cells from which the costs are said
FEW = 9  # steps of a trial


def costs(function: Any, cells: list[Cell], options: argparse.Namespace) -> str:
    """Return in words what cells cost, from a few steps of one group in their middle.

    Runs that end early take less time, and so do cells that the record holds.
    """
    with one_thread(), showing(options.progress, "a trial"):
        seconds = len(cells) * _seconds(function, cells)
    where = "by one worker"
    if options.scheduler is None:
        seconds /= options.workers
        where = f"with --workers {options.workers}"
    memory = in_words(len(cells) * CELL_BYTES)
    return f"{len(cells):,} cells: at most {in_time(seconds)} {where}; {memory} for their record"


def _seconds(function: Any, cells: list[Cell]) -> float:
    """Return how long a cell takes: what is done once, and so much for each step."""
    physics, middle = physics_of(function), len(cells) // 2
    ahead = cells[middle : middle + READ_AHEAD * physics.batch_size]
    group = [one.cell for one in next(groups(identify_all(ahead, physics), physics))]

    def seconds(steps: int) -> float:
        began = time.perf_counter()
        compute(function, [cell | {"steps": min(steps, cell["steps"])} for cell in group])
        return time.perf_counter() - began

    steps = max(cell["steps"] for cell in group)
    seconds(1)  # what is done but once in a process is not timed
    first, few = seconds(1), seconds(FEW)
    return (first + max(few - first, 0.0) * (steps - 1) / (FEW - 1)) / len(group)
