"""The verdict on a claim: its prediction against its measurement, in words that fit its kind.

======================================  =======================================
a theorem                               holds, fails, or is open
a statement, in the paper's setting     is confirmed, refuted, or open
a statement, in a reduced setting       is seen, not seen here, or open
a finding                               is measured: nothing was predicted
======================================  =======================================

Where a verdict is open, :attr:`Judgement.reason` says why, and what would decide it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from scipy.special import stdtrit

from catapult_sim.claims.claim import Claim, Relation
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure
from catapult_sim.printing import counted, short_repr
from catapult_sim.tables import data_frame, html_table

if TYPE_CHECKING:
    import pandas

NOTHING = Measured(math.nan, math.nan, 0)
"""The measurement where there is nothing to measure; its verdict is OPEN."""

CHANCE = 0.005
"""How probable chance alone makes a wrong verdict, at worst: where the true value lies at the edge
of the tolerance, it is reported on the wrong side of it in so many of many runs."""


class Verdict(Enum):
    """The result of comparing a claim's prediction with its measurement."""

    HOLDS = "holds"
    FAILS = "fails"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    SEEN = "seen"
    NOT_SEEN = "not seen here"
    OPEN = "open"
    MEASURED = "measured"


GOOD = frozenset({Verdict.HOLDS, Verdict.CONFIRMED, Verdict.SEEN})
BAD = frozenset({Verdict.FAILS, Verdict.REFUTED, Verdict.NOT_SEEN})
"""The verdicts of agreement and of disagreement."""

WORDS: dict[tuple[str, str], tuple[Verdict, Verdict]] = {
    ("theorem", "own"): (Verdict.HOLDS, Verdict.FAILS),
    ("theorem", "reduced"): (Verdict.HOLDS, Verdict.FAILS),
    ("statement", "own"): (Verdict.CONFIRMED, Verdict.REFUTED),
    ("statement", "reduced"): (Verdict.SEEN, Verdict.NOT_SEEN),
}
OF_SEVERAL = {"holds": "hold", "fails": "fail"}  # the other words stay as they are


@dataclass(frozen=True)
class Judgement:
    """A claim with its prediction, its measurement, its verdict and the time it took."""

    claim: Claim
    predicted: float  # NaN for a finding
    measured: Measured
    verdict: Verdict
    seconds: float

    __repr__ = short_repr

    @classmethod
    def of(cls, claim: Claim, predicted: float, measured: Measured, seconds: float) -> Judgement:
        """Return the judgement of a measurement, by the claim's kind, setting and tolerance."""
        reached = _word(claim, agrees(predicted, measured, claim.tolerance, claim.relation))
        return cls(claim, predicted, measured, reached, seconds)

    @property
    def reason(self) -> str:
        """Why the verdict is open and what would decide it; empty where it is not."""
        return _why_open(self) if self.verdict is Verdict.OPEN else ""


