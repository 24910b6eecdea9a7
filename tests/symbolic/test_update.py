"""What a derived rule is: its quantities, its blocks, and what makes no rule."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import Update
from tests.symbolic.rules import RULES, a, x, y


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


def test_a_rule_with_an_undeclared_symbol_is_refused():
    with pytest.raises(ValueError, match=r"open: required symbols .* got a besides"):
        Update("open", (x,), (), (a * x,), "none")


def test_a_rule_without_an_equation_for_each_variable_is_refused():
    with pytest.raises(ValueError, match="short: required one right-hand side for each of 2"):
        Update("short", (x, y), (), (x,), "none")


def test_the_registry_names_each_rule_as_the_rule_names_itself():
    assert {name: rule.name for name, rule in RULES.items()} == {name: name for name in RULES}
