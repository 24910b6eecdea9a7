"""Cells of a sweep that each bracket one boundary of training.

A cell has the entries of :mod:`catapult_sim.experiments.phase_cells`, with a ``kind`` instead of
c, the relative ``tolerance`` of its bracket, and, where it is not the kernel, the ``curvature``
("hessian") whose top eigenvalue at the start is lambda_0. The boundary is the c = eta lambda_0 of
whole runs, at most ``steps`` long,

========  =======================================================================
``rise``  from which on the loss exceeds its start: training is no longer lazy
``end``   from which on the run diverges instead of converging
========  =======================================================================

or one of the thresholds of :mod:`catapult_sim.experiments.first_steps`, within ``steps`` steps. The
``barrier`` does not follow from the linear network's state.
"""

from __future__ import annotations

import numpy as np

from catapult_sim.experiments import first_steps, phase_cells
from catapult_sim.experiments.first_steps import FirstSteps, bracket
from catapult_sim.experiments.networks import WHOLE_RUNS, Networks
from catapult_sim.experiments.phase_cells import finite, run_at, start, without_path
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.sweeps.cell import Cell, cell
from catapult_sim.types import Array

GRID = 16
CURVATURES = {"ntk": "kernel", "hessian": "hessian"}
KINDS = (*first_steps.KINDS, *WHOLE_RUNS)


@cell(version=5, identity=without_path)
def boundary_of(cell: Cell) -> Cell:
    """Bracket a boundary of one network; a lower end that is open is 0, an upper one None.

    Its learning rate is c over the ``lambda_0`` that is returned.

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
    lambda_0 = networks.lambda_0
    if curvature != "kernel":
        lambda_0 = first.top(curvature)
        found = found.scaled(lambda_0 / networks.lambda_0)
    return {
        "lambda_0": np.ravel(lambda_0)[0].item(),
        "lower": float(found.lower[0]),
        "upper": finite(found.upper)[0],
        "windows": [value for _, value in found.windows],
        "evaluations": found.evaluations,
    }


def bytes_of(cell: Cell) -> int:
    """Return the bytes that a cell takes: runs at GRID learning rates, or all states of one run."""
    side_by_side = phase_cells.bytes_of(cell, members=GRID)
    if cell["kind"] != "sharp":
        return side_by_side
    return max(side_by_side, phase_cells.bytes_of(cell, observe={"theta": lambda theta: theta}))


def _of_whole_runs(cell: Cell, networks: Networks) -> Boundary:
    search = WHOLE_RUNS[cell["kind"]]

    def side_at(c: Array) -> Array:
        return search.side(run_at(networks, c, **search.stop))

    return boundary(side_at, search.low, search.high, grid=GRID, tolerance=cell["tolerance"])
