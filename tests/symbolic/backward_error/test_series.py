"""Coefficients of modified equations, against enumeration and closed forms."""

from collections import Counter
from itertools import permutations, product
from math import prod

import pytest
import sympy as sp

from catapult_sim.symbolic.backward_error import series
from catapult_sim.symbolic.backward_error.modified_equation import modified_equation
from catapult_sim.symbolic.backward_error.trees import trees
from catapult_sim.validation import InputError

h, beta, m = sp.symbols("h beta m")
SMALL_TREES = [tree for n in range(1, 6) for tree in trees(n)]


def printed(order, sampling="full", **options):
    equation = modified_equation(order, sampling=sampling, **options)
    return {str(tree): coefficient for tree, coefficient in equation.coefficients.items()}


def test_gradient_descent_to_third_order_is_the_printed_series():
    third, fourth, twelfth = (sp.Rational(1, n) for n in (3, 4, 12))
    assert printed(3) == {
        "f": 1,
        "f'f": -sp.Rational(1, 2),
        "f'f'f": third,
        "f''(f, f)": twelfth,
        "f'f'f'f": -fourth,
        "f'f''(f, f)": -twelfth,
        "f''(f, f'f)": -twelfth,
    }


@pytest.mark.parametrize("tree", SMALL_TREES, ids=str)
def test_gradient_descent_s_coefficient_is_the_log_of_counting_layers(tree):
    # t steps put the vertices on t levels, children below parents: binomials in t.
    def levels(tree, own):
        return prod(sum(levels(child, low) for low in range(own)) for child in tree.children)

    counts = [sum(levels(tree, top) for top in range(t)) for t in range(tree.order + 1)]
    t = sp.Symbol("t")
    in_steps = sp.interpolate(list(enumerate(counts)), t)
    b = series.field_coefficients(series.gradient_descent)
    assert b(tree) == in_steps.diff(t).subs(t, 0)


def on_a_line(order, **options):
    """The coefficients of tall trees: all that is left when the field is linear."""
    tall = {"f'" * k + "f": k for k in range(order + 1)}
    return {tall[name]: c for name, c in printed(order, **options).items() if name in tall}


@pytest.mark.parametrize(
    ("nesterov", "characteristic"),
    [
        (False, lambda z: z**2 - (1 + beta - h) * z + beta),
        (True, lambda z: z**2 - (1 + beta) * (1 - h) * z + beta * (1 - h)),
    ],
)
def test_momentum_on_a_quadratic_decays_by_the_larger_root_of_its_recursion(
    nesterov, characteristic
):
    order = 4
    rates = on_a_line(order, momentum=beta, nesterov=nesterov)
    exponent = sum(c * (-h) ** (k + 1) for k, c in rates.items())
    for value in (sp.Rational(1, 2), sp.Rational(-1, 3), sp.Rational(9, 10)):
        root = sp.series(sp.exp(exponent.subs(beta, value)), h, 0, order + 2).removeO()
        left = sp.Poly(characteristic(root).subs(beta, value).expand(), h)
        assert min(monomial for (monomial,) in left.monoms()) == order + 2


def test_eighth_order_on_a_quadratic_is_the_logarithm():
    assert on_a_line(8) == {k: sp.Rational((-1) ** k, k + 1) for k in range(9)}


def test_momentum_has_the_printed_first_order_factors():
    assert sp.cancel(printed(1, momentum=beta)["f"] * (1 - beta)) == 1
    # Minus the gradient of a |grad C|^2 is 2 a f'f, with the sign of f'f = H grad C.
    heavy = (1 + beta) / (4 * (1 - beta) ** 2) / (1 - beta)
    nesterov = (1 - beta + 2 * beta**2) / (4 * (1 - beta) ** 2) / (1 - beta)
    assert sp.cancel(printed(1, momentum=beta)["f'f"] + 2 * heavy) == 0
    assert sp.cancel(printed(1, momentum=beta, nesterov=True)["f'f"] + 2 * nesterov) == 0


def test_without_momentum_both_momenta_are_gradient_descent():
    assert printed(4, momentum=0, nesterov=True) == printed(4, momentum=0) == printed(4)


@pytest.mark.parametrize("tree", [t for t in SMALL_TREES if t.order < 5], ids=str)
def test_the_shuffled_kick_is_the_fraction_of_orders_that_suit_the_tree(tree):
    for batches in product(range(3), repeat=tree.order):
        painted = tree.painted(batches)
        orders = list(permutations(range(3)))
        suits = sum(all(p[c.batch] < p[q.batch] for c, q in painted.edges()) for p in orders)
        assert series.shuffled(painted) == sp.Rational(suits, len(orders))


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("tree", [t for t in SMALL_TREES if t.order < 5], ids=str)
def test_the_kick_of_several_steps_on_each_batch_counts_them_one_by_one(tree, steps):
    """Every vertex takes a step of its batch, at which it comes after its children."""
    kick = series.in_a_row(series.shuffled, sp.Integer(steps))
    orders = list(permutations(range(3)))
    for batches in product(range(3), repeat=tree.order):
        suits = 0
        for order, inner in product(orders, product(range(steps), repeat=tree.order)):
            times = [steps * order[k] + i for k, i in zip(batches, inner, strict=True)]
            suits += all(c.batch < p.batch for c, p in tree.painted(times).edges())
        assert kick(tree.painted(batches)) == sp.Rational(suits, len(orders))


