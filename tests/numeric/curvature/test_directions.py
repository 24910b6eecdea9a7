"""Projections and nudges against dense algebra."""

import numpy as np
import pytest

from catapult_sim.numeric.curvature import directions
from catapult_sim.numeric.curvature.directions import (
    alignment,
    cosines,
    nudge,
    projection,
)
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.nudged import Nudged, SharpestDirections
from catapult_sim.numeric.runs.optimizers import HeavyBall, Look, displace
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import rotation, symmetric

RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(4, 3, 30))


def test_a_nudge_is_the_step_in_the_eigenbasis_with_its_first_entries_multiplied():
    spectrum, turn = np.linspace(1, 2, 30), rotation(30)
    pairs = top_eigenpairs(turn * spectrum @ turn.T, 5, tolerance=1e-13, rng=0)
    entries = STEPS @ turn
    entries[..., 25:] *= 0.1
    np.testing.assert_allclose(nudge(STEPS, pairs.vectors, 0.1), entries @ turn.T, atol=1e-10)
    kept = STEPS @ turn
    kept[..., :25] = 0
    only = nudge(STEPS, pairs.vectors, 1.0, rest=0.0)
    np.testing.assert_allclose(only, kept @ turn.T, atol=1e-10)
    np.testing.assert_allclose(projection(STEPS, pairs.vectors), only, atol=1e-14)


def test_a_degenerate_space_is_nudged_the_same_in_any_basis():
    spectrum, turn = np.r_[np.linspace(0, 1, 27), 3.0, 3.0, 3.0], rotation(30)
    matrix = turn * spectrum @ turn.T
    one, other = (top_eigenpairs(matrix, 3, tolerance=1e-13, rng=seed).vectors for seed in (0, 1))
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_allclose(nudge(STEPS, one, 0.2), nudge(STEPS, other, 0.2), atol=1e-10)
    np.testing.assert_allclose(nudge(STEPS, one, 0.2), nudge(STEPS, -one, 0.2), atol=1e-13)


@pytest.mark.parametrize("skew", [1e-6, 1e-2, 0.5])
def test_vectors_need_not_be_orthonormal(skew):
    frame = rotation(30)[:, :4]
    skewed = frame @ (np.eye(4) + skew * np.triu(np.ones((4, 4)))) * np.array([1, 2, 3, 1e3])
    np.testing.assert_allclose(nudge(STEPS, skewed, 0.3), nudge(STEPS, frame, 0.3), atol=1e-10)


def test_gamma_one_leaves_every_bit():
    step = np.array([-0.0, 5e-324, 1.1, np.nan, np.inf, -np.inf])
    assert nudge(step, np.full((6, 1), 0.4), 1.0).tobytes() == step.tobytes()


def test_equal_factors_multiply_the_whole_step():
    np.testing.assert_array_equal(nudge(STEPS, rotation(30)[:, :2], 0.3, rest=0.3), 0.3 * STEPS)
    np.testing.assert_array_equal(nudge(STEPS, rotation(30)[:, :2], 2, rest=2), 2 * STEPS)


def test_velocity_nudged_keeps_the_buffer_and_gradient_nudged_does_not():
    """Three steps written out in the eigenbasis, where entries do not mix."""
    gamma, beta, rate = np.array([0.1, 1.0]), 0.9, 0.5
    gradients = RNG.normal(size=(3, 2))
    for nudged in ("velocity", "gradient"):
        velocity, expected = np.zeros((1, 2)), np.zeros(2)
        optimizer = Nudged(
            0.1, lambda t, w, who: np.eye(2)[None, :, :1], HeavyBall(beta), 1, nudged
        )
        for g in gradients:
            look = Look(0, np.arange(1), None, g[None].copy, None)
            step, velocity = displace(optimizer, look, rate, velocity)
            expected = beta * expected - rate * g * (1 if nudged == "velocity" else gamma)
            moved = gamma * expected if nudged == "velocity" else expected
            np.testing.assert_allclose(velocity[0], expected, atol=1e-15)
            np.testing.assert_allclose(step[0], moved, atol=1e-15)


def test_each_measurement_along_a_run_begins_with_the_one_before():
    spectrum = np.r_[1.0, 0.9, 0.6, np.linspace(0, 0.5, 197)]
    follow = SharpestDirections(lambda theta: lambda v: spectrum * v, k=2, every=5)
    for t in (0, 3, 5):
        found = follow(t, np.zeros((1, 200)), np.zeros(1))
        np.testing.assert_allclose(np.abs(found[0]), np.eye(200)[:, :2], atol=1e-4)
    assert list(follow.pairs) == [(0, 0), (5, 0)]
    assert follow.pairs[5, 0].products < follow.pairs[0, 0].products / 2


def test_alignment_is_that_of_the_cosines_written_out():
    gradients, vectors = RNG.normal(size=(50, 8)), RNG.normal(size=(8, 3))
    table = np.array([[g @ v / np.sqrt((g @ g) * (v @ v)) for v in vectors.T] for g in gradients])
    found = alignment(gradients, vectors)
    np.testing.assert_allclose(cosines(gradients, vectors), table, atol=1e-15)
    np.testing.assert_allclose(found.mean, np.sum(table, axis=0) / 50, atol=1e-15)
    np.testing.assert_allclose(found.magnitude, np.sum(np.abs(table), axis=0) / 50, atol=1e-15)
    variance = np.sum(table**2, axis=0) / 50 - found.mean**2
    np.testing.assert_allclose(found.deviation, np.sqrt(variance), atol=1e-14)


def test_the_gradient_of_a_quadratic_along_an_eigenvector_is_aligned_with_it():
    matrix = symmetric(np.linspace(1, 5, 12))
    pairs = top_eigenpairs(matrix, 2, tolerance=1e-13, rng=0)
    gradient = matrix @ pairs.vectors[:, 0]
    np.testing.assert_allclose(alignment(gradient, pairs.vectors).mean, [1, 0], atol=1e-10)


def test_a_zero_gradient_has_no_direction():
    assert np.isnan(alignment(np.zeros(3), np.eye(3)).mean).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"shapes \(\.\.\., P\) and \(P, K\); got \(3,\) and"):
        nudge(np.ones(3), np.ones(3), 0.1)
    with pytest.raises(InputError, match="nudged must be one of velocity, gradient; got 'theta'"):
        Nudged(1.0, lambda t, weights, members: weights, nudged="theta")


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("normal", [3, 4]),
        ("only e1", [3, 0]),
        ("only the initial e1", [3, 0]),
        ("all but e1", [0, 4]),
        ("e1 times 4", [12, 4]),
        ("e1 times 2", [6, 4]),
        ("e1 times 1/2", [1.5, 4]),
        ("e1 times 1/4", [0.75, 4]),
    ],
)
def test_each_row_of_the_ablation_does_what_its_name_says(name, moved):
    row = directions.ESCAPES[name]
    np.testing.assert_array_equal(
        nudge([3.0, 4.0], [[1.0], [0.0]], row.gamma, rest=row.rest), moved
    )
    assert row.frozen == ("initial" in name)
