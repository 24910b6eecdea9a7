"""The quadratic minibatch model: what is derived, against sums written out and published forms."""

import itertools
from fractions import Fraction

import pytest
import sympy as sp

from catapult_sim.symbolic import derivations
from catapult_sim.symbolic import minibatch as model
from catapult_sim.symbolic.minibatch import a, beta, g, gamma, k, m, t
from catapult_sim.validation import InputError

A, B, G = sp.Rational(3, 10), sp.Rational(2, 5), sp.Rational(4, 5)
r = 1 - a

PUBLISHED = {
    "sgd": a / (2 - a),
    "two-point": a / (2 - a) * (1 + r**g) / 2,
    "ema": a / (2 - a) * (1 - gamma) / (1 + gamma) * (1 + gamma * r) / (1 - gamma * r),
    "heavy-ball": a * (1 + beta) / ((1 - beta) * (2 * (1 + beta) - a)),
    "shuffled": (m * a / (2 - a) - (1 - r**m) / (1 + r**m)) / (m - 1),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_stationary_variances_are_the_known_ones(name):
    kept = sp.Symbol("r", positive=True)  # powers of a sign do not simplify
    difference = derivations()[f"variance-{name}"].derive() - PUBLISHED[name]
    assert sp.simplify(difference.subs(a, 1 - kept)) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_window_is_the_double_sum_of_lagged_covariances(size):
    pairs = itertools.product(range(size), repeat=2)
    V = A / (2 - A)
    written_out = sum(V * (1 - A) ** abs(i - j) for i, j in pairs) / size**2
    assert model.swa_variance().subs({a: A, k: size}) == written_out


def test_the_average_of_momentum_is_that_of_the_next_iterate():
    rule = model.averaged_step(model.step(beta, nesterov=True))
    x, z, y = rule.state
    (minimum,) = {symbol for symbol in rule.parameters if symbol.name == "c"}
    values = {x: 2, z: sp.Rational(1, 2), y: 5, minimum: 3, a: A, beta: B, gamma: G}
    ahead = 2 + B * (2 - sp.Rational(1, 2))
    after = ahead - A * (ahead - 3)
    following = [component.subs(values) for component in rule.next]
    assert following == [after, 2, G * 5 + (1 - G) * after]


def iterated(rule, values, steps):
    """Moments after some steps from rest at 1, in exact numbers."""
    state = dict.fromkeys(rule.state, sp.Integer(0)) | {
        s: sp.Integer(1) for s in rule.state if s.name.startswith("mu")
    }
    for _ in range(steps):
        now = values | state
        state = {s: e.subs(now) for s, e in zip(rule.state, rule.next, strict=True)}
    return state


@pytest.mark.parametrize(
    ("rule", "name", "values"),
    [
        (model.heavy_ball_moments, "heavy-ball", {a: A, beta: B}),
        (model.nesterov_moments, "nesterov", {a: A, beta: B}),
        (model.averaged_moments, "ema", {a: A, gamma: G}),
    ],
    ids=["heavy-ball", "nesterov", "ema"],
)
def test_moments_approach_the_stationary_ones(rule, name, values):
    floats = {symbol: value.evalf(40) for symbol, value in values.items()}
    state = iterated(rule(), floats, 250)
    (variance,) = (v for s, v in state.items() if s.name == ("V_yy" if name == "ema" else "V_xx"))
    assert abs(variance - derivations()[f"variance-{name}"].derive().subs(values)) < 1e-20


def test_transients_are_the_rule_iterated():
    state = iterated(model.sgd_moments(), {a: A}, 7)
    assert list(state.values()) == [
        model.mean_after().subs({a: A, t: 7}),
        model.variance_after().subs({a: A, t: 7, model.V: 0}),
    ]


def test_the_growing_mean_is_the_sum_over_the_minima_met():
    steps = 5
    rest = [(1 - A) ** n for n in range(steps + 1)]
    held = [sum(A * rest[n] for n in range(age)) for age in range(1, steps + 1)]
    values = {a: A, t: steps}
    assert model.growing_mean().subs(values) == sum(rest) / (steps + 1)
    assert model.growing_variance().subs(values) == sum(w**2 for w in held) / (steps + 1) ** 2


def test_epochs_without_replacement_are_all_orders_enumerated():
    minima = [Fraction(n) for n in (-3, 1, 2)]
    spread = sum(c**2 for c in minima) / 3
    rate = Fraction(3, 10)
    ends = []
    for order in itertools.permutations(minima):
        x = Fraction(0)
        for c in order:
            x -= rate * (x - c)
        ends.append(x)
    noise = sum(x**2 for x in ends) / len(ends) / spread
    expected = noise / (1 - (1 - rate) ** 6)
    assert Fraction(str(model.shuffled_variance().subs({a: A, m: 3}))) == expected


def test_limits_are_halving_one_over_the_window_and_a_cap():
    limits = model.limits()
    assert limits["two-point"] == sp.Rational(1, 2)
    assert limits["swa"] == 2
    assert sp.simplify(limits["ema"] - 1 / a - 1 / (1 - gamma)) == 0
    assert sp.simplify(limits["heavy-ball"] - 1 / (1 - beta)) == 0
    assert sp.simplify(limits["nesterov"] - 1 / (1 - beta)) == 0
    assert sp.simplify(limits["shuffled"] - m * (m + 1) / 24) == 0


def test_the_equivalent_rate_inverts_the_variance():
    assert sp.simplify(model.equivalent_rate(model.sgd_variance()) - a) == 0


def test_nothing_beats_the_mean_of_all_minima():
    rates = model.best_schedule(sp.Rational(1, 4), 3)
    assert list(rates) == [sp.Rational(1, 5), sp.Rational(1, 6), sp.Rational(1, 7)]


def test_nesterov_s_mean_pulls_from_where_momentum_leads():
    rule = model.nesterov_moments()
    now, before, *_ = rule.state
    assert sp.expand(rule.next[0] - (1 - a) * (now + beta * (now - before))) == 0


@pytest.mark.parametrize("power", [2, 4, 6])
def test_the_factor_of_an_even_moment_is_the_mean_over_all_batches(power):
    rate, size, samples = Fraction(7, 5), 3, 4
    drawn = [batch.count(0) for batch in itertools.product(range(samples), repeat=size)]
    expected = sum((1 - rate * held / size) ** power for held in drawn) / Fraction(len(drawn))
    known = {a: sp.Rational(7, 5), model.b: size, m: samples}
    assert Fraction(str(model.moment_factor(power).subs(known))) == expected


@pytest.mark.parametrize("power", [1, 3, 0, -2])
def test_odd_moments_are_refused(power):
    with pytest.raises(InputError, match="power must be"):
        model.moment_factor(power)
