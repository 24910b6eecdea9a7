"""Scaling of inputs: what is constant, and that the unit of the data does not matter."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from catapult_sim.datasets import scale_inputs, standardise
from catapult_sim.validation import InputError

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
TABLES = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=NUMBERS)
CONSTANTS = [0.1, 1 / 3, -0.42421296, 14.62, 1e6 + 0.1, 1e-300, -1e300]


@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("samples", [1, 2, 10, 1000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_inputs_become_zero(constant, samples, dtype):
    with np.errstate(over="ignore", under="ignore"):
        column = np.full(samples, constant).astype(dtype)
    X = np.column_stack([np.nan_to_num(column), np.arange(samples)])
    assert not standardise(X)[:, 0].any()
    assert not scale_inputs(X[:, :1], "global").any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_varies_by_rounding_only_is_constant(dtype):
    rounded = np.array([0.3, 0.1 * 3, 0.3, np.nextafter(0.3, 1)], dtype)
    assert not standardise(rounded[:, None]).any()
    more = np.array([[1.0], [1 + 100 * np.finfo(dtype).eps]], dtype)
    np.testing.assert_allclose(standardise(more), [[-1], [1]], rtol=1e-12)


def test_whole_numbers_are_exact_whatever_their_size():
    np.testing.assert_array_equal(standardise([[2**52], [2**52 + 1]]), [[-1], [1]])


def by_definition(columns):
    """Return each column less its mean, over its standard deviation, in exact arithmetic."""
    found = []
    for column in columns:
        exact = [Fraction(value) / Fraction(np.abs(column).max()) for value in column]
        mean = sum(exact) / len(exact)
        variance = sum((value - mean) ** 2 for value in exact) / len(exact)
        found.append([float((value - mean) / Fraction(float(variance) ** 0.5)) for value in exact])
    return found


@given(TABLES)
def test_inputs_are_standardised_as_in_exact_arithmetic(X):
    varies = np.ptp(X, axis=0) > 1e-10 * np.abs(X).max(axis=0)
    expected = by_definition(X.T[varies])
    np.testing.assert_allclose(standardise(X).T[varies], np.reshape(expected, (-1, len(X))), 1e-6)


@given(TABLES, st.sampled_from(["global", "pixel"]), st.integers(-900, 900))
def test_powers_of_two_change_no_bit(X, how, power):
    large = np.where(np.abs(X) > 1e-6, X, 0.0)
    np.testing.assert_array_equal(
        scale_inputs(np.ldexp(large, power), how), scale_inputs(large, how)
    )


@given(TABLES, st.sampled_from(["global", "pixel"]), st.sampled_from([-100, 100]))
def test_the_unit_of_the_data_does_not_matter(X, how, power):
    whole = np.round(X)  # varies by 1 in 1e6 or not at all
    scaled = scale_inputs(whole * 10.0**power, how)
    np.testing.assert_allclose(scaled, scale_inputs(whole, how), rtol=1e-8, atol=1e-8)


@given(TABLES, st.sampled_from(["global", "pixel"]), st.sampled_from([-20, 20]))
def test_nor_does_it_in_single_precision(X, how, power):
    whole = np.round(X / 1e3).astype(np.float32)
    scaled = scale_inputs(whole * np.float32(10.0**power), how)
    np.testing.assert_allclose(scaled, scale_inputs(whole, how), rtol=1e-3, atol=1e-3)


def test_the_largest_numbers_do_not_overflow():
    np.testing.assert_array_equal(standardise([[1.7e308], [-1.7e308]]), [[1], [-1]])


def test_one_mean_and_variance_keep_the_differences_between_inputs():
    X = np.random.default_rng(0).normal(3, 2, size=(50, 4)) * [1, 1, 1, 5]
    scaled = scale_inputs(X, "global")
    assert scaled.mean() == pytest.approx(0, abs=1e-12)
    assert scaled.std() == pytest.approx(1)
    slope = (scaled[0, 0] - scaled[1, 0]) / (X[0, 0] - X[1, 0])
    np.testing.assert_allclose(scaled - scaled[0, 0], slope * (X - X[0, 0]), atol=1e-12)
    np.testing.assert_array_equal(scale_inputs(X, "raw"), X)


def test_an_unknown_scaling_is_refused():
    with pytest.raises(InputError, match="raw, global, pixel; got 'row'"):
        scale_inputs([[1.0]], "row")
