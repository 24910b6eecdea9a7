"""What may be typed as a loss, and what is refused by name."""

import time

import pytest
import sympy as sp

from catapult_sim.symbolic.loss_text import FUNCTIONS, parse_loss
from catapult_sim.validation import InputError

x, y = sp.symbols("x y", real=True)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("(x*y - 1)**2 / 2", (x * y - 1) ** 2 / 2),
        (" 0.1*x - -x + 2e-1 ", sp.Rational(11, 10) * x + sp.Rational(1, 5)),
        ("x**-y", x ** (-y)),
        ("pi * sqrt(x**2 + 1)", sp.pi * sp.sqrt(x**2 + 1)),
        ("0.123456789012345678901234567890*x", sp.Rational("0.12345678901234567890123456789") * x),
        ("1e-400*x + 1_0.5", sp.Rational(1, 10**400) * x + sp.Rational(21, 2)),
        ("lambda*x**2 - 2*lambda", (x**2 - 2) * sp.Symbol("lambda", real=True)),
        ("x \N{MINUS SIGN} 2\N{MIDDLE DOT}y", x - 2 * y),
        ("2**x / (1 - 1/3)", sp.Rational(3, 2) * 2**x),
    ],
)
def test_a_formula_is_read_as_sympy_would_write_it(text, loss):
    assert sp.expand(parse_loss(text) - loss) == 0


def test_a_sum_may_have_hundreds_of_terms():
    assert parse_loss("+".join(f"x{i}" for i in range(800))) == sp.Add(
        *sp.symbols("x:800", real=True)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_known_function_is_differentiable_at_a_half(name):
    slope = parse_loss(f"{name}(x)").diff(x).subs(x, sp.Rational(1, 2)).evalf()
    assert slope.is_finite


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("x.real", "x.real"),
        ("x[0]", r"x\[0\]"),
        ("__import__('os')", r"__import__\('os'\)"),
        ("gamma(x)", r"gamma\(x\)"),
        ("exp(x, y)", r"exp\(x, y\)"),
        ("exp(x=1)", r"exp\(x=1\)"),
        ("exp(*x)", r"\*x"),
        ("x ^ 2", r"write \*\* for powers; got 'x \^ 2'"),
        ("x // 2", "x // 2"),
        ("x < 2", "x < 2"),
        ("lambda: x", "lambda"),
        ("[x for x in y]", "for x in y"),
        ("(x := 2)", "x := 2"),
        ("'x'", "'x'"),
        ("f'{x}'", "f'{x}'"),
        ("True * x", "True"),
        ("1j * x", "1j"),
        ("x if y else 1", "x if y else 1"),
    ],
)
def test_what_is_no_formula_is_refused_by_name(text, named):
    with pytest.raises(ValueError, match=named):
        parse_loss(text)


@pytest.mark.parametrize("text", ["", "x +", "x = 2", "x; y", "import os", "(" * 300])
def test_what_is_not_one_formula_is_refused(text):
    with pytest.raises(ValueError, match="one well-formed formula"):
        parse_loss(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("in * 2", "'in' is a reserved word of Python: write another name"),
        ("2x", r"with \* for every product; got '2x'"),
        ("x + (y", "one well-formed formula; got"),
    ],
)
def test_a_refusal_says_what_to_write(text, hint):
    with pytest.raises(InputError, match=hint):
        parse_loss(text)


@pytest.mark.parametrize("text", ["0**x", "(-1)**x", "(1 - 1)**(x*y)", "(-pi)**x"])
def test_a_constant_with_a_variable_power_is_positive(text):
    with pytest.raises(InputError, match="a constant with a variable power must be positive; got"):
        parse_loss(text)


@pytest.mark.parametrize("text", ["sqrt(-1)*x", "log(-2)", "(-8)**(1/3) + x", "sqrt(1 - exp(1))"])
def test_what_is_not_real_is_refused(text):
    with pytest.raises(InputError, match="a loss must be real; got"):
        parse_loss(text)


@pytest.mark.parametrize("text", ["1/0", "x/(1 - 1)", "log(0)", "0**-1"])
def test_what_is_not_finite_is_refused(text):
    with pytest.raises(ValueError, match="division by zero"):
        parse_loss(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "((2*x)**1000)**1000",
        "(sqrt(2)*x)**10**12",
        "((1/10**100)**100)**100",
        "(7/8)**10**9",
        "1e1001",
        "1e-1001",
        "1e99999999999999999999",
        "exp(exp(exp(100)))*x",
        "cosh(10**6)",
        "x**(10**9)",
        "sin(" * 190 + "x" + ")" * 190,
        "9" * 1100,
        "-" * 9000 + "x",
        "x" * 10_001,
    ],
)
def test_what_would_explode_is_refused_at_once(text):
    begin = time.process_time()
    with pytest.raises(ValueError, match=r"may have|must be|may be"):
        parse_loss(text)
    assert time.process_time() - begin < 1
