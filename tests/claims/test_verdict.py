"""Judging: gap against noise against tolerance."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from catapult_sim.claims import CLAIMS
from catapult_sim.claims.verdict import CHANCE, Judgement, agrees, noise
from catapult_sim.numeric.runs.measured import Measured, mean

CASES = [
    # predicted, value, error, tolerance, relation, expected: on either side of each edge
    (4.0, 4.05, 0.02, 0.1, "=", True),
    (4.0, 3.95, 0.02, 0.1, "=", True),
    (4.0, 4.07, 0.02, 0.1, "=", None),
    (4.0, 4.13, 0.02, 0.1, "=", None),
    (4.0, 4.15, 0.02, 0.1, "=", False),
    (4.0, 3.85, 0.02, 0.1, "=", False),
    (2.0, 1.0, 0.3, 0.0, "<=", True),
    (2.0, 1.9, 0.3, 0.0, "<=", None),
    (2.0, 2.1, 0.04, 0.0, "<=", False),
    (0.0, 0.0, 0.0, 0.0, "=", True),
    (4.0, math.nan, 0.1, 1.0, "=", None),
    (4.0, 4.0, math.nan, 1.0, "=", None),
    (4.0, math.inf, 0.0, 1.0, "=", False),
    (1.0, math.inf, 0.0, 0.1, "<=", False),
    (4.0, 4.0, math.inf, 1.0, "=", None),
    (1.0, -math.inf, 0.0, 0.1, "<=", None),
    (math.inf, 1.0, 0.0, 0.1, "<=", None),
    (math.inf, math.inf, 0.0, 0.1, "=", None),
    (math.inf, 1.0, 0.0, 0.1, "=", None),
]


@pytest.mark.parametrize(
    ("predicted", "value", "error", "tolerance", "relation", "expected"), CASES
)
def test_verdicts_weigh_gap_and_noise(predicted, value, error, tolerance, relation, expected):
    """At very many seeds the noise is that of a normal distribution."""
    found = Measured(value, error / float(norm.isf(CHANCE)) * 2, 10**7)
    assert agrees(predicted, found, tolerance, relation) is expected


@pytest.mark.parametrize("n", [3, 8, 100])
def test_at_the_edge_of_the_tolerance_chance_confirms_and_refutes_so_rarely(n):
    """The true value is 1, at the edge of what is claimed."""
    draws = np.random.default_rng(0).normal(1.0, 0.3, size=(6000, n))
    errors = draws.std(axis=1, ddof=1) / np.sqrt(n)
    rows = zip(draws.mean(axis=1), errors, strict=True)
    found = [agrees(0.0, Measured(value, error, n), 1.0) for value, error in rows]
    for wrong in (True, False):
        share = found.count(wrong) / len(found)
        assert abs(share - CHANCE) < 4 * math.sqrt(CHANCE / len(found))


def test_a_single_member_is_known_to_its_bracket_and_an_exact_number_to_nothing():
    assert noise(Measured(4.0, 0.1, 1)) == pytest.approx(0.1 * norm.isf(CHANCE))
    assert noise(Measured(4.0, 0.0, 2)) == 0.0
    assert math.isnan(noise(Measured(4.0, math.nan, 1)))


def test_a_lower_bound_refutes_what_lies_below_it_and_confirms_nothing():
    bound = Measured(30.0, 0.5, 4, at_least=True)
    assert agrees(12.0, bound, 3.0) is False
    assert agrees(30.0, bound, 3.0) is None
    assert agrees(99.0, bound, 3.0) is None


def test_an_upper_bound_refutes_what_lies_above_it_and_confirms_what_need_not_exceed_it():
    bound = Measured(1.0, 0.1, 1000, at_most=True)
    assert agrees(2.0, bound, 0.5) is False
    assert agrees(2.0, bound, 0.9) is None
    assert agrees(1.0, bound, 0.5) is None
    assert agrees(0.5, bound, 0.0) is None
    assert agrees(1.3, bound, 0.0, "<=") is True
    assert agrees(1.1, bound, 0.0, "<=") is None
    assert agrees(0.5, bound, 0.0, "<=") is None


def test_what_is_a_bound_on_neither_side_decides_nothing():
    unknown = Measured(1.0, 0.0, 4, at_least=True, at_most=True)
    for predicted in (-9.0, 1.0, 9.0):
        assert agrees(predicted, unknown, 0.5) is None
        assert agrees(predicted, unknown, 0.5, "<=") is None


def test_lower_claims_are_upper_ones_turned_round():
    for measured in (
        Measured(3.0, 0.1, 4),
        Measured(3.0, 0.1, 4, at_least=True),
        Measured(3.0, 0.1, 4, at_most=True),
    ):
        turned = replace(
            measured,
            value=-measured.value,
            at_least=measured.at_most,
            at_most=measured.at_least,
        )
        for predicted in (0.0, 2.0, 3.0, 3.5, 9.0):
            for within in (0.0, 0.7):
                lower = agrees(predicted, measured, within, ">=")
                assert lower is agrees(-predicted, turned, within, "<=")
    assert agrees(2.0, Measured(3.0, 0.1, 4), 0.0, ">=") is True
    assert agrees(2.0, Measured(3.0, 0.1, 4, at_most=True), 0.0, ">=") is None


def test_texts_of_claims_have_one_spelling():
    texts = " ".join(claim.text for claim in CLAIMS)
    assert "cross-entropy" in texts
    assert "cross entropy" not in texts
    assert not re.search(r"\be1\b", texts)


@pytest.mark.parametrize("n", [2, 4, 8])
def test_half_a_bracket_is_a_bound_however_few_the_seeds(n):
    """Seeds that agree, each within half a bracket of 0.2, are within 0.2 of the truth."""
    found = mean(np.full(n, 4.1), systematic=0.2)
    assert agrees(4.0, found, 0.31) is True
    assert agrees(4.0, found, 0.29) is None
    assert agrees(4.4, found, 0.05) is False


def test_more_seeds_do_not_make_a_bracket_narrower():
    claim = replace(CLAIMS[0], kind="statement", relation="=", tolerance=1.0)
    shared = Judgement.of(claim, 0.0, Measured(0.9, 0.2, 8, systematic=0.2), 0.0)
    spread = Judgement.of(claim, 0.0, Measured(0.9, 0.2, 8), 0.0)
    assert "any number of seeds" in shared.reason
    assert "would decide" in spread.reason
