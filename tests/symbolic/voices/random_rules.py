"""Random rules, and what they are worth: an evaluation in 40 digits with a bound on rounding."""

from functools import cache

import mpmath
import sympy as sp
from hypothesis import assume
from hypothesis import strategies as st

from catapult_sim.symbolic import Update
from catapult_sim.symbolic.voices.languages import Compiled
from catapult_sim.symbolic.voices.rule import spoken
from catapult_sim.validation import InputError

mpmath.mp.dps = 40
ROUNDING = 2.0**-52

# Words of languages, names of modules, letters without a key, and names that are alike in ASCII.
_NAMES = (
    "x y lambda function new class in numpy math scipy Math state value out erf float map abs max "
    "rows column parameters following components step arguments NaN Infinity pi e E I S N _ __ "
    "λ η ε ϵ Λ x_1 x1 x₁ x_t x0 x2 a' a_ a<b a&b 2x Δx"
)
NAMES = _NAMES.split()

SMOOTH = {
    sp.sin: mpmath.sin,
    sp.cos: mpmath.cos,
    sp.tanh: mpmath.tanh,
    sp.atan: mpmath.atan,
    sp.erf: mpmath.erf,
    sp.exp: mpmath.exp,
}


class Unbounded(Exception):
    """Raised where numbers leave the range in which rounding is relative."""


def worth(expression, values):
    """Return value and error of an expression, evaluated in numbers with a relative rounding.

    The error is what comes of a rounding of one unit in each operation.
    """
    match expression:
        case sp.Symbol():
            return values[expression], mpmath.mpf(0)
        case sp.Number() | sp.NumberSymbol():
            number = mpmath.mpf(expression.p) / expression.q if expression.is_Rational else None
            number = expression._to_mpmath(140) if number is None else number
            return number, abs(number)
        case sp.Piecewise():
            for value, condition in expression.args:
                if holds(condition, values):
                    return worth(value, values)
            return mpmath.nan, mpmath.mpf(0)
    value, error = operation(expression, [worth(one, values) for one in expression.args])
    if abs(value) > 1e25 or error * 2.0**-20 > max(abs(value), 1):
        raise Unbounded
    return value, error + abs(value) + mpmath.mpf(1e-25)


def operation(expression, operands):
    """Return the value of a function of operands, and the error that theirs cause."""
    numbers, errors = zip(*operands, strict=True)
    match expression:
        case sp.Add():
            return mpmath.fsum(numbers), sum(errors) + sum(map(abs, numbers))
        case sp.Mul():
            product = mpmath.fprod(numbers)
            others = [mpmath.fprod(numbers[:i] + numbers[i + 1 :]) for i in range(len(numbers))]
            terms = zip(others, errors, strict=True)
            return product, sum(abs(o) * e for o, e in terms) + len(numbers) * abs(product)
        case sp.Pow():
            (base, power), error = numbers, errors[0]
            if (power < 1 and abs(base) < 1e-3) or (power != int(power) and base < 0):
                raise Unbounded
            return base**power, abs(power * base ** (power - 1)) * error + 4 * abs(base**power)
        case sp.Abs():
            return abs(numbers[0]), errors[0]
        case sp.Max():
            return max(numbers), max(errors)
        case sp.Min():
            return min(numbers), max(errors)
        case sp.sign():
            return mpmath.sign(numbers[0]), 0
        case sp.Heaviside():
            return (mpmath.sign(numbers[0]) + 1) / 2, 0
        case sp.log():
            if numbers[0] <= 0:
                raise Unbounded
            return mpmath.log(numbers[0]), errors[0] / numbers[0] + 1
    function = SMOOTH[expression.func]
    # The error of a result may be two units; the slope of each of these grows with its size.
    spread = errors[0] * (1 + abs(function(numbers[0])) * (expression.func is sp.exp))
    return function(numbers[0]), spread + 4 * abs(function(numbers[0]))


