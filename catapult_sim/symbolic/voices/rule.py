"""The protocol of rules that can be printed, and the assignments that all code consists of."""

# The members of the protocol are documented where they are defined.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import sympy as sp

Lines = tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]


class Rule(Protocol):
    """The attributes of :class:`~catapult_sim.symbolic.update.Update` that voices read."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> tuple[sp.Symbol, ...]: ...
    @property
    def parameters(self) -> tuple[sp.Symbol, ...]: ...
    @property
    def next(self) -> tuple[sp.Expr, ...]: ...
    @property
    def reference(self) -> str: ...
    @property
    def notation(self) -> Mapping[sp.Symbol, str]: ...
    @property
    def where(self) -> Mapping[sp.Symbol, sp.Expr]: ...
    @property
    def symbols(self) -> tuple[sp.Symbol, ...]: ...
    def entrywise(self) -> Rule: ...


def straight_line(rule: Rule, results: Sequence[sp.Expr]) -> Lines:
    """Return the assignments that ``results`` need, in order, and ``results`` in terms of them."""
    names = sp.numbered_symbols("x", exclude=rule.symbols)
    lines = []
    for symbol, value in _needed(rule, results):
        shared, (reduced,) = sp.cse([value], names)
        lines += [*shared, (symbol, reduced)]
    shared, reduced_results = sp.cse(results, names)
    return [*lines, *shared], reduced_results


def _needed(rule: Rule, results: Sequence[sp.Expr]) -> list[tuple[sp.Symbol, sp.Expr]]:
    """Return the quantities of ``where`` that results contain, directly or through others."""
    used, needed = set().union(*(sp.sympify(one).free_symbols for one in results)), []
    for symbol, value in reversed(list(rule.where.items())):
        if symbol in used:
            used |= value.free_symbols
            needed.append((symbol, value))
    return needed[::-1]


def spoken(
    rule: Rule, write: Callable[[sp.Expr], str]
) -> tuple[list[str], list[str], list[tuple[str, str]], list[str]]:
    """Write state, parameters, assignments and results of a rule in one language."""
    rule = rule.entrywise()
    lines, results = straight_line(rule, rule.next)
    return (
        [write(symbol) for symbol in rule.state],
        [write(symbol) for symbol in rule.parameters],
        [(write(symbol), write(value)) for symbol, value in lines],
        [write(result) for result in results],
    )
