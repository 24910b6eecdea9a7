"""The derived equations, against explicit weights and against the printed paper."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import linear_net
from catapult_sim.symbolic.linear_net import eta, f, lam, n


def explicit_step(u, v, learning_rate):
    """One step of gradient descent on the weights themselves."""
    width = len(u)
    output = u @ v / np.sqrt(width)
    return (
        u - learning_rate * output * v / np.sqrt(width),
        v - learning_rate * output * u / np.sqrt(width),
    )


@pytest.mark.parametrize("width", [1, 2, 7, 400])
@pytest.mark.parametrize("learning_rate", [0.3, 1.3, 2.5])
def test_the_derived_map_is_what_gradient_descent_does_to_the_weights(width, learning_rate):
    u, v = np.random.default_rng(width).normal(size=(2, width))

    def state(u, v):
        return np.array([u @ v / np.sqrt(width), (u @ u + v @ v) / width])

    step = linear_net.sample_map().numpy()
    expected = state(*explicit_step(u, v, learning_rate))
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
