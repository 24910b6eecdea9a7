"""Where the one-sample maps go, against iterated maps and finite differences."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import linear_net
from catapult_sim.symbolic.linear_net import F, Lam, Y


def iterate(rule, state, parameters, steps):
    step, state = rule.numpy(), np.asarray(state, dtype=float)
    for _ in range(steps):
        state = step(state, *parameters)
    return state


def slopes(rule, points, parameters):
    """Eigenvalues of the map's derivative once round, by central differences."""
    step, around, small = rule.numpy(), np.eye(len(points[0])), 1e-6
    for point in np.asarray(points, dtype=float):
        shifts = small * np.eye(len(point))
        differences = step(point + shifts, *parameters) - step(point - shifts, *parameters)
        around = (differences / (2 * small)).T @ around
    return np.sort(np.linalg.eigvals(around).real)


def numbers(expressions, label, curvature=3.1):
    return [float(sp.sympify(e).subs({Y: label, Lam: curvature})) for e in expressions]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("label", [0.3, 1.7])
def test_fixed_points_stay_and_their_multipliers_are_the_map_s_slopes(index, label):
    point = linear_net.fixed_points()[index]
    (where,) = ([*numbers(p, label)] for p in point.points)
    rule = linear_net.residual_map()
    np.testing.assert_allclose(iterate(rule, where, [label], 1), where, atol=1e-14)
    expected = np.sort(numbers(point.multipliers, label))
    np.testing.assert_allclose(slopes(rule, [where], [label]), expected, atol=2e-8)


def test_only_minima_flatter_than_two_attract():
    minima, *others = linear_net.fixed_points()
    assert minima.stable == (Lam < 2)
    assert all(point.stable == sp.false for point in others)


@pytest.mark.parametrize(("label", "converges"), [(0.9, True), (-0.9, True), (1.1, False)])
def test_zero_loss_is_reached_iff_the_label_is_below_one(label, converges):
    start = np.random.default_rng(0).uniform(0, 0.5, size=(20, 2))
    p, q = np.moveaxis(iterate(linear_net.two_factor_map(), start, [label], 4000), -1, 0)
    residual = (p - q) / 2 - label
    assert (abs(residual) < 1e-6).all() == converges
    assert (abs(residual) < 1e-6).any() == converges


@pytest.mark.parametrize("label", [1.05, 1.2])
def test_between_the_doublings_the_map_settles_on_the_orbit_of_period_two(label):
    orbit = linear_net.period_two_orbit()
    low, high = sorted(numbers(point, label) for point in orbit.points)
    settled = iterate(linear_net.two_factor_map(), [0.8, 0.3], [label], 20_000)
    following = iterate(linear_net.two_factor_map(), settled, [label], 1)
    visited = sorted([(p - q) / 2 - label, p + q] for p, q in (settled, following))
    np.testing.assert_allclose(visited, [low, high], atol=1e-10)
    F_1, F_2 = low[0] + label, high[0] + label
    np.testing.assert_allclose([F_1 + F_2, F_1 * F_2], [1 + label, 1], rtol=1e-14)
    expected = np.sort(numbers(orbit.multipliers, label))
    observed = slopes(linear_net.residual_map(), [low, high], [label])
    np.testing.assert_allclose(observed, expected, atol=2e-7)


def test_the_multiplier_of_period_two_is_the_printed_one():
    along, across = linear_net.period_two_orbit().multipliers
    assert sp.expand(along - (9 - 2 * (1 + Y) ** 2)) == 0
    assert sp.expand(across - (3 - 2 * Y) ** 2) == 0


def test_the_orbit_is_stable_between_its_birth_and_its_doubling():
    doublings = linear_net.period_doublings()
    assert doublings == {2: 1, 4: sp.sqrt(5) - 1}
    stable = linear_net.period_two_orbit().stable.as_set()
    assert stable == sp.Interval.open(doublings[2], doublings[4])


@pytest.mark.parametrize(("offset", "periods"), [(-0.01, (1, 2)), (0.01, (2, 4))])
def test_the_attractor_doubles_its_period_where_derived(offset, periods):
    for threshold, period in zip(linear_net.period_doublings().values(), periods, strict=True):
        label = float(threshold) + offset
        settled = iterate(linear_net.balanced_map(), [0.4], [label], 20_000)
        returns = {
            k: abs(iterate(linear_net.balanced_map(), settled, [label], k) - settled).item()
            for k in (1, 2, 4)
        }
        assert min(k for k, distance in returns.items() if distance < 1e-9) == period


def test_the_balanced_map_is_the_printed_one():
    assert sp.expand(linear_net.balanced_map().next[0] - F * (1 + Y - F) ** 2) == 0


def test_u_equal_to_v_remains_equal():
    label, output = 0.8, 1.7
    D_next, Lam_next = iterate(linear_net.residual_map(), [output - label, 2 * output], [label], 1)
    (F_next,) = iterate(linear_net.balanced_map(), [output], [label], 1)
    np.testing.assert_allclose([D_next + label, Lam_next], [F_next, 2 * F_next], rtol=1e-13)


def test_at_label_two_the_balanced_map_triples_an_angle():
    angle = np.linspace(0.1, 1.4, 7)
    (F_next,) = iterate(linear_net.balanced_map(), 4 * np.sin(angle[:, None]) ** 2, [2], 1).T
    np.testing.assert_allclose(F_next, 4 * np.sin(3 * angle) ** 2, atol=1e-14)
