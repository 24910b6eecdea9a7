"""Periods and exponents, against the orbits' derived multipliers and exact chaos."""

import math

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.maps import attractor as module
from catapult_sim.numeric.maps.attractor import attractor
from catapult_sim.symbolic import Update, linear_net
from catapult_sim.validation import InputError

BALANCED = linear_net.balanced_map()
RESIDUAL = linear_net.residual_map()


def test_periods_double_where_they_should():
    # 1.2880 and 1.2992 are thresholds found by following the orbits of period 4 and 8.
    thresholds = {2: 1.0, 4: math.sqrt(5) - 1, 8: 1.2880, 16: 1.2992}
    for born, threshold in thresholds.items():
        labels = [threshold - 1.5e-3, threshold + 1.5e-3]
        found = attractor(BALANCED, [0.3], labels, transient=20_000, steps=1)
        np.testing.assert_array_equal(found.period, [born // 2, born])


@pytest.mark.parametrize("label", [0.2, 0.7, 0.95])
def test_at_a_minimum_the_exponent_is_that_of_the_derived_multiplier(label):
    found = attractor(BALANCED, [0.3], label)
    # The minimum F = Y multiplies deviations by 1 - Lam = 1 - 2 Y.
    assert found.exponent == pytest.approx(math.log(abs(1 - 2 * label)), abs=1e-12)
    assert found.state == pytest.approx(label, abs=1e-12)


def test_at_a_superstable_minimum_the_exponent_is_minus_infinity():
    found = attractor(BALANCED, [0.3], 0.5)
    assert found.exponent == -math.inf
    assert found.period == 1


@pytest.mark.parametrize("label", [1.02, 1.1, 1.2])
def test_on_the_orbit_of_period_two_the_exponents_are_half_the_log_multipliers(label):
    along, across = 9 - 2 * (1 + label) ** 2, (3 - 2 * label) ** 2
    balanced = attractor(BALANCED, [0.3], label, steps=2000)
    anywhere = attractor(RESIDUAL, [0.3 - label, 0.7], label, steps=2000)
    assert balanced.period == anywhere.period == 2
    assert balanced.exponent == pytest.approx(math.log(abs(along)) / 2, abs=1e-9)
    largest = math.log(max(abs(along), across)) / 2
    assert anywhere.exponent == pytest.approx(largest, abs=1e-3)


@pytest.mark.parametrize(
    ("rule", "start", "label"), [(BALANCED, [0.3], 2.0), (RESIDUAL, [0.3, 4.0], 0.0)]
)
def test_where_an_angle_is_tripled_the_exponent_is_the_logarithm_of_three(rule, start, label):
    # Over T steps the average differs by |log|cos|| terms at the two ends, some 10 / T.
    found = attractor(rule, start, label, steps=50_000)
    assert found.exponent == pytest.approx(math.log(3), abs=1e-3)
    assert found.period == 0


def test_flat_minima_form_a_line_along_which_nothing_grows():
    found = attractor(RESIDUAL, [0.3, 2.5], 0.0)
    assert found.period == 1
    assert found.exponent == pytest.approx(0, abs=1e-3)


def test_orbits_that_leave_have_no_period_and_no_exponent():
    found = attractor(BALANCED, [0.3], [2.01, 1.1, 3.0])
    np.testing.assert_array_equal(np.isnan(found.exponent), [True, False, True])
    np.testing.assert_array_equal(np.isnan(found.state[:, 0]), [True, False, True])
    np.testing.assert_array_equal(found.period, [0, 2, 0])


def test_orbits_do_not_depend_on_their_neighbours(monkeypatch):
    labels = np.linspace(0.8, 2.1, 200)
    together = attractor(BALANCED, [0.3], labels, transient=300, steps=77)
    monkeypatch.setattr(module, "BLOCK", 7)
    apart = attractor(BALANCED, [0.3], labels[::-1], transient=300, steps=77)
    for name, array in vars(apart).items():
        np.testing.assert_array_equal(array[::-1], getattr(together, name))


def test_ensembles_broadcast_and_may_be_empty():
    assert attractor(RESIDUAL, np.ones((3, 1, 2)), np.ones(4), transient=1).state.shape == (3, 4, 2)
    assert attractor(BALANCED, np.ones((0, 1)), 1.0).period.shape == (0,)


def test_any_derived_map_has_an_exponent():
    x, a = sp.symbols("x a")
    logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    found = attractor(logistic, [0.3], [2.5, 3.2, 3.5, 3.83, 4.0], steps=20_000)
    np.testing.assert_array_equal(found.period, [1, 2, 4, 3, 0])
    assert found.exponent[-1] == pytest.approx(math.log(2), abs=2e-3)


def test_gradient_descent_on_three_factors_settles_doubles_and_becomes_chaotic():
    a, b, c = sp.symbols("a b c")
    rule = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
    rates = [0.5, 0.7, 0.85, 0.95]
    found = attractor(rule, [0.9, 0.9, 0.9], learning_rate=rates, transient=20_000)
    # On the line a = b = c the map is x <- x - eta x^2 (x^3 - 1); its slope at 1 is 1 - 3 eta.
    for i, (rate, period) in enumerate(zip(rates, [1, 2, 4, 0], strict=True)):
        assert found.period[i] == period
        x, growth = found.state[i, 0], 0.0
        for _ in range(2000):
            growth += math.log(abs(1 - rate * (5 * x**4 - 2 * x)))
            x = x - rate * x**2 * (x**3 - 1)
        assert period == 0 or x == pytest.approx(found.state[i, 0], abs=1e-7)
        assert growth < 0 if period else found.exponent[i] == pytest.approx(growth / 2000, abs=0.03)


def test_orbits_that_do_not_fit_the_rule_are_refused():
    with pytest.raises(InputError, match=r"residual-map requires a state of shape \(..., 2\)"):
        attractor(RESIDUAL, [1.0], 0.0)
    with pytest.raises(InputError, match=r"requires the 1 parameter Y, .* got none"):
        attractor(BALANCED, [1.0])
    with pytest.raises(InputError, match="must broadcast"):
        attractor(BALANCED, np.ones((2, 1)), np.ones(3))
    with pytest.raises(InputError, match="steps must be an integer of at least 1"):
        attractor(BALANCED, [1.0], 1.0, steps=0)


def test_progress_is_told_of_every_orbit(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    told = []
    attractor(linear_net.balanced_map(), [0.3], np.linspace(0.5, 3, 20), progress=told.append)
    assert told == [7, 7, 6]
