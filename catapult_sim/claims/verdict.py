"""What is claimed, what was measured, and the verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured

NOTHING = Measured(math.nan, math.nan, 0)
"""What is measured where there is nothing to measure; its verdict is INCONCLUSIVE."""


class Verdict(Enum):
    """What a measurement says of a claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Claim:
    """A statement of a paper that can be measured.

    ``tolerance`` is written down before the measurement. The relation ``"<="`` claims
    that the measured value does not exceed the predicted one.
    """

    id: str
    text: str
    source: str
    predict: Callable[[Bench], float]
    measure: Callable[[Bench], Measured]
    tolerance: float
    relation: Literal["=", "<="] = "="
    cost: float = 1.0  # in units of a cheap claim: the costly ones are judged first


def constant(value: float) -> Callable[[Bench], float]:
    """Predict a number that does not depend on the bench."""
    return lambda bench: value


def negated(measure: Callable[[Bench], Measured]) -> Callable[[Bench], Measured]:
    """Turn the sign of a measurement, so that ``"<="`` claims a lower bound.

    What was a lower bound becomes an upper one, and the other way round.
    """

    def turned(bench: Bench) -> Measured:
        found = measure(bench)
        bounds = {"at_least": found.at_most, "at_most": found.at_least}
        return replace(found, value=-found.value, **bounds)

    return turned


@dataclass(frozen=True)
class Judgement:
    """A claim with what was predicted, what was measured, and how long that took."""

    claim: Claim
    predicted: float
    measured: Measured
    verdict: Verdict
    seconds: float

    @classmethod
    def of(cls, claim: Claim, predicted: float, measured: Measured, seconds: float) -> Judgement:
        """Weigh what was measured."""
        reached = verdict(predicted, measured, claim.tolerance, claim.relation)
        return cls(claim, predicted, measured, reached, seconds)


def judge(claim: Claim, bench: Bench) -> Judgement:
    """Measure a claim and judge it."""
    start = time.perf_counter()
    predicted, measured = claim.predict(bench), claim.measure(bench)
    return Judgement.of(claim, predicted, measured, time.perf_counter() - start)


def verdict(
    predicted: float, measured: Measured, tolerance: float, relation: Literal["=", "<="] = "="
) -> Verdict:
    """Weigh the gap between prediction and measurement against the noise.

    With ``noise = 2 error`` the gap lies within noise of what was measured, but for a lower bound
    any way above it, for an upper one any way below. Where all of that is within the tolerance the
    claim is confirmed, where none of it is, refuted; else it is inconclusive. What is infinite
    confirms nothing, and an infinite prediction decides nothing.

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
