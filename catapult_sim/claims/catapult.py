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
from dataclasses import dataclass
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
from catapult_sim.numeric.trajectory import Trajectory, iterate, peak

__all__ = ["ARCHITECTURES", "CLAIMS", "WIDTHS"]

Array = npt.NDArray[Any]

WIDTHS = tuple(10**power for power in (2, 4, 6, 8, 10, 12))
ARCHITECTURES = [
    (activation, depth) for depth in (1, 2) for activation in ("linear", "tanh", "relu")
]
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
    """Count the steps by which the peak comes later per decade of width."""
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
    return 1 / require_positive(
        "the top kernel eigenvalue of the data at the start", top_eigenvalue
    )


@dataclass(frozen=True)
class Search:
    """How a boundary on data is looked for."""

    low: float
    high: float
    side: Callable[[Trajectory], Any]
    stop: dict[str, Any]  # when a member's run ends


def search(bench: Bench, kind: str) -> Search:
    """Say how to look for where the loss first rises, or where convergence ends."""
    return {
        "rise": Search(1.5, 5.0, rise, {"steps": 60, "escape": 1.0}),
        "end": Search(
            2.5,
            40.0,
            partial(divergence, settled=SETTLED),
            {"steps": bench.effort.steps, "tolerance": 1e-4},
        ),
    }[kind]


def bracket(bench: Bench, how: Search, run_at: Callable[..., Trajectory]) -> Boundary:
    """Bracket a boundary on data for every member, ``run_at(c (K, S)) -> Trajectory``."""
    return boundary(
        lambda c: how.side(run_at(c, **how.stop)),
        how.low,
        how.high,
        members=bench.effort.members,
        grid=bench.effort.grid,
        tolerance=bench.effort.tolerance,
    )


# Just above c = 2 growth takes long to show; the closure can afford to wait for it.
PATIENCE = 5


def linear_boundary(bench: Bench, kind: str, width: int) -> Boundary:
    """Bracket where the linear network on data stops being lazy, or stops converging."""

    def measure() -> Boundary:
        net = linear_net(bench, width)
        state = net.init(rng=bench.rng("linear"), ensemble=(bench.effort.members,))
        unit = unit_rate(net.top_eigenvalue(state))

        def run_at(c: Array, *, steps: int, **stop: Any) -> Trajectory:
            return net.train(c * unit, PATIENCE * steps, state=state, observe={}, **stop)

        return bracket(bench, search(bench, kind), run_at)

    return bench.once(("closure", kind, width), measure)


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


def networks(
    bench: Bench, activation: str, depth: int, width: int, standardised: bool = True
) -> Networks:
    """Draw an ensemble; the seed names the members, whatever the architecture."""
    X, y = bench.samples(standardised)
    net = network(bench, activation, depth, width)
    theta = net.init(rng=bench.rng("network"), ensemble=(bench.effort.members,))
    return Networks(net, theta, X, y, unit_rate(kernel.top_eigenvalue(net, theta, X)))


def network_boundary(
    bench: Bench, kind: str, activation: str, depth: int, width: int, standardised: bool = True
) -> Boundary:
    """Bracket where networks on data stop being lazy, or stop converging."""

    def measure() -> Boundary:
        ensemble = networks(bench, activation, depth, width, standardised)
        return bracket(bench, search(bench, kind), ensemble.run_at)

    return bench.once(("network", kind, activation, depth, width, standardised), measure)


def network_end(bench: Bench, activation: str, depth: int, standardised: bool = True) -> Measured:
    """Find where the widest networks trained stop converging."""
    width = bench.effort.hidden[depth][-1]
    return network_boundary(bench, "end", activation, depth, width, standardised).measured


def wide_limit(bench: Bench, activation: str, depth: int) -> Measured:
    """Extrapolate where the loss first rises to infinite width, linearly in width^(-1/2).

    The exponent follows from the peak loss, n (c - 2)^2 / (4 eta^2) near the threshold.
    """
    widths = np.array(bench.effort.hidden[depth])
    found = [network_boundary(bench, "rise", activation, depth, width) for width in widths]
    centres = np.array([(one.lower + one.upper) / 2 for one in found])
    return mean(np.polyfit(widths**-0.5, centres, 1)[1], found[-1].measured.error)


def final_curvature(bench: Bench, activation: str, depth: int) -> Measured:
    """Mean final ``eta lambda`` of catapults, at the learning rate where it is largest."""

    def measure() -> Measured:
        ensemble = networks(bench, activation, depth, bench.effort.hidden[depth][-1])
        c = np.repeat(np.array([[2.6], [3.0], [3.4], [3.8]]), bench.effort.members, axis=1)
        run = ensemble.run_at(c, **search(bench, "end").stop)
        lam = kernel.top_eigenvalue(ensemble.net, run.state, ensemble.X)
        scaled = c * ensemble.unit * lam
        caught = np.where(classify(run, settled=SETTLED) == Phase.CATAPULT, scaled, np.nan)
        rows = [mean(row[np.isfinite(row)]) for row in caught if np.isfinite(row).any()]
        nothing = Measured(math.nan, math.nan, 0)
        return max(rows, key=lambda row: row.value, default=nothing)

    return bench.once(("final curvature", activation, depth), measure)


