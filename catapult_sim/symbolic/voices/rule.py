"""The protocol of rules that can be printed, and the assignments that all code consists of."""

# The members of the protocol are documented where they are defined.
# ruff: noqa: D102

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import sympy as sp

from catapult_sim.symbolic.voices.known import in_known_functions
from catapult_sim.symbolic.voices.languages import Language
from catapult_sim.symbolic.voices.names import identifiers
from catapult_sim.validation import InputError

Lines = tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]

LARGEST_INTEGER = 2**53  # up to which double precision counts
SMALLEST, LARGEST = sys.float_info.min, sys.float_info.max


@dataclass(frozen=True)
class Spoken:
    """A rule in one language: its names, assignments and results."""

    state: list[str]
    parameters: list[str]
    lines: list[tuple[str, str]]
    results: list[str]
    language: Language


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


@dataclass(frozen=True)
class Formula:
    """Expressions of variables and parameters, written in code as a rule is.

    Attributes
    ----------
    results : mapping of str to sympy.Expr
        The expressions, by what they are.
    """

    name: str
    state: tuple[sp.Symbol, ...]
    results: Mapping[str, sp.Expr]
    notation: Mapping[sp.Symbol, str] = field(default_factory=dict)
    where: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """What the function returns."""
        return f"derived here; returns {', '.join(self.results)}"

    @property
    def next(self) -> tuple[sp.Expr, ...]:
        """The expressions."""
        return tuple(self.results.values())

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """All symbols but the variables, by name."""
        used = set().union(*(one.free_symbols for one in self.next)) - set(self.state)
        return tuple(sorted(used, key=str))

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Variables and parameters."""
        return (*self.state, *self.parameters)

    def entrywise(self) -> Formula:
        """Return the formula itself: it has no blocks."""
        return self


def straight_line(rule: Rule, results: Sequence[sp.Expr]) -> Lines:
    """Return the assignments that ``results`` need, in order, and ``results`` in terms of them."""
    taken = {symbol.name for symbol in rule.symbols}
    names = (new for new in sp.numbered_symbols("x", real=True) if new.name not in taken)
    lines = []
    for symbol, value in _needed(rule, results):
        shared, (reduced,) = sp.cse([in_numbers(value)], names)
        lines += [*shared, (symbol, reduced)]
    shared, reduced_results = sp.cse([in_numbers(result) for result in results], names)
    return [*lines, *shared], reduced_results


def _needed(rule: Rule, results: Sequence[sp.Expr]) -> list[tuple[sp.Symbol, sp.Expr]]:
    """Return the quantities of ``where`` that results contain, directly or through others."""
    used, needed = set().union(*(sp.sympify(one).free_symbols for one in results)), []
    for symbol, value in reversed(list(rule.where.items())):
        if symbol in used:
            used |= value.free_symbols
            needed.append((symbol, value))
    return needed[::-1]


def constants(rule: Rule) -> set[sp.Expr]:
    """Return the mathematical constants that a rule names, which no symbol may look like."""
    found: set[sp.Expr] = set()
    for expression in (*rule.where.values(), *rule.next):
        found |= expression.atoms(sp.NumberSymbol, type(sp.I))
        found |= {sp.E} if expression.has(sp.exp) else set()
    return found


def in_numbers(expression: sp.Expr) -> sp.Expr:
    """Return an expression in functions and numbers that every language has.

    Steps are written as cases, and integers that double precision cannot count as such numbers.

    Raises
    ------
    InputError
        If a number is beyond double precision.
    """
    in_cases = in_known_functions(sp.sympify(expression))
    numbers = {one: _double(one) for one in in_cases.atoms(sp.Number, sp.NumberSymbol)}
    return in_cases.xreplace({old: new for old, new in numbers.items() if new is not old})


def _double(number: sp.Expr) -> sp.Expr:
    """Return a number as it is, if all languages read it right, or in double precision."""
    parts = (number.p, number.q) if number.is_Rational else ()
    if not number.is_finite or number in (sp.pi, sp.E):
        return number
    if parts and max(map(abs, parts)) <= LARGEST_INTEGER:
        return number
    if number != 0 and not SMALLEST <= abs(sp.Float(number, 17)) <= LARGEST:
        raise InputError(
            f"code requires numbers between {SMALLEST:.1e} and {LARGEST:.1e} in size; "
            f"got {sp.Float(number, 3)}"
        )
    return sp.Float(float(number), 17)


def spoken(
    rule: Rule, language: type[Language], results: Sequence[sp.Expr] | None = None
) -> Spoken:
    """Write a rule in one language, or other expressions in its symbols."""
    rule = rule.entrywise()
    try:
        lines, values = straight_line(rule, rule.next if results is None else results)
        symbols = (*rule.state, *rule.parameters, *(symbol for symbol, _ in lines))
        names = identifiers(symbols, language.reserved)
        printer = language(names)
        return Spoken(
            [names[symbol] for symbol in rule.state],
            [names[symbol] for symbol in rule.parameters],
            [(names[symbol], printer.write(value)) for symbol, value in lines],
            [printer.write(value) for value in values],
            printer,
        )
    except InputError as refusal:
        raise InputError(f"{rule.name}: {refusal}") from None
