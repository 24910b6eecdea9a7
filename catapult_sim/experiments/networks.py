"""Networks on data at c = eta lambda_0: draw them, run them, bracket boundaries.

``c = eta lambda_0`` is the learning rate in units of the inverse top eigenvalue of the neural
tangent kernel at the start of each member. A run has converged when its loss has fallen to
``SETTLED`` times its start, and diverged when its loss exceeds every bound; else it is undecided.

The model is an explicit network, its Taylor model, or the exact linear network. Boundaries that
claims and the report share are cached on a :class:`~catapult_sim.experiments.bench.Bench`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import Bench
from catapult_sim.memory import Limit
from catapult_sim.mlp.losses import fraction_right_or_nan
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.network import MLP, Network
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, rise
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array, Rng
from catapult_sim.validation import InputError, require_positive, require_samples

T = TypeVar("T")

SETTLED, CONVERGED = 0.1, 1e-4


@dataclass(frozen=True)
class Search:
    """The range of c in which a boundary is searched, and how a run gives its side of it."""

    low: float
    high: float
    side: Callable[[Trajectory], Array]
    stop: Mapping[str, Any] = field(default_factory=dict)  # options of training

    def stopping(self, **stop: Any) -> Search:
        """Return the same search with other options of training."""
        return replace(self, stop={**self.stop, **stop})

    def sides(self, networks: Networks, c: Array) -> Array:
        """Run networks at ``c (..., S)``; return +1 where a run is beyond the boundary, or -1."""
        return self.side(networks.run_at(c, **self.stop))


WHOLE_RUNS = {
    "rise": Search(1.5, 5.0, rise, {"escape": 1.0}),
    "end": Search(2.5, 40.0, partial(divergence, settled=SETTLED), {"tolerance": CONVERGED}),
}
"""The searches for where the loss first exceeds its start, and for where convergence ends."""


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks on data before training; the same members are trained at every learning rate.

    Examples
    --------
    Three members at two learning rates each:

    >>> data = np.ones((1, 1)), np.zeros((1, 1))
    >>> networks = draw(data, [1000], rng=0, ensemble=(3,), activation="linear").at_lambda_0()
    >>> run = networks.run_at([[1.0], [3.0]], steps=100)
    >>> [[Phase(code).name for code in row] for row in classify(run)[:, :2]]
    [['LAZY', 'LAZY'], ['CATAPULT', 'CATAPULT']]

    The quadratic model of a linear network with one hidden layer is the network itself:

    >>> losses = networks[0].expanded().run_at(3.0, steps=100).values["loss"]
    >>> np.allclose(losses, run.values["loss"][:, 1, 0])
    True
    """

    model: Model[Any] | LinearNet
    start: Array  # (..., P) parameters, or (..., p, p) states of the linear network
    X: Array  # (m, d), or as an own model takes them
    y: Array  # (m, k)
    lambda_0: Any = 1.0  # (...); 1 where c is the learning rate itself
    method: Mapping[str, Any] = field(default_factory=dict)  # options of every training

    @property
    def unit(self) -> Any:
        """The learning rate at c = 1, ``(...)``."""
        return 1 / self.lambda_0

    @property
    def net(self) -> Network:
        """The explicit network, also of a Taylor model."""
        net = self.model.network if isinstance(self.model, TaylorModel) else self.model
        assert isinstance(net, Network)
        return net

    def __getitem__(self, which: int | slice) -> Networks:
        """Return one of the members, or some."""
        shared = np.ndim(self.lambda_0) == 0
        lambda_0 = self.lambda_0 if shared else self.lambda_0[which]
        return replace(self, start=self.start[which], lambda_0=lambda_0)

    def expanded(self, order: int = 2) -> Networks:
        """Return the same start with the network's Taylor model around it; for one member."""
        return replace(self, model=TaylorModel(self.net, self.start, order=order))

    def at_lambda_0(self, curvature: float = 1.0) -> Networks:
        """Return the same networks with lambda_0 computed, so that c is ``eta lambda_0``.

        ``curvature`` is the largest second derivative of the loss by the outputs; lambda_0 is
        multiplied by it.

        Raises
        ------
        InputError
            Where lambda_0 is not positive, as on constant inputs.
        """
        return replace(self, lambda_0=require_lambda_0(curvature * self.top_eigenvalue(self.start)))

    def at_sharpness(self) -> Networks:
        """Return explicit networks with lambda_0 the top eigenvalue of the Hessian, the sharpness.

        Raises
        ------
        InputError
            Where it is not positive, as on inputs that are zero.

        Examples
        --------
        One sample on two weights, u v = 1: the Hessian has the eigenvalues (u^2 + v^2) and 0.

        >>> net = MLP([1, 1, 1], activation="linear", parametrization="standard")
        >>> drawn = Networks(net, np.array([1.0, 1.0]), np.ones((1, 1)), np.ones((1, 1)))
        >>> round(float(drawn.at_sharpness().lambda_0), 6)
        2.0
        """
        sharpness = Observers(self.net, self.X, self.y).sharpness(self.start)
        return replace(self, lambda_0=require_positive("the sharpness at the start", sharpness))

    def top_eigenvalue(self, state: Array) -> Array:
        """Return the top eigenvalue of the tangent kernel, ``state (..., P) -> (...)``."""
        if isinstance(self.model, LinearNet):
            return self.model.top_eigenvalue(state)
        return Observers(self.model, self.X, self.y).top_eigenvalue(state)

    def outputs(self, state: Array) -> Array:
        """Return the outputs on the data, ``state (..., P) -> (..., m, k)``."""
        if isinstance(self.model, LinearNet):
            return self.model.predict(state)
        return self.model.predict(state, self.X)

    def outputs_along(self, X: Array | None = None) -> Callable[[Array], Array]:
        """Return an observer of the outputs of a run, on its data or others ``(m, d)``."""
        assert isinstance(self.model, Model)
        at = self.model.along(self.X if X is None else X, orders=1)
        return lambda theta: at(theta).outputs

    def train(self, learning_rate: npt.ArrayLike, **options: Any) -> Trajectory:
        """Train at learning rates ``(..., S)``; options are those of the model's training."""
        options = {"observe": {}, **self.method, **options, "learning_rate": learning_rate}
        if isinstance(self.model, LinearNet):
            return self.model.train(state=self.start, **options)
        return train(self.model, self.start, self.X, self.y, **options)

    def run_at(self, c: npt.ArrayLike, **options: Any) -> Trajectory:
        """Train at ``c (..., S)``."""
        return self.train(np.asarray(c) * self.unit, **options)

    def bracket(self, search: Search, *, grid: int, tolerance: float) -> Boundary:
        """Bracket a boundary for every member, with all members in the same runs."""
        return boundary(
            partial(search.sides, self),
            search.low,
            search.high,
            members=np.size(self.lambda_0),
            grid=grid,
            tolerance=tolerance,
        )


