"""The verdict on a claim: its prediction against its measurement."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from catapult_sim.claims.claim import Claim, Relation
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure
from catapult_sim.printing import short_repr
from catapult_sim.tables import data_frame, html_table

if TYPE_CHECKING:
    import pandas

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

    __repr__ = short_repr

    @classmethod
    def of(cls, claim: Claim, predicted: float, measured: Measured, seconds: float) -> Judgement:
        """Return the judgement of a measurement, by the claim's relation and tolerance."""
        reached = verdict(predicted, measured, claim.tolerance, claim.relation)
        return cls(claim, predicted, measured, reached, seconds)


class Judgements(tuple[Judgement, ...]):
    """A sequence of judgements, which a notebook shows as a table.

    Examples
    --------
    >>> claim = Claim("a.end", "convergence ends at c = 4", "Paper", 4.0, None, 0.1)
    >>> Judgements([Judgement.of(claim, 4.0, Measured(4.01, 0.02, 8), seconds=1.0)])
    Judgements(1 confirmed, 0 refuted, 0 inconclusive)
    """

    def __repr__(self) -> str:
        """Count the verdicts."""
        counts = Counter(one.verdict for one in self)
        return f"Judgements({', '.join(f'{counts[kind]} {kind.value}' for kind in Verdict)})"

    def _repr_html_(self) -> str:
        """Return a table of the claims with prediction, measurement, tolerance and verdict."""
        return html_table(
            {
                "claim": [one.claim.text for one in self],
                "predicted": [f"{one.claim.relation} {one.predicted:.6g}" for one in self],
                "measured": [str(one.measured) for one in self],
                "tolerance": [one.claim.tolerance for one in self],
                "verdict": [one.verdict.value for one in self],
            },
            repr(self),
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with a row for each judgement, and numbers as they are."""
        claim = ("id", "text", "source", "kind", "relation", "tolerance")
        measured = ("value", "error", "n", "at_least", "at_most")
        return data_frame(
            {name: [getattr(one.claim, name) for one in self] for name in claim}
            | {"predicted": [one.predicted for one in self]}
            | {name: [getattr(one.measured, name) for one in self] for name in measured}
            | {"verdict": [one.verdict.value for one in self]}
            | {"seconds": [one.seconds for one in self]}
        )


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
