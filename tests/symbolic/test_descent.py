"""The rule of any loss and optimiser, against weights moved by hand with numeric gradients."""

import numpy as np
import pytest
import sympy as sp

import catapult_sim as cs
from catapult_sim import GradientDescent, HeavyBall, Nesterov
from catapult_sim.symbolic import Update, linear_net

a, b, c, y, beta = sp.symbols("a b c y beta", real=True)
CHAIN = (a * b * c - y) ** 2 / 2


def slope(w, label):
    """The gradient of the chain's loss, by a complex step."""
    shifted = w + 1e-30j * np.eye(3)
    return np.imag((shifted.prod(axis=1) - label) ** 2 / 2) / 1e-30


def by_hand(w, rate, label, momentum=0.0, ahead=False, steps=6):
    moved = np.zeros(3)
    for _ in range(steps):
        moved = momentum * moved - rate * slope(w + momentum * moved * ahead, label)
        w = w + moved
    return np.concatenate([w, moved])


@pytest.mark.parametrize(
    ("optimizer", "momentum", "ahead"),
    [
        (None, 0.0, False),
        (GradientDescent(), 0.0, False),
        (HeavyBall(beta), 0.7, False),
        (HeavyBall(0.9), 0.9, False),
        (Nesterov(beta), 0.7, True),
        (Nesterov(0.9), 0.9, True),
    ],
    ids=str,
)
def test_the_rule_moves_weights_as_the_optimizer_does(optimizer, momentum, ahead):
    rule = Update.descent(CHAIN, [a, b, c], optimizer=optimizer)
    start = np.array([0.9, 1.3, -0.4])
    state = np.concatenate([start, np.zeros(len(rule.state) - 3)])
    values = {"eta": 0.1, "y": 0.8, "beta": momentum}
    for _ in range(6):
        state = rule.numpy()(state, *(values[str(symbol)] for symbol in rule.parameters))
    expected = by_hand(start, 0.1, 0.8, momentum, ahead)[: len(rule.state)]
    np.testing.assert_allclose(state, expected, rtol=1e-13)


def test_weights_come_before_what_is_remembered_and_the_rate_before_other_parameters():
    rule = Update.descent(CHAIN, [a, b, c], optimizer=HeavyBall(beta))
    assert list(map(str, rule.state)) == ["a", "b", "c", "memory_a", "memory_b", "memory_c"]
    assert list(map(str, rule.parameters)) == ["eta", "beta", "y"]
    assert rule.loss == CHAIN


def test_descent_of_two_factors_is_the_sample_map_of_width_one():
    u, v = sp.symbols("u v", real=True)
    rule = Update.descent((u * v - y) ** 2 / 2, [u, v])
    u_next, v_next = rule.next
    values = {linear_net.f: u * v, linear_net.lam: u**2 + v**2, linear_net.n: 1}
    f_next, lam_next = (
        e.subs(values) for e in linear_net.sample_map(label=linear_net.y).inline().next
    )
    label = {linear_net.y: y}
    assert sp.expand(u_next * v_next - f_next.subs(label)) == 0
    assert sp.expand(u_next**2 + v_next**2 - lam_next.subs(label)) == 0


@pytest.mark.parametrize(("loss", "state"), [(a**2, [b]), (sp.Symbol("eta") * a, [a])])
def test_a_loss_of_nothing_that_moves_or_with_an_eta_is_refused(loss, state):
    with pytest.raises(ValueError, match=r"descent\(\) requires a loss of the weights"):
        Update.descent(loss, state)


@pytest.mark.parametrize(
    "optimizer", [HeavyBall, cs.Regularized(HeavyBall(0.9), 0.1)], ids=["a class", "a wrapper"]
)
def test_what_needs_more_than_the_gradient_is_refused(optimizer):
    with pytest.raises(ValueError, match="requires an optimizer that needs the gradient alone"):
        Update.descent(CHAIN, [a, b, c], optimizer=optimizer)


def test_rules_print_as_a_few_lines_and_as_formulas():
    rule = Update.descent(CHAIN, [a, b, c], optimizer=HeavyBall(beta))
    assert len(repr(rule).splitlines()) == 7
    assert repr(rule).splitlines()[-1].strip().startswith("memory_c' = ")
    many = Update.descent(sum(w**2 for w in sp.symbols("w:9")), sp.symbols("w:9"))
    assert repr(many).splitlines()[-1].strip() == "... 4 more"
    formula = linear_net.sample_map()._repr_latex_()
    assert formula.startswith(r"$\displaystyle \begin{aligned} f_{t+1} &= ")
    assert formula.count("{") == formula.count("}")
