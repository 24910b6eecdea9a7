"""Where the first ten steps of training change their nature, by Kalra and Barkeshli's definitions.

Networks in the standard parametrisation learn ten digits by full-batch gradient descent on squared
error, at learning rates ``c = eta lambda_0``. Within ten steps

- ``loss`` is the smallest c at which the loss exceeds its start,
- ``sharp`` is the smallest c at which the sharpness exceeds its start,
- ``barrier`` is the smallest c at which the loss on the straight way from the first point to the
  last exceeds its start,
- ``max`` is the largest c at which the loss stays below 1e5 times its start.

The sharpness is the top eigenvalue of the Hessian, as in the paper, or of the neural tangent
kernel; lambda_0 is the same at the start.

References
----------
.. [1] D. S. Kalra and M. Barkeshli, arXiv:2302.12250. It trains on batches of 512.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.bench import Bench
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.point import Point
from catapult_sim.mlp.training import train
from catapult_sim.numeric.curvature import top_eigenpairs
from catapult_sim.numeric.phases import Boundary, boundary, centre, rise
from catapult_sim.numeric.trajectory import Observe, Outcome, Trajectory

__all__ = ["ORDER", "PRECISION", "STEPS", "VERSIONS", "Shape", "Start", "draw", "threshold"]

Array = npt.NDArray[Any]

Side = Callable[["Start", Array], Array]

STEPS, ESCAPE = 10, 1e5
RANGE, PRECISION = (1.0, 64.0), 0.03
SEGMENT = np.linspace(0, 1, 21)[1:]
GRID = 10
SIZES = {"quick": (8, 32), "full": (16, 64)}  # seeds, samples
VERSIONS = {"hessian": "Hessian", "kernel": "kernel"}
ORDER = ("loss", "sharp", "barrier", "max")


@dataclass(frozen=True)
class Shape:
    """What is trained."""

    activation: str
    depth: int
    width: int


@dataclass(frozen=True)
class Start:
    """A network at its start, with its top eigenpairs of either kind."""

    net: MLP
    theta: Array  # (P,)
    X: Array
    y: Array
    pairs: Mapping[str, tuple[float, Array]]  # by version

    def run(self, c: Array, observe: Observe | None = None) -> Trajectory:
        """Train at learning rates ``c (K,)`` in units of the kernel's ``1 / lambda_0``."""
        rates, data = c / self.pairs["kernel"][0], (self.theta, self.X, self.y)
        options: dict[str, Any] = {"steps": STEPS, "escape": ESCAPE, "observe": observe}
        return train(self.net, *data, learning_rate=rates, **options)


def top_pair(point: Point, version: str, start: Array | None = None) -> tuple[float, Array]:
    """Return the top eigenvalue of a version, and its vector; the value is never too large."""
    tolerance = 1e-4 if start is None else 1e-2  # the error of a value is of its square
    pairs = top_eigenpairs(getattr(point, version), start=start, tolerance=tolerance, rng=0)
    return float(pairs.values[0]), pairs.vectors[:, 0]


def draw(bench: Bench, shape: Shape) -> list[Start]:
    """Draw networks; the seed names its members, whatever the shape."""
    members, samples = SIZES[bench.effort.name]
    (X, y), _ = bench.split(samples, draw="early")
    widths = [X.shape[1], *[shape.width] * shape.depth, y.shape[1]]
    net = MLP(widths, activation=shape.activation, parametrization="standard", dtype="float32")
    data = net.require_data(X, y)

    def start(theta: Array) -> Start:
        point = net.at(theta, *data)
        return Start(net, theta, *data, {version: top_pair(point, version) for version in VERSIONS})

    return [start(one) for one in net.init(rng=bench.rng("early network"), ensemble=(members,))]


# On which side of a threshold the learning rates c (K,) of one network are: +1 beyond, else -1 ---


def _rises(start: Start, c: Array) -> Array:
    """Tell which make the loss exceed its start."""
    return rise(start.run(c))


def _escapes(start: Start, c: Array) -> Array:
    """Tell which make the loss leave its bound."""
    return np.where(start.run(c).outcome == Outcome.DIVERGED, 1, -1)


def _climbs(start: Start, c: Array) -> Array:
    """Tell which make the loss exceed its start on the straight way."""
    run = start.run(c)
    beyond = run.outcome == Outcome.DIVERGED
    with np.errstate(all="ignore"):
        for along in SEGMENT.astype(np.float32):
            theta = start.theta + along * (run.state - start.theta)
            loss = start.net.loss(theta, start.X, start.y)
            beyond |= ~(loss <= run.values["loss"][0])
    return np.where(beyond, 1, -1)


def _sharpens(start: Start, c: Array, version: str) -> Array:
    """Tell which make a sharpness exceed its start."""
    run = start.run(c, {"theta": lambda theta: theta})
    sides = np.where(run.outcome == Outcome.DIVERGED, 1, -1)
    for k in np.flatnonzero(sides < 0):
        sides[k] = 1 if _passes_start(start, run.values["theta"][1:, k], version) else -1
    return sides


def _passes_start(start: Start, states: Array, version: str) -> bool:
    """Tell whether any of the states ``(T, P)`` is sharper than the start."""
    first, vector = start.pairs[version]
    point = start.net.at(start.theta, start.X, start.y)
    for theta in states:
        value, vector = top_pair(point.move(theta), version, vector)
        if value > first:
            return True
    return False


# Thresholds -------------------------------------------------------------------------------------


def threshold(bench: Bench, shape: Shape, name: str, version: str = "hessian") -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of that version's ``lambda_0``."""
    starts = bench.once(("early", shape), lambda: draw(bench, shape))
    key = ("early", shape, name, version if name == "sharp" else "")
    found = bench.once(key, lambda: _bracket(starts, name, version))
    unit = [start.pairs[version][0] / start.pairs["kernel"][0] for start in starts]
    return _scaled(found, np.array(unit))


def _bracket(starts: list[Start], name: str, version: str) -> Boundary:
    """Bracket a threshold in units of the kernel's ``1 / lambda_0``."""
    sides: dict[str, Side] = {
        "loss": _rises,
        "sharp": partial(_sharpens, version=version),
        "barrier": _climbs,
        "max": _escapes,
    }

    def side_at(c: Array) -> Array:
        columns = zip(starts, c.T, strict=True)
        return np.stack([sides[name](start, column) for start, column in columns], axis=1)

    options: dict[str, Any] = {"members": len(starts), "grid": GRID, "tolerance": PRECISION}
    return boundary(side_at, *RANGE, **options)


def _scaled(found: Boundary, unit: Array) -> Boundary:
    """Express a boundary in other units, one for each member."""
    lower, upper = found.lower * unit, found.upper * unit
    return replace(found, measured=centre(lower, upper), lower=lower, upper=upper)
