"""Exact orbits of any rule, against closed forms and the rule itself."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import Update, linear_net
from catapult_sim.symbolic.orbits import NoClosedForm, exact_orbits

a, b, c, x = sp.symbols("a b c x", real=True)
eta = linear_net.eta
CHAIN = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
LOGISTIC = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")


def test_minima_of_a_chain_are_stable_below_two_over_its_sharpness():
    minima, *saddles = exact_orbits(CHAIN)
    point = dict(zip(CHAIN.state, minima.points[0], strict=True))
    assert sp.simplify(sp.prod(point.values()) - 1) == 0
    # At a minimum the Hessian is g g^T, g the gradient of a b c.
    sharpness = sum((sp.diff(a * b * c, w) ** 2).subs(point) for w in (a, b, c))
    assert minima.multipliers[:2] == (1, 1)
    assert sp.simplify(minima.multipliers[2] - (1 - eta * sharpness)) == 0
    for edge, stable in ((1.99, True), (2.01, False)):
        here = {a: 1, b: 1, c: 1, eta: sp.Float(edge) / 3}
        assert bool(minima.stable.subs(here)) == stable
    assert len(saddles) == 3
    for saddle in saddles:
        assert saddle.points[0].count(0) == 2
        assert saddle.stable.subs({a: 1, b: 1, c: 1, eta: 0.1}) == sp.false


def test_fixed_points_stay_where_they_are():
    for rule in (CHAIN, linear_net.sample_map(), LOGISTIC):
        for orbit in exact_orbits(rule):
            here = dict(zip(rule.state, orbit.points[0], strict=True))
            images = [new.subs(here, simultaneous=True) for new in rule.next]
            assert orbit.exact
            for image, value in zip(images, orbit.points[0], strict=True):
                assert sp.simplify(image - value) == 0


def test_the_logistic_map_has_the_orbit_of_period_two_of_the_textbook():
    (orbit,) = exact_orbits(LOGISTIC, 2)
    (low,), (high,) = orbit.points
    assert sp.simplify(low + high - (a + 1) / a) == 0
    assert sp.simplify(low * high - (a + 1) / a**2) == 0
    assert sp.expand(orbit.multipliers[0] - (4 + 2 * a - a**2)) == 0


def test_longer_orbits_are_numbers_with_a_residual_that_visit_each_other():
    rule = Update("logistic", (x,), (), (sp.Rational(383, 100) * x * (1 - x),), "May 1976")
    orbits = exact_orbits(rule, 3)
    # The window of period three: one orbit attracts, its twin does not.
    assert sorted(orbit.stable for orbit in orbits) == [False, True]
    for orbit in orbits:
        assert not orbit.exact
        assert orbit.residual < 1e-14
        values = [point[0] for point in orbit.points]
        np.testing.assert_allclose([3.83 * v * (1 - v) for v in values], np.roll(values, -1))
        slope = np.prod([3.83 * (1 - 2 * v) for v in values])
        assert orbit.multipliers[0] == pytest.approx(slope, rel=1e-9)


def test_what_has_no_closed_form_says_so():
    with pytest.raises(NoClosedForm, match="exact orbits of period 2 require a rule of 1 variable"):
        exact_orbits(CHAIN, 2)
    with pytest.raises(NoClosedForm, match="require a polynomial rule"):
        exact_orbits(Update("sine", (x,), (), (sp.sin(x),), "none"), 2)
    with pytest.raises(NoClosedForm):
        exact_orbits(Update("cosine", (x,), (), (sp.cos(x),), "none"))
