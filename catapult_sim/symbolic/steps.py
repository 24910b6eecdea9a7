"""Steps of a derivation: a sentence on what is done, and the equations that come of it.

A derivation notes a step where it computes it, so that the two cannot differ. Nothing is kept
unless somebody records, as :func:`derivation_steps` of this package does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from typing import TypeVar

import sympy as sp

from catapult_sim.symbolic.expressions import free_name
from catapult_sim.symbolic.voices.rule import Rule

Result = TypeVar("Result")
Derived = TypeVar("Derived", bound=Rule)
Equation = tuple[sp.Expr, sp.Expr]

_noted: ContextVar[list[Step] | None] = ContextVar("noted", default=None)


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    what : str
        A sentence: what is done.
    equations : tuple of (sympy.Expr, sympy.Expr)
        The left-hand and the right-hand side of each equation that comes of it. A symbol with a
        prime has its value one step later (:func:`later`).
    """

    what: str
    equations: tuple[Equation, ...]


@contextmanager
def recording() -> Iterator[list[Step]]:
    """Record the steps of everything that is derived in the block.

    Examples
    --------
    >>> from catapult_sim import symbolic
    >>> with recording() as steps:
    ...     rule = symbolic.linear_net.invariant_law()
    >>> steps[-1].equations[-1]
    (I', I*(s - 1)**2)
    """
    steps: list[Step] = []
    token = _noted.set(steps)
    try:
        yield steps
    finally:
        _noted.reset(token)


def is_recorded() -> bool:
    """Return whether somebody records: for steps that take time to write."""
    return _noted.get() is not None


def note(what: str, *equations: Equation) -> None:
    """Note a step of a derivation, if somebody records; what is noted already is not repeated."""
    noted, step = _noted.get(), Step(what, equations)
    if noted is not None and step not in noted:
        noted.append(step)


def remembered(derive: Callable[[], Result]) -> Callable[[], Result]:
    """Cache the result of a derivation together with its steps."""

    @cache
    def derived() -> tuple[Result, list[Step]]:
        with recording() as steps:
            return derive(), steps

    @wraps(derive)
    def again() -> Result:
        result, steps = derived()
        for step in steps:
            note(step.what, *step.equations)
        return result

    return again


def later(variable: sp.Symbol) -> sp.Symbol:
    """Return the symbol of a variable's value one step later.

    Examples
    --------
    >>> later(sp.Symbol("f"))
    f'
    """
    return renamed(variable, f"{variable.name}'")


def renamed(symbol: sp.Symbol, name: str) -> sp.Symbol:
    """Return the same kind of symbol, or of block, under another name."""
    if symbol.is_Matrix:
        return sp.MatrixSymbol(name, *symbol.shape)
    return sp.Symbol(name, **symbol.assumptions0)


def name_apart(name: str, symbols: Iterable[sp.Symbol]) -> sp.Symbol:
    """Return a symbol of a name that no other symbol has, with underscores if need be.

    Examples
    --------
    >>> name_apart("C", sp.symbols("C u"))
    C_
    """
    return sp.Symbol(free_name(name, {symbol.name for symbol in symbols}))


def slope_of(quantity: str | sp.Symbol, variable: sp.Symbol) -> sp.Symbol:
    """Return the symbol of a derivative, which has the shape of its variable.

    Examples
    --------
    >>> slope_of("L", sp.Symbol("f"))
    dL/df
    """
    return renamed(variable, f"d{quantity}/d{variable.name}")


def next_state(state: Sequence[sp.Symbol], images: Sequence[sp.Expr]) -> tuple[Equation, ...]:
    """Return the equations of a rule: each variable's value one step later."""
    return tuple(zip(map(later, state), images, strict=True))


def concluded(what: str, rule: Derived) -> Derived:
    """Return a rule, and note its equations as the last step."""
    note(what, *rule.where.items(), *next_state(rule.state, rule.next))
    return rule


def specialised(derive: Callable[[], Result], put: Callable[[sp.Expr], sp.Expr]) -> Result:
    """Derive something, and note its steps with something put into their equations.

    Steps whose equations say nothing then are left out.
    """
    if not is_recorded():
        return derive()
    with recording() as steps:
        result = derive()
    for step in steps:
        pairs = ((put(left), put(right)) for left, right in step.equations)
        if kept := tuple((left, right) for left, right in pairs if left != right):
            note(step.what, *kept)
    return result
