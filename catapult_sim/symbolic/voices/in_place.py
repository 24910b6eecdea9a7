"""The inner loop of long runs, written from a derived rule.

A run over millions of cells spends its time in the memory that intermediate results
pass through. :func:`in_place` therefore gives a rule as NumPy operations on given
arrays, bound to them once and repeated at every step; :func:`scalar` gives it to a
compiled loop, where intermediate results never leave the processor. Both are written
from the text of the rule's Python voice and keep the order of its operations, so that
they agree bit for bit.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from catapult_sim.symbolic.update import Update
from catapult_sim.symbolic.voices.source import spoken, straight_line
from catapult_sim.types import Array

Program = list[Callable[[], Any]]
Arrays = Sequence[Array] | Array  # the rows of an array will do
Bind = Callable[[Arrays, Arrays, Arrays], Program]

OPERATIONS: Mapping[type[ast.operator], np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


def in_place(rule: Update) -> Bind:
    """Return a rule as NumPy operations on memory that the caller provides.

    Parameters
    ----------
    rule : Update
        Its right-hand sides are made of sums, products, quotients and squares.

    Returns
    -------
    callable
        ``bind(state, parameters, following) -> list of operations``. Each argument is a
        sequence of arrays ``(N,)``; called one after the other, without arguments, the
        operations read ``state`` and ``parameters`` and write the next state into
        ``following``, which shares no memory with the others.

    Raises
    ------
    ValueError
        If the size of a block is not a number, or the rule holds any other operation.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    >>> now, rate, after = np.array([0.5, 0.25]), np.full(2, 4.0), np.empty(2)
    >>> for operation in in_place(logistic)([now], [rate], [after]):
    ...     _ = operation()
    >>> after
    array([1.  , 0.75])
    """
    state_names, parameter_names, lines, results = spoken(rule, PythonCodePrinter().doprint)
    writer = _Writer({*state_names, *parameter_names, *(name for name, _ in lines)})
    for name, value in lines:
        writer.write(value, name)
    targets = [f"next {name}" for name in state_names]
    for value, target in zip(results, targets, strict=True):
        writer.write(value, target)
    given = [*state_names, *parameter_names, *targets]

    def bind(state: Arrays, parameters: Arrays, following: Arrays) -> Program:
        places: dict[Any, Any] = dict(zip(given, [*state, *parameters, *following], strict=True))
        for _, _, target in writer.tape:
            if target not in places:
                places[target] = np.empty_like(state[0])
        # What has no place is a constant.
        return [
            partial(operation, *(places.get(x, x) for x in operands), places[target])
            for operation, operands, target in writer.tape
        ]

    return bind


class _Writer:
    """Writes expressions as single operations on named places and constants."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.tape: list[tuple[Any, list[Any], str]] = []
        self.free: list[str] = []

    def write(self, text: str, target: str) -> None:
        """Append what leaves the value of an expression in ``target``."""
        value = self._value(ast.parse(text, mode="eval").body, target)
        if value != target:
            self.tape.append((np.positive, [value], target))

    def _value(self, node: ast.expr, target: str | None = None) -> Any:
        """Append what computes an expression; return its place or its constant value."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.Name(id=name):
                return name
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self._apply(np.negative, [inner], target)
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)):
                return self._apply(np.square, [base], target)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATIONS:
                return self._apply(OPERATIONS[type(operator)], [left, right], target)
        raise ValueError(
            f"in_place() requires sums, products, quotients and squares; got {ast.unparse(node)}"
        )

    def _apply(self, operation: np.ufunc, nodes: list[ast.expr], target: str | None) -> Any:
        operands = [self._value(node) for node in nodes]
        places = [operand for operand in operands if isinstance(operand, str)]
        if not places:
            return float(operation(*operands))
        # A temporary place is free again once it has been read.
        self.free += [place for place in places if place not in self.names]
        if target is None:
            target = self.free.pop() if self.free else f"temporary {len(self.tape)}"
        self.tape.append((operation, operands, target))
        return target


def scalar(rule: Update) -> Callable[..., tuple[float, ...]]:
    """Compile one step of a rule on numbers, to be called in loops that numba compiles.

    Parameters
    ----------
    rule : Update

    Returns
    -------
    callable
        ``step(*state, *parameters) -> tuple`` of S numbers.

    Raises
    ------
    ImportError
        If numba is not installed.
    ValueError
        If the size of a block is not a number.
    """
    import numba

    explicit = rule.entrywise()
    lines, results = straight_line(explicit)
    # A list would be allocated at every step.
    program = (lines, tuple(results))
    arguments = (*explicit.state, *explicit.parameters)
    step = sp.lambdify(arguments, explicit.next, "math", cse=lambda _: program)
    return numba.njit(error_model="numpy")(step)
