"""Where the first steps of training change their nature, by Kalra and Barkeshli's definitions.

Within so many steps, ten in the paper [1]_, and at learning rates ``c = eta lambda_0``,

===========  ===================================================================================
``loss``     is the smallest c at which the loss exceeds its start
``sharp``    is the smallest c at which the sharpness exceeds its start
``barrier``  is the smallest c at which the loss on the straight way from the first point to the
             last exceeds its start, in any of twenty places
``max``      is the largest c at which the loss stays below 1e5 times its start
===========  ===================================================================================

The sharpness is the top eigenvalue of the Hessian, as in the paper, or of the neural tangent
kernel (``"kernel"``); lambda_0 is the same at the start.

References
----------
.. [1] D. S. Kalra and M. Barkeshli, *Phase diagram of early training dynamics in deep neural
   networks: effect of the learning rate, depth, and width*, arXiv:2302.12250 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.point import Point
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.phases import escape, rise
from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
from catapult_sim.types import Array, Observe

KINDS = ("loss", "sharp", "barrier", "max")
STEPS, ESCAPE = 10, 1e5
RANGE, GRID = (1.0, 64.0), 10
SEGMENT = np.linspace(0, 1, 21)[1:]


@dataclass(frozen=True, eq=False)
class NetworkStart:
    """A network at its start, and how it trains from there.

    Examples
    --------
    >>> from functools import partial
    >>> from catapult_sim.mlp.training import train
    >>> theta = np.repeat([1.0, -1.0, 1.0], [100, 45, 55])
    >>> data = MLP([1, 100, 1], activation="linear"), theta, [[1.0]], [0.0]
    >>> start = NetworkStart(partial(train, *data, steps=10), *data)
    >>> start.sides("loss", np.array([0.99, 1.01]))  # lambda_0 is 2, and f_0 = 1
    array([-1,  1], dtype=int8)
    """

    train: Callable[..., Trajectory]  # at learning rates (K,), with escape, observe
    network: MLP
    theta: Array  # (P,)
    X: Array
    y: Array
    _pairs: dict[str, tuple[float, Array]] = field(default_factory=dict)

    def top(self, curvature: str) -> float:
        """Return the top eigenvalue at the start."""
        return self._pair(curvature)[0]

    def sides(self, kind: str, rates: Array, curvature: str = "kernel") -> Array:
        """Tell on which side of a threshold learning rates are, ``(K,)``: +1 beyond, else -1."""
        if kind == "sharp":
            return np.array([self._sharpens(rate, curvature) for rate in rates])
        return {"loss": rise, "barrier": self._climbs, "max": escape}[kind](self._run(rates))

    def _run(self, rates: Array, observe: Observe | None = None) -> Trajectory:
        return self.train(learning_rate=rates, escape=ESCAPE, observe=observe or {})

    def _climbs(self, run: Trajectory) -> Array:
        """Tell which runs have a loss above their start on the straight way."""
        beyond = run.outcome == Outcome.DIVERGED
        with np.errstate(all="ignore"):
            for along in SEGMENT.astype(self.theta.dtype):
                theta = self.theta + along * (run.state - self.theta)
                loss = self.network.loss(theta, self.X, self.y)
                beyond |= ~(loss <= run.values["loss"][0])
        return np.where(beyond, 1, -1)

    def _sharpens(self, rate: float, curvature: str) -> int:
        """Tell whether a sharpness exceeds its start. Alone, a run may keep all of its states."""
        run = self._run(np.array([rate]), {"theta": lambda theta: theta})
        beyond = run.outcome[0] == Outcome.DIVERGED
        return 1 if beyond or self._passes_start(run.values["theta"][1:, 0], curvature) else -1

    def _passes_start(self, states: Array, curvature: str) -> bool:
        """Tell whether any of the states ``(T, P)`` is sharper than the start."""
        first, vector = self._pair(curvature)
        point = self._point()
        for theta in states:
            value, vector = _top_pair(point.move(theta), curvature, vector)
            if value > first:
                return True
        return False

    def _pair(self, curvature: str) -> tuple[float, Array]:
        if curvature not in self._pairs:
            self._pairs[curvature] = _top_pair(self._point(), curvature)
        return self._pairs[curvature]

    def _point(self) -> Point:
        return self.network.at(self.theta, self.X, self.y)


def _top_pair(point: Point, curvature: str, start: Array | None = None) -> tuple[float, Array]:
    """Return the top eigenvalue, and its vector; the value is never too large."""
    tolerance = 1e-4 if start is None else 1e-2  # the error of a value is of its square
    pairs = top_eigenpairs(getattr(point, curvature), start=start, tolerance=tolerance, rng=0)
    return float(pairs.values[0]), pairs.vectors[:, 0]


@dataclass(frozen=True, eq=False)
class LinearStart:
    """The exact linear network at its start, whose state does not tell what is on the way.

    Examples
    --------
    >>> from functools import partial
    >>> net = LinearNet([[1.0]], [0.0], width=100)
    >>> state = net.from_weights(np.ones((100, 1)), np.ones(100))
    >>> start = LinearStart(partial(net.train, state=state, steps=10), net, state)
    >>> round(start.top("kernel"), 9), round(start.top("hessian"), 9)
    (2.0, 3.0)
    """

    train: Callable[..., Trajectory]
    network: LinearNet
    state: Array  # (p, p)

    def top(self, curvature: str) -> float:
        """Return the top eigenvalue at the start."""
        return float(self._top_eigenvalue(curvature)(self.state))

    def sides(self, kind: str, rates: Array, curvature: str = "kernel") -> Array:
        """Tell on which side of a threshold learning rates are, ``(K,)``: +1 beyond, else -1."""
        observe = {"sharpness": self._top_eigenvalue(curvature)} if kind == "sharp" else {}
        run = self.train(learning_rate=rates, escape=ESCAPE, observe=observe)
        if kind == "max":
            return escape(run)
        return rise(run, {"loss": "loss", "sharp": "sharpness"}[kind])

    def _top_eigenvalue(self, curvature: str) -> Callable[[Array], Array]:
        net = self.network
        return {"kernel": net.top_eigenvalue, "hessian": net.sharpness}[curvature]


Start = NetworkStart | LinearStart


def bracket(
    starts: Sequence[Start], kind: str, curvature: str = "kernel", *, tolerance: float
) -> Boundary:
    """Bracket a threshold of each network, in units of the kernel's ``1 / lambda_0``.

    Parameters
    ----------
    starts : sequence of Start, S
    kind : {"loss", "sharp", "barrier", "max"}
        The barrier is not known of a :class:`LinearStart`.
    curvature : {"kernel", "hessian"}
        Whose top eigenvalue the sharpness is.
    tolerance : float
        Relative precision of each bracket.

    Returns
    -------
    Boundary
        Between c = 1 and 64; a threshold below or above leaves its bracket open.

    Examples
    --------
    >>> net = LinearNet([[1.0]], [0.0], width=10**12)
    >>> state = net.init(rng=0)
    >>> def train(**options):
    ...     return net.train(steps=10, state=state, **options)
    >>> print(bracket([LinearStart(train, net, state)], "loss", tolerance=1e-3).measured)
    2.0000(6)
    """
    units = np.array([start.top("kernel") for start in starts])

    def side_at(c: Array) -> Array:
        columns = zip(starts, (c / units).T, strict=True)
        return np.stack([start.sides(kind, rates, curvature) for start, rates in columns], axis=1)

    return boundary(side_at, *RANGE, members=len(starts), grid=GRID, tolerance=tolerance)
