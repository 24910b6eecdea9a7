"""Networks whose thresholds of the first steps are measured, and those thresholds.

Networks in the standard parametrisation learn ten digits by full-batch gradient descent on squared
error. The thresholds are those of :mod:`catapult_sim.experiments.first_steps`.

References
----------
.. [1] D. S. Kalra and M. Barkeshli, arXiv:2302.12250. It trains on batches of 512.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.first_steps import STEPS, NetworkStart, bracket
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.types import Array

PRECISION = 0.03
SIZES = {"quick": (8, 32), "full": (16, 64)}  # seeds, samples
VERSIONS = {"hessian": "Hessian", "kernel": "kernel"}


@dataclass(frozen=True)
class Shape:
    """What is trained."""

    activation: str
    depth: int
    width: int


def draw(bench: Bench, shape: Shape) -> list[NetworkStart]:
    """Draw networks; the seed names its members, whatever the shape."""
    members, samples = SIZES[bench.effort.name]
    (X, y), _ = bench.split(samples, draw="early")
    widths = [X.shape[1], *[shape.width] * shape.depth, y.shape[1]]
    net = MLP(widths, activation=shape.activation, parametrization="standard", dtype="float32")
    data = net.require_data(X, y)

    def start(theta: Array) -> NetworkStart:
        return NetworkStart(partial(train, net, theta, *data, steps=STEPS), net, theta, *data)

    return [start(one) for one in net.init(rng=bench.rng("early network"), ensemble=(members,))]


def threshold(bench: Bench, shape: Shape, name: str, version: str = "hessian") -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of that version's ``lambda_0``."""
    starts = bench.once(("early", shape), lambda: draw(bench, shape))
    key = ("early", shape, name, version if name == "sharp" else "")
    found = bench.once(key, lambda: bracket(starts, name, version, tolerance=PRECISION))
    return found.scaled(np.array([one.top(version) / one.top("kernel") for one in starts]))
