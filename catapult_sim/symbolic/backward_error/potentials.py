"""Whether a field is minus the gradient of a loss, and of which."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import sympy as sp


def curl_of(
    field: Sequence[sp.Expr], state: Sequence[sp.Symbol]
) -> dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]:
    """Return ``d F_x / dy - d F_y / dx`` for all pairs ``(x, y)`` for which it is not zero.

    A difference counts as zero if 30 digits cancel at a generic point.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> curl_of((x * y, 0 * x), (x, y)), curl_of((x * y, x**2 / 2), (x, y))
    ({(x, y): x}, {})
    """
    pairs = list(combinations(zip(field, state, strict=True), 2))
    slopes = {(x, y): (f_x.diff(y), f_y.diff(x)) for (f_x, x), (f_y, y) in pairs}
    return {pair: sp.expand(a - b) for pair, (a, b) in slopes.items() if not _agree(a, b)}


def _agree(one: sp.Expr, other: sp.Expr) -> bool:
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    values = {w: sp.sqrt(sp.prime(k + 2)).evalf(60) / 3 for k, w in enumerate(symbols)}
    # A shared subexpression is evaluated once; there are many.
    shared, both = sp.cse([one, other])
    for symbol, expression in shared:
        values[symbol] = expression.xreplace(values).evalf(60)
    a, b = (expression.xreplace(values).evalf(60) for expression in both)
    return bool(abs(a - b) <= sp.Float("1e-30") * (abs(a) + abs(b)))


def potential_of(field: Sequence[sp.Expr], state: Sequence[sp.Symbol]) -> sp.Expr:
    """Integrate minus a field without curl, one weight after the other.

    What is not polynomial stays an unevaluated integral, which can be differentiated,
    evaluated or integrated further (``doit``) as the caller likes.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> potential_of((x * y, x**2 / 2), (x, y))
    -x**2*y/2
    >>> potential_of((sp.exp(x),), (x,))
    Integral(-exp(x), x)
    """
    loss = sp.Integer(0)
    for component, w in zip(field, state, strict=True):
        missing = sp.expand(-component - loss.diff(w))
        polynomial = missing.is_polynomial(*state)
        loss += sp.integrate(missing, w) if polynomial else sp.Integral(missing, w)
    return loss
