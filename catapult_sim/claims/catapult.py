r"""Lewkowycz et al. 2020: the catapult mechanism.

Everything is measured against ``c = eta lambda_0``, the learning rate in units of the
inverse top eigenvalue of the neural tangent kernel of that member at its start. A run has
*converged* when its loss has come down to a tenth of its start (a thousandth for one
sample), *diverged* when its loss left every bound; anything else is undecided.

References
----------
.. [1] A. Lewkowycz et al., arXiv:2003.02218.
.. [2] D. Kalra and M. Barkeshli, arXiv:2302.12250: the definition of c_loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.bench import Bench
from catapult_sim.claims.verdict import Claim
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.measured import Measured, mean
from catapult_sim.numeric.phases import Boundary, Phase, boundary, classify, divergence, rise
from catapult_sim.numeric.requirements import require_positive
from catapult_sim.numeric.trajectory import Trajectory, final, iterate, peak

__all__ = ["ARCHITECTURES", "CLAIMS", "WIDTHS"]

Array = npt.NDArray[Any]

WIDTHS = tuple(10**power for power in (2, 4, 6, 8, 10, 12))
ARCHITECTURES = [(activation, depth) for depth in (1, 2) for activation in ("linear", "tanh", "relu")]
SETTLED = 0.1  # of its first loss: when a run on data counts as converged


# One sample: the derived map, over seeds and widths -----------------------------------------


def starts(bench: Bench) -> Array:
    """Draw ``(f, lam)`` of the same seeds at every width, ``(widths, seeds, 2)``."""

    def at(width: int) -> Array:
        net = LinearNet([[1.0]], [0.0], width=width)
        state = net.init(rng=bench.rng("one sample"), ensemble=(bench.effort.starts,))
        return np.stack([state[:, 0, 1], np.trace(state, axis1=1, axis2=2)], axis=-1)

    return np.stack([at(width) for width in WIDTHS])


def run_map(bench: Bench, c: npt.ArrayLike, steps: int, width: npt.ArrayLike = 0) -> Trajectory:
    """Iterate the derived map at learning rates ``c / lam_0``; c broadcasts to (widths, seeds)."""
    from catapult_sim.symbolic.linear_net import sample_map

    step = sample_map().numpy()
    state = starts(bench)
    eta = np.asarray(c) / state[..., 1]

    def advance(state: Array, eta: Array, n: Array) -> tuple[Array, Array]:
        return step(state, eta, n), state[..., 0] ** 2 / 2

    widths = np.array(WIDTHS, dtype=float)[:, None]
    return iterate(advance, state, eta, widths, steps=steps, tolerance=1e-20)


def map_boundary(bench: Bench, side: Callable[[Trajectory], Any], steps: int) -> Boundary:
    """Bracket a boundary of the map for every width and seed."""
    shape = (len(WIDTHS), bench.effort.starts)

    def side_at(c: Array) -> Array:
        return side(run_map(bench, c.reshape(-1, *shape), steps)).reshape(c.shape)

    return boundary(side_at, 1.5, 6.0, members=math.prod(shape), tolerance=1e-4)


def map_rise(bench: Bench) -> Boundary:
    """Where the loss first exceeds its start."""
    return bench.once(("map", "rise"), lambda: map_boundary(bench, rise, 20))


def map_end(bench: Bench) -> Boundary:
    """Where convergence ends."""
    return bench.once(("map", "end"), lambda: map_boundary(bench, divergence, 2000))


def predicted_rise(bench: Bench) -> float:
    """Solve c = 2 + c^2 q with q = f_0^2 / (n lam_0^2) for every start, and average."""
    f, lam = np.moveaxis(starts(bench), -1, 0)
    q = f**2 / (np.array(WIDTHS)[:, None] * lam**2)
    return float(np.mean(4 / (1 + np.sqrt(1 - 8 * q))))


def paired(found: Boundary) -> Measured:
    """Average brackets whose prediction is made for the same seeds: their spread is no error."""
    centre, half = (found.lower + found.upper) / 2, (found.upper - found.lower) / 2
    return Measured(float(centre.mean()), float(half.mean()), centre.size)


def slope_with_width(values: Array) -> Measured:
    """Fit ``values (widths, seeds)`` against log10 of the width, seed by seed."""
    return mean(np.polyfit(np.log10(WIDTHS), values, 1)[0])


def peak_growth(bench: Bench) -> Measured:
    """Exponent of the peak loss in the width."""
    return slope_with_width(np.log10(peak(run_map(bench, 3.0, 300))))


def time_to_peak(bench: Bench, c: float) -> Measured:
    """Steps to the peak per decade of width."""
    losses = run_map(bench, c, 300).values["loss"]
    return slope_with_width(np.nanargmax(losses, axis=0).astype(float))


def lazy_movement(bench: Bench) -> Measured:
    """Exponent in the width of how far the curvature moves in the lazy phase."""
    moved = run_map(bench, 1.0, 100).state[..., 1] - starts(bench)[..., 1]
    return slope_with_width(np.log10(np.abs(moved)))


def largest_final_curvature(bench: Bench) -> Measured:
    """Largest final ``eta lambda`` of any catapult."""
    c = np.linspace(2.1, 3.9, 10)[:, None, None]
    run = run_map(bench, c, 3000)
    scaled = (c * run.state[..., 1] / starts(bench)[..., 1])[classify(run) == Phase.CATAPULT]
    return Measured(float(scaled.max()), 0.0, scaled.size)


NEAR = 0.02  # above the threshold; corrections to the leading order are of this relative size


def near_threshold(bench: Bench) -> tuple[Array, Array]:
    """Peak loss over ``n NEAR^2 / (4 eta^2)``, and final ``eta lambda``, of the widest networks."""
    run, lam = run_map(bench, 2 + NEAR, 3000), starts(bench)[-1, :, 1]
    eta = (2 + NEAR) / lam
    return peak(run)[-1] * 4 * eta**2 / (WIDTHS[-1] * NEAR**2), eta * run.state[-1, :, 1]


# Many samples: closure and networks on data ---------------------------------------------------


def linear_net(bench: Bench, width: float) -> LinearNet:
    """Build the linear network on the data, its inputs scaled as in the NTK parametrisation."""
    X, y = bench.samples()
    return LinearNet(X / math.sqrt(X.shape[1]), y, width=width)


def network(bench: Bench, activation: str, depth: int, width: int) -> MLP:
    """Build a network for the data."""
    X, y = bench.samples()
    return MLP([X.shape[1], *[width] * depth, y.shape[1]], activation=activation)


def unit_rate(top_eigenvalue: Array) -> Array:
    """Return the learning rate at c = 1 of every member."""
    return 1 / require_positive("the top kernel eigenvalue of the data at the start", top_eigenvalue)


def linear_boundary(bench: Bench, kind: str, width: int) -> Boundary:
    """Bracket where the linear network on data stops being lazy, or stops converging."""

    def measure() -> Boundary:
        net, members = linear_net(bench, width), bench.effort.members
        state = net.init(rng=bench.rng("linear"), ensemble=(members,))
        unit = unit_rate(net.top_eigenvalue(state))
        low, high, side = SEARCH[kind]

        def side_at(c: Array) -> Array:
            steps = bench.effort.steps
            return side(net.train(c * unit, steps, state=state, observe={}, tolerance=1e-6))

        return boundary(side_at, low, high, members=members, tolerance=bench.effort.tolerance)

    return bench.once(("closure", kind, width), measure)


def network_runs(
    bench: Bench, activation: str, depth: int, width: int, standardised: bool = True
) -> tuple[Callable[[Array], Trajectory], MLP, Array, Array]:
    """Prepare ``c (K, S) -> Trajectory`` of an ensemble of networks."""
    X, y = bench.samples(standardised)
    net = network(bench, activation, depth, width)
    # The seed names the members, whatever the architecture: comparisons are paired.
    theta = net.init(rng=bench.rng("network"), ensemble=(bench.effort.members,))
    unit = unit_rate(kernel.top_eigenvalue(net, theta, X))

    def run(c: Array) -> Trajectory:
        steps = bench.effort.steps
        return train(net, theta, X, y, learning_rate=c * unit, steps=steps, tolerance=1e-4)

    return run, net, X, unit


def network_boundary(
    bench: Bench, kind: str, activation: str, depth: int, width: int, standardised: bool = True
) -> Boundary:
    """Bracket where networks on data stop being lazy, or stop converging."""

    def measure() -> Boundary:
        run = network_runs(bench, activation, depth, width, standardised)[0]
        low, high, side = SEARCH[kind]
        return boundary(
            lambda c: side(run(c)),
            low,
            high,
            members=bench.effort.members,
            grid=bench.effort.grid,
            tolerance=bench.effort.tolerance,
        )

    return bench.once(("network", kind, activation, depth, width, standardised), measure)


SEARCH: dict[str, tuple[float, float, Callable[[Trajectory], Any]]] = {
    "rise": (1.5, 5.0, rise),
    "end": (2.5, 40.0, partial(divergence, settled=SETTLED)),
}


def wide_limit(bench: Bench, activation: str, depth: int) -> Measured:
    """Extrapolate where the loss first rises to infinite width, linearly in width^(-1/2).

    The exponent follows from the peak loss, n (c - 2)^2 / (4 eta^2) near the threshold.
    """
    widths = np.array(bench.effort.hidden)
    found = [network_boundary(bench, "rise", activation, depth, width) for width in widths]
    centres = np.array([(one.lower + one.upper) / 2 for one in found])
    return mean(np.polyfit(widths**-0.5, centres, 1)[1], found[-1].measured.error)


def final_curvature(bench: Bench, activation: str, depth: int) -> Measured:
    """Mean final ``eta lambda`` of catapults, at the learning rate where it is largest."""

    def measure() -> Measured:
        run_at, net, X, unit = network_runs(bench, activation, depth, bench.effort.hidden[-1])
        c = np.repeat(np.array([[2.6], [3.0], [3.4], [3.8]]), bench.effort.members, axis=1)
        run = run_at(c)
        scaled = c * unit * kernel.top_eigenvalue(net, run.state, X)
        caught = np.where(classify(run, settled=SETTLED) == Phase.CATAPULT, scaled, np.nan)
        rows = [mean(row[np.isfinite(row)]) for row in caught if np.isfinite(row).any()]
        nothing = Measured(math.nan, math.nan, 0)
        return max(rows, key=lambda row: row.value, default=nothing)

    return bench.once(("final curvature", activation, depth), measure)
