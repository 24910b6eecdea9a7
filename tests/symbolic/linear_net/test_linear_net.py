"""The derived equations, against explicit weights and against the printed paper."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import linear_net
from catapult_sim.symbolic.linear_net import D, F, Lam, Y, eta, f, lam, n, y


def explicit_step(u, v, learning_rate, label=0.0):
    """One step of gradient descent on the weights themselves."""
    width = len(u)
    residual = u @ v / np.sqrt(width) - label
    return (
        u - learning_rate * residual * v / np.sqrt(width),
        v - learning_rate * residual * u / np.sqrt(width),
    )


@pytest.mark.parametrize("width", [1, 2, 7, 400])
@pytest.mark.parametrize("learning_rate", [0.3, 1.3, 2.5])
@pytest.mark.parametrize("label", [0, -0.7])
def test_the_derived_map_is_what_gradient_descent_does_to_the_weights(width, learning_rate, label):
    u, v = np.random.default_rng(width).normal(size=(2, width))

    def state(u, v):
        return np.array([u @ v / np.sqrt(width), (u @ u + v @ v) / width])

    step = linear_net.sample_map(label=label).numpy()
    expected = state(*explicit_step(u, v, learning_rate, label))
    np.testing.assert_allclose(step(state(u, v), learning_rate, width), expected, rtol=1e-13)


def test_the_map_is_the_paper_s_equation_2():
    f_next, lam_next = linear_net.sample_map().next
    assert sp.simplify(f_next - (1 - eta * lam + eta**2 * f**2 / n) * f) == 0
    assert sp.simplify(lam_next - (lam + eta * f**2 / n * (eta * lam - 4))) == 0


def test_the_infinite_width_limit_is_the_paper_s_equation_3():
    f_next, lam_next = linear_net.infinite_width_map().next
    assert sp.expand(f_next - (1 - eta * lam) * f) == 0
    assert lam_next == lam


def test_boundaries_lie_at_two_and_four():
    assert linear_net.boundaries() == {"critical": 2 / lam, "maximal": 4 / lam}


def test_scaled_map_follows_the_map_at_any_width_and_learning_rate():
    f0, lam0, width, learning_rate = 0.7, 2.1, 30.0, 1.4
    f1, lam1 = linear_net.sample_map().numpy()(np.array([f0, lam0]), learning_rate, width)
    scaled = linear_net.scaled_map().numpy()
    state = np.array([learning_rate**2 * f0**2 / width, learning_rate * lam0])
    expected = [learning_rate**2 * f1**2 / width, learning_rate * lam1]
    np.testing.assert_allclose(scaled(state), expected, rtol=1e-13)
    squared = linear_net.scaled_map().state[0]
    assert linear_net.scaled_map().loss == squared / 2  # half the squared residual


def test_invariant_is_contracted_by_the_squared_distance_of_s_from_one():
    law = linear_net.invariant_law()
    (contraction,) = (sp.cancel(law.next[0] / law.state[0]),)
    assert sp.expand(contraction - (1 - law.parameters[0]) ** 2) == 0
    s, lam_scaled = 0.3, 2.9
    s1, lam1 = linear_net.scaled_map().numpy()(np.array([s, lam_scaled]))
    (invariant,) = law.numpy()(np.array([lam_scaled**2 - 4 * s]), s)
    assert lam1**2 - 4 * s1 == pytest.approx(invariant, rel=1e-13)


def test_at_four_over_lam_the_curvature_is_frozen_and_the_orbit_is_a_tripled_angle():
    angle = 0.4
    step = linear_net.scaled_map().numpy()
    state = np.array([4 * np.sin(angle) ** 2, 4.0])
    for t in range(1, 12):
        state = step(state)
        # The tripling triples the rounding error too.
        expected = [4 * np.sin(3**t * angle) ** 2, 4]
        np.testing.assert_allclose(state, expected, atol=3**t * 1e-14)


def test_the_labelled_map_is_the_printed_one():
    """D' = D (1 - eta lam + eta^2 f D / n), lam' = lam + eta D (eta lam D - 4 f) / n."""
    f_next, lam_next = linear_net.sample_map(label=y).inline().next
    residual = f - y
    printed = residual * (1 - eta * lam + eta**2 * f * residual / n)
    assert sp.expand(f_next - y - printed) == 0
    printed = lam + eta * residual * (eta * lam * residual - 4 * f) / n
    assert sp.expand(lam_next - printed) == 0


def test_the_symbols_of_the_label_become_parameters():
    shift = sp.Symbol("shift")
    assert linear_net.sample_map(label=y + shift).parameters == (eta, n, shift, y)


@pytest.mark.parametrize("label", [f, eta * y, "y", None])
def test_a_label_that_is_no_label_is_refused(label):
    with pytest.raises(ValueError, match=r"label must (not hold|be a number or)"):
        linear_net.sample_map(label=label)


def test_the_map_without_units_is_the_printed_one():
    D_next, Lam_next = linear_net.residual_map().next
    assert sp.expand(D_next - D * (1 - Lam + F * D)) == 0
    assert sp.expand(Lam_next - (Lam + D * (Lam * D - 4 * F))) == 0
    assert linear_net.residual_map().where == {F: D + Y}


@pytest.mark.parametrize("width", [1, 3, 50])
def test_the_two_factors_are_the_squared_norms_of_sum_and_difference(width):
    u, v = np.random.default_rng(width).normal(size=(2, width))
    rate, label = 0.8, 0.6

    def state(u, v):
        return np.array([(u + v) @ (u + v), (u - v) @ (u - v)]) * rate / (2 * width)

    following = linear_net.two_factor_map().numpy()(state(u, v), rate * label / np.sqrt(width))
    expected = state(*explicit_step(u, v, rate, label))
    np.testing.assert_allclose(following, expected, rtol=1e-12)


def test_each_factor_is_multiplied_by_the_printed_square():
    p, q = linear_net.two_factor_map().state
    p_next, q_next = linear_net.two_factor_map().next
    assert sp.expand(p_next - (1 - D) ** 2 * p) == 0
    assert sp.expand(q_next - (1 + D) ** 2 * q) == 0


def test_no_orbit_crosses_the_straight_edge_of_the_basin():
    rng = np.random.default_rng(0)
    F, label = rng.normal(size=(2, 50))
    curvature = 2 * np.abs(F) + rng.exponential(size=50)
    residual = F - label
    state = np.stack([residual, curvature], axis=-1)
    stepped = linear_net.residual_map().numpy()(state, label)

    def height(state):
        return state[:, 1] - 4 - label * state[:, 0]

    followed = linear_net.edge_law().numpy()(height(state)[:, None], residual, label)
    np.testing.assert_allclose(height(stepped), followed[:, 0], rtol=1e-11)


def test_the_invariant_law_holds_for_every_label():
    residual, curvature, label = 0.4, 2.9, 0.7
    step = linear_net.residual_map().numpy()
    D_1, Lam_1 = step(np.array([residual, curvature]), label)
    before, after = (L**2 - 4 * (r + label) ** 2 for r, L in ((residual, curvature), (D_1, Lam_1)))
    (law,) = linear_net.invariant_law().numpy()(np.array([before]), residual**2)
    assert after == pytest.approx(law, rel=1e-12)


def test_the_edge_map_is_the_residual_map_in_other_coordinates():
    (D, Lam), (Y,) = linear_net.residual_map().state, linear_net.residual_map().parameters
    inline = linear_net.residual_map().inline()
    _, E = linear_net.edge_map().state
    distance = Lam - 4 - Y * D
    moved = dict(zip((D, Lam), inline.next, strict=True))
    expected = inline.next[0], distance.subs(moved, simultaneous=True)
    for found, wanted in zip(linear_net.edge_map().inline().next, expected, strict=True):
        assert sp.expand(found.subs(E, distance) - wanted) == 0
