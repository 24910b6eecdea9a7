"""Known functions: those that all languages compute alike, and others in terms of them.

What is not known to be right in every language is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

KNOWN = (
    *(sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2),
    *(sp.sinh, sp.cosh, sp.tanh, sp.asinh, sp.acosh, sp.atanh),
    *(sp.exp, sp.log, sp.erf, sp.erfc, sp.gamma),
    *(sp.Abs, sp.floor, sp.ceiling, sp.re, sp.conjugate, sp.Mod, sp.Piecewise),
)
HIGHEST_CHOICE = 50  # of k in binomial(n, k), a product of k factors


def in_known_functions(expression: sp.Expr) -> sp.Expr:
    """Return an expression in functions of ``KNOWN``, where that is possible.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> in_known_functions(sp.binomial(x, 2) + sp.factorial(x))
    x*(x - 1)/2 + gamma(x + 1)
    """
    for function, rewritten in _REWRITTEN.items():
        if expression.has(function):
            expression = expression.replace(function, rewritten)
    return expression


def unknown_functions(expression: sp.Basic) -> list[sp.Basic]:
    """Return what of an expression is a function without being one of ``KNOWN``."""
    functions = sorted(expression.atoms(sp.Function), key=str)
    return [one for one in functions if not isinstance(one, KNOWN)]


def _sign(x: sp.Expr) -> sp.Expr:
    return sp.Piecewise((-1, x < 0), (0, sp.Eq(x, 0)), (1, x > 0))


def _step(x: sp.Expr, at_zero: sp.Expr) -> sp.Expr:
    return sp.Piecewise((0, x < 0), (at_zero, sp.Eq(x, 0)), (1, x > 0))


def _chosen(n: sp.Expr, k: sp.Expr) -> sp.Expr:
    if k.is_Integer and 0 <= k <= HIGHEST_CHOICE:
        return sp.ff(n, k) / sp.factorial(k)
    return sp.binomial(n, k)


# Quotients keep their precision at large and small numbers, where differences would lose it.
_REWRITTEN: dict[type[sp.Basic], Callable[..., sp.Expr]] = {
    sp.sign: _sign,
    sp.Heaviside: _step,
    sp.binomial: _chosen,
    sp.factorial: lambda x: sp.gamma(x + 1),
    sp.sec: lambda x: 1 / sp.cos(x),
    sp.csc: lambda x: 1 / sp.sin(x),
    sp.cot: lambda x: 1 / sp.tan(x),
    sp.sech: lambda x: 1 / sp.cosh(x),
    sp.csch: lambda x: 1 / sp.sinh(x),
    sp.coth: lambda x: 1 / sp.tanh(x),
    sp.asec: lambda x: sp.acos(1 / x),
    sp.acsc: lambda x: sp.asin(1 / x),
    sp.acot: lambda x: sp.Piecewise((sp.pi / 2, sp.Eq(x, 0)), (sp.atan(1 / x), True)),
    sp.asech: lambda x: sp.acosh(1 / x),
    sp.acsch: lambda x: sp.asinh(1 / x),
    sp.acoth: lambda x: sp.atanh(1 / x),
    sp.sinc: lambda x: sp.Piecewise((1, sp.Eq(x, 0)), (sp.sin(x) / x, True)),
    sp.frac: lambda x: x - sp.floor(x),
}
