"""Edge Flow, against gradient descent where it is exact, its equations, and small catapults."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.flows.edge_flow import edge_flow
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.validation import InputError

PRODUCT = Surface(
    lambda w: (w[0] * w[1]) ** 2 / 2,
    lambda w: w[0] * w[1] * w[::-1],
    lambda w, v: w[::-1] ** 2 * v + 2 * w[0] * w[1] * v[::-1],
)


def quadratic(seed=0):
    """Return a quadratic loss with curvatures 3, 1, 0.5, and its eigenvectors."""
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    H = (Q * [3.0, 1.0, 0.5]) @ Q.T
    return Surface(lambda w: w @ H @ w / 2, lambda w: H @ w, lambda w, v: H @ v), H, Q


def test_on_a_quadratic_centre_and_oscillation_are_gradient_descent():
    surface, H, _ = quadratic()
    start, rate = np.array([1.0, -2.0, 0.5]), 0.7
    run = edge_flow(surface, start, learning_rate=rate, steps=12)
    now = start
    for step in run.step:
        turned = (-1) ** step * run.magnitude[step] * run.direction[step]
        assert run.weights[step] + turned == pytest.approx(now, abs=1e-12)
        both = [now, now - 2 * turned]
        assert run.mean_loss[step] == pytest.approx(np.mean([w @ H @ w / 2 for w in both]))
        now = now - rate * H @ now


def test_many_substeps_follow_the_differential_equations_at_first_order():
    rate, start, size = 2.1, np.array([1.0, 0.0]), 0.05

    def velocity(_, state):
        c, v, a = state[:2], state[2:4], state[4]
        H = np.array([[c[1] ** 2, 2 * c[0] * c[1]], [2 * c[0] * c[1], c[0] ** 2]])
        slopes = [np.prod(c + s * a * v) * (c + s * a * v)[::-1] for s in (1, -1)]
        turned = H @ v - (v @ H @ v) * v
        return np.concatenate([-np.mean(slopes, axis=0), turned, [(v @ H @ v - 2 / rate) * a]])

    centre = start - size * np.array([0.0, 1.0])
    first = np.concatenate([centre, [0.0, 1.0, size]])
    expected = solve_ivp(velocity, (0, 20 * rate), first, rtol=1e-11, atol=1e-13).y[:, -1]
    errors, substeps = [], 2 ** np.arange(2, 7)
    for parts in substeps:
        run = edge_flow(
            PRODUCT, start, learning_rate=rate, steps=20, magnitude=size, substeps=int(parts)
        )
        mirror = [1, run.direction[0, 1]]  # the slope at the start does not choose a sign
        errors.append(np.abs(run.weights[-1] - mirror * expected[:2]).max())
    assert convergence_order(1 / substeps, errors).value == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("c", [2.05, 2.1])
def test_small_catapults_end_as_far_below_the_edge_as_they_began_above(c):
    start, now = np.array([1.0, 1e-3]), np.array([1.0, 1e-3])
    for _ in range(600):
        now = now - c * np.prod(now) * now[::-1]
    many = edge_flow(PRODUCT, start, learning_rate=c, steps=600, substeps=16, every=600)
    one = edge_flow(PRODUCT, start, learning_rate=c, steps=600, every=600)
    assert c * many.curvature[-1] == pytest.approx(4 - c, abs=(c - 2) ** 2)
    assert c * one.curvature[-1] == pytest.approx(c * now @ now, abs=(c - 2) ** 2)


def test_an_oscillation_below_the_edge_dies_and_stays_dead_without_a_fault():
    surface, _, _ = quadratic()
    run = edge_flow(surface, [1.0, 1.0, 1.0], learning_rate=0.4, steps=3000, every=1000)
    assert run.magnitude[-1] == 0
    assert np.isfinite(run.mean_loss).all()


def test_a_loss_that_diverges_gives_nan_from_there_on():
    surface, _, _ = quadratic()
    run = edge_flow(surface, [1.0, 1.0, 1.0], learning_rate=1e3, steps=400, every=100)
    assert np.isfinite(run.loss[0])
    assert np.isnan(run.loss[-1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate must be finite and above 0; got -1.0"),
        ({"learning_rate": 0.2}, "magnitude must be given where .* learning rate of 0.6 over the"),
        ({"start": [0.0, 0.0, 0.0]}, "magnitude must be given where .* a slope of 0$"),
        ({"start": [1j, 0, 0]}, "start must be real; got complex weights"),
        ({"magnitude": 0.0}, "magnitude must be finite and above 0; got 0.0"),
        ({"magnitude": np.nan}, "magnitude must be finite and above 0; got nan"),
        ({"surface": None}, "surface must be a Surface; got None"),
        ({"substeps": 1.5}, "substeps must be an integer of at least 1; got 1.5"),
    ],
)
def test_what_it_cannot_take_it_says(given, message):
    surface, _, _ = quadratic()
    valid = {"surface": surface, "start": [1.0, 0.0, 1.0], "learning_rate": 0.6, "steps": 2}
    with pytest.raises(InputError, match=message):
        edge_flow(**valid | given)
