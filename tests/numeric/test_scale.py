"""Results have the scale of what they are computed from, however large or small it is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import diags_array

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.observers import Observers
from catapult_sim.numeric.curvature.directions import alignment, nudge, projection
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.spectrum import spectral_density, trace
from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.numeric.curvature.step_response import cross_sections, step_response
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.measured import mean
from catapult_sim.numeric.scale import norm, scaled, shifted
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import symmetric

SEEDS = st.integers(0, 2**32 - 1)
EXPONENTS = st.floats(-100, 100)
PRECISIONS = st.one_of(
    st.tuples(st.just(np.float64), st.floats(-280, 300)),
    st.tuples(st.just(np.float32), st.floats(-30, 36)),
)
EXTREMES = np.array([-320, -40, 0, 36, 300])
many = settings(deadline=None, max_examples=100)


def operator_of(seed, size=40):
    rng = np.random.default_rng(seed)
    spectrum = np.sort(rng.normal(size=size))
    return spectrum, symmetric(spectrum, seed % 2**16)


# Lengths ----------------------------------------------------------------------------------------


@many
@given(SEEDS, st.floats(-320, 307))
def test_a_length_is_that_of_python(seed, exponent):
    vectors = np.random.default_rng(seed).normal(size=(3, 5)) * 10.0**exponent
    expected = [math.hypot(*vector) for vector in vectors.tolist()]
    np.testing.assert_allclose(norm(vectors), expected, rtol=1e-14, atol=1e-323)


@many
@given(SEEDS, st.floats(-300, 300))
def test_taking_out_a_power_of_two_rounds_nothing(seed, exponent):
    values = np.random.default_rng(seed).normal(size=(3, 5)) * 10.0**exponent
    for axis in (None, 0, 1):
        numbers, power = scaled(values, axis)
        np.testing.assert_array_equal(np.ldexp(numbers, power), values)
        assert (np.abs(numbers).max(axis) < 1).all()
        assert (np.abs(numbers).max(axis) >= 0.5).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@many
@given(seed=SEEDS, exponent=st.integers(-2200, 2200))
def test_times_a_power_of_two_is_rounded_once(dtype, seed, exponent):
    with np.errstate(all="ignore"):
        values = (np.random.default_rng(seed).normal(size=5) * 10.0**EXTREMES).astype(dtype)
        found, known = shifted(values, np.array(exponent)), np.ldexp(values, exponent)
    np.testing.assert_array_equal(found, known)
    assert found.dtype == dtype


def test_what_is_zero_or_not_finite_stays():
    for value in (0.0, np.inf, np.nan):
        np.testing.assert_array_equal(scaled([value, 0.0])[0], [value, 0.0])
    np.testing.assert_array_equal(
        norm([[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0]]), [0, np.inf, np.nan]
    )


# Curvature --------------------------------------------------------------------------------------


@many
@given(SEEDS, PRECISIONS, st.sampled_from(["largest", "smallest"]))
def test_eigenvalues_have_the_scale_of_the_operator(seed, precision, which):
    (dtype, exponent), (spectrum, matrix) = precision, operator_of(seed)
    unit = 10.0**exponent
    pairs = top_eigenpairs((matrix * unit).astype(dtype), 2, which=which, rng=0)
    expected = spectrum[::-1][:2] if which == "largest" else spectrum[:2]
    assert pairs.converged.all()
    accuracy = 1e-5 * np.abs(spectrum).max()
    np.testing.assert_allclose(pairs.values / unit, expected, atol=accuracy)
    vectors = pairs.vectors.astype(float)
    left = np.linalg.norm(matrix @ vectors - vectors * (pairs.values / unit), axis=0)
    np.testing.assert_allclose(left, pairs.residuals / unit, atol=accuracy)


@pytest.mark.parametrize(
    ("dtype", "scales"),
    [
        (np.float64, [1e-320, 1e-307, 1e-170, 1e-150, 1e160, 1e300]),
        (np.float32, [1e-42, 1e-30, 1e-22, 1e-18, 1e20, 1e38]),
    ],
)
def test_near_the_ends_of_the_floats_an_eigenvalue_is_right_to_the_digits_that_there_are(
    dtype, scales
):
    for scale in scales:
        spectrum = np.linspace(1, 2, 1000) * scale
        digits = max(1e-5, 100 * np.finfo(dtype).smallest_subnormal / scale)
        pairs = top_eigenpairs(diags_array(spectrum.astype(dtype)), rng=0)
        assert pairs.values[0] == pytest.approx(2 * scale, rel=float(digits))


def test_products_of_very_different_sizes_do_not_disturb_each_other():
    spectrum = np.r_[np.zeros(20), 10.0 ** np.arange(-200, 200, 10)]
    start = np.eye(60)[:, 20:25]
    pairs = top_eigenpairs(lambda v: spectrum * v, start=start, rng=0)
    np.testing.assert_allclose(pairs.values, [1e190], rtol=1e-5)


@many
@given(SEEDS, st.floats(-300, 300))
def test_a_start_may_have_any_length(seed, exponent):
    spectrum, matrix = operator_of(seed)
    start = np.random.default_rng(seed).normal(size=(40, 2)) * 10.0**exponent
    one, other = (top_eigenpairs(matrix, 2, start=each, rng=0) for each in (start, start * 2.0**-9))
    np.testing.assert_array_equal(one.values, other.values)  # not replaced by random vectors
    np.testing.assert_allclose(one.values, spectrum[:-3:-1], atol=1e-6 * np.abs(spectrum).max())


@pytest.mark.parametrize("exponent", [-300, -100, 100, 300])
def test_asymmetry_is_seen_at_every_scale(exponent):
    matrix = np.random.default_rng(0).normal(size=(30, 30)) * 10.0**exponent
    with pytest.raises(InputError, match="operator must be symmetric"):
        top_eigenpairs(matrix, rng=0)


@many
@given(SEEDS, PRECISIONS)
def test_traces_and_moments_have_the_scale_of_the_operator(seed, precision):
    (dtype, exponent), (spectrum, matrix) = precision, operator_of(seed, 60)
    unit = 10.0**exponent
    operator = (matrix * unit).astype(dtype)
    found, plain = trace(operator, probes=8, rng=0), trace(matrix.astype(dtype), probes=8, rng=0)
    assert found.value / unit == pytest.approx(plain.value, rel=1e-4, abs=1e-4)
    assert found.error / unit == pytest.approx(plain.error, rel=1e-3, abs=1e-4)
    assert abs(found.value / unit - spectrum.sum()) <= 12 * plain.error + 1e-4
    first = spectral_density(operator, nodes=5, probes=3, rng=0).moment(1)
    signs = 2 * np.random.default_rng(0).integers(0, 2, (3, 60), dtype=np.int8) - 1.0
    mean_form = np.mean([sign @ matrix @ sign for sign in signs]) / 60
    assert first.value / unit == pytest.approx(mean_form, rel=1e-4, abs=1e-5)


@many
@given(SEEDS, EXPONENTS, EXPONENTS)
def test_directions_matter_and_lengths_do_not(seed, of_steps, of_vectors):
    rng = np.random.default_rng(seed)
    steps, vectors = rng.normal(size=(4, 12)), rng.normal(size=(12, 3))
    frame = np.linalg.svd(vectors, full_matrices=False)[0]
    unit, lengths = 10.0**of_steps, 10.0 ** (of_vectors * np.array([2.5, -2.5, 1]))
    found = projection(unit * steps, vectors * lengths)
    np.testing.assert_allclose(found / unit, steps @ frame @ frame.T, atol=1e-12)
    moved = nudge(unit * steps, vectors * lengths, 0.5)
    np.testing.assert_allclose(moved / unit, steps - steps @ frame @ frame.T / 2, atol=1e-12)
    cosines = [[g @ v / math.hypot(*g) / math.hypot(*v) for v in vectors.T] for g in steps]
    found = alignment(10.0 ** (2.5 * of_steps) * steps, vectors * lengths)
    np.testing.assert_allclose(found.mean, np.mean(cosines, axis=0), atol=1e-13)


@many
@given(SEEDS, EXPONENTS, EXPONENTS)
def test_the_response_to_a_step_is_relative(seed, of_loss, of_theta):
    """The loss ``unit theta.H theta / 2`` in other units of the loss and of theta."""
    _, matrix = operator_of(seed, 8)
    rng = np.random.default_rng(seed)
    matrix = matrix @ matrix
    theta, steps, vectors = rng.normal(size=8), rng.normal(size=(3, 8)), np.eye(8)[:, :2]

    def both(unit, length):
        hessian = matrix * (unit / length / length)

        def loss(at):
            return unit / 2 * np.einsum("...i,ij,...j->...", at / length, matrix, at / length)

        at, moves = theta * length, steps * length
        response = step_response(
            loss, at, moves, vectors, gradient=hessian @ at, hessian=hessian, rng=0
        )
        return response, cross_sections(loss, at, moves, vectors)

    (plain, cuts), (found, others) = both(1, 1), both(10.0**of_loss, 10.0**of_theta)
    for one, other in ((plain.change, found.change), (plain.predicted, found.predicted)):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(others.loss / 10.0**of_loss, cuts.loss, rtol=1e-9, atol=1e-12)


def test_a_rate_that_is_too_large_for_a_float_is_infinite():
    assert largest_stable_rate(5e-324) == np.inf
    assert largest_stable_rate(1e308) == pytest.approx(2e-308, rel=1e-14)


@many
@given(SEEDS, st.floats(-300, 300))
def test_a_mean_and_its_error_have_the_scale_of_the_members(seed, exponent):
    members = np.random.default_rng(seed).normal(size=6)
    found = mean(members * 10.0**exponent)
    assert found.value / 10.0**exponent == pytest.approx(members.sum() / 6, rel=1e-12, abs=1e-15)
    spread = math.sqrt(sum((members - members.sum() / 6) ** 2) / 30)
    assert found.error / 10.0**exponent == pytest.approx(spread, rel=1e-12)


# Networks ---------------------------------------------------------------------------------------


@many
@given(SEEDS, st.floats(-140, 140), st.sampled_from([3, 1000, math.inf]))
def test_a_linear_network_on_other_units_is_the_same(seed, exponent, width):
    """Inputs of unit c and labels of unit c: the kernel is of unit c^2, and so is the loss."""
    rng, unit = np.random.default_rng(seed), 10.0**exponent
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    plain, other = (LinearNet(c * X, c * y, width=width) for c in (1, unit))
    state = plain.init(rng=0)
    np.testing.assert_allclose(other.init(rng=0), state, rtol=1e-9, atol=1e-12)
    for name in ("loss", "top_eigenvalue", "sharpness"):
        found, expected = (getattr(net, name)(state) for net in (other, plain))
        assert found / unit / unit == pytest.approx(float(expected), rel=1e-9)
    rate = 1.5 / plain.top_eigenvalue(state)
    assert other.data.floor / unit / unit == pytest.approx(plain.data.floor, rel=1e-9)
    ends = [
        net.train(learning_rate=rate / c / c, steps=20, state=state)
        for net, c in ((plain, 1), (other, unit))
    ]
    np.testing.assert_allclose(
        ends[1].values["loss"] / unit / unit, ends[0].values["loss"], rtol=1e-7
    )
    assert other.alignment(state) == pytest.approx(plain.alignment(state), rel=1e-9)
    assert other.alignment(state * unit**2) == pytest.approx(plain.alignment(state), rel=1e-9)


@many
@given(SEEDS, st.sampled_from([("float64", 35), ("float32", 8)]), st.floats(-1, 1))
def test_the_curvature_of_a_network_with_huge_or_tiny_weights_is_that_of_its_scaled_weights(
    seed, precision, share
):
    """Linear without labels: of theta times c the loss has c^4, its Hessian c^2."""
    dtype, largest = precision
    unit = 10.0 ** round(share * largest)
    net, exact = (MLP([3, 4, 2], activation="linear", dtype=kind) for kind in (dtype, "float64"))
    rng = np.random.default_rng(seed)
    X, y, theta = rng.normal(size=(4, 3)), np.zeros((4, 2)), exact.init(rng=seed)
    hessian = exact.hessian_product(theta, X, y, np.eye(exact.size))
    see, at = Observers(net, X, y), (theta * unit).astype(dtype)
    sharpness, top = np.linalg.eigvalsh(hessian)[-1], see.sharpness(at) / unit**2
    assert top == pytest.approx(sharpness, rel=1e-3)
    assert see.weight_norm(at) / unit**2 == pytest.approx(theta @ theta, rel=1e-5)
    gradient = exact.gradient(theta, X, y)
    assert see.gradient_norm(at) / unit**3 == pytest.approx(math.hypot(*gradient), rel=1e-4)