def require_lambda_0(top_eigenvalue: Any) -> Any:
    """Return the top kernel eigenvalue at the start, or raise InputError."""
    return require_positive("the top kernel eigenvalue of the data at the start", top_eigenvalue)


def bracket_each(
    starts: Sequence[T],
    sides: Callable[[T, Array], Array],
    low: float,
    high: float,
    *,
    grid: int,
    tolerance: float,
) -> Boundary:
    """Bracket a boundary for networks that run one after another.

    ``sides(start, c (K,)) -> (K,)`` returns +1 beyond the boundary, and -1 below.
    """
    return boundary(
        lambda c: np.stack([sides(*pair) for pair in zip(starts, c.T, strict=True)], axis=1),
        low,
        high,
        members=len(starts),
        grid=grid,
        tolerance=tolerance,
    )


# Drawing --------------------------------------------------------------------------------------


def draw(
    data: tuple[Array, Array],
    hidden: Sequence[int],
    *,
    rng: Rng,
    ensemble: tuple[int, ...] = (),
    **network: Any,
) -> Networks:
    """Draw networks with hidden layers of given widths, with lambda_0 = 1.

    Options are those of :class:`~catapult_sim.mlp.network.MLP`.
    """
    X, y = require_samples(*data)
    return started(MLP([X.shape[1], *hidden, y.shape[1]], **network), X, y, rng, ensemble)


def started(net: Network, X: Array, y: Array, rng: Rng, ensemble: tuple[int, ...] = ()) -> Networks:
    """Return the starts of a network, with lambda_0 = 1."""
    return Networks(net, net.init(rng=rng, ensemble=ensemble), X, y)


def linear_net(data: tuple[Array, Array], width: float, **options: Any) -> LinearNet:
    """Return the exact linear network, its inputs scaled as in the NTK parametrisation."""
    X, y = require_samples(*data)
    return LinearNet(X / math.sqrt(X.shape[1]), y, width=width, **options)


def draw_linear(
    data: tuple[Array, Array],
    width: float,
    *,
    rng: Rng,
    ensemble: tuple[int, ...] = (),
    memory_limit: Limit = None,
) -> Networks:
    """Draw states of the exact linear network, with lambda_0 = 1."""
    X, y = require_samples(*data)
    net = linear_net((X, y), width)
    return Networks(net, net.init(rng=rng, ensemble=ensemble, memory_limit=memory_limit), X, y)


