"""Networks on a data set: the exact linear closure, and networks trained explicitly.

``c = eta lambda_0`` is the learning rate in units of the inverse top eigenvalue of the neural
tangent kernel at the start of each seed. A run has converged when its loss has come down to
``SETTLED`` of its start, and diverged when its loss left every bound; else it is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.boundary_cells import WHOLE_RUNS, Search
from catapult_sim.experiments.phase_cells import SETTLED
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array
from catapult_sim.validation import require_positive


@dataclass(frozen=True)
class Architecture:
    """What is trained, apart from its width."""

    activation: str
    depth: int
    centred: bool = True

    @property
    def name(self) -> str:
        """The architecture in words."""
        layers = f"{self.activation}, {self.depth} hidden layer{'s' * (self.depth > 1)}"
        return layers if self.centred else f"{layers}, inputs not centred"


ARCHITECTURES = (
    *(Architecture(name, depth) for depth in (1, 2) for name in ("linear", "tanh", "relu")),
    Architecture("relu", 1, centred=False),
)


def search(bench: Bench, kind: str) -> Search:
    """Say how to look for where the loss first rises, or where convergence ends."""
    how, steps = WHOLE_RUNS[kind], {"rise": 60, "end": bench.effort.steps}[kind]
    return replace(how, stop={"steps": steps} | how.stop)


def bracket(bench: Bench, how: Search, run_at: Callable[..., Trajectory]) -> Boundary:
    """Bracket a boundary for every member, with ``run_at(c (K, S), **stop) -> Trajectory``."""
    return boundary(
        lambda c: how.side(run_at(c, **how.stop)),
        how.low,
        how.high,
        members=bench.effort.members,
        grid=bench.effort.grid,
        tolerance=bench.effort.tolerance,
    )


def unit_rate(top_eigenvalue: Array) -> Array:
    """Return the learning rate at c = 1 of every member."""
    return 1 / require_positive(
        "the top kernel eigenvalue of the data at the start", top_eigenvalue
    )


# The closure ----------------------------------------------------------------------------------

# Just above c = 2 growth takes long to show; the closure can afford to wait for it.
PATIENCE = 5


def linear_net(bench: Bench, width: float, labels: Array | None = None) -> LinearNet:
    """Build the linear network, its inputs scaled as in the NTK parametrisation."""
    X, y = bench.samples()
    return LinearNet(X / math.sqrt(X.shape[1]), y if labels is None else labels, width=width)


def linear_boundary(bench: Bench, kind: str, width: int) -> Boundary:
    """Bracket where the linear network stops being lazy, or stops converging."""

    def measure() -> Boundary:
        net = linear_net(bench, width)
        state = net.init(rng=bench.rng("linear"), ensemble=(bench.effort.members,))
        unit = unit_rate(net.top_eigenvalue(state))

        def run_at(c: Array, *, steps: int, **stop: Any) -> Trajectory:
            rates = c * unit
            return net.train(learning_rate=rates, steps=PATIENCE * steps, state=state, **stop)

        return bracket(bench, search(bench, kind), run_at)

    return bench.once(("closure", kind, width), measure)


# Trained networks -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Networks:
    """An ensemble of networks on data, the same members at every learning rate."""

    net: MLP
    theta: Array  # (S, P)
    X: Array
    y: Array
    unit: Array  # (S,) the learning rate at c = 1

    def run_at(self, c: Array, **stop: Any) -> Trajectory:
        """Train at learning rates ``c (K, S)``."""
        rates = c * self.unit
        return train(self.net, self.theta, self.X, self.y, learning_rate=rates, **stop)


def draw_networks(
    bench: Bench,
    architecture: Architecture,
    width: int,
    *,
    members: int | None = None,
    **network: Any,
) -> Networks:
    """Draw an ensemble; the seed names its members, whatever the architecture."""
    X, y = bench.samples(architecture.centred)
    widths = [X.shape[1], *[width] * architecture.depth, y.shape[1]]
    net = MLP(widths, activation=architecture.activation, **network)
    theta = net.init(rng=bench.rng("network"), ensemble=(members or bench.effort.members,))
    return Networks(net, theta, X, y, unit_rate(kernel.top_eigenvalue(net, theta, X)))


def network_boundary(bench: Bench, kind: str, architecture: Architecture, width: int) -> Boundary:
    """Bracket where trained networks stop being lazy, or stop converging."""

    def measure() -> Boundary:
        networks = draw_networks(bench, architecture, width)
        return bracket(bench, search(bench, kind), networks.run_at)

    return bench.once(("network", architecture, kind, width), measure)


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
    """Measure the mean final ``eta lambda`` of catapults, at the c where it is largest."""
    width = bench.effort.hidden[architecture.depth][-1]
    networks = draw_networks(bench, architecture, width)
    c = np.repeat(np.array([[2.6], [3.0], [3.4], [3.8]]), bench.effort.members, axis=1)
    run = networks.run_at(c, **search(bench, "end").stop)
    scaled = c * networks.unit * kernel.top_eigenvalue(networks.net, run.state, networks.X)
    caught = classify(run, settled=SETTLED) == Phase.CATAPULT
    rows = [mean(row[mask]) for row, mask in zip(scaled, caught, strict=True) if mask.any()]
    return max(rows, key=lambda row: row.value, default=Measured(math.nan, math.nan, 0))