def test_the_number_of_steps_may_be_a_symbol():
    n = sp.Symbol("n", positive=True)
    in_general = modified_equation(2, repeats=n).coefficients
    for steps in (1, 2, 5):
        of_these = modified_equation(2, repeats=steps).coefficients
        found = {tree: sp.expand(c.subs(n, steps)) for tree, c in in_general.items()}
        assert {tree: c for tree, c in found.items() if c != 0} == {
            tree: sp.expand(c) for tree, c in of_these.items()
        }


@pytest.mark.parametrize("repeats", [0, -2, sp.Rational(3, 2), "many"])
def test_no_steps_or_parts_of_steps_are_refused(repeats):
    with pytest.raises(InputError, match="repeats must be"):
        modified_equation(1, repeats=repeats)


def test_several_steps_on_each_batch_need_batches_and_a_moderate_order():
    with pytest.raises(InputError, match="repeats needs minibatches; got sampling = 'full'"):
        modified_equation(1, sampling="full", repeats=2)
    with pytest.raises(InputError, match=r"order must be at most 4 for .* 2 steps in a row"):
        modified_equation(5, repeats=2)


@pytest.mark.parametrize("tree", SMALL_TREES, ids=str)
def test_distinct_batches_follow_the_exact_flow(tree):
    painted = tree.painted(range(tree.order))
    assert series.shuffled(painted) == sp.Rational(1, tree.factorial)
    assert series.field_coefficients(series.shuffled)(painted) == (tree.order == 1)


@pytest.mark.parametrize("tree", [t for t in SMALL_TREES if t.order < 5], ids=str)
def test_the_replacement_kick_is_the_mean_over_all_draws(tree):
    kick = series.replacement(sp.Integer(3))
    places = [
        place
        for place in product(range(3), repeat=tree.order)
        if all(child.batch < parent.batch for child, parent in tree.painted(place).edges())
    ]
    draws = list(product(range(3), repeat=3))
    for batches in product(range(2), repeat=tree.order):
        hits = sum(
            all(draw[p] == k for p, k in zip(place, batches, strict=True))
            for place in places
            for draw in draws
        )
        assert kick(tree.painted(batches)) == sp.Rational(hits, len(draws))


@pytest.mark.parametrize("kick", [series.shuffled, series.replacement(sp.Integer(3))])
def test_averaging_over_shared_batches_loses_nothing(kick):
    b = series.field_coefficients(kick)
    written_out = Counter()
    # The mean field 0 stands for all three batches alike.
    for tree, c in series.numbered(series.averaged_series(b, 3, sp.Integer(3)), 3).items():
        open_ = [i for i, batch in enumerate(tree.batches) if batch == 0]
        for numbers in product((1, 2, 3), repeat=len(open_)):
            filled = list(tree.batches)
            for i, number in zip(open_, numbers, strict=True):
                filled[i] = number
            written_out[tree.painted(filled)] += c / sp.Integer(3) ** len(open_)
    every = series.numbered_series(b, 3, 3)
    assert {t: c for t, c in written_out.items() if c != 0} == every


def test_drawing_with_replacement_adds_nothing_to_gradient_descent_at_first_order():
    assert printed(1, sampling="replacement", batches=m) == printed(1)
    assert printed(1, sampling="shuffled", batches=m) == {"f": 1, "f_1'f_1": -sp.Rational(1, 2)}


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
def test_an_epoch_of_one_batch_is_gradient_descent(sampling):
    one = modified_equation(3, sampling=sampling, batches=1).coefficients
    plain = {}
    for tree, c in one.items():
        mean = tree.painted((0,) * tree.order)
        plain[mean] = plain.get(mean, 0) + c
    expected = modified_equation(3, sampling="full").coefficients
    assert {tree: c for tree, c in plain.items() if c != 0} == expected


def test_the_eighth_order_is_printed_as_text_and_latex():
    equation = modified_equation(8, sampling="full")
    assert str(equation).splitlines()[9].startswith("eps^8: 1/9 f'f'f'f'f'f'f'f'f ")
    assert r"\varepsilon^{8} \left(\frac{1}{9} f'" in equation.latex()


@pytest.mark.parametrize(
    ("options", "required"),
    [
        ({"order": -1}, "whole number from 0"),
        ({"order": 1.5}, "whole number from 0"),
        ({"order": 1, "sampling": "cyclic"}, "one of shuffled, full, replacement; got 'cyclic'"),
        (
            {"order": 1, "sampling": "shuffled", "batches": 2, "momentum": 0.5},
            "momentum needs sampling = 'full'",
        ),
        ({"order": 1, "sampling": "full", "momentum": 1}, "between -1 and 1; got 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(options, required):
    with pytest.raises(ValueError, match=required):
        modified_equation(**options)
