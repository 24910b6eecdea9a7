"""Expressions that users give: numbers and SymPy expressions, never texts."""

from __future__ import annotations

from typing import Any

import sympy as sp

from catapult_sim.validation import UNREADABLE, InputError, shown


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