def wide_linear(bench: Bench, kind: str) -> Measured:
    """Find a boundary of the widest linear network on data."""
    return linear_boundary(bench, kind, WIDTHS[-1]).measured


def rise_excess(bench: Bench) -> Measured:
    """Exponent in the width of how far above 2 the linear network on data stays lazy."""
    widths = (1000, 3000, 10000)
    found = [linear_boundary(bench, "rise", width) for width in widths]
    excess = np.array([(one.lower + one.upper) / 2 - 2 for one in found])
    return mean(np.polyfit(np.log10(widths), np.log10(excess), 1)[0])


# The theory against networks trained explicitly ----------------------------------------------


def relative_error(found: Array, explicit: Array) -> Measured:
    """Largest difference over steps ``(T, ...)``, in units of the explicit values of that step."""
    error = np.abs(found - explicit).reshape(len(found), -1).max(axis=1)
    scale = np.abs(explicit).reshape(len(found), -1).max(axis=1)
    return Measured(float(np.max(error / scale)), 0.0, found.size)


def explicit_run(net: MLP, theta: Array, X: Array, y: Array, rate: float, steps: int) -> Array:
    """Parameters of a network at every step, ``(steps + 1, P)``."""
    thetas = [theta]
    for _ in range(steps):
        thetas.append(thetas[-1] - rate * net.gradient(thetas[-1], X, y))
    return np.stack(thetas)


def map_error(bench: Bench) -> Measured:
    """Error of the derived map in f and lam, through the catapult of a network of width 500."""
    from catapult_sim.symbolic.linear_net import sample_map

    width, steps, X, y = 500, 60, np.ones((1, 1)), np.zeros((1, 1))
    net = MLP([1, width, 1], activation="linear")
    theta = net.init(rng=bench.rng("explicit map"))
    rate = 3.0 / float(kernel.top_eigenvalue(net, theta, X))
    thetas = explicit_run(net, theta, X, y, rate, steps)
    explicit = np.stack(
        [net.predict(thetas, X)[:, 0, 0], kernel.top_eigenvalue(net, thetas, X)], axis=-1
    )
    step, states = sample_map().numpy(), [explicit[0]]
    for _ in range(steps):
        states.append(step(states[-1], rate, width))
    errors = [relative_error(np.array(states)[:, i], explicit[:, i]) for i in range(2)]
    return max(errors, key=lambda error: error.value)


def closure_error(bench: Bench) -> Measured:
    """Error of the closure in the functions, through the catapult of a network on data."""
    width, steps = bench.effort.hidden[1][0], 60
    X, y = bench.samples()
    explicit, net = network(bench, "linear", 1, width), linear_net(bench, width)
    theta = explicit.init(rng=bench.rng("explicit closure"))
    rate = 3.0 * float(unit_rate(kernel.top_eigenvalue(explicit, theta, X)))
    thetas = explicit_run(explicit, theta, X, y, rate, steps)
    (weights, _), (readout, _) = explicit.split(theta)
    state = net.from_weights(weights.T, readout)
    run = net.train(
        rate, steps, state=state, observe={"f": lambda state: net.predict(state)[:, 0, 0]}
    )
    return relative_error(run.values["f"], explicit.predict(thetas, X)[:, 0, 0])


# What is claimed -------------------------------------------------------------------------------

PAPER = "Lewkowycz et al. 2020"


def constant(value: float) -> Callable[[Bench], float]:
    """Predict a number that does not depend on the bench."""
    return lambda bench: value


