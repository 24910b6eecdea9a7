"""The model of quadratic minibatch losses: what averages are worth in it [Sandler2023].

Closed forms, propagated moments and samples are measured against one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.sources import DERIVED, INSTRUMENTS, SANDLER
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.minibatch.moments import propagate, sample
from catapult_sim.numeric.minibatch.stationary import equivalent_rate, stationary_variance
from catapult_sim.numeric.runs.averages import EMA, SWA, IterateAverage, TwoPoint, Window, schedule
from catapult_sim.numeric.runs.measured import Measured, mean

PAPER = SANDLER
GROUP = "minibatch_losses"

MODEL: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("iterates", {}),
    "two-point": ("two points", {"average": TwoPoint(12)}),
    "ema": ("exponential average", {"average": EMA(0.9)}),
    "swa": ("mean of a fixed window", {"average": Window(20)}),
    "heavy-ball": ("heavy ball", {"momentum": 0.9}),
    "nesterov": ("Nesterov's method", {"momentum": 0.5, "nesterov": True}),
    "shuffled": ("epochs without replacement", {"batches": 8}),
}


def closed_form_error(bench: Bench, options: dict[str, Any]) -> Measured:
    """Compare a closed form with exact propagation to stationarity, at small and large rates."""
    rates = np.array([0.02, 0.1, 0.5, 1.0, 1.4])
    settled = propagate(np.tile(rates, (1600, 1)), **options).average_variance[-1]
    gap = np.abs(settled / stationary_variance(rates, **options) - 1)
    return Measured(float(gap.max()), 0.0, len(rates))


def sampled_ratio(bench: Bench, name: str) -> Measured:
    """Divide the mean square of sampled runs by the closed form."""
    # So many that the tolerance, 0.05, is seven standard errors.
    options, runs, rate = MODEL[name][1], 40_000, 0.3
    # Long enough to settle, and whole epochs.
    found = sample(np.full((104, runs), rate), rng=bench.rng(f"quadratic {name}"), **options)
    return mean(found.averages[-1] ** 2 / stationary_variance(rate, **options))


def two_point_rate(bench: Bench) -> Measured:
    """Return a_eff / a for two points far apart."""
    a = 1e-3
    return exactly(equivalent_rate(stationary_variance(a, average=TwoPoint(20_000))) / a)


def ema_rate(bench: Bench) -> Measured:
    """Return a_eff in units of 1 / (1 / a + 1 / (1 - gamma)) where both are small."""
    a, take = 1e-3, 2e-3
    worth = equivalent_rate(stationary_variance(a, average=EMA(1 - take)))
    return exactly(worth * (1 / a + 1 / take))


def window_rate(bench: Bench) -> Measured:
    """Return k a_eff of a long window."""
    k = 100_000
    return exactly(k * equivalent_rate(stationary_variance(0.1, average=Window(k))))


def momentum_rate(bench: Bench, nesterov: bool) -> Measured:
    """Return a_eff (1 - beta) / a at a small rate."""
    a, beta = 1e-4, 0.9
    V = stationary_variance(a, momentum=beta, nesterov=nesterov)
    return exactly(equivalent_rate(V) * (1 - beta) / a)


def shuffled_cube(bench: Bench) -> Measured:
    """Return V / (m (m + 1) a^3 / 24) of epochs without replacement at a small rate."""
    a, m = 1e-4, 8
    return exactly(stationary_variance(a, batches=m) * 24 / (m * (m + 1) * a**3))


def inverse_time_error(bench: Bench) -> Measured:
    """Compare the variances at the rates 1/2, 1/3, ..., from 1 on, with these numbers."""
    t = np.arange(1, 1001)
    run = propagate(1 / (t + 1), variance=1.0)
    return Measured(float(np.abs(run.variance[1:] * (t + 1) - 1).max()), 0.0, len(t))


def schedule_order(bench: Bench, average: IterateAverage) -> Measured:
    """Return the power of a in the difference of means of an average and of its schedule."""
    steps, rates = 50, 1e-4 * np.array([1.0, 2.0])
    averaged = propagate(np.tile(rates, (steps, 1)), start=1.0, average=average).average_mean[-1]
    scheduled = propagate(schedule(average, steps)[:, None] * rates, start=1.0).mean[-1]
    gaps = np.abs(averaged - scheduled)
    return exactly(np.log2(gaps[1] / gaps[0]))


def exactly(value: Any) -> Measured:
    """Return a number without an error."""
    return Measured(float(value), 0.0, 1)


WORTH: dict[str, tuple[str, float, Callable[[Bench], Measured]]] = {
    "two-point": ("two points far apart halve the learning rate (a_eff / a)", 0.5, two_point_rate),
    "ema": ("an EMA adds 1 / (1 - gamma) to 1 / a (ratio of the rates)", 1.0, ema_rate),
    "swa": ("k iterates are worth a rate of 2 / k (k a_eff)", 2.0, window_rate),
    "heavy-ball": (
        "heavy ball divides by 1 - beta (ratio)",
        1.0,
        partial(momentum_rate, nesterov=False),
    ),
    "nesterov": (
        "Nesterov's method divides by 1 - beta (ratio)",
        1.0,
        partial(momentum_rate, nesterov=True),
    ),
    "shuffled": (
        "without replacement the variance is m (m + 1) a^3 / 24 (ratio)",
        1.0,
        shuffled_cube,
    ),
}
SCHEDULED: dict[str, tuple[str, IterateAverage]] = {
    "two-point": ("two points", TwoPoint(50)),
    "ema": ("exponential average", EMA(0.95)),
    "swa": ("mean of all iterates", SWA()),
}


theorem = Claims(DERIVED, f"{GROUP}.model", kind="theorem", cost=0.1)
checked = Claims(INSTRUMENTS, f"{GROUP}.model", kind="theorem", cost=0.3)


def model_claims() -> Iterator[Claim]:
    """Yield the claims on the quadratic model."""
    for name, (what, options) in MODEL.items():
        yield checked(
            f"closed.{name}",
            f"quadratic minibatch losses, {what}: the closed form of the stationary variance is "
            "where exact propagation settles (relative error)",
            equals(partial(closed_form_error, options=options), 0.0, within=1e-12),
        )
        yield checked(
            f"sampled.{name}",
            f"quadratic minibatch losses, {what}: samples have that variance (ratio)",
            equals(partial(sampled_ratio, name=name), 1.0, within=0.05),
        )
    yield checked(
        "inverse-time",
        "no schedule lowers the variance faster than 1 / t, which is V / (1 + V) at each step "
        "(relative error of V)",
        equals(inverse_time_error, 0.0, within=1e-12),
    )


def rate_claims() -> Iterator[Claim]:
    """Yield the claims on the learning rates and schedules equivalent to averages."""
    for name, (text, value, measure) in WORTH.items():
        yield theorem(
            f"rate.{name}",
            f"quadratic minibatch losses, small rates: {text}",
            equals(measure, value, within=0.01 * value),
            says=PAPER if name in ("two-point", "ema", "swa") else None,
        )
    for name, (what, average) in SCHEDULED.items():
        yield checked(
            f"schedule.{name}",
            f"quadratic minibatch losses, {what}: its mean leaves that of its schedule at second "
            "order in a (power)",
            equals(partial(schedule_order, average=average), 2.0, within=0.05),
        )
