"""One sample with a label, from minima to the edge of chaos [Kalra2023sharpness].

In the units ``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lambda`` a two-layer
linear network on the sample (1, y) is one map with the parameter Y. Explicit networks, trained
step by step, measure where it settles; the derived map measures what needs millions of steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals, measured
from catapult_sim.claims.sources import DERIVED, KALRA_SHARPNESS
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, Search, draw, draw_linear
from catapult_sim.experiments.one_sample import paired
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.boundary import boundary
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.runs.phases import escape
from catapult_sim.types import Array

X, WIDTH, RATE = np.ones((1, 1)), 100, 0.5
ORBIT_LABEL = 1.1  # between the doublings at 1 and sqrt(5) - 1


# Explicit networks ----------------------------------------------------------------------------


@once
def settle(bench: Bench, label: float, steps: int = 2000) -> tuple[Array, Array]:
    """Train networks at the label Y; return ``F`` and ``Lam`` of their last two steps, (2, S)."""
    data, ensemble = (X, np.array([[label * math.sqrt(WIDTH) / RATE]])), (bench.effort.members,)
    drawn = draw(data, [WIDTH], rng=bench.rng("labelled"), ensemble=ensemble, activation="linear")
    last = replace(drawn, start=drawn.train(RATE, steps=steps).state)
    pair = np.stack([last.start, last.train(RATE, steps=1).state])
    F = RATE * last.outputs(pair)[..., 0, 0] / math.sqrt(WIDTH)
    return F, RATE * np.sum(pair**2, axis=-1) / WIDTH


def orbit_prediction(bench: Bench, combine: Callable[[Any, Any], Any], variable: int) -> float:
    """Combine the two derived points of the period-2 orbit, in F (0) or Lam (1)."""
    from catapult_sim.symbolic import linear_net

    points = linear_net.period_two_orbit().points
    values = [point[variable] + (0 if variable else linear_net.Y) for point in points]
    return float(combine(*values).subs(linear_net.Y, ORBIT_LABEL))


def orbit_measurement(bench: Bench, combine: Callable[[Any, Any], Any], variable: int) -> Measured:
    """Combine the last two steps of the networks, in F (0) or Lam (1)."""
    return mean(combine(*settle(bench, ORBIT_LABEL)[variable]))


def first_doubling(bench: Bench) -> Measured:
    """Find the label from which on explicit networks alternate between two states."""

    def side_at(labels: Array) -> Array:
        moved = [np.abs(np.diff(settle(bench, label)[0], axis=0)).max() for label in labels.flat]
        return np.where(np.array(moved) > 1e-3, 1, -1).reshape(labels.shape)

    return boundary(side_at, 0.8, 1.2, grid=8, tolerance=1e-3).measured


BASIN = {"y": 3.0, "width": 50}  # Y is near 0.7 where the basin ends


def basin_starts(bench: Bench) -> Networks:
    """Draw networks whose label is not small compared with their width."""
    data, ensemble = (X, np.array([[BASIN["y"]]])), (bench.effort.starts,)
    return draw_linear(data, BASIN["width"], rng=bench.rng("basin"), ensemble=ensemble)


def predicted_basin_end(bench: Bench) -> float:
    """Solve eta lam_0 = 4 + eta^2 y (f_0 - y) / n for every start, and average."""
    drawn, y = basin_starts(bench), BASIN["y"]
    f, lam = drawn.outputs(drawn.start)[:, 0, 0], drawn.top_eigenvalue(drawn.start)
    q = y * (f - y) / (BASIN["width"] * lam**2)
    return float(np.mean(8 / (1 + np.sqrt(1 - 16 * q))))


def basin_end(bench: Bench) -> Measured:
    """Find where networks with a label begin to diverge; some settle on orbits before."""
    search = Search(2.5, 5.0, escape, {"steps": 2000, "tolerance": 1e-9})
    return paired(basin_starts(bench).at_lambda_0().bracket(search, grid=16, tolerance=1e-4))


def sharpness_error(bench: Bench) -> Measured:
    """Compare the derived Hessian spectrum with dense Hessians of explicit networks."""
    from catapult_sim.symbolic import linear_net

    width, label = 12, 1.7
    net, y = MLP([1, width, 1], activation="linear"), np.array([[label]])
    theta = net.init(rng=bench.rng("hessian"))
    nudged = theta + 1e-30j * np.eye(net.size)
    dense = np.linalg.eigvalsh(net.gradient(nudged, X, y).imag / 1e-30)
    values = {
        linear_net.n: width,
        linear_net.y: label,
        linear_net.f: net.predict(theta, X).item(),
        linear_net.lam: theta @ theta / width,
    }
    spectrum = linear_net.hessian_eigenvalues(linear_net.y)
    derived = [
        float(eigenvalue.subs(values))
        for eigenvalue, multiplicity in spectrum.items()
        for _ in range(int(multiplicity.subs(values)))
    ]
    error = np.max(np.abs(np.sort(derived) - dense)) / np.max(np.abs(dense))
    return Measured(float(error), 0.0, net.size)


# The derived map ------------------------------------------------------------------------------


def doubling(bench: Bench, period: int) -> Measured:
    """Find the label at which the attractor's period reaches ``period``."""
    from catapult_sim.numeric.maps.attractor import attractor
    from catapult_sim.symbolic.linear_net import balanced_map

    start = bench.rng("balanced").uniform(0.2, 0.4, size=(bench.effort.members, 1))

    def side_at(labels: Array) -> Array:
        found = attractor(
            balanced_map(), start[:, :1], labels, transient=20_000, steps=1, longest=64
        )
        return np.where((found.period >= period) | (found.period == 0), 1, -1)

    low, high = (0.9, 1.1) if period == 2 else (1.15, 1.303)
    members = bench.effort.members
    return boundary(side_at, low, high, members=members, grid=12, tolerance=2e-4).measured


