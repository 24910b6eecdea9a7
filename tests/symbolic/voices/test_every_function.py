"""Every function of SymPy: each voice says what it is worth, or refuses it by name."""

import cmath
import json
import math
import shutil
import subprocess

import numpy as np
import pytest
import sympy as sp
from sympy import functions as sympys

from catapult_sim.symbolic import Update
from catapult_sim.validation import InputError
from tests.symbolic.voices.test_every_voice import executed

x, k = sp.symbols("x k")
POINTS = [-4.0, -3.0, -1.5, -1.0, -0.25, 0.0, 0.25, 0.5, 1.0, 1.75, 2.0, 3.0, 49.0, 30.5]


def expressions():
    """Return every function of one argument of SymPy, and of two with a number."""
    found = [1 / (3 + sp.acot(x)), 2 * sp.Mod(x, 3) ** 2, sp.Mod(x, 49), x**2 * sp.Mod(x, -2)]
    found += [sp.Sum(x**k, (k, 0, 3)), sp.Product(x + k, (k, 0, 3)), sp.factorial(x**2)]
    # One has three arguments; the logarithm of 2 to the base 0 is 0 as a limit alone.
    for name in set(sympys.__all__) - {"lerchphi", "ln", "log"}:
        for arguments in ([x], [x / 3], [x, sp.Integer(2)], [x, sp.Integer(7)], [sp.Integer(2), x]):
            try:
                one = getattr(sympys, name)(*arguments)
            except (TypeError, ValueError, AttributeError):
                continue
            if isinstance(one, sp.Expr) and one.free_symbols == {x} and one.has(sp.Function):
                found.append(one)
    return sorted(dict.fromkeys([*found, sp.log(x), sp.log(x / 3)]), key=str)


EXPRESSIONS = {str(one): one for one in expressions()}


def worth(expression):
    """Return what an expression is worth at each point, NaN where it is no finite real number."""
    return [_real(expression, point) for point in POINTS]


def _real(expression, point):
    try:
        number = complex(expression.subs(x, sp.Rational(point)).doit().evalf(30))
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number.real if cmath.isfinite(number) and abs(number.imag) < 1e-25 else math.nan


def written(rule, voice):
    """Return the code of a rule, or None where it is refused in one sentence."""
    try:
        return getattr(rule, voice)()
    except InputError:
        return None


def python(code, point):
    try:
        return executed(code)([point])[0]
    except (ArithmeticError, ValueError):  # there is no number
        return math.nan


def rule_of(expression):
    return Update("one", (x,), (), (expression,), "none")


def require_equal(found, expected):
    for point, got, right in zip(POINTS, found, expected, strict=True):
        if math.isfinite(right):
            assert abs(got - right) <= 1e-12 * max(abs(right), 0.01), (point, got, right)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_python_and_numpy_are_right_or_refuse(name):
    rule, expected = rule_of(EXPRESSIONS[name]), None
    states = np.array(POINTS)[:, None]
    if step := written(rule, "numpy"):
        expected = worth(EXPRESSIONS[name])
        require_equal(step(states)[:, 0], expected)
        with np.errstate(all="ignore"):
            require_equal(executed(rule.numpy_source())(states)[:, 0], expected)
    if code := written(rule, "python"):
        expected = expected or worth(EXPRESSIONS[name])
        require_equal([python(code, point) for point in POINTS], expected)
    for voice in ("text", "latex", "mathml"):
        assert getattr(rule, voice)()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_is_right_or_refuses():
    codes = {name: written(rule_of(one), "javascript") for name, one in EXPRESSIONS.items()}
    known = {name: code for name, code in codes.items() if code}
    assert len(known) > 40
    script = f"""const codes = {json.dumps(known)}, points = {json.dumps(POINTS)}, found = {{}};
    for (const [name, code] of Object.entries(codes)) {{
      const one = new Function(code + '; return one;')();
      found[name] = points.map((point) => String(one([point])[0]));
    }}
    console.log(JSON.stringify(found))"""
    done = subprocess.run([shutil.which("node"), "-"], input=script, capture_output=True, text=True)
    for name, found in json.loads(done.stdout).items():
        require_equal(map(float, found), worth(EXPRESSIONS[name]))


def test_compiled_code_is_right():
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    chosen = [sp.acot(x), sp.binomial(x, 2), sp.gamma(x), sp.Mod(x, 3), sp.sinc(x), sp.frac(x)]
    rule = Update("six", (x, *sp.symbols("y:5")), (), tuple(chosen), "none")
    found = rule.compiled()(np.repeat(np.array(POINTS)[:, None], 6, axis=1))
    for column, one in zip(found.T, chosen, strict=True):
        require_equal(column, worth(one))


def test_functions_of_real_numbers_alone_refuse_complex_ones():
    with pytest.raises(
        InputError, match=r"one requires real numbers for a function .* complex128$"
    ):
        rule_of(sp.floor(x)).numpy()([1.0 + 2.0j])
