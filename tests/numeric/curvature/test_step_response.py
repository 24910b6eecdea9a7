"""Loss changes along directions: closed forms of the quadratic and of the linear network."""

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.step_response import (
    MULTIPLES,
    SCALES,
    THRESHOLDS,
    CrossSections,
    cross_sections,
    step_response,
    valley_widths,
)
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import rotation

RNG = np.random.default_rng(1)
SPECTRUM, TURN = np.r_[np.linspace(0.1, 1, 17), 2.0, 5.0, 9.0], rotation(20)
MATRIX, THETA = TURN * SPECTRUM @ TURN.T, RNG.normal(size=20)
BATCHES = MATRIX @ THETA + RNG.normal(size=(10, 20))  # noisy gradients
ALPHA = np.array(SCALES)


def quadratic(theta):
    return 0.5 * np.einsum("...i,ij,...j->...", theta, MATRIX, theta)


def response(rate=0.1, rng=0, batches=BATCHES):
    return step_response(
        quadratic,
        THETA,
        rate * batches,
        TURN[:, :-4:-1],
        gradient=MATRIX @ THETA,
        hessian=MATRIX,
        rng=rng,
    )


def test_on_a_quadratic_the_change_along_an_eigenvector_has_its_closed_form():
    """With x the coordinate: lam ((x - alpha eta g)^2 - x^2) / 2 for every mini-batch."""
    found = response()
    for row, i in enumerate((-1, -2, -3)):
        x, steps = THETA @ TURN[:, i], 0.1 * BATCHES @ TURN[:, i]
        after = (x - np.outer(steps, ALPHA)) ** 2
        changes = SPECTRUM[i] / 2 * (after - x**2) / quadratic(THETA)
        np.testing.assert_allclose(found.change[row], changes.mean(axis=0), atol=1e-13)
        error = np.sqrt(changes.var(axis=0) * 10 / 9 / 10)
        np.testing.assert_allclose(found.error[row], error, atol=1e-13)


def test_on_a_quadratic_prediction_and_measurement_agree_in_every_row():
    found = response()
    assert found.change.shape == (5, 7)
    np.testing.assert_allclose(found.predicted, found.change, atol=1e-13)
    assert found.products == 4 + 10


def test_the_full_step_is_gradient_descent():
    gradient = MATRIX @ THETA
    found = response(batches=gradient[None])
    after = [quadratic(THETA - alpha * 0.1 * gradient) for alpha in ALPHA]
    np.testing.assert_allclose(found.change[-1], np.array(after) / quadratic(THETA) - 1, atol=1e-13)
    assert np.isnan(found.error).all()


def test_beyond_twice_the_inverse_curvature_a_step_along_an_eigenvector_raises_the_loss():
    gradient = (MATRIX @ THETA)[None]
    for rate, sign in ((0.99 * 2 / 9, -1), (1.01 * 2 / 9, 1)):
        found = response(rate, batches=gradient)
        assert np.sign(found.change[0, SCALES.index(1.0)]) == sign


def test_the_random_direction_is_repeated_by_its_seed_and_is_a_unit_vector():
    first, again, other = response(rng=0), response(rng=0), response(rng=1)
    assert first.change.tobytes() == again.change.tobytes()
    assert (first.change[3] != other.change[3]).any()
    # Of a constant slope the mean of (d . e) (g . e) over unit vectors is d . g / P.
    rows = [
        step_response(
            lambda theta: 1 + theta @ np.ones(20),
            np.zeros(20),
            np.ones((1, 20)),
            np.eye(20)[:, :1],
            gradient=np.ones(20),
            hessian=np.zeros((20, 20)),
            scales=(1.0,),
            rng=seed,
        ).change[1, 0]
        for seed in range(400)
    ]
    assert np.mean(rows) == pytest.approx(-1, abs=4 * np.std(rows) / 20)


def test_on_the_linear_network_the_loss_along_the_sharpest_direction_is_a_known_quartic():
    """L = f^2 / 2 of f = u v / sqrt n, along any (p, q): f falls by alpha c (u q + p v) ..."""
    n = 30
    net = MLP([1, n, 1], activation="linear")
    theta, X, y = net.init(rng=3), np.ones((1, 1)), np.zeros((1, 1))
    u, v = theta[:n], theta[n:]
    f, lam = u @ v / np.sqrt(n), theta @ theta / n
    pairs = top_eigenpairs(
        lambda d: net.hessian_product(theta, X, y, d), size=net.size, tolerance=1e-13, rng=0
    )
    sharpness = (lam + np.sqrt(lam**2 + 12 * f**2 / n)) / 2
    assert pairs.values[0] == pytest.approx(sharpness, rel=1e-12)
    step = 1.5 / lam * f * np.concatenate([v, u]) / np.sqrt(n)
    found = step_response(
        lambda at: net.loss(at, X, y),
        theta,
        step[None],
        pairs.vectors,
        gradient=net.gradient(theta, X, y),
        hessian=lambda d: net.hessian_product(theta, X, y, d),
    )
    p, q = pairs.vectors[:n, 0], pairs.vectors[n:, 0]
    s = ALPHA * (step @ pairs.vectors[:, 0])
    moved = f - s * (u @ q + p @ v) / np.sqrt(n) + s**2 * (p @ q) / np.sqrt(n)
    np.testing.assert_allclose(found.change[0], moved**2 / f**2 - 1, atol=1e-10)
    slope = f * (u @ q + p @ v) / np.sqrt(n)
    parabola = (-s * slope + s**2 * sharpness / 2) / (f**2 / 2)
    np.testing.assert_allclose(found.predicted[0], parabola, atol=1e-10)
    assert np.abs(found.change[0] - found.predicted[0]).max() > 1e-3


