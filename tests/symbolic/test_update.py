"""The voices of a derived rule."""

import numpy as np
import pytest
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


def test_a_rule_may_name_a_quantity_of_the_current_step():
    d = sp.Symbol("d")
    named = Update("named", (x,), (a,), (x - d**2,), "none", where={d: x - a})
    assert named.latex().splitlines() == ["d_{t} = - a + x_{t}", "x_{t+1} = - d_{t}^{2} + x_{t}"]
    assert named.inline().next == (x - (x - a) ** 2,)
    assert named.numpy()(np.array([3.0]), 1.0) == [-1.0]


def test_quantities_may_name_those_before_them():
    b, c = sp.symbols("b c")
    chain = Update("chain", (x,), (), (c**2,), "none", where={b: x + 1, c: 2 * b})
    assert sp.expand(chain.inline().next[0] - 4 * (x + 1) ** 2) == 0
    assert chain.numpy()(np.array([2.0])) == [36.0]


def test_a_block_is_written_out_row_by_row():
    size = sp.Symbol("size", integer=True, positive=True)
    A, b = sp.MatrixSymbol("A", size, size), sp.MatrixSymbol("b", size, 1)
    rule = Update("product", (b,), (A,), (A * b,), "none")
    explicit = rule.substituted({size: 2}).entrywise()
    assert [str(symbol) for symbol in explicit.parameters] == ["A_1_1", "A_1_2", "A_2_1", "A_2_2"]
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    vectors = np.random.default_rng(0).normal(size=(5, 2))
    stepped = rule.substituted({size: 2}).numpy()(vectors, *matrix.ravel())
    np.testing.assert_allclose(stepped, vectors @ matrix.T)


def test_names_of_shared_subexpressions_avoid_the_rule_s_own():
    x0 = sp.Symbol("x0")
    cubic = (x + a) ** 2 + (x + a) ** 3
    rule = Update("taken", (x0, x), (a,), (x0 + y, y), "none", where={y: cubic})
    np.testing.assert_allclose(rule.numpy()(np.array([5.0, 1.0]), 1.0), [17, 12])
    assert "    x1 = a + x" in rule.python().splitlines()


def test_a_rule_with_an_undeclared_symbol_is_refused():
    with pytest.raises(ValueError, match=r"open: required symbols .* got a besides"):
        Update("open", (x,), (), (a * x,), "none")


def test_a_rule_without_an_equation_for_each_variable_is_refused():
    with pytest.raises(ValueError, match="short: required one right-hand side for each of 2"):
        Update("short", (x, y), (), (x,), "none")
