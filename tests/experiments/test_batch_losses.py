"""Losses along lines, against closed forms, dense algebra and brute force."""

import numpy as np
import pytest

from catapult_sim.experiments.batch_losses import (
    alignment,
    concave_share,
    loss_along,
    one_step,
    quadratic_fit,
)
from catapult_sim.mlp.network import MLP
from catapult_sim.validation import InputError

MEMBERS = 4


@pytest.fixture
def problem():
    """Networks with a batch each, and data they share."""
    rng = np.random.default_rng(0)
    network = MLP([3, 6, 2], activation="tanh")
    theta = network.init(rng=1, ensemble=(MEMBERS,))
    batch = rng.normal(size=(MEMBERS, 5, 3)), rng.normal(size=(MEMBERS, 5, 2))
    return network, theta, batch, (rng.normal(size=(30, 3)), rng.normal(size=(30, 2)))


def test_losses_along_a_line_are_those_of_its_points(problem):
    network, theta, (X, y), _ = problem
    direction = np.random.default_rng(2).normal(size=theta.shape)
    positions = np.linspace(-1, 2, 7)
    found = loss_along(network, theta, direction, positions[:, None], X, y)
    for i, s in enumerate(positions):
        for member in range(MEMBERS):
            point = theta[member] + s * direction[member]
            assert found[i, member] == pytest.approx(
                network.loss(point, X[member], y[member]), rel=1e-12
            )


def test_in_the_last_layer_squared_error_is_a_parabola_with_the_hessian_s_vertex(problem):
    network, theta, (X, y), _ = problem
    gradient = network.loss_and_gradient(theta, X, y)[1]
    gradient[:, : 3 * 6] = 0
    positions = np.linspace(0, 3, 9)
    fit = quadratic_fit(positions, loss_along(network, theta, -gradient, positions[:, None], X, y))
    square = np.sum(gradient**2, axis=-1)
    bend = np.sum(gradient * network.loss_hessian_product(theta, X, y, gradient), axis=-1)
    start = network.loss_and_gradient(theta, X, y)[0]
    np.testing.assert_allclose(fit.curvature, bend, rtol=1e-9)
    np.testing.assert_allclose(fit.minimum, square / bend, rtol=1e-9)
    np.testing.assert_allclose(fit.lowest, start - square**2 / (2 * bend), rtol=1e-9)
    np.testing.assert_allclose(fit.goodness, 1, rtol=1e-12)


def test_the_fit_is_least_squares():
    rng = np.random.default_rng(3)
    positions, losses = np.linspace(0, 1e-6, 12), rng.normal(size=(12, 2, 3))
    fit = quadratic_fit(positions, losses)
    scaled = positions * 1e6
    for place in np.ndindex(2, 3):
        values = losses[(slice(None), *place)]
        bend, slope, _ = np.polyfit(scaled, values, 2)
        residual = values - np.polyval(np.polyfit(scaled, values, 2), scaled)
        assert fit.curvature[place] == pytest.approx(2 * bend * 1e12, rel=1e-9)
        assert fit.goodness[place] == pytest.approx(1 - residual.var() / values.var(), rel=1e-9)
        vertex = -slope / (2 * bend) * 1e-6 if bend > 0 else np.nan
        assert fit.minimum[place] == pytest.approx(vertex, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("unit", [1e300, 1e160, 1e-160, 1e-300])
def test_lines_of_any_unit_have_their_parabola(unit):
    s = np.linspace(0, 2, 5)
    fit = quadratic_fit(s * unit, (3 + (s - 1) ** 2) * unit)
    found = [fit.curvature * unit, fit.minimum / unit, fit.lowest / unit, fit.goodness]
    np.testing.assert_allclose(found, [2, 1, 3, 1], rtol=1e-9)
    with pytest.raises(InputError, match="needs at least 3 different positions; got "):
        quadratic_fit([unit, unit, 1, 1], s[:4])


@pytest.mark.parametrize("unit", [1e90, 1e-90])
def test_gradients_of_any_unit_have_their_alignment(unit, problem):
    _, theta, batch, everything = problem
    network = MLP([3, 6, 2], activation="relu")
    found, right = (
        alignment(network, theta, *((s * X, s * y) for X, y in (batch, everything)))
        for s in (unit, 1)
    )
    np.testing.assert_allclose(found, right, rtol=1e-9)


def test_lines_may_have_positions_of_their_own():
    positions = np.outer(np.linspace(0, 1, 5), [1.0, 10.0])
    fit = quadratic_fit(positions, (positions - [0.5, 4.0]) ** 2)
    np.testing.assert_allclose(fit.minimum, [0.5, 4.0], rtol=1e-12)


def test_a_loss_that_overflows_has_no_fit_and_no_convexity():
    losses = np.array([[0.0, 0.0], [1.0, np.inf], [4.0, 1.0]])
    fit = quadratic_fit([0, 1, 2], losses)
    assert np.isnan([fit.curvature[1], fit.goodness[1], concave_share(losses)[1]]).all()
    assert fit.curvature[0] == pytest.approx(2)


def test_concavity_is_counted():
    waves = np.sin(np.linspace(0, 2 * np.pi, 101))
    assert concave_share(waves) == pytest.approx(0.5, abs=0.02)
    assert concave_share(-np.exp(np.linspace(0, 1, 9))) == 1


def test_the_best_step_is_the_best_of_all_that_are_tried(problem):
    network, theta, batch, others = problem
    rates = np.geomspace(0.1, 30, 12)
    step = one_step(network, theta, batch, others, rates)
    for member in range(MEMBERS):
        X, y = batch[0][member], batch[1][member]
        gradient = network.gradient(theta[member], X, y)
        losses = [float(network.loss(theta[member] - rate * gradient, X, y)) for rate in rates]
        best = int(np.argmin(losses))
        assert step.rate[member] == rates[best]
        assert step.batch_after[member] == pytest.approx(losses[best], rel=1e-12)
        assert step.batch_before[member] == pytest.approx(network.loss(theta[member], X, y))
        stepped = theta[member] - rates[best] * gradient
        assert step.others_after[member] == pytest.approx(network.loss(stepped, *others))
        assert step.others_before[member] == pytest.approx(network.loss(theta[member], *others))


def test_batch_gradients_are_compared_with_the_full_one(problem):
    network, theta, batch, others = problem
    cosine, ratio = alignment(network, theta, batch, others)
    full = network.gradient(theta[1], *others)
    own = network.gradient(theta[1], batch[0][1], batch[1][1])
    norms = np.linalg.norm(own), np.linalg.norm(full)
    assert cosine[1] == pytest.approx(own @ full / norms[0] / norms[1], rel=1e-12)
    assert ratio[1] == pytest.approx(norms[0] / norms[1], rel=1e-12)


def test_two_points_do_not_make_a_parabola():
    with pytest.raises(InputError, match="at least 3 different positions; got"):
        quadratic_fit([0, 1], [1.0, 2.0])


def test_a_straight_line_is_convex():
    assert concave_share(np.arange(5.0)) == 0
