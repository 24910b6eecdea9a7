"""Numbers with error bars."""

import math

import pytest

from catapult_sim.numeric.measured import Measured, mean


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
        (math.nan, 0.1, "nan"),
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


def test_one_member_has_no_spread():
    assert mean([7.0]) == Measured(7.0, 0.0, 1)