def require_fit(networks: Networks) -> None:
    """Raise NothingToMeasure where labels do not fit the loss: they are no probabilities."""
    try:
        networks.net.require_data(networks.X, networks.y)
    except InputError as refusal:
        raise NothingToMeasure from refusal


def loss_and_error(net: Network, theta: Array, X: Array, y: Array) -> dict[str, Array]:
    """Return loss and error of parameters ``(..., P)`` on other samples, by name."""
    right = fraction_right_or_nan(net.predict(theta, X), y)
    return {"loss": net.loss(theta, X, y), "error": 1 - right}


def largest_mean(values: Array, chosen: Array) -> Measured:
    """Return the largest mean over seeds of ``values (S, K)``, of 3 or more chosen seeds each."""
    columns = [
        mean(c[seeds]) for c, seeds in zip(values.T, chosen.T, strict=True) if sum(seeds) > 2
    ]
    if not columns:
        raise NothingToMeasure
    return max(columns, key=lambda column: column.value)


# Boundaries that claims and the report share --------------------------------------------------


ARCHITECTURES = tuple(
    Architecture(name, depth) for depth in (1, 2) for name in ("linear", "tanh", "relu")
)
LINEAR = "linear network on data"  # the name of its boundaries
CATAPULTS = np.array([2.6, 3.0, 3.4, 3.8])  # c of runs whose final curvature is measured
PATIENCE = 5  # longer runs of the linear network, cheap: just above c = 2 the loss grows slowly


def search(bench: Bench, kind: str) -> Search:
    """Return the search for where the loss first rises, or where convergence ends."""
    return WHOLE_RUNS[kind].stopping(steps={"rise": 60, "end": bench.effort.steps}[kind])


def linear_boundary(bench: Bench, kind: str, width: int) -> Boundary:
    """Bracket where the linear network stops being lazy, or stops converging."""
    how = search(bench, kind)
    patient = how.stopping(steps=PATIENCE * how.stop["steps"])

    def measure() -> Boundary:
        ensemble = (bench.effort.members,)
        drawn = draw_linear(bench.samples(), width, rng=bench.rng("linear"), ensemble=ensemble)
        # Its runs are cheap, and what follows from small differences of c is measured on them.
        precision = bench.effort.tolerance / 10
        return drawn.at_lambda_0().bracket(patient, grid=bench.effort.grid, tolerance=precision)

    return bench.boundary(LINEAR, kind, (width,), measure)


def network_boundary(bench: Bench, kind: str, architecture: Architecture, width: int) -> Boundary:
    """Bracket where trained networks stop being lazy, or stop converging."""

    def measure() -> Boundary:
        drawn, effort = draw_networks(bench, architecture, width, dtype="float32"), bench.effort
        how = search(bench, kind)
        return drawn.bracket(how, grid=effort.grid, tolerance=effort.tolerance)

    return bench.boundary(architecture.name, kind, (width,), measure)


def draw_networks(bench: Bench, architecture: Architecture, width: int, **network: Any) -> Networks:
    """Draw an ensemble, from the same random stream for every architecture and width."""
    return draw(
        bench.samples(architecture.inputs),
        [width] * architecture.depth,
        rng=bench.rng("network"),
        ensemble=(bench.effort.members,),
        activation=architecture.activation,
        **network,
    ).at_lambda_0()


def wide_limit(bench: Bench, architecture: Architecture) -> Measured:
    """Extrapolate where the loss first rises to infinite width, linearly in width^(-1/2).

    The exponent follows from the peak loss, n (c - 2)^2 / (4 eta^2) near the threshold.
    """
    widths = np.array(bench.effort.hidden[architecture.depth])
    found = [network_boundary(bench, "rise", architecture, int(width)) for width in widths]
    centres = np.array([(one.lower + one.upper) / 2 for one in found])
    half_bracket = float(np.mean(found[-1].upper - found[-1].lower) / 2)
    return mean(np.polyfit(widths**-0.5, centres, 1)[1], half_bracket)


def final_curvature(bench: Bench, architecture: Architecture) -> Measured:
    """Return the mean final ``eta lambda`` of catapults, at the c where it is largest."""
    width = bench.effort.hidden[architecture.depth][-1]
    networks = draw_networks(bench, architecture, width, dtype="float32")
    c = np.repeat(CATAPULTS[:, None], bench.effort.members, axis=1)
    scaled, caught = ends_at(bench, networks, c)
    return largest_mean(scaled.T, caught.T)


def ends_at(bench: Bench, networks: Networks, c: Array) -> tuple[Array, Array]:
    """Return the final ``eta lambda`` of runs at c, and which of them were catapults."""
    run = networks.run_at(c, **search(bench, "end").stop)
    scaled = c * networks.unit * networks.top_eigenvalue(run.state)
    return scaled, classify(run, settled=SETTLED) == Phase.CATAPULT
