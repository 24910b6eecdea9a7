"""Activations: their derivatives, by complex step and on both sides of a kink; their gains."""

import numpy as np
import pytest
from scipy.integrate import quad

from catapult_sim.mlp.activations import ACTIVATIONS, leaky_relu

KINKED = ("relu", "leaky_relu")
SMOOTH = [name for name in ACTIVATIONS if name not in KINKED]
POINTS = np.array([-30.0, -3.0, -0.7, -1e-3, 0.2, 1.5, 20.0])
ORDERS = ("value", "slope", "bend", "third")


@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_smooth_activations_are_complex_steps(name, order):
    below, above = (getattr(ACTIVATIONS[name], ORDERS[k]) for k in (order, order + 1))
    step = below(POINTS + 1e-30j).imag / 1e-30
    np.testing.assert_allclose(above(POINTS), step, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", 0.5),
        ("tanh", 0.46211715726000975),
        ("erf", 0.5204998778130465),
        ("gelu", 0.5 * 0.6914624612740131),
        ("silu", 0.5 * 0.6224593312018546),
        ("softplus", 0.9740769841801067),
        ("quadratic", 0.25),
    ],
)
def test_values_at_one_half_are_those_of_the_tables(name, expected):
    assert ACTIVATIONS[name].value(np.array([0.5]))[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("activation", "leak"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_rectifiers_are_two_straight_lines(activation, leak):
    rectifier, left = ACTIVATIONS[activation], POINTS < 0
    np.testing.assert_array_equal(rectifier.value(POINTS), np.where(left, leak * POINTS, POINTS))
    np.testing.assert_array_equal(rectifier.slope(POINTS), np.where(left, leak, 1))
    np.testing.assert_array_equal(rectifier.slope(np.zeros(1)), leak)
    for straight in (rectifier.bend, rectifier.third):
        np.testing.assert_array_equal(straight(POINTS), np.zeros(7))


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_single_precision_stays_single(activation):
    for order in ORDERS:
        assert getattr(activation, order)(POINTS.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_no_finite_input_is_too_large(activation):
    # Overflow would be a warning, and warnings are errors.
    for dtype, size in ((np.float32, 1e6), (np.float32, 1e12), (np.float64, 1e100)):
        far = np.array([-size, size], dtype)
        assert all(np.isfinite(derivative).all() for derivative in activation.derivatives(far))


@pytest.mark.parametrize("name", ["softplus", "silu", "gelu"])
def test_the_left_tail_keeps_its_digits(name):
    # Where phi is exponentially small, softplus(z) = e^z and silu(z) = z e^z to all digits.
    z = -25.0 if name == "gelu" else -38.0  # about 1e-136 and 1e-17
    mills = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5 * -(1 - z**-2 + 3 * z**-4 - 15 * z**-6)
    expected = {"softplus": np.exp(z), "silu": z * np.exp(z), "gelu": mills}[name]
    assert ACTIVATIONS[name].value(np.array([z]))[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_tails_are_zero_before_their_products_are_subnormal(activation):
    z = np.linspace(-800, 800, 20002).astype(np.float32)  # without 0
    smallest = np.finfo(np.float32).tiny ** 0.5
    double = activation.derivatives(z.astype(float))  # of which nothing above 1e-154 is zero
    for single, exact in zip(activation.derivatives(z), double, strict=True):
        assert np.abs(single[single != 0]).min(initial=1) > smallest / 3
        np.testing.assert_allclose(single, exact, rtol=1e-5, atol=1e3 * smallest)


@pytest.mark.parametrize("name", [name for name in SMOOTH if name != "quadratic"])
def test_near_the_largest_floats_smooth_activations_are_straight(name):
    for dtype, far in ((np.float32, 1e37), (np.float64, 1e307)):
        z = np.array([-far, far], dtype)
        value, slope, *further = ACTIVATIONS[name].derivatives(z)
        bounded = name in ("tanh", "erf")
        left = far if name == "linear" else 1.0 if bounded else 0.0
        np.testing.assert_allclose(value, [-left, 1 if bounded else far], rtol=1e-6)
        np.testing.assert_array_equal(slope, [name == "linear", not bounded])
        assert all((derivative == 0).all() for derivative in further)


def test_the_slope_of_tanh_keeps_its_digits_where_tanh_is_one():
    for dtype, far in ((np.float64, 300), (np.float32, 40)):
        z = np.linspace(-far, far, 101).astype(dtype)
        decay = np.exp(-2 * np.abs(z.astype(float)))
        exact = 4 * decay / (1 + decay) ** 2
        found = [getattr(ACTIVATIONS["tanh"], order)(z) for order in ("slope", "bend", "third")]
        expected = exact, -2 * np.tanh(z) * exact, exact * (6 * np.tanh(z) ** 2 - 2)
        for one, other in zip(found, expected, strict=True):
            tail = 4 * np.finfo(dtype).tiny ** 0.5  # below it is zero
            np.testing.assert_allclose(one, other, rtol=40 * np.finfo(dtype).eps, atol=2 * tail)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_a_complex_step_far_from_zero_is_the_next_derivative(activation, dtype):
    step = np.finfo(dtype).eps ** 2
    z = np.array([-400, -60, -3, 3, 60, 400], dtype(0).real.dtype)
    real, complex_ = (list(activation.derivatives(at)) for at in (z, (z + 1j * step).astype(dtype)))
    for lower, higher in zip(complex_[:-1], real[1:], strict=True):
        assert lower.dtype == dtype
        np.testing.assert_allclose(lower.imag / step, higher, rtol=1e-4, atol=1e-15)


def second_moment(activation):
    def integrand(z):
        return activation.value(np.array([z]))[0] ** 2 * np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5

    return quad(integrand, -40, 40, points=[0], limit=400, epsabs=1e-13, epsrel=1e-12)[0]


@pytest.mark.parametrize(
    "activation", [*ACTIVATIONS.values(), leaky_relu(0.3)], ids=lambda a: a.name
)
def test_the_gain_keeps_the_second_moment_of_unit_signals(activation):
    if activation.name == "tanh":
        assert activation.gain == 1  # by custom
    else:
        assert activation.gain**2 * second_moment(activation) == pytest.approx(1, rel=1e-10)