def derived_doubling(bench: Bench, period: int) -> float:
    """Return the derived label of a doubling."""
    from catapult_sim.symbolic.linear_net import period_doublings

    return float(period_doublings()[period])


def chaos(bench: Bench, rule: str) -> Measured:
    """Measure the Lyapunov exponent where the map triples an angle."""
    from catapult_sim.numeric.maps.attractor import attractor
    from catapult_sim.symbolic import linear_net

    rng, seeds = bench.rng("chaos"), bench.effort.starts
    angle = rng.uniform(0.1, 1.4, size=seeds)
    if rule == "balanced-map":
        found = attractor(linear_net.balanced_map(), 2 * np.sin(angle)[:, None] ** 2, 2.0)
    else:
        start = np.stack([2 * np.sin(angle), np.full(seeds, 4.0)], axis=-1)
        found = attractor(linear_net.residual_map(), start, 0.0)
    # Rounding ends one of thousands of orbits on the fixed point D = 2, of exponent ln 9.
    return mean(found.exponent[np.isfinite(found.exponent) & (found.period == 0)])


theorem = Claims(KALRA_SHARPNESS, "edge_of_stability", kind="theorem")
derived = replace(theorem, says=DERIVED)


def orbit_claims() -> Iterator[Claim]:
    """Yield the claims on where explicit networks settle between the first two doublings."""
    for name, text, combine, variable in (
        ("sum", "F_1 + F_2 = 1 + Y", lambda a, b: a + b, 0),
        ("product", "F_1 F_2 = 1", lambda a, b: a * b, 0),
        ("curvature", "the mean of eta lambda is 1 + Y", lambda a, b: (a + b) / 2, 1),
    ):
        yield theorem(
            f"orbit.{name}",
            f"one sample, Y = {ORBIT_LABEL:g}: explicit networks alternate, {text}",
            equals(
                partial(orbit_measurement, combine=combine, variable=variable),
                partial(orbit_prediction, combine=combine, variable=variable),
                within=1e-6,
            ),
        )


def threshold_claims() -> Iterator[Claim]:
    """Yield the claims on where periods double."""
    yield theorem(
        "doubling-2.explicit",
        "one sample: explicit networks begin to alternate at Y = 1",
        equals(first_doubling, partial(derived_doubling, period=2), within=0.01),
        cost=4,
    )
    balanced = replace(theorem, about="balanced network")
    for period, place in ((2, "1"), (4, "sqrt 5 - 1")):
        yield balanced(
            f"doubling-{period}",
            f"the attractor's period becomes {period} at Y = {place}",
            equals(
                partial(doubling, period=period),
                partial(derived_doubling, period=period),
                within=0.005,
            ),
        )
    for period in (8, 16):
        yield balanced(
            f"doubling-{period}",
            f"the Y at which the attractor's period becomes {period}",
            measured(partial(doubling, period=period)),
            says=DERIVED,
        )


def label_claims() -> Iterator[Claim]:
    """Yield the claims on the Hessian with a label, and on the basin of convergence."""
    yield derived(
        "hessian",
        "one sample with label: the derived Hessian spectrum is that of an explicit network "
        "(relative error)",
        equals(sharpness_error, 0.0, within=1e-10),
    )
    yield derived(
        "basin",
        "one sample with label: training begins to diverge at c = 4 + eta^2 y (f_0 - y) / n",
        equals(basin_end, predicted_basin_end, within=1e-3),
    )


def chaos_claims() -> Iterator[Claim]:
    """Yield the claims on the Lyapunov exponent where the map triples an angle."""
    for rule, place in (("residual-map", "y = 0, c = 4"), ("balanced-map", "Y = 2, u = v")):
        yield derived(
            f"lyapunov.{rule}",
            f"one sample, {place}: the Lyapunov exponent is ln 3",
            equals(partial(chaos, rule=rule), math.log(3), within=0.02),
        )


CLAIMS = (*label_claims(), *orbit_claims(), *threshold_claims(), *chaos_claims())
