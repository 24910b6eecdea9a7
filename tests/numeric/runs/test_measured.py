"""Numbers with error bars."""

import math

import numpy as np
import pytest

from catapult_sim.numeric.runs.measured import Measured, jackknife, mean, ratio, share
from catapult_sim.validation import InputError


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (3.99812, 0.0042, "3.998(4)"),
        (12.2, 0.6, "12.2(6)"),
        (153.0, 21.0, "153(20)"),
        (2.0, 0.0, "2"),
        (1.0, 0.096, "1.0(1)"),
        (0.0, 0.02, "0.00(2)"),
        (1e-12, 1e-13, "1e-12 +- 1e-13"),
        (0.000187252, 0.0007, "0.0002 +- 0.0007"),
        (1234567.0, 2000.0, "1.235e+06 +- 2e+03"),
        (-1e-9, 3e-8, "0 +- 3e-08"),
        (math.nan, 0.1, "no number"),
        (2.5, math.inf, "2.5"),
        (2.5, math.nan, "2.5"),
        (-0.505, 0.009, "-0.505(9)"),
    ],
)
def test_the_error_is_printed_in_units_of_the_last_digit(value, error, text):
    assert str(Measured(value, error, 1)) == text


def test_the_mean_s_error_joins_spread_and_systematic():
    # Standard deviation of 1, 2, 3, 4 is sqrt(5/3).
    found = mean([1, 2, 3, 4], systematic=0.3)
    assert found.value == 2.5
    assert found.error == pytest.approx(math.sqrt(5 / 12 + 0.09))


def test_one_member_tells_nothing_of_its_spread():
    found = mean([7.0], systematic=0.1)
    assert (found.value, found.n) == (7.0, 1)
    assert math.isnan(found.error)


@pytest.mark.parametrize("hits", [0, 3, 8])
def test_a_share_has_the_binomial_error_of_one_more_of_each_outcome(hits):
    found = share(np.arange(8) < hits)
    rate = (hits + 1) / 10
    assert (found.value, found.n) == (hits / 8, 8)
    assert found.error == pytest.approx(math.sqrt(rate * (1 - rate) / 8), rel=1e-14)


def test_a_share_counts_members_not_what_is_repeated_within_them():
    once = [True, True, False, True]
    assert share(np.repeat(np.transpose([once]), 6, axis=1)) == share(once)


def test_members_that_agree_within_themselves_less_have_a_smaller_error():
    assert share([[True, False]] * 4).error < share([True, False, True, False]).error


def test_a_ratio_of_means_has_the_error_of_its_linearisation():
    rng = np.random.default_rng(0)
    below = 5 + rng.normal(size=400)
    above = 2 * below + rng.normal(size=400)
    found = ratio(above, below)
    assert found.value == pytest.approx(above.mean() / below.mean(), rel=1e-15)
    linear = (above - found.value * below) / below.mean()
    assert found.error == pytest.approx(linear.std() / np.sqrt(400), rel=0.02)


@pytest.mark.parametrize(
    ("above", "below"), [([1.0, 2.0], [1.0]), ([], []), ([[1.0, 2.0]], [[1.0, 2.0]])]
)
def test_a_ratio_of_other_members_or_of_none_is_refused(above, below):
    with pytest.raises(InputError, match=r"must have the same shape \(S,\) with S >= 1"):
        ratio(above, below)


def test_a_ratio_of_single_members_has_no_known_error():
    found = ratio([1.0], [2.0])
    assert found.value == 0.5
    assert math.isnan(found.error)


def test_members_that_are_not_finite_make_no_noise_and_have_no_known_error():
    for members in ([1.0, math.inf], [math.inf, -math.inf], [1.0, math.nan]):
        assert math.isnan(mean(members).error)


def test_a_statistic_is_not_asked_of_no_member():
    found = jackknife(lambda kept: max(np.ones(1)[kept]), 1)  # of none, max raises
    assert (found.value, found.n) == (1, 1)
    assert np.isnan(found.error)


def test_the_jackknife_of_two_members_is_half_the_distance_of_their_ratios():
    # Without one of them the ratio is 2 / 1, or 3 / 2.
    assert ratio([3.0, 2.0], [2.0, 1.0]).error == pytest.approx(0.25, rel=1e-15)
