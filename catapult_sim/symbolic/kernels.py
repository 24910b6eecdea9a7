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
import numpy.typing as npt
import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from catapult_sim.symbolic.update import Update

__all__ = ["Bind", "Program", "in_place", "scalar"]

Array = npt.NDArray[Any]
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
        ``following``, which shares no memory with the others. ``bind`` raises a
        ValueError if the rule holds any other operation.

    Raises
    ------
    ValueError
        If the size of a block is not a number.

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
    state_names, parameter_names, lines, results = rule._spoken(PythonCodePrinter().doprint)
    named = [(name, _parsed(value)) for name, value in lines]
    final = [_parsed(result) for result in results]

    def bind(state: Arrays, parameters: Arrays, following: Arrays) -> Program:
        names, arrays = [*state_names, *parameter_names], [*state, *parameters]
        writer = _Writer(dict(zip(names, arrays, strict=True)))
        for name, value in named:
            writer.places[name] = writer.write(value, np.empty_like(state[0]))
        for value, target in zip(final, following, strict=True):
            writer.write(value, target)
        return writer.program

    return bind


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Writer:
    """Appends operations to a program; a buffer is free again once it has been read."""

    def __init__(self, places: dict[str, Array]) -> None:
        self.places = places
        self.free: list[Array] = []
        self.program: Program = []

    def write(self, node: ast.expr, target: Array) -> Array:
        """Append what leaves the value of an expression in ``target``."""
        value = self._value(node, target)
        if value is not target:
            self.program.append(partial(np.copyto, target, value))
        return target

    def _value(self, node: ast.expr, target: Array | None = None) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.places[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self._apply(np.negative, [inner], target)
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)):
                return self._apply(np.square, [base], target)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATIONS:
                return self._apply(OPERATIONS[type(operator)], [left, right], target)
        raise ValueError(
            f"in_place() requires sums, products, quotients and squares; got {ast.unparse(node)}"
        )

    def _apply(self, operation: np.ufunc, nodes: list[ast.expr], target: Array | None) -> Any:
        operands = [self._value(node) for node in nodes]
        arrays = [operand for operand in operands if isinstance(operand, np.ndarray)]
        if not arrays:
            return operation(*operands)
        self.free += [a for a in arrays if not any(a is place for place in self.places.values())]
        if target is None:
            target = self.free.pop() if self.free else np.empty_like(arrays[0])
        self.program.append(partial(operation, *operands, out=target))
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
    lines, results = explicit._lines()
    # A list would be allocated at every step.
    spoken = (lines, tuple(results))
    arguments = (*explicit.state, *explicit.parameters)
    step = sp.lambdify(arguments, explicit.next, "math", cse=lambda _: spoken)
    return numba.njit(error_model="numpy")(step)
