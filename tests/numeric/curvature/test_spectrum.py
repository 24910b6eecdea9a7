"""Traces and densities against dense eigenvalues."""

import numpy as np
import pytest
from scipy.stats import norm

from catapult_sim.numeric.curvature.spectrum import spectral_density, trace
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import symmetric

BULK = np.r_[np.random.default_rng(5).normal(size=290), np.linspace(20, 60, 10)]


def test_the_error_of_the_trace_is_honest():
    matrix = symmetric(BULK)
    found = [trace(matrix, probes=12, rng=seed) for seed in range(200)]
    score = np.array([(each.value - BULK.sum()) / each.error for each in found])
    # Student's t with 11 degrees of freedom: variance 11 / 9; four standard errors either way.
    assert abs(score.mean()) < 4 * np.sqrt(11 / 9 / 200)
    assert 0.8 < score.std() / np.sqrt(11 / 9) < 1.25


def test_directions_that_stand_out_do_not_blur_the_trace():
    spectrum = np.r_[0.1 * BULK[:290], BULK[290:]]
    plain = np.sqrt(2 * np.sum(spectrum**2) / 36)  # signs alone, at the same price
    assert trace(symmetric(spectrum), probes=12, rng=0).error < plain / 5


def test_a_trace_of_low_rank_or_small_size_is_exact():
    low = trace(symmetric(np.r_[np.zeros(95), 1.0, 2.0, 3.0, -4.0, 5.0]), probes=8, rng=0)
    assert low.value == pytest.approx(7, abs=1e-12)
    assert low.error < 1e-13
    small = trace(symmetric(np.arange(24.0)), probes=8, rng=0)
    assert (small.value, small.error, small.n) == (pytest.approx(276, rel=1e-14), 0, 24)


def test_a_trace_counts_three_products_a_sample_and_repeats():
    matrix, calls = symmetric(BULK), []

    def product(v):
        calls.append(1)
        return matrix @ v

    first = trace(product, probes=9, size=300, rng=3)
    assert len(calls) == 27
    assert first == trace(matrix, probes=9, rng=3)


def test_a_product_may_return_the_same_buffer_every_time():
    matrix, buffer = symmetric(BULK), np.empty(300)
    reused = trace(lambda v: np.matmul(matrix, v, out=buffer), probes=9, size=300, rng=3)
    assert reused.value == pytest.approx(trace(matrix, probes=9, rng=3).value, rel=1e-12)


def test_a_trace_needs_more_than_a_lucky_pair_of_probes():
    with pytest.raises(InputError, match="probes must be an integer of at least 8; got 2"):
        trace(np.eye(3), probes=2)


def test_a_divergence_makes_trace_and_density_nan():
    assert np.isnan(trace(lambda v: v * np.nan, size=100, rng=0).value)
    assert np.isnan(spectral_density(lambda v: v * np.inf, size=100, rng=0).moment(1).value)


def test_moments_of_one_vector_are_exact_up_to_twice_its_nodes():
    matrix = symmetric(np.linspace(-1, 1.5, 200))
    found = spectral_density(matrix, nodes=5, probes=3, rng=0)
    signs = 2 * np.random.default_rng(0).integers(0, 2, (3, 200), dtype=np.int8) - 1.0
    for power in range(10):
        image = np.linalg.matrix_power(matrix, power) @ signs.T
        expected = np.mean(np.sum(signs.T * image, axis=0)) / 200
        assert found.moment(power).value == pytest.approx(expected, abs=1e-13)
    image = np.linalg.matrix_power(matrix, 10) @ signs.T
    beyond = np.mean(np.sum(signs.T * image, axis=0)) / 200
    assert abs(found.moment(10).value - beyond) > 1e-6


@pytest.mark.parametrize("power", [0, 1, 2, 4])
def test_moments_are_those_of_the_dense_spectrum_within_their_error(power):
    found = spectral_density(symmetric(BULK), nodes=20, probes=40, rng=1).moment(power)
    expected = np.mean(BULK**power)
    assert abs(found.value - expected) <= 4 * found.error + 1e-12
    assert found.error <= 0.2 * expected + 1e-12


def test_a_spectrum_of_few_values_is_found_whole():
    spectrum = np.repeat([-1.0, 2.0, 5.0], [50, 30, 20])
    found = spectral_density(symmetric(spectrum), nodes=10, probes=50, rng=0)
    assert found.products == 150
    np.testing.assert_allclose(found.nodes[:, :3], np.tile([-1, 2, 5], (50, 1)), atol=1e-10)
    weights = found.weights.mean(axis=0)
    np.testing.assert_allclose(weights[:3], [0.5, 0.3, 0.2], atol=0.02)
    assert (weights[3:] == 0).all()


def test_the_smoothed_density_is_a_probability():
    found = spectral_density(symmetric(BULK), nodes=20, probes=4, rng=0)
    x = np.linspace(-30, 90, 4001)
    assert found.density(x, 0.5).sum() * (x[1] - x[0]) == pytest.approx(1, rel=1e-10)
    assert found.density(0.0, 0.5) > 100 * found.density(10.0, 0.5)


def test_the_density_of_a_single_eigenvalue_is_a_gaussian_around_it():
    found = spectral_density(3.0 * np.eye(50), nodes=4, probes=2, rng=0)
    x, deviation = np.linspace(1, 5, 9), 0.7
    np.testing.assert_allclose(found.density(x, deviation), norm.pdf(x, 3, deviation), rtol=1e-10)


def test_signs_see_no_more_nodes_than_there_are_dimensions():
    found = spectral_density(np.diag([1.0, 2.0]), nodes=50, probes=3, rng=0)
    assert found.nodes.shape == (3, 2)
    np.testing.assert_allclose(found.nodes, [[1, 2]] * 3, rtol=1e-14)
