"""Cells of a sweep that each bracket one boundary of training.

A cell is one of :mod:`catapult_sim.experiments.phase_cells` with a ``kind``, the relative
``tolerance`` of its bracket, and, where it is not the kernel, the ``curvature`` ("hessian") whose
top eigenvalue at the start is lambda_0. Of a whole run, at most ``steps`` long,
c = eta lambda_0 is told

========  =======================================================================
``rise``  at which the loss first exceeds its start: training stops being lazy
``end``   at which convergence ends: the run diverges beyond, and comes down below
========  =======================================================================

and of as many first steps the thresholds of :mod:`catapult_sim.experiments.first_steps`. The linear
network's state does not tell its ``barrier``.
"""

from __future__ import annotations

from typing import Any

from catapult_sim.experiments import first_steps, phase_cells
from catapult_sim.experiments.first_steps import FirstSteps, bracket
from catapult_sim.experiments.networks import WHOLE_RUNS, Networks
from catapult_sim.experiments.phase_cells import finite, run_at, start
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.sweeps.cell import cell
from catapult_sim.types import Array

Cell = dict[str, Any]

GRID = 16
CURVATURES = {"ntk": "kernel", "hessian": "hessian"}
KINDS = (*first_steps.KINDS, *WHOLE_RUNS)


@cell(version=2)
def boundary_of(cell: Cell) -> Cell:
    """Bracket a boundary of one network; an end that is open is 0, or None.

    Examples
    --------
    >>> cell = {"model": "linear", "width": 10**6, "scale": 1.0, "seed": 0, "data": "digits"}
    >>> cell |= {"samples": 16, "steps": 100, "kind": "rise", "tolerance": 0.01}
    >>> found = boundary_of(cell)
    >>> 1.97 < found["lower"] < found["upper"] < 2.03
    True
    """
    networks = start(cell, [cell["scale"]])
    first, curvature = FirstSteps(networks[0]), CURVATURES[cell.get("curvature", "ntk")]
    if cell["kind"] in WHOLE_RUNS:
        found = _of_whole_runs(cell, networks)
    else:
        found = bracket([first], cell["kind"], curvature, tolerance=cell["tolerance"])
    if curvature != "kernel":
        found = found.scaled(first.top(curvature) / networks.lambda_0)
    return {
        "lower": float(found.lower[0]),
        "upper": finite(found.upper)[0],
        "windows": [value for _, value in found.windows],
        "evaluations": found.evaluations,
    }


def bytes_of(cell: Cell) -> int:
    """Return how many bytes a cell takes: its first rates side by side, or one run's states."""
    side_by_side = phase_cells.bytes_of(cell, members=GRID)
    if cell["kind"] != "sharp":
        return side_by_side
    return max(side_by_side, phase_cells.bytes_of(cell, observe={"theta": lambda theta: theta}))


def _of_whole_runs(cell: Cell, networks: Networks) -> Boundary:
    search = WHOLE_RUNS[cell["kind"]]

    def side_at(c: Array) -> Array:
        return search.side(run_at(networks, c, **search.stop))

    return boundary(side_at, search.low, search.high, grid=GRID, tolerance=cell["tolerance"])
