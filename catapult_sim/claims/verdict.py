"""The verdict on a claim: its prediction against its measurement."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import Enum

from catapult_sim.claims.claim import Claim, Relation
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure

NOTHING = Measured(math.nan, math.nan, 0)
"""The measurement where there is nothing to measure; its verdict is INCONCLUSIVE."""


class Verdict(Enum):
    """The result of comparing a claim's prediction with its measurement."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """A claim with its prediction, its measurement, its verdict and the time it took."""

    claim: Claim
    predicted: float
    measured: Measured
    verdict: Verdict
    seconds: float

    @classmethod
    def of(cls, claim: Claim, predicted: float, measured: Measured, seconds: float) -> Judgement:
        """Return the judgement of a measurement, by the claim's relation and tolerance."""
        reached = verdict(predicted, measured, claim.tolerance, claim.relation)
        return cls(claim, predicted, measured, reached, seconds)


def judge(claim: Claim, bench: Bench) -> Judgement:
    """Measure a claim and judge it."""
    start = time.perf_counter()
    predicted = claim.predicted(bench)
    try:
        measured = claim.measure(bench)
    except NothingToMeasure:
        measured = NOTHING
    return Judgement.of(claim, predicted, measured, time.perf_counter() - start)


def verdict(
    predicted: float, measured: Measured, tolerance: float, relation: Relation = "="
) -> Verdict:
    """Compare a measurement with a prediction, up to a tolerance and its noise.

    The difference of measurement and prediction is known up to ``2 error``; of a lower bound only
    its smallest value is known, of an upper bound only its largest. If all possible differences
    are within the tolerance the claim is confirmed, if none is, refuted; else it is inconclusive.
    An infinite measurement confirms nothing, an infinite prediction is always inconclusive.

    Examples
    --------
    >>> verdict(4.0, Measured(4.02, 0.01, 8), tolerance=0.1).name
    'CONFIRMED'
    >>> verdict(12.0, Measured(30.0, 0.5, 4, at_least=True), tolerance=3.0).name
    'REFUTED'
    """
    gap, noise = measured.value - predicted, 2 * measured.error
    if not math.isfinite(predicted):
        return Verdict.INCONCLUSIVE
    least = -math.inf if measured.at_most else gap - noise
    most = math.inf if measured.at_least else gap + noise
    within = -math.inf if relation == "<=" else -tolerance
    if least > tolerance or most < within:
        return Verdict.REFUTED
    if within <= least and most <= tolerance and math.isfinite(gap):
        return Verdict.CONFIRMED
    return Verdict.INCONCLUSIVE
