"""Activations: their derivatives, by complex step and on both sides of a kink."""

import numpy as np
import pytest

from catapult_sim.mlp.activations import ACTIVATIONS

POINTS = np.array([-3.0, -0.7, 0.2, 1.5, 20.0])


@pytest.mark.parametrize("name", ["linear", "tanh"])
def test_derivatives_of_smooth_activations_are_complex_steps(name):
    activation, nudged = ACTIVATIONS[name], POINTS + 1e-30j
    tolerances = {"rtol": 1e-12, "atol": 1e-15}
    value, slope = activation.value(nudged).imag / 1e-30, activation.slope(nudged).imag / 1e-30
    np.testing.assert_allclose(activation.slope(POINTS), value, **tolerances)
    np.testing.assert_allclose(activation.bend(POINTS), slope, **tolerances)


def test_a_relu_is_two_straight_lines():
    relu = ACTIVATIONS["relu"]
    np.testing.assert_array_equal(relu.value(POINTS), [0, 0, 0.2, 1.5, 20])
    np.testing.assert_array_equal(relu.slope(POINTS), [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(relu.bend(POINTS), np.zeros(5))


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_single_precision_stays_single(activation):
    for of in (activation.value, activation.slope, activation.bend):
        assert of(POINTS.astype(np.float32)).dtype == np.float32