def test_a_cross_section_of_a_quadratic_is_its_parabola():
    found = cross_sections(quadratic, THETA, 0.1 * BATCHES, TURN[:, :-3:-1])
    k = np.r_[-np.array(MULTIPLES)[::-1], 0, MULTIPLES]
    np.testing.assert_array_equal(found.multiples, k)
    for row, i in enumerate((-1, -2)):
        unit = np.mean([abs(0.1 * g @ TURN[:, i]) for g in BATCHES])
        assert found.unit[row] == pytest.approx(unit, rel=1e-13)
        x = THETA @ TURN[:, i]
        parabola = quadratic(THETA) + SPECTRUM[i] / 2 * ((x + k * unit) ** 2 - x**2)
        np.testing.assert_allclose(found.loss[row], parabola, rtol=1e-12)


def test_scales_multiples_and_thresholds_are_those_of_the_paper():
    """Powers of two from a quarter to 16; 1 %, 10 %, 50 % and 100 % above the loss at the point."""
    assert [round(12 * one) for one in SCALES] == [3, 4, 6, 12, 24, 36, 48]
    assert [np.log2(one) for one in MULTIPLES] == [-2, -1, 0, 1, 2, 3, 4]
    assert [round(100 * one) for one in THRESHOLDS] == [101, 110, 150, 200]


def test_a_valley_is_as_wide_as_its_parabola_says():
    """From the minimum of 1 + k^2 / 2 the thresholds are at sqrt(2 (threshold - 1))."""
    k = np.r_[-np.array(MULTIPLES)[::-1], 0, MULTIPLES]
    sections = CrossSections(k, np.ones(1), (1 + k**2 / 2)[None])
    both = np.tile([0.25, 0.5, 2.0, 2.0], (2, 1, 1))  # sqrt of .02, .2, 1 (not above), 2
    np.testing.assert_array_equal(valley_widths(sections), both)


def test_a_valley_open_to_one_side_has_no_width_there():
    k = np.arange(-2.0, 3.0)
    sections = CrossSections(k, np.ones(2), np.stack([np.exp(k), np.full(5, np.nan)]))
    width = valley_widths(sections, (2.0,))
    np.testing.assert_array_equal(width, [[[np.nan], [np.nan]], [[1.0], [np.nan]]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.fmax(*width), [[1.0], [np.nan]])


def test_where_the_loss_is_not_finite_there_is_no_relative_change_and_no_warning():
    found = step_response(
        lambda theta: np.exp(1e4 * theta[:, 0] ** 2),
        np.ones(1),
        np.ones((2, 1)),
        np.eye(1),
        gradient=[1e4],
        hessian=[[1e4]],
        rng=0,
    )
    assert np.isnan(found.change).all()
    assert np.isnan(found.predicted).all()


def test_a_step_that_leaves_every_bound_shows_as_infinite():
    found = step_response(
        lambda theta: np.exp(1e4 * theta[:, 0] ** 2),
        np.zeros(1),
        np.ones((2, 1)),
        np.eye(1),
        gradient=[0.0],
        hessian=[[2e4]],
        rng=0,
    )
    assert np.isinf(found.change[0, 3])
    assert np.isfinite(found.predicted).all()


@pytest.mark.parametrize("row", [[], [[1.0]], 1.0])
def test_scales_multiples_and_thresholds_are_rows_of_at_least_one_number(row):
    sections = cross_sections(quadratic, THETA, BATCHES, TURN[:, :1])
    with pytest.raises(InputError, match="multiples must be a row of at least one number"):
        cross_sections(quadratic, THETA, BATCHES, TURN, multiples=row)
    with pytest.raises(InputError, match="thresholds must be a row of at least one number"):
        valley_widths(sections, row)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"theta, steps and vectors must have shapes"):
        cross_sections(quadratic, THETA, BATCHES[:, :3], TURN)
