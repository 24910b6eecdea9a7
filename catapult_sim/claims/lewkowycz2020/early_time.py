"""Early times of training: how far the loss rises, and how much curvature is left [Lewkowycz2020].

At every learning rate ``c = eta lambda_0`` ReLU networks train for ``80 / c`` steps, to the same
time eta t; the paper draws the curvature of its MNIST networks at eta t = 250, with lambda_0 =
0.32. They learn ten classes from raw pixels by full-batch gradient descent on squared error, in the
NTK parametrisation; every seed draws its own samples and its own network. Figures of section 3
show that the curvature is flat up to ``2 / lambda_0`` and falls above, that the largest loss leaves
its start there, and that it is met within some ten steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, Source, at_least, at_most, equals
from catapult_sim.claims.lewkowycz2020.c_act import BOUND, Sizes, drawn
from catapult_sim.claims.lewkowycz2020.paper import NETWORKS, PAPER, RESIDUAL
from catapult_sim.claims.sources import EXTENDED
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import WHOLE_RUNS, Networks, bracket_each, largest_mean
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
from catapult_sim.types import Array

TIME = 80.0  # c times steps
LAZY, CATAPULTS = (1.0, 1.5), (2.5, 3.0, 4.0, 6.0, 8.0, 10.0)
FIRST = (1, 2, 4, 8)  # steps after which it is asked whether the curvature has risen
KINK_STEPS, PRECISION = 20, 0.04
NETS = (Architecture("relu", 1, "raw"), Architecture("relu", 3, "raw"))
BLOCKS = tuple(Architecture("relu", 2, "raw", kind) for kind in ("residual", "scaled-residual"))


@dataclass(frozen=True)
class Ends:
    """What runs came to: S seeds at K learning rates; NaN where one diverged."""

    c: Array  # (K,)
    peak: Array  # (S, K) the largest loss over that at the start
    peak_step: Array  # (S, K) the step at which it is met
    curvature: Array  # (S, K) the last top eigenvalue of the kernel over lambda_0


@once
def networks(bench: Bench, architecture: Architecture) -> list[Networks]:
    """Return a network of each seed."""
    effort = bench.effort
    return drawn(
        bench, architecture, Sizes(effort.c_act_samples, effort.c_act_width, effort.early_time)
    )


@once
def ends(bench: Bench, architecture: Architecture, rates: tuple[float, ...]) -> Ends:
    """Train every seed to the same time at every learning rate."""
    found = [[_end(one, c) for c in rates] for one in networks(bench, architecture)]
    return Ends(np.array(rates), *np.moveaxis(np.array(found), -1, 0))


def run(one: Networks, c: float) -> Trajectory:
    """Train a network to the time at which the curvature is measured."""
    return one.run_at(c, steps=round(TIME / c), escape=BOUND)


def _end(one: Networks, c: float) -> tuple[float, float, float]:
    """Return the peak of a run, its step, and the curvature that is left."""
    found = run(one, c)
    if found.outcome == Outcome.DIVERGED:
        return np.nan, np.nan, np.nan
    losses, left = found.values["loss"], one.top_eigenvalue(found.state) / one.lambda_0
    return float(losses.max() / losses[0]), float(losses.argmax()), float(left)


def _worst(values: Array) -> Measured:
    """Return the largest mean over seeds of ``values (S, K)`` that are numbers."""
    return largest_mean(values, np.isfinite(values))


def fall(bench: Bench, architecture: Architecture) -> Measured:
    """Return by how much of lambda_0 the curvature has fallen, at the worst c below 2."""
    return _worst(1 - ends(bench, architecture, LAZY).curvature)


def left(bench: Bench, architecture: Architecture) -> Measured:
    """Return ``eta lambda`` that is left of catapults, at the worst c."""
    found = ends(bench, architecture, CATAPULTS)
    return _worst(found.c * found.curvature)


def peak_step(bench: Bench, architecture: Architecture) -> Measured:
    """Return the step of the largest loss of runs that rose, at the worst c."""
    found = ends(bench, architecture, CATAPULTS)
    return _worst(np.where(found.peak > 1, found.peak_step, np.nan))


def kink(bench: Bench, architecture: Architecture) -> Measured:
    """Return the c from which on the largest loss is not that of the start."""
    how = WHOLE_RUNS["rise"].stopping(steps=KINK_STEPS)
    found = bracket_each(
        networks(bench, architecture), how.sides, how.low, how.high, grid=5, tolerance=PRECISION
    )
    return found.measured


def risen(bench: Bench, architecture: Architecture) -> Measured:
    """Return the largest of the first curvatures over lambda_0, at the c where it is largest."""
    rates = (LAZY[0], CATAPULTS[0])
    rows = [[_first(one, c) for c in rates] for one in networks(bench, architecture)]
    return _worst(np.array(rows))


def _first(one: Networks, c: float) -> float:
    """Return the largest curvature after the first steps of a run, over lambda_0."""
    found = one.run_at(c, steps=max(FIRST), observe={"theta": lambda theta: theta})
    return float(one.top_eigenvalue(found.values["theta"][list(FIRST)]).max() / one.lambda_0)


SEEN = '"flat", beside a fall to a tenth: a fifth is what finite width and time leave'
TWICE = "the first steps above 2 / lambda_0 hardly rise at finite width: between 2 and 3"
RISE = 0.05
RISE_WHY = "what a figure of the curvature shows: a twentieth"


def early_claims(architecture: Architecture, says: Source, reduced: str) -> Iterator[Claim]:
    """Yield the claims on the first steps of an architecture."""
    claim = Claims(
        says,
        f"catapult.early_time.{architecture.id}",
        architecture.name,
        reduced=reduced,
        cost=(1.3 if architecture in BLOCKS else 0.4) * architecture.depth,
        given={"architecture": architecture},
    )
    after = f"after {TIME:g} / c steps"
    yield claim(
        "flat",
        f"the curvature is flat up to c = {LAZY[-1]:g}, {after} (share lost at the worst c)",
        at_most(fall, 0.0, within=0.2, because=SEEN),
    )
    yield claim(
        "left",
        f"catapults from c = {CATAPULTS[0]:g} to {CATAPULTS[-1]:g} are left with eta lambda below "
        f"2, {after} (mean at the worst c)",
        at_most(left, 2.0),
    )
    yield claim(
        "kink",
        "the largest loss leaves its start between c = 2 and 3",
        equals(kink, 2.5, within=0.5, because=TWICE),
    )
    yield claim(
        "peak",
        "the largest loss of a catapult is met within ten steps (mean step at the worst c)",
        at_most(peak_step, 10.0),
    )
    largest = f"(largest over lambda_0 in the first {max(FIRST)} steps)"
    if architecture in BLOCKS:
        yield claim(
            "rises",
            f"the curvature rises first, as the paper says of wide residual networks {largest}",
            at_least(risen, 1 + RISE, because=RISE_WHY),
        )
    else:
        yield claim(
            "rises",
            f"the curvature does not rise first {largest}",
            at_most(risen, 1.0, within=RISE, because=RISE_WHY),
            says=EXTENDED,
        )


DENSE = NETWORKS.format(layers="one or three hidden layers, 128 or 512 units wide")
CLAIMS = (
    *(one for net in NETS for one in early_claims(net, PAPER.at("section 3"), DENSE)),
    *(one for net in BLOCKS for one in early_claims(net, EXTENDED, RESIDUAL)),
)
