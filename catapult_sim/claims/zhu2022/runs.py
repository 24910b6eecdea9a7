"""Boundaries of runs of networks and of their quadratic models [Zhu2022]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from catapult_sim.claims.sources import ZHU
from catapult_sim.experiments.networks import WHOLE_RUNS, Networks, Search, bracket_each
from catapult_sim.numeric.runs.boundary import Boundary

PAPER = ZHU
GRID, PRECISION = 8, 5e-3


def end(steps: int) -> Search:
    """Return the search for where convergence ends, narrower: the quadratic model's is near 4."""
    return replace(WHOLE_RUNS["end"], high=8.0).stopping(steps=steps)


def bracket(each: Sequence[Networks], how: Search) -> Boundary:
    """Bracket a boundary of networks or models, one after another."""
    return bracket_each(each, how.sides, how.low, how.high, grid=GRID, tolerance=PRECISION)
