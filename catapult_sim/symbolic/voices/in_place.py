"""A derived rule as the inner loop of long runs: NumPy in place, or compiled by numba.

A run over millions of cells spends its time in the memory that intermediate results
pass through. :func:`in_place` therefore gives a rule as NumPy operations on given
arrays, bound to them once and repeated at every step; :func:`on_columns` gives it to a
compiled loop, where intermediate results never leave the processor. Both keep the order of
operations of the NumPy voice, so that sums, products, quotients and squares agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import sympy as sp

from catapult_sim.symbolic.voices.functions import executed, on_arrays
from catapult_sim.symbolic.voices.languages import Compiled
from catapult_sim.symbolic.voices.rule import Rule, spoken
from catapult_sim.types import Array

Program = list[Callable[[], Any]]
Arrays = Sequence[Array] | Array  # or one array, of rows
Bind = Callable[[Arrays, Arrays, Arrays], Program]

# Functions that replace powers, as the operator ** of arrays does.
_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


def in_place(rule: Rule, results: Sequence[sp.Expr] | None = None) -> Bind:
    """Return a rule as NumPy operations on memory that the caller provides.

    Parameters
    ----------
    rule : Update
        Its right-hand sides are made of elementwise functions.
    results : sequence of R sympy.Expr, optional
        What to compute of state and parameters; by default the next state.

    Returns
    -------
    callable
        ``bind(state, parameters, following) -> list of operations``. Each argument is a
        sequence of arrays ``(N,)``; called one after the other, without arguments, the
        operations read ``state`` and ``parameters`` and write the R results into
        ``following``, which shares no memory with the others.

    Raises
    ------
    InputError
        If the size of a block is not a number.
    InputError
        If NumPy has no function, or no number, that the rule names.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> from catapult_sim.symbolic import Update
    >>> logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    >>> now, rate, after = np.array([0.5, 0.25]), np.full(2, 4.0), np.empty(2)
    >>> for operation in in_place(logistic)([now], [rate], [after]):
    ...     _ = operation()
    >>> after
    array([1.  , 0.75])
    """
    rule = rule.entrywise()
    tape = _Tape(rule, rule.next if results is None else results)

    def bind(state: Arrays, parameters: Arrays, following: Arrays) -> Program:
        places = [*state, *parameters, *following]
        places += [np.empty_like(state[0]) for _ in range(tape.temporaries)]
        return [
            partial(operation, *(_look_up(x, places) for x in operands), out=places[target])
            for operation, operands, target in tape.operations
        ]

    return bind


def _look_up(operand: Any, places: Sequence[Array]) -> Any:
    return places[operand.place] if isinstance(operand, _Value) else operand


Operation = Callable[..., Any]
"""A function of operands and of the array for its result."""


def _where(condition: Any, value: Any, other: Any, out: Array) -> None:
    out[...] = np.where(condition, value, other)


class _Value(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for an array that records the operations applied to it."""

    def __init__(self, record: list[tuple[Operation, tuple[Any, ...], _Value]]) -> None:
        self.record, self.place = record, -1

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.power and not isinstance(inputs[1], _Value) and inputs[1] in _POWERS:
            ufunc, inputs = _POWERS[inputs[1]], inputs[:1]
        self.record.append((ufunc, inputs, result := _Value(self.record)))
        return result

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function is not np.where:
            return NotImplemented
        self.record.append((_where, inputs, result := _Value(self.record)))
        return result


class _Tape:
    """Recorded operations in order, each with its operands and the place of its result.

    Places are numbered: state, parameters and results come first, then temporary ones.
    """

    def __init__(self, rule: Rule, results: Sequence[sp.Expr]) -> None:
        record: list[tuple[Operation, tuple[Any, ...], _Value]] = []
        given = [_Value(record) for _ in (*rule.state, *rule.parameters)]
        values = on_arrays(rule, results)(*given)
        for place, value in enumerate(given):
            value.place = place
        first = len(given)
        for place, value in enumerate(values, start=first):
            if not isinstance(value, _Value) or value.place >= 0:
                # A constant, a variable or a result that appears twice is copied.
                record.append((np.positive, (value,), value := _Value(record)))
            value.place = place
        fresh = count(first + len(values))
        self.operations = list(_with_places(record, fresh))
        self.temporaries = next(fresh) - first - len(values)


def _with_places(
    record: list[tuple[Operation, tuple[Any, ...], _Value]], fresh: Iterator[int]
) -> Iterator[tuple[Operation, tuple[Any, ...], int]]:
    """Yield operations with the places of results; temporary ones are free after their last use."""
    last = {id(x): i for i, (_, operands, _) in enumerate(record) for x in operands}
    temporary, free = set[int](), list[int]()
    for i, (operation, operands, result) in enumerate(record):
        read = {x.place for x in operands if isinstance(x, _Value) and last[id(x)] == i}
        free += sorted(read & temporary)
        if result.place < 0:
            result.place = free.pop() if free else next(fresh)
            temporary.add(result.place)
        yield operation, operands, result.place


def on_columns(
    rule: Rule, results: Sequence[sp.Expr] | None = None, first: int = 0
) -> Callable[..., Any]:
    """Compile ``step(rows, i) -> tuple`` of R numbers, to be called in loops that numba compiles.

    Parameters
    ----------
    rule : Update
    results : sequence of R sympy.Expr, optional
        What to compute of state and parameters; by default the next state.
    first : int
        The row of the first variable: column i of ``rows`` holds a state and its parameters from
        this row on.

    Raises
    ------
    ImportError
        If numba is not installed.
    InputError
        If the size of a block is not a number.
    InputError
        If compiled code has no function, or no number, that the rule names.
    """
    import numba

    spelt = spoken(rule, Compiled, results)
    variables = [*spelt.state, *spelt.parameters]
    step = executed(
        "step",
        [
            "def step(rows, column):",
            *(f"    {name} = rows[{row}, column]" for row, name in enumerate(variables, first)),
            *(f"    {name} = {value}" for name, value in spelt.lines),
            # One type for all: numba iterates over no other tuple.
            f"    return ({', '.join(f'float({value})' for value in spelt.results)},)",
        ],
        spelt.language.module_imports,
    )
    compiled: Callable[..., Any] = numba.njit(error_model="numpy")(step)
    return compiled
