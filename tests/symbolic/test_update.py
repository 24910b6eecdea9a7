"""The voices of a derived rule."""

import numpy as np
import sympy as sp

from catapult_sim.symbolic import Update, linear_net

x, y, a = sp.symbols("x y a")
ROTATION = Update("rotation", (x, y), (a,), (x - a * y, y + a * x), "none", {a: r"\alpha"})


def test_numpy_voice_broadcasts_parameters_over_leading_axes():
    state = np.random.default_rng(0).normal(size=(5, 2))
    rates = np.linspace(0, 1, 3)[:, None]
    stepped = ROTATION.numpy()(state, rates)
    assert stepped.shape == (3, 5, 2)
    for i, rate in enumerate(rates[:, 0]):
        rotation = np.array([[1, -rate], [rate, 1]])
        np.testing.assert_allclose(stepped[i], state @ rotation.T)


def test_numpy_voice_broadcasts_a_constant_component():
    constant = Update("constant", (x, y), (), (x, sp.Integer(1)), "none")
    np.testing.assert_array_equal(constant.numpy()(np.zeros((4, 2)))[:, 1], np.ones(4))


def test_latex_marks_the_steps_and_uses_the_notation():
    lines = ROTATION.latex().splitlines()
    assert lines == [r"x_{t+1} = - \alpha y_{t} + x_{t}", r"y_{t+1} = \alpha x_{t} + y_{t}"]


def test_latex_of_the_sample_map_prints_lambda():
    assert r"\lambda_{t+1} = " in linear_net.sample_map().latex()