class Judgements(tuple[Judgement, ...]):
    """A sequence of judgements, which a notebook shows as a table.

    Examples
    --------
    >>> from catapult_sim.claims.claim import Source
    >>> claim = Claim("a.end", "it ends at c = 4", Source("Paper", "paper"), 4.0, None, 0.1)
    >>> Judgements([Judgement.of(claim, 4.0, Measured(4.01, 0.02, 8), seconds=1.0)])
    Judgements(1 confirmed)
    """

    def __repr__(self) -> str:
        """Count the verdicts."""
        return f"Judgements({count_of(self)})"

    def _repr_html_(self) -> str:
        """Return a table of the claims with prediction, measurement, tolerance and verdict."""
        return html_table(
            {
                "claim": [one.claim.text for one in self],
                "predicted": [predicted_text(one) for one in self],
                "measured": [str(one.measured) for one in self],
                "tolerance": [one.claim.tolerance for one in self],
                "verdict": [one.verdict.value for one in self],
            },
            repr(self),
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with a row for each judgement, and numbers as they are."""
        claim = ("id", "text", "kind", "setting", "reduced", "relation", "tolerance", "because")
        measured = ("value", "error", "n", "at_least", "at_most")
        return data_frame(
            {name: [getattr(one.claim, name) for one in self] for name in claim}
            | {"says": [str(one.claim.says) for one in self]}
            | {"predicted": [one.predicted for one in self]}
            | {name: [getattr(one.measured, name) for one in self] for name in measured}
            | {"verdict": [one.verdict.value for one in self]}
            | {"reason": [one.reason for one in self]}
            | {"seconds": [one.seconds for one in self]}
        )


def count_of(judgements: tuple[Judgement, ...] | list[Judgement]) -> str:
    """Return how many judgements there are of each verdict, in words."""
    counts = Counter(one.verdict.value for one in judgements)
    found = [(counts[one.value], one.value) for one in Verdict if counts[one.value]]
    return ", ".join(f"{n} {word if n == 1 else OF_SEVERAL.get(word, word)}" for n, word in found)


def predicted_text(judgement: Judgement) -> str:
    """Return the prediction with its relation; a dash where nothing is predicted."""
    if judgement.claim.predict is None:
        return "-"
    return f"{judgement.claim.relation} {judgement.predicted:.6g}"


def judge(claim: Claim, bench: Bench) -> Judgement:
    """Measure a claim and judge it."""
    start = time.perf_counter()
    predicted = claim.predicted(bench)
    try:
        measured = claim.measure(bench)
    except NothingToMeasure:
        measured = NOTHING
    return Judgement.of(claim, predicted, measured, time.perf_counter() - start)


def noise(measured: Measured) -> float:
    """Return how far the true value may lie from the measured one.

    The multiple of the standard error is the quantile of Student's distribution at which
    :data:`CHANCE` is left on either side: few seeds know their own error badly. That of a single
    member is its bracket, and the multiple that of many. Of many, the systematic part, half a
    bracket, is a bound already and is not multiplied.

    Examples
    --------
    >>> [round(noise(Measured(0.0, 1.0, n)), 2) for n in (4, 8, 24, 1000)]
    [5.84, 3.5, 2.81, 2.58]
    >>> round(noise(Measured(0.0, 1.0, 8, systematic=1.0)), 2)
    1.0
    """
    if not measured.error:
        return 0.0
    if measured.n < 2:
        return float(stdtrit(math.inf, 1 - CHANCE)) * measured.error
    random = math.sqrt(max(measured.error**2 - measured.systematic**2, 0.0))  # NaN stays NaN
    quantile = float(stdtrit(measured.n - 1, 1 - CHANCE))
    return math.hypot(quantile * random, measured.systematic)


def agrees(
    predicted: float, measured: Measured, tolerance: float, relation: Relation = "="
) -> bool | None:
    """Return whether a measurement agrees with a prediction; None where that is open.

    The difference of measurement and prediction is known up to its :func:`noise`; of a lower bound
    only its smallest value is known, of an upper bound only its largest. If all possible
    differences are within the tolerance they agree, if none is, they do not; else it is open.
    An infinite measurement agrees with nothing, an infinite prediction is always open.

    Examples
    --------
    >>> agrees(4.0, Measured(4.02, 0.01, 8), tolerance=0.1)
    True
    >>> agrees(12.0, Measured(30.0, 0.5, 4, at_least=True), tolerance=3.0)
    False
    >>> agrees(4.0, Measured(4.08, 0.02, 8), tolerance=0.1) is None
    True
    """
    gap, unsure = measured.value - predicted, noise(measured)
    if not math.isfinite(predicted):
        return None
    least = -math.inf if measured.at_most else gap - unsure
    most = math.inf if measured.at_least else gap + unsure
    low = -math.inf if relation == "<=" else -tolerance
    high = math.inf if relation == ">=" else tolerance
    if least > high or most < low:
        return False
    return True if low <= least and most <= high and math.isfinite(gap) else None


def _word(claim: Claim, agreeing: bool | None) -> Verdict:
    if claim.kind == "finding":
        return Verdict.MEASURED
    if agreeing is None:
        return Verdict.OPEN
    good, bad = WORDS[claim.kind, claim.setting]
    return good if agreeing else bad


def _why_open(judgement: Judgement) -> str:
    """Return the reason of an open verdict in words, and what would decide it."""
    measured = judgement.measured
    if not measured.n or math.isnan(measured.value):
        return "there was nothing to measure here; other data or longer runs would give a number"
    if not math.isfinite(judgement.predicted):
        return "the prediction is not a finite number on these data"
    if measured.at_least or measured.at_most:
        return "only a bound is known; a search over more learning rates would find the value"
    if not math.isfinite(measured.error):
        return "its error is not known; more seeds would tell it"
    return _needed(judgement)


def _needed(judgement: Judgement) -> str:
    """Return how exactly the difference is known, and how exactly it would have to be."""
    claim, measured = judgement.claim, judgement.measured
    gap = measured.value - judgement.predicted
    edges = {"=": (-1, 1), "<=": (1,), ">=": (-1,)}[claim.relation]
    margin = min(abs(gap - edge * claim.tolerance) for edge in edges)
    unsure = noise(measured)
    known = f"the difference is known to +-{unsure:.2g}, and lies {margin:.2g} from the edge of "
    known += "what is claimed" if claim.tolerance == 0 else "the tolerance"
    random = unsure**2 - measured.systematic**2
    room = margin**2 - measured.systematic**2
    factor = random / room if room > 0 else math.inf
    if factor > 1000:
        return f"{known}: too near to it for any number of seeds"
    return f"{known}; about {counted(math.ceil(measured.n * factor), 'seed')} would decide"
