"""Judging: gap against noise against tolerance."""

import math

import pytest

from catapult_sim.claims.verdict import Verdict, negated, verdict
from catapult_sim.numeric.measured import Measured

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


def test_a_bound_decides_nothing_once_its_sign_is_turned():
    turned = negated(lambda bench: Measured(3.0, 0.1, 4, at_least=True))(None)
    assert turned.value == -3
    assert verdict(-9.0, turned, 0.0, "<=") is Verdict.INCONCLUSIVE
    exact = negated(lambda bench: Measured(3.0, 0.1, 4))(None)
    assert verdict(-2.0, exact, 0.0, "<=") is Verdict.CONFIRMED