def holds(condition, values):
    match condition:
        case sp.logic.boolalg.BooleanAtom():
            return bool(condition)
        case sp.And():
            return all(holds(one, values) for one in condition.args)
        case sp.Or():
            return any(holds(one, values) for one in condition.args)
        case sp.Not():
            return not holds(condition.args[0], values)
        case sp.ITE():
            first, then, otherwise = condition.args
            return holds(then if holds(first, values) else otherwise, values)
    left, right = (worth(side, values)[0] for side in condition.args)
    return bool(sp.Rel(sp.Float(left, 40), sp.Float(right, 40), condition.rel_op))


def numbers():
    exact = st.builds(sp.Rational, st.integers(-9, 9), st.integers(1, 9))
    long = st.sampled_from(
        [10**20, sp.Rational(10**30 + 1, 3**60), sp.Float("0.1"), sp.GoldenRatio]
    )
    return exact | exact | exact | st.just(sp.pi) | long.map(sp.sympify)


PLACES = sp.symbols("place:5")


def expressions(symbols, kinks=True):
    """Return a strategy of expressions, with steps and cases if there may be kinks."""
    places = dict(zip(PLACES, symbols, strict=False))
    return expressions_in(len(symbols), kinks).map(lambda drawn: drawn.xreplace(places))


@cache
def expressions_in(count, kinks):
    """Return a strategy of expressions in so many symbols: Hypothesis is slow to check one."""
    symbol = st.sampled_from(PLACES[:count])
    # Jumps are where numbers that are known exactly meet.
    gap = st.builds(lambda x, y: x - y, symbol, symbol | st.integers(-2, 2).map(sp.Integer))

    def larger(inner):
        several = st.lists(inner, min_size=2, max_size=3)
        smooth = [
            several.map(lambda xs: sp.Add(*xs)),
            several.map(lambda xs: sp.Mul(*xs)),
            st.builds(sp.Pow, inner, st.sampled_from([2, 3, -1, -2])),
            st.builds(lambda x, p: (1 + x**2) ** p, inner, st.sampled_from(ROOTS)),
            st.builds(lambda f, x: f(x), st.sampled_from(list(SMOOTH)), inner),
            inner.map(lambda x: sp.log(1 + x**2)),
        ]
        kinky = [
            inner.map(sp.Abs),
            several.map(lambda xs: sp.Max(*xs)),
            several.map(lambda xs: sp.Min(*xs)),
            gap.map(sp.sign),
            gap.map(sp.Heaviside),
            st.builds(cases, inner, inner, gap, gap, st.integers(0, 5)),
        ]
        return st.one_of(smooth + kinky * kinks)

    return st.recursive(symbol | symbol | numbers(), larger, max_leaves=8)


ROOTS = [sp.Rational(1, 2), sp.Rational(-1, 2), sp.Rational(1, 3), sp.Rational(2, 5)]


def cases(one, other, x, y, kind):
    condition = [x > 0, x <= 0, sp.Ne(x, 0), (x > 0) & (y > 0), (x > 0) | (y < 0), sp.Eq(x, 0)][
        kind
    ]
    return sp.Piecewise((one, condition), (other, True))


@st.composite
def rules(draw, names=NAMES, kinks=True):
    """Draw a rule of up to three variables and two parameters."""
    drawn = draw(st.lists(st.sampled_from(names), min_size=2, max_size=5, unique=True))
    assumed = st.sampled_from([{}, {"real": True}])
    symbols = [sp.Symbol(name, **draw(assumed)) for name in drawn]
    count = draw(st.integers(1, min(3, len(symbols) - 1)))
    state, parameters = symbols[:count], symbols[count:]
    where = {}
    if len(symbols) > 3:
        quantity = symbols[-1]
        parameters, known = parameters[:-1], symbols[:-1]
        where = {quantity: draw(expressions(known, kinks))}
    following = [draw(expressions(symbols, kinks)) for _ in state]
    title = draw(st.sampled_from(["rule", "sample-map", "new", "math", "2nd rule"]))
    rule = Update(title, tuple(state), tuple(parameters), tuple(following), "none", {}, where)
    try:
        spoken(rule, Compiled)
    except InputError as refusal:  # of what has a pole for every state, or where a kink is
        assume("ComplexInfinity" not in str(refusal))
    return rule
