"""Expressions: those that users give, never texts; expanded and factored where they are short."""

from __future__ import annotations

from collections.abc import Collection
from math import comb, prod
from typing import Any

import sympy as sp

from catapult_sim.validation import UNREADABLE, InputError, shown

LONGEST = 2000
"""The most terms into which an expression is multiplied out."""
HIGHEST_DEGREE = 100
"""The highest degree that is factored."""


def require_expression(name: str, value: Any) -> sp.Expr:
    """Return a finite real number or an expression, or raise InputError.

    A text is no expression: SymPy would run it as code.

    Examples
    --------
    >>> require_expression("momentum", 0.5) + require_expression("momentum", sp.Symbol("beta"))
    beta + 0.5
    """
    try:
        found = sp.sympify(value, strict=True)
    except (sp.SympifyError, AttributeError, *UNREADABLE):
        found = None
    if not isinstance(found, sp.Expr) or _is_none(found):
        raise InputError(f"{name} must be a number or a SymPy expression; got {shown(value)}")
    return found


def _is_none(found: sp.Expr) -> bool:
    return found.is_real is False or found.has(sp.nan, sp.oo, -sp.oo, sp.zoo)


def require_symbols(name: str, values: Any) -> tuple[sp.Symbol, ...]:
    """Return a sequence of at least one symbol as a tuple, or raise InputError."""
    given = tuple(values) if isinstance(values, list | tuple) else ()
    if not given or not all(isinstance(one, sp.Symbol) for one in given):
        raise InputError(f"{name} must be a sequence of at least 1 symbol; got {shown(values)}")
    return given


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name followed by as many underscores as it takes to differ from others.

    Examples
    --------
    >>> free_name("x", {"x", "x_"})
    'x__'
    """
    while name in taken:
        name += "_"
    return name


def terms_of(expression: sp.Expr) -> int:
    """Return a bound on the number of terms of an expression, multiplied out.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> terms_of((x + y) ** 300), terms_of((1 + x) * (1 + y) * x**9)
    (301, 4)
    """
    match expression:
        case sp.Add():
            return sum(map(terms_of, expression.args))
        case sp.Mul():
            return prod(map(terms_of, expression.args))
        case sp.Pow(args=(base, sp.Integer() as power)):
            times, many = abs(int(power)), terms_of(base)
            return comb(times + many - 1, times)
        case sp.MatrixExpr() | sp.Symbol() | sp.Number():
            return 1
    # A function is multiplied out within, too.
    return max(map(terms_of, expression.args), default=1)


def expanded(expression: sp.Expr) -> sp.Expr:
    """Multiply an expression out if that is short.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> expanded((x + y) ** 2), expanded((x + y) ** 3000)
    (x**2 + 2*x*y + y**2, (x + y)**3000)
    """
    return sp.expand(expression) if terms_of(expression) <= LONGEST else expression


def factored(expression: sp.Expr) -> sp.Expr:
    """Factor an expression if it is short and of low degree when multiplied out."""
    short = terms_of(expression) <= LONGEST and degree_of(expression) <= HIGHEST_DEGREE
    return sp.factor(expression) if short else expression


def degree_of(expression: sp.Expr) -> int:
    """Return a bound on the degree of numerator and denominator of an expression together.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> degree_of((x + y) ** 300 * x + 1 / x)
    301
    """
    match expression:
        case sp.Mul():
            return sum(map(degree_of, expression.args))
        case sp.Pow(args=(base, sp.Integer() as power)):
            return abs(int(power)) * degree_of(base)
        case sp.Add():
            return max(map(degree_of, expression.args))
        case sp.Number():
            return 0
    return max(1, *map(degree_of, expression.args), 1)
