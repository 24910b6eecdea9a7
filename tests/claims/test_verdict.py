"""Judging: gap against noise against tolerance."""

import math
import re

import pytest

from catapult_sim.claims import CLAIMS
from catapult_sim.claims.claim import negated
from catapult_sim.claims.verdict import Verdict, verdict
from catapult_sim.numeric.runs.measured import Measured

CASES = [
    # predicted, value, error, tolerance, relation, expected: on either side of each edge
    (4.0, 4.05, 0.02, 0.1, "=", Verdict.CONFIRMED),
    (4.0, 3.95, 0.02, 0.1, "=", Verdict.CONFIRMED),
    (4.0, 4.07, 0.02, 0.1, "=", Verdict.INCONCLUSIVE),
    (4.0, 4.13, 0.02, 0.1, "=", Verdict.INCONCLUSIVE),
    (4.0, 4.15, 0.02, 0.1, "=", Verdict.REFUTED),
    (4.0, 3.85, 0.02, 0.1, "=", Verdict.REFUTED),
    (2.0, 1.0, 0.3, 0.0, "<=", Verdict.CONFIRMED),
    (2.0, 1.9, 0.3, 0.0, "<=", Verdict.INCONCLUSIVE),
    (2.0, 2.1, 0.04, 0.0, "<=", Verdict.REFUTED),
    (0.0, 0.0, 0.0, 0.0, "=", Verdict.CONFIRMED),
    (4.0, math.nan, 0.1, 1.0, "=", Verdict.INCONCLUSIVE),
    (4.0, 4.0, math.nan, 1.0, "=", Verdict.INCONCLUSIVE),
    (4.0, math.inf, 0.0, 1.0, "=", Verdict.REFUTED),
    (1.0, math.inf, 0.0, 0.1, "<=", Verdict.REFUTED),
    (4.0, 4.0, math.inf, 1.0, "=", Verdict.INCONCLUSIVE),
    (1.0, -math.inf, 0.0, 0.1, "<=", Verdict.INCONCLUSIVE),
    (math.inf, 1.0, 0.0, 0.1, "<=", Verdict.INCONCLUSIVE),
    (math.inf, math.inf, 0.0, 0.1, "=", Verdict.INCONCLUSIVE),
    (math.inf, 1.0, 0.0, 0.1, "=", Verdict.INCONCLUSIVE),
]


@pytest.mark.parametrize(
    ("predicted", "value", "error", "tolerance", "relation", "expected"), CASES
)
def test_verdicts_weigh_gap_and_noise(predicted, value, error, tolerance, relation, expected):
    assert verdict(predicted, Measured(value, error, 5), tolerance, relation) is expected


def test_a_lower_bound_refutes_what_lies_below_it_and_confirms_nothing():
    bound = Measured(30.0, 0.5, 4, at_least=True)
    assert verdict(12.0, bound, 3.0) is Verdict.REFUTED
    assert verdict(30.0, bound, 3.0) is Verdict.INCONCLUSIVE
    assert verdict(99.0, bound, 3.0) is Verdict.INCONCLUSIVE


def test_an_upper_bound_refutes_what_lies_above_it_and_confirms_what_need_not_exceed_it():
    bound = Measured(1.0, 0.1, 4, at_most=True)
    assert verdict(2.0, bound, 0.5) is Verdict.REFUTED
    assert verdict(2.0, bound, 0.9) is Verdict.INCONCLUSIVE
    assert verdict(1.0, bound, 0.5) is Verdict.INCONCLUSIVE
    assert verdict(0.5, bound, 0.0) is Verdict.INCONCLUSIVE
    assert verdict(1.3, bound, 0.0, "<=") is Verdict.CONFIRMED
    assert verdict(1.1, bound, 0.0, "<=") is Verdict.INCONCLUSIVE
    assert verdict(0.5, bound, 0.0, "<=") is Verdict.INCONCLUSIVE


def test_what_is_a_bound_on_neither_side_decides_nothing():
    unknown = Measured(1.0, 0.0, 4, at_least=True, at_most=True)
    for predicted in (-9.0, 1.0, 9.0):
        assert verdict(predicted, unknown, 0.5) is Verdict.INCONCLUSIVE
        assert verdict(predicted, unknown, 0.5, "<=") is Verdict.INCONCLUSIVE


def test_a_bound_changes_sides_with_its_sign():
    turned = negated(lambda bench: Measured(3.0, 0.1, 4, at_least=True))(None)
    assert turned == Measured(-3.0, 0.1, 4, at_most=True)
    assert verdict(-9.0, turned, 0.0, "<=") is Verdict.INCONCLUSIVE
    assert verdict(-2.0, turned, 0.0, "<=") is Verdict.CONFIRMED
    assert negated(lambda bench: turned)(None) == Measured(3.0, 0.1, 4, at_least=True)
    exact = negated(lambda bench: Measured(3.0, 0.1, 4))(None)
    assert verdict(-2.0, exact, 0.0, "<=") is Verdict.CONFIRMED


def test_texts_of_claims_have_one_spelling():
    texts = " ".join(claim.text for claim in CLAIMS)
    assert "cross-entropy" in texts
    assert "cross entropy" not in texts
    assert not re.search(r"\be1\b", texts)
