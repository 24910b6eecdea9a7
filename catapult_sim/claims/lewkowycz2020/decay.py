"""Decay of the learning rate: accuracy of SGD before and after it [Lewkowycz2020].

ReLU and tanh networks with two hidden layers learn ten classes from batches of 32, at many
learning rates ``c = eta lambda_0``: for the same number of steps; to the same time ``c steps``;
and from there on at one small learning rate for all. In the paper a wide residual network is best
above ``2 / lambda_0`` only after that, since a large learning rate leaves noise of SGD; and a
convolutional one is as good at all learning rates, whatever curvature is left. Dense networks are
tried here beyond the paper, and judged by its words; ReLU also with L2, with which the paper's are
trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, measured
from catapult_sim.claims.lewkowycz2020.accuracy import (
    ACTIVATIONS,
    MATCHES,
    Scan,
    chance,
    halves,
    lost_by_catapults,
)
from catapult_sim.claims.lewkowycz2020.paper import NETWORKS
from catapult_sim.claims.sources import EXTENDED
from catapult_sim.experiments.architectures import halved
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
from catapult_sim.types import Array

RATES = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0])
LOWERED = 0.5  # c of all in the end
L2 = 1e-4  # weight decay of networks with it, as where convergence ends
LEGS = {
    "steps": "at equal steps",
    "time": "at equal time",
    "lowered": "at equal time, and the rate lowered",
}
WIDTH, BATCH, JUDGED = 128, 32, 8000
LOOKS = 20  # at the loss of all samples, at which divergence is noticed


@dataclass(frozen=True)
class Leg(Scan):
    """Test accuracy at every learning rate, and the curvature that is left."""

    curvature: Array  # (K, S) the top eigenvalue of the kernel over lambda_0, NaN if diverged


@once
def legs(bench: Bench, activation: str, weight_decay: float = 0.0) -> dict[str, Leg]:
    """Train at every learning rate: for equal steps, to equal time, and on at a small rate."""
    network = {"activation": activation, "weight_decay": weight_decay}
    seeds = range(bench.effort.decay_seeds)
    rows = np.array([_one_seed(bench, seed, **network) for seed in seeds])  # (S, legs, K, 4)
    found = np.moveaxis(rows, (1, 3, 2, 0), (0, 1, 2, 3))
    return {
        name: Leg(RATES, choosing, judging, diverged > 0, curvature)
        for name, (choosing, judging, diverged, curvature) in zip(LEGS, found, strict=True)
    }


def _one_seed(bench: Bench, seed: int, **network: Any) -> list[list[tuple[float, ...]]]:
    """Return for each leg and learning rate both accuracies, divergence and curvature."""
    (X, y), (tests, labels) = bench.split(
        bench.effort.decay_samples, draw=f"decay {seed}", tests=JUDGED
    )
    rng, batches = bench.rng(f"decay network {seed}"), bench.rng(f"decay batches {seed}")
    data, hidden = (halved(X), y), [WIDTH] * 2
    one = draw(data, hidden, rng=rng, dtype="float32", **network).at_lambda_0()
    judge = partial(_judged, one, halved(tests), labels, chance(bench))
    time, ends = bench.effort.decay_time, []
    for c in RATES:
        equal_steps = sgd(one, c, time / 10, batches)
        equal_time = sgd(one, c, time / c, batches)
        lowered = equal_time
        if equal_time.outcome != Outcome.DIVERGED:
            lowered = sgd(replace(one, start=equal_time.state), LOWERED, time / 5, batches)
        ends.append([judge(run) for run in (equal_steps, equal_time, lowered)])
    return [list(leg) for leg in zip(*ends, strict=True)]


def sgd(one: Networks, c: float, steps: float, rng: np.random.Generator) -> Trajectory:
    """Train a network by SGD."""
    count = round(steps)
    batches = minibatches(len(one.X), min(BATCH, len(one.X)), count, rng=rng)
    return one.run_at(c, steps=count, batches=batches, every=max(1, count // LOOKS))


@np.errstate(all="ignore")  # the outputs of a network that diverged overflow
def _judged(
    one: Networks, tests: Array, labels: Array, guess: float, run: Trajectory
) -> tuple[float, ...]:
    """Return the accuracy on either half of the tests, divergence, and the curvature left."""
    diverged = run.outcome == Outcome.DIVERGED
    accuracies = halves(one, run.state, tests, labels, diverged, guess)
    left = np.nan if diverged else float(one.top_eigenvalue(run.state) / one.lambda_0)
    return *map(float, accuracies), float(diverged), left


def lost(bench: Bench, activation: str, leg: str, weight_decay: float = 0.0) -> Measured:
    """Return the accuracy at the best c up to 2 less that at the best above, on a leg."""
    return lost_by_catapults(legs(bench, activation, weight_decay)[leg])


def gain(bench: Bench, activation: str, weight_decay: float = 0.0) -> Measured:
    """Return how much more accuracy catapults gain than lazy runs, where the rate is lowered."""
    found = legs(bench, activation, weight_decay)
    before, after = (found[leg] for leg in ("time", "lowered"))
    gained = (after.choosing + after.judging - before.choosing - before.judging) / 2
    gained = np.where(after.diverged, np.nan, gained)
    lazy, above = gained[after.c <= 2], gained[after.c > 2]
    if any(np.isnan(side).all(axis=0).any() for side in (lazy, above)):
        raise NothingToMeasure
    return mean(np.nanmean(above, axis=0) - np.nanmean(lazy, axis=0))


def correlation(bench: Bench, activation: str, weight_decay: float = 0.0) -> Measured:
    """Return a seed's rank correlation of final curvature and accuracy over learning rates."""
    found = legs(bench, activation, weight_decay)["lowered"]
    columns = zip(found.curvature.T, found.judging.T, ~found.diverged.T, strict=True)
    pairs = [(x[kept], y[kept]) for x, y, kept in columns]
    each = [_rank_correlation(x, y) for x, y in pairs if len(x) > 2 and np.ptp(x) and np.ptp(y)]
    if not each:
        raise NothingToMeasure
    return mean(each)


