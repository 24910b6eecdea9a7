"""Losses by the outputs: closed forms, complex steps, and outputs without bound."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catapult_sim.mlp.losses import (
    LOSSES,
    cross_entropy,
    fraction_right,
    require_probabilities,
    squared_error,
)
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
OUTPUTS, TARGETS = RNG.normal(size=(6, 3)), RNG.dirichlet(np.ones(3), size=6)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_derivatives_are_complex_steps(loss):
    value, gradient = loss.value_and_gradient(OUTPUTS, TARGETS)
    nudged = OUTPUTS + 1e-30j * np.eye(18).reshape(18, 6, 3)
    values, gradients = loss.value_and_gradient(nudged, TARGETS)
    assert values[0].real == pytest.approx(value)
    np.testing.assert_allclose(gradient.ravel(), values.imag / 1e-30, rtol=1e-12)
    direction = RNG.normal(size=(6, 3))
    slope = np.tensordot(direction.ravel(), gradients.imag / 1e-30, axes=1)
    np.testing.assert_allclose(loss.hessian(OUTPUTS).product(direction), slope, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_the_third_derivative_is_the_complex_step_of_the_hessian_product(loss):
    direction = RNG.normal(size=(6, 3))
    product = loss.hessian(OUTPUTS + 1e-30j * direction).product(direction)
    third = loss.hessian(OUTPUTS).slope(direction)
    np.testing.assert_allclose(third, product.imag / 1e-30, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_single_precision_stays_single(loss):
    outputs, targets = OUTPUTS.astype(np.float32), TARGETS.astype(np.float32)
    found = (
        *loss.value_and_gradient(outputs, targets),
        loss.hessian(outputs).product(outputs),
        loss.hessian(outputs).slope(outputs),
    )
    assert {part.dtype for part in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_the_curvature_bound_is_met_and_never_exceeded(loss):
    # Softmax is most curved where two outputs share all probability.
    outputs = np.concatenate([[[9e2, 9e2, 0.0]], 3 * RNG.normal(size=(200, 3))])[:, None, :]
    directions = np.broadcast_to(np.eye(3)[:, None, :], (201, 3, 1, 3))
    products = loss.hessian(outputs[:, None]).product(directions)
    largest = np.linalg.eigvalsh(products[:, :, 0, :])[:, -1]
    assert largest.max() == pytest.approx(loss.curvature, rel=1e-12)
    assert largest[0] == pytest.approx(loss.curvature, rel=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_the_cross_entropy_of_huge_outputs_is_a_difference_of_outputs(size):
    outputs, labels = size * np.array([[1.0, -1.0], [-0.5, 0.5]]), np.eye(2)[[0, 0]]
    loss, gradient = cross_entropy(outputs, labels)
    assert loss == size / 2  # right once, wrong by the difference once, the mean of both
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.5, 0.5]])


def to_all_digits(outputs, label, direction):
    """Return the loss of one sample, its gradient, product and third, and rounding of the product.

    From their definitions, with so many digits that nothing cancels.
    """
    with mpmath.workdps(800):
        f, v = ([mpmath.mpf(float(one)) for one in given] for given in (outputs, direction))
        p = [mpmath.exp(one) for one in f]
        p = [one / mpmath.fsum(p) for one in p]
        c = [one - mpmath.fdot(p, v) for one in v]
        squares = mpmath.fdot(p, [one**2 for one in c])
        spread = [mpmath.fdot(p, [abs(one - other) for other in v]) for one in v]
        exact = (
            -mpmath.log(p[label]),
            [one - (i == label) for i, one in enumerate(p)],
            [one * other for one, other in zip(p, c, strict=True)],
            [one * (other**2 - squares) for one, other in zip(p, c, strict=True)],
            [one * other for one, other in zip(p, spread, strict=True)],
        )
        return [np.array(part, dtype=float) for part in exact]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([("float64", 600), ("float32", 70)]),
    st.integers(2, 5),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
)
def test_cross_entropy_keeps_its_digits_however_sure_a_network_is(precision, k, seed, share):
    dtype, largest = precision
    rng, gap = np.random.default_rng(seed), share * largest
    outputs, direction = (rng.normal(size=k).astype(dtype) for _ in range(2))
    outputs[rng.integers(k)] += dtype_of(dtype)(gap)
    label, entropy = rng.integers(k), LOSSES["cross_entropy"]
    targets = np.eye(k, dtype=dtype)[[label]]
    loss, slope, product, third, spread = to_all_digits(outputs, label, direction)
    epsilon = np.finfo(dtype).eps * (20 + 2 * gap)  # the exponential of a rounded difference
    value, gradient = entropy.value_and_gradient(outputs[None], targets)
    np.testing.assert_allclose(value, loss, rtol=epsilon)
    np.testing.assert_allclose(gradient[0], slope, rtol=epsilon)
    hessian = entropy.hessian(outputs[None])
    assert (np.abs(hessian.product(direction[None])[0] - product) <= epsilon * spread).all()
    largest_change = np.ptp(direction.astype(float))
    bound = 4 * epsilon * spread * largest_change
    assert (np.abs(hessian.slope(direction[None])[0] - third) <= bound).all()


def dtype_of(name):
    return np.dtype(name).type


def test_cross_entropy_ignores_what_all_outputs_share():
    shifted = cross_entropy(OUTPUTS + 2.0**20, TARGETS)
    np.testing.assert_allclose(shifted[0], cross_entropy(OUTPUTS, TARGETS)[0], rtol=1e-9)


def test_a_loss_has_leading_axes_in_outputs_and_targets():
    outputs, targets = RNG.normal(size=(2, 4, 6, 3)), RNG.dirichlet(np.ones(3), size=(4, 6))
    for loss in LOSSES.values():
        value, gradient = loss.value_and_gradient(outputs, targets)
        for i, j in np.ndindex(2, 4):
            alone = loss.value_and_gradient(outputs[i, j], targets[j])
            assert value[i, j] == alone[0]
            np.testing.assert_array_equal(gradient[i, j], alone[1])


def test_an_output_of_zero_is_not_positive():
    assert fraction_right(np.zeros((2, 1)), np.array([[1.0], [-1.0]])) == 0.5


@pytest.mark.parametrize(
    ("labels", "outputs", "right"),
    [
        ([0, 1, 1, 0], [0.4, 0.6, 0.4, -3.0], 0.75),  # by sign it would be 0.75 of others
        ([0, 1, 1], [0.2, 0.7, 0.9], 1.0),  # by sign 2/3
        ([3, 5, 5], [3.9, 4.1, 2.0], 2 / 3),
        ([-1, -1], [-0.1, 0.1], 0.5),
        ([0, 0], [0.4, 0.6], 0.5),
    ],
)
def test_a_single_output_is_right_where_the_nearer_label_is_its_own(labels, outputs, right):
    columns = (np.array(one, dtype=float)[:, None] for one in (outputs, labels))
    assert fraction_right(*columns) == pytest.approx(right)


@pytest.mark.parametrize("labels", [[1.0, 1.0], [0.0, 1.0, 2.0], [0.3, 0.1, 0.7]])
def test_accuracy_of_labels_that_are_not_two_is_refused(labels):
    with pytest.raises(InputError, match="accuracy of a single output needs two different labels"):
        fraction_right(np.zeros((len(labels), 1)), np.array(labels)[:, None])
    with pytest.raises(InputError, match="needs one largest label in each row"):
        fraction_right(np.zeros((2, 2)), np.ones((2, 2)))


def test_labels_a_percent_away_from_probabilities_are_refused():
    with pytest.raises(InputError, match="add up to 1; got a row with 1"):
        require_probabilities(np.array([[0.5, 0.5], [0.5, 0.51]]))


@pytest.mark.parametrize("function", [squared_error, cross_entropy, fraction_right])
def test_outputs_and_targets_that_do_not_fit_are_refused_in_one_sentence(function):
    with pytest.raises(
        InputError, match=r"must have the same m and k; got shapes \(6, 3\) and \(6, 2\)"
    ):
        function(OUTPUTS, TARGETS[:, :2])
    with pytest.raises(InputError, match=r"outputs must have shape \(..., m, k\)"):
        function(OUTPUTS[0], TARGETS[0])
    with pytest.raises(InputError, match="must broadcast"):
        function(np.stack([OUTPUTS] * 2), np.stack([TARGETS] * 3))
