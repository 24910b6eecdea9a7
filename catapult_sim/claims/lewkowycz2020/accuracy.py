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

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.lewkowycz2020.paper import PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import draw
from catapult_sim.mlp.losses import fraction_right_or_nan
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.types import Array

RATES = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0])
STEPS, TIME = 100, 300.0
SAMPLES = 256
ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class Scan:
    """Test accuracy at every learning rate; that of a guess where a network diverged."""

    c: Array  # (K,)
    choosing: Array  # (K, S) accuracy on the half that chooses
    judging: Array  # (K, S) accuracy on the other half
    diverged: Array  # (K, S)
    chance: float

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
    return Scan(RATES, choosing, judging, diverged, chance(bench))


def _one_seed(
    bench: Bench, activation: str, seed: int, fixed_time: bool
) -> tuple[Array, Array, Array]:
    """Return the accuracy on either half, and which learning rates diverged, each ``(K,)``."""
    data, (X_test, y_test) = bench.split(SAMPLES, draw=f"accuracy {seed}")
    rng, hidden = bench.rng(f"accuracy network {seed}"), [bench.effort.accuracy_width]
    network = draw(data, hidden, rng=rng, activation=activation).at_lambda_0()
    if fixed_time:
        runs = [network.run_at([c], steps=round(TIME / c)) for c in RATES]
    else:
        runs = [network.run_at(RATES, steps=STEPS)]
    last = np.concatenate([run.state for run in runs])
    diverged = np.concatenate([run.outcome for run in runs]) == Outcome.DIVERGED
    half = len(X_test) // 2
    accuracies = [
        np.where(
            diverged,
            chance(bench),
            fraction_right_or_nan(network.net.predict(last, X_test[rows]), y_test[rows]),
        )
        for rows in (slice(half), slice(half, None))
    ]
    if np.isnan(accuracies).any():  # of labels that are numbers to fit
        raise NothingToMeasure
    return accuracies[0], accuracies[1], diverged


def chance(bench: Bench) -> float:
    """Return the accuracy of a guess."""
    return 1 / max(2, bench.split(SAMPLES)[0][1].shape[1])


def best(found: Scan, among: Array) -> Array:
    """Return the accuracy ``(S,)`` on one half at the other half's best rate ``among`` some."""
    chosen = np.argmax(np.where(among, found.choosing.mean(axis=1), -np.inf))
    return found.judging[chosen]


def lazy_advantage(bench: Bench, activation: str, kind: str) -> Measured:
    """Compare the best learning rate up to ``2 / lambda_0`` with the best above, in accuracy."""
    found = scan(bench, activation, kind)
    return mean(best(found, found.c <= 2) - best(found, found.c > 2))


def optimum(found: Scan) -> Measured:
    """Find log2 of the best learning rate over where convergence ends, by the jackknife."""
    accuracy = (found.choosing + found.judging) / 2
    seeds = accuracy.shape[1]

    def place(kept: Array) -> float:
        return float(np.log2(found.c[np.argmax(accuracy[:, kept].mean(axis=1))] / found.end))

    without = np.array([place(np.arange(seeds) != seed) for seed in range(seeds)])
    spread = math.sqrt((seeds - 1) * without.var())
    spacing = float(np.max(np.diff(np.log2(found.c[found.c > 2])))) / 2
    return Measured(place(np.full(seeds, True)), math.hypot(spread, spacing / math.sqrt(3)), seeds)


def beyond_the_end(bench: Bench, activation: str) -> Measured:
    """Average the accuracy of learning rates a quarter or more beyond the end."""
    found = scan(bench, activation, "steps")
    beyond = found.judging[found.c > 1.25 * found.end]
    if not len(beyond):
        raise NothingToMeasure
    return mean(beyond.mean(axis=0))


def accuracy_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on where the accuracy of a network with one hidden layer is best."""
    claim = Claims(
        f"{PAPER}, section 3",
        f"catapult.accuracy.{activation}",
        cost=15,
        given={"activation": activation},
    )
    name = f"{activation}, 1 hidden layer"
    steps = f"{name}, fixed steps"
    yield claim(
        "steps",
        f"{steps}: the best learning rate lies above 2 / lambda_0 (accuracy lost)",
        at_most(partial(lazy_advantage, kind="steps"), 0.0),
    )
    yield claim(
        "where",
        f"{steps}: the best learning rate is near the largest that converges (log2 of their ratio)",
        equals(
            lambda bench, activation: optimum(scan(bench, activation, "steps")), 0.0, within=0.5
        ),
    )
    yield claim(
        "time",
        f"{name}, fixed time: the catapult matches or beats the lazy phase (accuracy lost)",
        at_most(partial(lazy_advantage, kind="time"), 0.0, within=0.005),
    )
    yield claim(
        "beyond",
        f"{steps}: a quarter beyond the largest that converges accuracy is a guess's",
        equals(beyond_the_end, chance, within=0.1),
    )


CLAIMS = tuple(claim for activation in ACTIVATIONS for claim in accuracy_claims(activation))
