"""Networks, and the thresholds of their first steps [Kalra2023early].

Networks in the standard parametrisation learn ten digits by full-batch gradient descent on squared
error. The thresholds are those of :mod:`catapult_sim.experiments.first_steps`.
[Kalra2023early] trains on batches of 512.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from catapult_sim.experiments import networks as experiments
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.first_steps import FirstSteps, bracket
from catapult_sim.experiments.networks import Networks
from catapult_sim.numeric.runs.boundary import Boundary

PRECISION = 0.03
VERSIONS = {"hessian": "Hessian", "kernel": "kernel"}


@dataclass(frozen=True)
class Shape:
    """The shape of a network."""

    activation: str
    depth: int
    width: int


def draw(bench: Bench, shape: Shape) -> Networks:
    """Draw networks, from the same random stream for every shape."""
    data, _ = bench.split(bench.effort.samples, draw="early")
    drawn = experiments.draw(
        data,
        [shape.width] * shape.depth,
        rng=bench.rng("early network"),
        ensemble=(bench.effort.seeds,),
        activation=shape.activation,
        parametrization="standard",
        dtype="float32",
    )
    X, y = drawn.net.require_data(*data)
    return replace(drawn, X=X, y=y)


@once
def starts(bench: Bench, shape: Shape) -> list[FirstSteps]:
    """Return the first steps of every seed of a shape."""
    drawn = draw(bench, shape)
    return [FirstSteps(drawn[seed]) for seed in range(bench.effort.seeds)]


@once
def in_kernel_units(bench: Bench, shape: Shape, name: str, curvature: str) -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of the kernel's ``lambda_0``."""
    return bracket(starts(bench, shape), name, curvature, tolerance=PRECISION)


def threshold(bench: Bench, shape: Shape, name: str, version: str = "hessian") -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of that version's ``lambda_0``."""
    found = in_kernel_units(bench, shape, name, version if name == "sharp" else "kernel")
    ratios = [one.top(version) / one.top("kernel") for one in starts(bench, shape)]
    return found.scaled(np.array(ratios))
