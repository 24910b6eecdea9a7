"""Orbits found by Newton's method, against exact ones, iteration and finite differences."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.maps.orbits import orbits
from catapult_sim.symbolic import Update, linear_net
from catapult_sim.validation import InputError

a, b, c = sp.symbols("a b c", real=True)
CHAIN = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])


def chain_step(w, rate):
    return w - rate * (w.prod() - 1) * np.roll(w, 1) * np.roll(w, 2)


def test_the_chain_s_orbit_of_period_two_is_where_iteration_ends():
    (found,) = orbits(CHAIN, 2, near=[[0.9, 0.95, 0.9], [1.05, 1.05, 1.04]], learning_rate=0.7)
    w = np.full(3, 0.9)
    for _ in range(20_000):
        w = chain_step(w, 0.7)
    visited = sorted([w.tolist(), chain_step(w, 0.7).tolist()])
    np.testing.assert_allclose(found.points, visited, atol=1e-9)
    assert found.stable
    assert not found.exact
    assert found.residual < 1e-10


def test_multipliers_are_finite_differences_once_round():
    (found,) = orbits(CHAIN, 2, near=[[0.9, 0.9, 0.9]], eta=0.7)
    start, small, columns = np.array(found.points[0]), 1e-6, []
    for shift in small * np.eye(3):
        ends = [chain_step(chain_step(start + s * shift, 0.7), 0.7) for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * small))
    expected = np.sort(np.linalg.eigvals(np.transpose(columns)).real)
    np.testing.assert_allclose(np.sort(np.real(found.multipliers)), expected, atol=1e-6)


def test_newton_meets_the_minima_next_to_its_starts():
    starts = np.random.default_rng(0).uniform(0.8, 1.3, (20, 3))
    found = orbits(CHAIN, near=starts, eta=0.2)
    minima = [orbit for orbit in found if np.prod(orbit.points[0]) > 0.5]
    assert len(minima) > 10
    for orbit in minima:
        (w,) = np.array(orbit.points)
        assert w.prod() == pytest.approx(1, abs=1e-9)
        sharpness = (1 / w**2).sum()
        assert min(np.real(orbit.multipliers)) == pytest.approx(1 - 0.2 * sharpness, abs=1e-6)
        assert orbit.stable == (0.2 * sharpness < 2)


def test_numbers_agree_with_the_exact_orbit_of_the_sample_map():
    rule = linear_net.residual_map()
    (found,) = orbits(rule, 2, near=[[-0.45, 1.2]], Y=1.1)
    exact = [
        [float(value.subs(linear_net.Y, sp.Rational(11, 10))) for value in point]
        for point in linear_net.period_two_orbit().points
    ]
    np.testing.assert_allclose(found.points, sorted(exact), atol=1e-9)


def test_without_starts_orbits_are_derived_with_numbers_or_symbols():
    point = orbits(linear_net.sample_map(), n=9, learning_rate=0.5)[-1].points[0]
    assert sorted(map(abs, point)) == [8, 12]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((CHAIN, 2), {}, "require a rule of 1 variable; got descent of 3; starts are required"),
        ((CHAIN,), {"k": 1}, "descent has no parameters k"),
        ((CHAIN,), {"near": [1, 1, 1], "eta": 1}, r"near must have shape \(N, 3\); got \(3,\)"),
        ((CHAIN,), {"near": [[1, 1, 1]]}, "descent requires the 1 parameter eta"),
        ((CHAIN, 0), {}, "period must be an integer of at least 1"),
    ],
)
def test_what_is_missing_is_named(arguments, options, message):
    with pytest.raises(InputError, match=message):
        orbits(*arguments, **options)


@pytest.mark.parametrize("unit", [1e-100, 1e-9, 1.0, 1e9, 1e100])
@pytest.mark.parametrize("period", [1, 2])
def test_orbits_have_the_scale_of_the_state(unit, period):
    """The logistic map x <- r x (1 - x) in units of x: fixed at 0 and 1 - 1/r, and an orbit."""
    x, r, c = sp.symbols("x r c", positive=True)
    rule = Update("logistic", (x,), (r, c), (r * x * (1 - x / c),), "")
    starts = unit * np.array([[0.1], [0.5], [0.45], [0.78], [0.8]])
    found = orbits(rule, period, near=starts, r=3.2, c=unit)
    root = np.sqrt((3.2 + 1) * (3.2 - 3))
    exact = [[[0.0], [1 - 1 / 3.2]], [[(4.2 - root) / 6.4, (4.2 + root) / 6.4]]][period - 1]
    points = sorted(np.ravel(orbit.points) / unit for orbit in found)
    np.testing.assert_allclose(np.array(points), exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shift", "count"), [(7.5e-11, 1), (1.5e-10, 0)])
def test_by_default_an_orbit_returns_to_a_ten_billionth_of_its_size(shift, count):
    x = sp.Symbol("x", real=True)
    rule = Update("shift", (x,), (), (x + sp.Float(shift),), "")  # Newton's method cannot move it
    assert len(orbits(rule, near=[[1.0]])) == count


def test_an_orbit_at_the_edge_is_not_stable():
    x = sp.Symbol("x", real=True)
    (found,) = orbits(Update("mirror", (x,), (), (-x,), ""), near=[[0.5]])
    assert (found.points, found.multipliers, found.stable) == (((0.0,),), (-1.0,), False)