def _rank_correlation(x: Array, y: Array) -> float:
    """Return Spearman's correlation; equal values share their mean rank.

    Examples
    --------
    >>> round(_rank_correlation(np.array([1.0, 5.0, 9.0]), np.array([0.1, 0.1, 0.2])), 3)
    0.866
    """
    ranks = ((v[:, None] > v).sum(axis=1) + (v[:, None] == v).sum(axis=1) / 2 for v in (x, y))
    return float(np.corrcoef(*ranks)[0, 1])


def decay_claims(activation: str, weight_decay: float = 0.0) -> Iterator[Claim]:
    """Yield the claims on SGD with a constant learning rate, and with one that is lowered."""
    name, words = ("-l2", f", L2 of {weight_decay:g}") if weight_decay else ("", "")
    claim = Claims(
        EXTENDED,
        f"catapult.decay.{activation}{name}",
        f"{activation}, 2 hidden layers, SGD with batches of {BATCH}{words}",
        reduced=NETWORKS.format(layers="two hidden layers"),
        cost=4,
        given={"activation": activation, "weight_decay": weight_decay},
    )
    yield claim(
        "steps",
        f"{LEGS['steps']} the best learning rate lies above 2 / lambda_0 (accuracy lost)",
        at_most(partial(lost, leg="steps"), 0.0),
    )
    for leg in ("time", "lowered"):
        yield claim(
            leg,
            f"{LEGS[leg]}, the catapult matches or beats the lazy phase (accuracy lost)",
            at_most(partial(lost, leg=leg), 0.0, within=0.005, because=MATCHES),
        )
    yield claim(
        "gain",
        "accuracy that lowering the rate gives catapults, less what it gives lazy runs",
        measured(gain),
    )
    yield claim(
        "curvature",
        "rank correlation of final curvature and accuracy over learning rates, the rate lowered",
        measured(correlation),
    )


CLAIMS = (
    *(claim for activation in ACTIVATIONS for claim in decay_claims(activation)),
    *decay_claims("relu", L2),
)