def exact_claims() -> Iterator[Claim]:
    """State what the two-layer linear network on one sample does."""
    claim = partial(Claim, source=f"{PAPER}, section 2")
    yield claim(
        "catapult.map",
        "the derived (f, lambda) map follows an explicit network through a catapult "
        "(relative error)",
        source=f"{PAPER}, eq. 2",
        predict=constant(0.0),
        measure=map_error,
        tolerance=1e-10,
    )
    yield claim(
        "catapult.closure",
        "the width-independent closure follows an explicit network on data through a "
        "catapult (relative error)",
        source="derived here",
        predict=constant(0.0),
        measure=closure_error,
        tolerance=1e-10,
    )
    yield claim(
        "catapult.one-sample.rise",
        "one sample: the loss first rises at c = 2 + eta^2 f_0^2 / n",
        predict=predicted_rise,
        measure=lambda bench: paired(map_rise(bench)),
        tolerance=1e-3,
    )
    yield claim(
        "catapult.one-sample.end",
        "one sample: convergence ends at c = 4, whatever the width",
        source=f"{PAPER}, theorem 1",
        predict=constant(4.0),
        measure=lambda bench: map_end(bench).measured,
        tolerance=0.01,
        cost=10,
    )
    yield claim(
        "catapult.peak.width",
        "one sample: the peak loss grows as n^1 (exponent at c = 3)",
        predict=constant(1.0),
        measure=peak_growth,
        tolerance=0.05,
    )
    for c in (2.5, 3.0):
        yield claim(
            f"catapult.peak.time-{c:g}",
            f"one sample, c = {c:g}: the peak comes ln 10 / (2 ln(c - 1)) steps later per "
            "decade of width",
            predict=constant(math.log(10) / (2 * math.log(c - 1))),
            measure=partial(time_to_peak, c=c),
            tolerance=0.1,
        )
    yield claim(
        "catapult.one-sample.final-curvature",
        "one sample: every catapult ends at eta lambda below 2 (largest)",
        source=f"{PAPER}, theorem 1",
        predict=constant(2.0),
        measure=largest_final_curvature,
        tolerance=0.0,
        relation="<=",
        cost=3,
    )
    yield claim(
        "catapult.lazy.width",
        "one sample, lazy phase: lambda moves by O(1/n) (exponent at c = 1)",
        source=f"{PAPER}, theorem 1",
        predict=constant(-1.0),
        measure=lazy_movement,
        tolerance=0.05,
    )
    yield claim(
        "catapult.threshold.peak",
        f"one sample, c = 2 + {NEAR:g}: peak loss over n (c - 2)^2 / (4 eta^2)",
        source="derived here",
        predict=constant(1.0),
        measure=lambda bench: mean(near_threshold(bench)[0]),
        tolerance=0.05,
    )
    yield claim(
        "catapult.threshold.final-curvature",
        f"one sample, c = 2 + {NEAR:g}: eta lambda ends at 4 - c",
        source="derived here",
        predict=constant(2 - NEAR),
        measure=lambda bench: mean(near_threshold(bench)[1]),
        tolerance=0.001,
    )


def data_claims() -> Iterator[Claim]:
    """State what the linear network on many samples does."""
    claim = partial(Claim, source=f"{PAPER}, section 2", cost=5)
    widest = f"width 1e{round(math.log10(WIDTHS[-1]))}"
    yield claim(
        "catapult.data.rise",
        f"linear network on data, {widest}: it stops being lazy at c = 2",
        predict=constant(2.0),
        measure=partial(wide_linear, kind="rise"),
        tolerance=0.05,
    )
    yield claim(
        "catapult.data.rise.width",
        "linear network on data: it stays lazy above 2 by O(n^-1/2) (exponent)",
        source="derived here",
        predict=constant(-0.5),
        measure=rise_excess,
        tolerance=0.1,
    )
    yield claim(
        "catapult.data.end",
        f"linear network on data, {widest}: it stops converging at c = 4",
        predict=constant(4.0),
        measure=partial(wide_linear, kind="end"),
        tolerance=0.1,
    )


def network_claims() -> Iterator[Claim]:
    """State what trained networks do."""
    literature = {"linear": 4.0, "tanh": 4.0, "relu": 12.0}
    for activation, depth in ARCHITECTURES:
        name = f"{activation}-{depth}"
        arguments: dict[str, Any] = {"activation": activation, "depth": depth}
        layers = f"{activation}, {depth} hidden layer{'s' * (depth > 1)}"
        yield Claim(
            f"catapult.{name}.rise",
            f"{layers}: the loss first rises at c = 2 (extrapolated to infinite width)",
            f"{PAPER}, section 3",
            constant(2.0),
            partial(wide_limit, **arguments),
            tolerance=0.1,
            cost=8 * depth**2,
        )
        yield Claim(
            f"catapult.{name}.end",
            f"{layers}, widest trained: convergence ends at c_act = {literature[activation]:g}",
            f"{PAPER}, section 3",
            constant(literature[activation]),
            partial(network_end, **arguments),
            tolerance=0.1 * literature[activation],
            cost=5 * depth**2,
        )
        yield Claim(
            f"catapult.{name}.final-curvature",
            f"{layers}: catapults end at eta lambda below 2 (mean at the worst c)",
            f"{PAPER}, section 3",
            constant(2.0),
            partial(final_curvature, **arguments),
            tolerance=0.05,
            relation="<=",
            cost=depth**2,
        )
    yield Claim(
        "catapult.relu-1.end.uncentred",
        "relu, 1 hidden layer, inputs not centred: convergence ends at c_act = 12",
        f"{PAPER}, section 3",
        constant(12.0),
        lambda bench: (
            network_boundary(
                bench, "end", "relu", 1, bench.effort.hidden[1][-1], standardised=False
            ).measured
        ),
        tolerance=1.2,
        cost=5,
    )


CLAIMS = (*exact_claims(), *data_claims(), *network_claims())
