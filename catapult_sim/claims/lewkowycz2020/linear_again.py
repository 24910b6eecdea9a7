"""After the catapult training is linear again [Lewkowycz2020].

A network trains for ``5 log2(width)`` steps, through its catapult. It is linearised there, or, for
comparison, at its start, and both continue at the same learning rate. Their distance is measured
on test samples, in runs whose catapult is over: ``eta lambda < 2``. By section 4.1 of the paper,
for learning rates up to ``4 / lambda_0`` the linear model matches the network from ``O(log n)``
steps on, the better the wider the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.claim import Claim, Claims, at_least, at_most, measured
from catapult_sim.claims.lewkowycz2020.paper import NETWORKS, PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw, largest_mean
from catapult_sim.mlp.losses import fraction_right_or_nan
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean, share
from catapult_sim.types import Array

RATES = np.array([2.5, 3.0, 3.5])  # c of the catapults
SAMPLES, TESTS = 32, 256
EXPLODED = 1e6  # a distance that is counted as this, if it is larger
STEPS, EVERY = 100, 5  # after the linearisation, and how often outputs are compared


@dataclass(frozen=True)
class Pairs:
    """Networks and their linear models on test samples, from the linearisation on."""

    network: Array  # (S, T, K, tests, k) outputs
    linear: Array
    labels: Array  # (S, 1, tests, k)
    scaled: Array  # (S, K) eta lambda where they part

    @property
    def over(self) -> Array:
        """Whether the catapult is over, ``(S, K)``."""
        return self.scaled < 2

    @property
    def distance(self) -> Array:
        """The mean distance of outputs over time, relative to their size, ``(S, K)``."""
        return np.mean(_size(self.linear - self.network) / _size(self.network), axis=1)

    @property
    def accuracy_gap(self) -> Array:
        """The difference of accuracies at the end, ``(S, K)``."""
        network, linear = (
            fraction_right_or_nan(outputs[:, -1], self.labels)
            for outputs in (self.network, self.linear)
        )
        return np.abs(network - linear)


def _size(outputs: Array) -> Array:
    return np.sqrt(np.mean(outputs**2, axis=(-2, -1)))


def through(width: int) -> int:
    """Return the number of steps after which a catapult is over."""
    return round(5 * math.log2(width))


@once
def pairs(bench: Bench, activation: str, width: int, before: int) -> Pairs:
    """Run every seed at every learning rate, linearised after some steps."""
    seeds = range(bench.effort.linearised)
    runs = [one_seed(bench, activation, width, seed, before) for seed in seeds]
    return Pairs(*(np.stack(part) for part in zip(*runs, strict=True)))


def one_seed(
    bench: Bench, activation: str, width: int, seed: int, before: int
) -> tuple[Array, ...]:
    """Return the outputs of the network and of its linear models, the labels, and eta lambda."""
    data, (X_test, y_test) = bench.split(SAMPLES, draw=f"linear dynamics {seed}")
    rng, tests = bench.rng(f"linear dynamics network {seed}"), X_test[:TESTS]
    # Linear models around the start leave the range of single precision, others do not.
    dtype = "float32" if before else "float64"
    start = draw(data, [width], rng=rng, activation=activation, dtype=dtype).at_lambda_0()
    after = replace(start, start=start.run_at(RATES, steps=before).state)
    linear = [follow(after[k].expanded(order=1), [c], tests) for k, c in enumerate(RATES)]
    scaled = RATES * start.unit * start.top_eigenvalue(after.start)
    network = follow(after, RATES, tests)
    return network, np.concatenate(linear, axis=1), y_test[None, :TESTS], scaled


def follow(networks: Networks, c: npt.ArrayLike, tests: Array) -> Array:
    """Continue training; return the outputs on tests every few steps, ``(T, K, tests, k)``.

    NaN after a divergence.
    """
    observe = {"outputs": networks.outputs_along(tests)}
    run = networks.run_at(c, steps=STEPS, observe=observe, every=EVERY)
    seen = run.values["outputs"][::EVERY]
    outputs = np.full((STEPS // EVERY + 1, *seen.shape[1:]), np.nan)
    outputs[: len(seen)] = seen
    return outputs


def widest(bench: Bench, activation: str) -> Pairs:
    """Return the pairs of the widest networks, linearised after the catapult."""
    width = bench.effort.hidden[1][-1]
    return pairs(bench, activation, width, through(width))


def share_over(bench: Bench, activation: str) -> Measured:
    """Return the share of runs whose catapult is over."""
    return share(widest(bench, activation).over)


def distance(bench: Bench, activation: str) -> Measured:
    """Return the distance of outputs at the worst learning rate."""
    found = widest(bench, activation)
    return largest_mean(found.distance, found.over)


def accuracy_gap(bench: Bench, activation: str) -> Measured:
    """Return the difference of accuracies at the worst learning rate."""
    found = widest(bench, activation)
    return largest_mean(found.accuracy_gap, found.over)


def early_distance(bench: Bench, activation: str) -> Measured:
    """Return log10 of a seed's smallest distance from its model linearised at the start."""
    found = pairs(bench, activation, bench.effort.hidden[1][0], 0).distance
    return mean(np.log10(np.nan_to_num(found, nan=EXPLODED).clip(max=EXPLODED).min(axis=1)))


def width_exponent(bench: Bench, activation: str) -> Measured:
    """Fit the power of the width with which the distance shrinks, averaged over a seed's rates."""
    widths = bench.effort.hidden[1]
    found = [pairs(bench, activation, width, through(width)) for width in widths]
    over = np.all([one.over for one in found], axis=0)
    if not over.any():
        raise NothingToMeasure
    logs = np.log([one.distance[over] for one in found])
    powers, seeds = np.polyfit(np.log(widths), logs, 1)[0], np.nonzero(over)[0]
    return mean([powers[seeds == seed].mean() for seed in np.unique(seeds)])


def restoration_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on how linear a network with one hidden layer is after its catapult."""
    claim = Claims(
        PAPER.at("section 4.1"),
        f"quadratic_models.restored.{activation}",
        reduced=NETWORKS.format(layers="one hidden layer, 32 samples"),
        cost=2.8,
        given={"activation": activation},
    )
    name = f"{activation}, 1 hidden layer"
    after = f"{name}, linearised after the catapult"
    yield claim(
        "over",
        f"{name}: share of catapults that are over, eta lambda < 2, after 5 log2(width) steps",
        measured(share_over),
    )
    yield claim(
        "distance",
        f"{after}: its test outputs stay (relative distance)",
        at_most(
            distance, 0.1, because='"matches", in figures: a tenth of the outputs would be seen'
        ),
    )
    yield claim(
        "accuracy",
        f"{after}: its test accuracy stays (difference)",
        at_most(accuracy_gap, 0.02, because='"matches", in figures: points would be seen'),
    )
    yield claim(
        "start",
        f"{name}, linearised at the start: outputs part by more than their size above c = 2 "
        "(log10 of the distance, smallest of a seed's)",
        at_least(early_distance, 0.0),
    )
    yield claim(
        "width", f"{after}: the match improves with width (exponent)", at_most(width_exponent, 0.0)
    )


CLAIMS = tuple(claim for name in ("relu", "tanh") for claim in restoration_claims(name))
