"""Zhu et al. 2022: a network, or its quadratic model, trained from the same start.

References
----------
.. [1] L. Zhu, C. Liu, A. Radhakrishnan and M. Belkin, arXiv:2205.11787.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.phase_cells import SETTLED
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.taylor import Model, TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.phases import divergence
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array

PAPER = "Zhu et al. 2022"
SEEDS = {"quick": 16, "full": 64}  # on one input and on one sample


@dataclass(frozen=True)
class Problem:
    """What one seed trains: a network or its quadratic model, from the same start."""

    net: MLP
    theta: Array  # (P,)
    X: Array
    y: Array
    unit: Any  # the learning rate at c = 1
    quadratic: bool = False

    @property
    def model(self) -> Model:
        """The network, or its quadratic model around the start."""
        return TaylorModel(self.net, self.theta) if self.quadratic else self.net

    def run_at(self, c: npt.ArrayLike, **options: Any) -> Trajectory:
        """Train at learning rates ``c (K,)``."""
        rates = np.asarray(c) * self.unit
        return train(self.model, self.theta, self.X, self.y, learning_rate=rates, **options)


def bracket(
    problems: Sequence[Problem], side: Callable[[Problem, Array], Array], low: float, high: float
) -> Boundary:
    """Bracket a boundary of every problem, with ``side(problem, c (K,)) -> (K,)``."""
    return boundary(
        lambda c: np.stack([side(*pair) for pair in zip(problems, c.T, strict=True)], axis=1),
        low,
        high,
        members=len(problems),
        grid=8,
        tolerance=5e-3,
    )


def end(problem: Problem, c: Array, steps: int) -> Array:
    """Tell on which side of the end of convergence learning rates are."""
    return divergence(problem.run_at(c, steps=steps, tolerance=1e-4), settled=SETTLED)
