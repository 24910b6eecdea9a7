"""Test accuracy against the learning rate: where networks generalise best [Lewkowycz2020].

Section 3.3 of the paper: it lies above ``2 / lambda_0``, near the largest that converges; at
fixed time the catapult matches or beats the lazy phase.

A network learns some of the samples by full-batch gradient descent on squared error, at many
learning rates ``c = eta lambda_0``: for a fixed number of steps, or to a fixed time ``c steps``.
Every seed draws its own samples and its own network, the same at every learning rate. The
samples left over are halved: one half chooses a learning rate, the other judges it, so that the
best of many does not look better than it is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.lewkowycz2020.paper import ONE_OR_TWO, PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw
from catapult_sim.mlp.losses import fraction_right_or_nan
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, jackknife, mean
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.printing import counted
from catapult_sim.types import Array

RATES = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0])
LONG = np.array([1.5, 2.5, 3.0, 4.0])  # at equal time: runs at small c are the longest
STEPS, TIME = 100, 3000.0  # by then outputs no longer move; at 300 the faster run is ahead
SAMPLES = 256
# With one hidden layer ReLU does not stop converging; long runs of two take too long.
DEPTHS = {"steps": 2, "time": 1}
ACTIVATIONS = ("relu", "tanh")
MATCHES = '"matches": half a point of accuracy, the spread of seeds in such figures'


@dataclass(frozen=True)
class Scan:
    """Test accuracy at every learning rate; that of a guess where a network diverged."""

    c: Array  # (K,)
    choosing: Array  # (K, S) accuracy on the half that chooses
    judging: Array  # (K, S) accuracy on the other half
    diverged: Array  # (K, S)

    @property
    def end(self) -> float:
        """The c beyond which more than half of the seeds diverge, between two learning rates."""
        survives = self.diverged.mean(axis=1) <= 0.5
        beyond = int(np.argmin(survives)) if not survives.all() else len(self.c)
        known = 0 < beyond < len(self.c)
        return math.sqrt(self.c[beyond - 1] * self.c[beyond]) if known else math.nan


@once
def scan(bench: Bench, activation: str, kind: str) -> Scan:
    """Train at every learning rate, with "steps" or "time" fixed, by ``kind``."""
    seeds = range(bench.effort.seeds)
    columns = [_one_seed(bench, activation, seed, kind == "time") for seed in seeds]
    choosing, judging, diverged = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    return Scan(LONG if kind == "time" else RATES, choosing, judging, diverged)


@np.errstate(all="ignore")  # the outputs of a network that diverged overflow
def _one_seed(
    bench: Bench, activation: str, seed: int, fixed_time: bool
) -> tuple[Array, Array, Array]:
    """Return the accuracy on either half, and which learning rates diverged, each ``(K,)``."""
    data, (X_test, y_test) = bench.split(SAMPLES, draw=f"accuracy {seed}")
    rng, depth = bench.rng(f"accuracy network {seed}"), DEPTHS["time" if fixed_time else "steps"]
    hidden = [bench.effort.accuracy_width] * depth
    network = draw(data, hidden, rng=rng, activation=activation, dtype="float32").at_lambda_0()
    last, diverged = _to_the_time(network) if fixed_time else _after(network, RATES, STEPS)
    return *halves(network, last, X_test, y_test, diverged, chance(bench)), diverged


def halves(
    network: Networks, last: Array, X: Array, y: Array, diverged: Array, chance: float
) -> tuple[Array, Array]:
    """Return the accuracy ``(K,)`` on either half of samples; a guess's where a run diverged."""
    half = len(X) // 2
    choosing, judging = (
        np.where(
            diverged, chance, fraction_right_or_nan(network.net.predict(last, X[rows]), y[rows])
        )
        for rows in (slice(half), slice(half, None))
    )
    if np.isnan([choosing, judging]).any():  # of labels that are numbers to fit
        raise NothingToMeasure
    return choosing, judging


def _after(network: Networks, c: Array, steps: int) -> tuple[Array, Array]:
    """Train; return the parameters ``(K, P)``, and which learning rates diverged, ``(K,)``."""
    run = network.run_at(c, steps=steps)
    return run.state, run.outcome == Outcome.DIVERGED


def _to_the_time(network: Networks) -> tuple[Array, Array]:
    """Train at every long learning rate to the same time; as long as all go on, together."""
    steps = np.round(TIME / LONG).astype(int)
    state = np.repeat(network.start[None], len(LONG), axis=0)
    diverged = np.zeros(len(LONG), dtype=bool)
    for before, after in itertools.pairwise([0, *np.unique(steps).tolist()]):
        going = (steps >= after) & ~diverged
        parts = _after(replace(network, start=state[going]), LONG[going], after - before)
        state[going], diverged[going] = parts
    return state, diverged


def chance(bench: Bench) -> float:
    """Return the accuracy of a guess."""
    return 1 / max(2, bench.split(SAMPLES, tests=0)[0][1].shape[1])


def best(found: Scan, among: Array) -> Array:
    """Return the accuracy ``(S,)`` on one half at the other half's best rate ``among`` some."""
    chosen = np.argmax(np.where(among, found.choosing.mean(axis=1), -np.inf))
    return found.judging[chosen]


def lazy_advantage(bench: Bench, activation: str, kind: str) -> Measured:
    """Compare the best learning rate up to ``2 / lambda_0`` with the best above, in accuracy."""
    return lost_by_catapults(scan(bench, activation, kind))


def lost_by_catapults(found: Scan) -> Measured:
    """Return the accuracy at the best c up to 2 less that at the best above."""
    return mean(best(found, found.c <= 2) - best(found, found.c > 2))


def optimum(found: Scan) -> Measured:
    """Find log2 of the best learning rate over where convergence ends, by the jackknife."""
    accuracy = (found.choosing + found.judging) / 2

    def place(kept: Array) -> float:
        return float(np.log2(found.c[np.argmax(accuracy[:, kept].mean(axis=1))] / found.end))

    spacing = float(np.max(np.diff(np.log2(found.c[found.c > 2])))) / 2
    return jackknife(place, accuracy.shape[1], spacing)


def accuracy_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on where the accuracy of a network is best."""
    claim = Claims(
        PAPER.at("section 3"),
        f"catapult.accuracy.{activation}",
        reduced=ONE_OR_TWO + ", without lowering the rate",
        cost=8.6,
        given={"activation": activation},
    )
    steps = f"{activation}, {counted(DEPTHS['steps'], 'hidden layer')}, {STEPS} steps"
    name = f"{activation}, {counted(DEPTHS['time'], 'hidden layer')}"
    yield claim(
        "steps",
        f"{steps}: the best learning rate lies above 2 / lambda_0 (accuracy lost)",
        at_most(partial(lazy_advantage, kind="steps"), 0.0),
    )
    yield claim(
        "where",
        f"{steps}: the best learning rate is near the largest that converges (log2 of their ratio)",
        equals(
            lambda bench, activation: optimum(scan(bench, activation, "steps")),
            0.0,
            within=0.5,
            because='"near": half an octave, half of the way from 2 / lambda_0 to 4 / lambda_0',
        ),
    )
    yield claim(
        "time",
        f"{name}, to the time {TIME:g} / lambda_0: the catapult matches or beats the lazy phase "
        "(accuracy lost)",
        at_most(partial(lazy_advantage, kind="time"), 0.0, within=0.005, because=MATCHES),
    )


CLAIMS = tuple(claim for activation in ACTIVATIONS for claim in accuracy_claims(activation))
