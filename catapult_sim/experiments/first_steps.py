"""Thresholds of the learning rate in the first steps of training [Kalra2023early].

Within the first ``STEPS`` steps, ten in the paper, and with ``c = eta lambda_0``,

===========  ===================================================================================
``loss``     is the smallest c at which the loss exceeds its start
``sharp``    is the smallest c at which the sharpness exceeds its start
``barrier``  is the smallest c at which the loss exceeds its start at any of twenty points on the
             straight line from the first parameters to the last
``max``      is the largest c at which the loss stays below 1e5 times its start
===========  ===================================================================================

The sharpness is the top eigenvalue of the Hessian, as in the paper, or of the neural tangent
kernel (``"kernel"``); lambda_0 is its value at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from catapult_sim.experiments.networks import Networks, bracket_each
from catapult_sim.mlp.point import Point
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.numeric.runs.phases import escape, rise
from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
from catapult_sim.types import Array, Observe

KINDS = ("loss", "sharp", "barrier", "max")
STEPS, ESCAPE = 10, 1e5
RANGE, GRID = (1.0, 64.0), 10
SEGMENT = np.linspace(0, 1, 21)[1:]


@dataclass(frozen=True, eq=False)
class FirstSteps:
    """The first steps of one network at many learning rates.

    The sharpness of an explicit network is computed for one run after another, that of the exact
    linear network while all runs train. The barrier does not follow from the latter's state.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> data = np.array([[1.0]]), np.array([[0.0]])
    >>> theta = np.repeat([1.0, -1.0, 1.0], [100, 45, 55])
    >>> first = FirstSteps(Networks(MLP([1, 100, 1], activation="linear"), theta, *data))
    >>> first.sides("loss", np.array([0.99, 1.01]))  # lambda_0 is 2, and f_0 = 1
    array([-1,  1], dtype=int8)

    >>> net = LinearNet(*data, width=100)
    >>> state = net.from_weights(np.ones((100, 1)), np.ones(100))
    >>> first = FirstSteps(Networks(net, state, *data))
    >>> round(first.top("kernel"), 9), round(first.top("hessian"), 9)
    (2.0, 3.0)
    """

    one: Networks
    _pairs: dict[str, tuple[float, Array]] = field(default_factory=dict)

    def top(self, curvature: str) -> float:
        """Return the top eigenvalue at the start."""
        net = self.one.model
        if isinstance(net, LinearNet):
            return float(_sharpness(net, curvature)(self.one.start))
        return self._pair(curvature)[0]

    def sides(self, kind: str, rates: Array, curvature: str = "kernel") -> Array:
        """Return +1 for learning rates ``(K,)`` beyond a threshold, and -1 for others."""
        if kind == "sharp":
            return self._sharpens(rates, curvature)
        return {"loss": rise, "barrier": self._climbs, "max": escape}[kind](self._run(rates))

    def _run(self, rates: Array, observe: Observe | None = None) -> Trajectory:
        options = {"steps": STEPS, **self.one.method, "escape": ESCAPE, "observe": observe or {}}
        return self.one.train(rates, **options)

    def _climbs(self, run: Trajectory) -> Array:
        """Return +1 for runs whose loss exceeds its start on the line from start to end, or -1."""
        one, beyond = self.one, run.outcome == Outcome.DIVERGED
        with np.errstate(all="ignore"):
            for along in SEGMENT.astype(one.start.dtype):
                theta = one.start + along * (run.state - one.start)
                loss = one.net.loss(theta, one.X, one.y)
                beyond |= ~(loss <= run.values["loss"][0])
        return np.where(beyond, 1, -1)

    def _sharpens(self, rates: Array, curvature: str) -> Array:
        """Return +1 for learning rates at which the sharpness exceeds its start, or -1."""
        net = self.one.model
        if isinstance(net, LinearNet):
            run = self._run(rates, {"sharpness": _sharpness(net, curvature)})
            return rise(run, "sharpness")
        # One run at a time: the states of all of them may not fit in memory.
        states = {"theta": lambda theta: theta}
        beyond = [self._passes_start(self._run(rate[None], states), curvature) for rate in rates]
        return np.where(beyond, 1, -1)

    def _passes_start(self, run: Trajectory, curvature: str) -> bool:
        """Return whether a single run diverges, or any of its states is sharper than the start."""
        if run.outcome[0] == Outcome.DIVERGED:
            return True
        first, vector = self._pair(curvature)
        point = self._point()
        for theta in run.values["theta"][1:, 0]:
            value, vector = _top_pair(point.move(theta), curvature, vector, bound=first)
            if value > first:
                return True
        return False

    def _pair(self, curvature: str) -> tuple[float, Array]:
        if curvature not in self._pairs:
            self._pairs[curvature] = _top_pair(self._point(), curvature)
        return self._pairs[curvature]

    def _point(self) -> Point:
        return self.one.net.at(self.one.start, self.one.X, self.one.y)


def _sharpness(net: LinearNet, curvature: str) -> Callable[[Array], Array]:
    return {"kernel": net.top_eigenvalue, "hessian": net.sharpness}[curvature]


def _top_pair(
    point: Point, curvature: str, start: Array | None = None, bound: float | None = None
) -> tuple[float, Array]:
    """Return a lower bound of the top eigenvalue, close to it, and its vector.

    With a bound, only close enough to tell whether the eigenvalue exceeds it.
    """
    # The error of the value is of the square of the vector's.
    tolerance = 1e-4 if start is None else 1e-2
    matrix = getattr(point, curvature)
    pairs = top_eigenpairs(matrix, start=start, tolerance=tolerance, bound=bound, rng=0)
    return float(pairs.values[0]), pairs.vectors[:, 0]


def bracket(
    starts: Sequence[FirstSteps], kind: str, curvature: str = "kernel", *, tolerance: float
) -> Boundary:
    """Bracket a threshold of each network, in units of the kernel's ``1 / lambda_0``.

    Parameters
    ----------
    starts : sequence of FirstSteps, S
    kind : {"loss", "sharp", "barrier", "max"}
        "barrier" is for explicit networks only.
    curvature : {"kernel", "hessian"}
        The sharpness is the top eigenvalue of this matrix.
    tolerance : float
        Relative precision of each bracket.

    Returns
    -------
    Boundary
        Between c = 1 and 64; a threshold below or above leaves its bracket open.

    Examples
    --------
    >>> net, data = LinearNet([[1.0]], [0.0], width=10**12), (np.ones((1, 1)), np.zeros((1, 1)))
    >>> first = FirstSteps(Networks(net, net.init(rng=0), *data))
    >>> print(bracket([first], "loss", tolerance=1e-3).measured)
    2.0000(6)
    """

    def sides(first: FirstSteps, c: Array) -> Array:
        return first.sides(kind, c / first.top("kernel"), curvature)

    return bracket_each(starts, sides, *RANGE, grid=GRID, tolerance=tolerance)
