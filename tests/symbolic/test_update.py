"""What a derived rule is: its quantities, its blocks, and what makes no rule."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic import Update
from catapult_sim.validation import InputError
from tests.symbolic.rules import RULES, a, rule_named, x, y


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
    assert [rule_named(name).name for name in RULES] == RULES


def test_symbols_of_one_name_are_refused():
    twin = sp.Symbol("x", positive=True)
    with pytest.raises(ValueError, match=r"twins: required a name of its own .* got x more than"):
        Update("twins", (x,), (twin,), (x * twin,), "none")


def test_entries_of_blocks_take_no_names_of_others():
    A, B = sp.MatrixSymbol("A", 2, 2), sp.MatrixSymbol("A_1", 2, 1)
    taken = sp.Symbol("A_1_1", real=True)
    rule = Update("crowded", (B,), (A, taken), (A * B + taken * B,), "none").entrywise()
    names = [symbol.name for symbol in rule.symbols]
    assert len(set(names)) == 2 + 4 + 1
    assert taken in rule.parameters
    numbers = np.arange(1.0, 6.0)
    expected = numbers[:4].reshape(2, 2) @ [1.0, 2.0] + numbers[4] * np.array([1.0, 2.0])
    np.testing.assert_allclose(rule.numpy()([1.0, 2.0], *numbers), expected)


def test_deviations_take_no_names_of_others():
    taken = sp.Symbol("delta_x", real=True)
    rule = Update("crowded", (x,), (taken,), (taken * x**2,), "none").linearised()
    np.testing.assert_allclose(rule.numpy()([3.0, 0.5], 2.0), [18.0, 2 * 2.0 * 3.0 * 0.5])


@pytest.mark.parametrize("real", [True, None])
def test_kinks_are_differentiated_on_either_side(real):
    w = sp.Symbol("w", real=real)
    loss = (
        sp.Max(w, 0) ** 2
        + abs(w - 1)
        + sp.Heaviside(w + 1)
        + sp.Piecewise((w**2, w > 2), (0, True))
    )
    step = Update.descent(loss, [w]).numpy()

    def gradient(w):
        return 2 * max(w, 0) + math.copysign(1, w - 1) + 2 * w * (w > 2)

    for w in (-3.0, -0.5, 0.5, 1.5, 2.5):
        np.testing.assert_allclose(step([w], 0.1), [w - 0.1 * gradient(w)], rtol=1e-14)


@pytest.mark.parametrize("voice", [Update.numpy, Update.compiled])
@pytest.mark.parametrize("state", ["x", [["1"]], [None, "y"], [[object()]]])
def test_what_is_no_number_is_refused(voice, state):
    step = voice(Update("decay", (x,), (a,), (a * x,), "none"))
    with pytest.raises(InputError, match="decay: required numbers as state; got"):
        step(state, 1.0)
    with pytest.raises(InputError, match="decay: required numbers as a; got"):
        step([1.0], state)


@pytest.mark.parametrize("voice", ["numpy", "compiled", "numpy_source", "python", "javascript"])
def test_numbers_and_functions_that_a_language_lacks_are_refused(voice):
    for wrong, named in (
        (sp.Integer(10) ** 400, r"got 1.00E\+400"),
        (sp.I, "ImaginaryUnit"),
        (sp.zeta(x), "zeta"),
    ):
        with pytest.raises(InputError, match=f"odd: .*{named}"):
            getattr(Update("odd", (x,), (), (wrong * x,), "none"), voice)()


def test_a_run_that_diverges_does_so_in_silence():
    step = Update("square", (x,), (), (x**2 / (x - 1),), "none").numpy()
    found = step([[1e300], [1.0], [np.inf]])
    np.testing.assert_array_equal(found, [[np.inf], [np.inf], [np.nan]])


def test_sums_of_mathml_have_stable_names_of_terms():
    markup = rule_named("sample-map").mathml(ids=True)
    roots = [ElementTree.fromstring(line) for line in markup.splitlines()]
    assert [root.get("id") for root in roots] == ["sample-map-f", "sample-map-lam"]
    names = [node.get("id") for root in roots for node in root.iter() if node.get("id")]
    assert len(names) == len(set(names)) == 2 + 3 + 4
    assert "sample-map-lam-1" in names
    assert markup == rule_named("sample-map").mathml(ids=True)
    assert "id=" not in rule_named("sample-map").mathml()


WRONG = {
    "a text as right-hand side": {"next": ("x**2",)},
    "a number as right-hand side": {"next": (2.0,)},
    "none as right-hand side": {"next": (None,)},
    "a condition as right-hand side": {"next": (x > 0,)},
    "a text as loss": {"loss": "x**2"},
    "a text as quantity": {"where": {y: "x"}},
    "a text as variable": {"state": ("x",)},
    "a number as variable": {"state": (1,)},
    "a function as variable": {"state": (sp.Function("f")(x),)},
    "a text as parameter": {"parameters": ("a",)},
    "a text as quantity's name": {"where": {"y": x}},
    "a text as a symbol of notation": {"notation": {"x": "y"}},
    "a set as state": {"state": {x}},
    "a symbol as state": {"state": x},
    "no parameters": {"parameters": None},
    "no notation": {"notation": None},
    "a number as letter": {"notation": {x: 1}},
    "a number as name": {"name": 3},
    "no reference": {"reference": None},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_parts_of_another_kind_are_refused_at_the_door(wrong):
    right = {"name": "w", "state": (x,), "parameters": (), "next": (x,), "reference": "none"}
    assert Update(**right).next == (x,)
    with pytest.raises(InputError, match=r"(must be|required) .*; got [^\n]*$"):
        Update(**right | wrong)
