"""A derived rule as code: NumPy, numba, Python and JavaScript.

All of them are written from the same list of lines, so that they differ in their language and
in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from sympy.printing.numpy import NumPyPrinter
from sympy.printing.pycode import PythonCodePrinter

if TYPE_CHECKING:
    from catapult_sim.symbolic.update import Update

Step = Callable[..., npt.NDArray[np.floating[Any]]]
Lines = tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]


def numpy_step(rule: Update) -> Step:
    """Return the rule as ``step(state, *parameters)`` on arrays.

    Returns
    -------
    callable
        Takes ``state (..., S)`` and parameters that broadcast against ``(...)``,
        returns the next ``state (..., S)``. Common subexpressions are shared.
        It raises a ValueError if the state or the parameters are too many or too few.

    Raises
    ------
    ValueError
        If the size of a block is not a number.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> step = Update("decay", (x,), (a,), (a * x,), "none").numpy()
    >>> step(np.array([[1.0], [2.0]]), 0.5)
    array([[0.5],
           [1. ]])
    """
    rule = rule.entrywise()
    arguments = (*rule.state, *rule.parameters)
    components = sp.lambdify(arguments, rule.next, "numpy", cse=lambda _: straight_line(rule))

    def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        state = _checked(rule, state, parameters)
        following = components(*np.moveaxis(state, -1, 0), *parameters)
        return np.stack(np.broadcast_arrays(*following), axis=-1)

    return step


def compiled_step(rule: Update) -> Step:
    """Return :func:`numpy_step`, compiled by numba: same call, one pass over memory.

    Returns
    -------
    callable
        ``step(state, *parameters)`` in double precision, shapes as in :func:`numpy_step`.

    Raises
    ------
    ImportError
        If numba is not installed.
    ValueError
        If the size of a block is not a number.
    """
    rule = rule.entrywise()
    advance = _on_vectors(rule)

    def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        state = _checked(rule, state, parameters)
        # A leading zero stands for the parameters of a rule that has none.
        return advance(state, np.stack(np.broadcast_arrays(0.0, *parameters), axis=-1))

    return step


def _on_vectors(rule: Update) -> Step:
    """Compile ``(state (..., S), parameters (..., 1 + P)) -> (..., S)``."""
    try:
        import numba
    except ImportError as missing:
        raise ImportError(
            "compiled() requires numba; install it with: pip install catapult_sim[fast]"
        ) from missing
    vectors = tuple(sp.DeferredVector(name) for name in ("state", "parameters"))
    lines = _placed(rule, *vectors)
    components = numba.njit(error_model="numpy")(
        sp.lambdify(vectors, rule.next, "numpy", cse=lambda _: lines)
    )

    @numba.guvectorize(["(float64[:], float64[:], float64[:])"], "(s),(p)->(s)")  # type: ignore[untyped-decorator]
    def advance(state: Any, parameters: Any, following: Any) -> None:
        for i, component in enumerate(components(state, parameters)):
            following[i] = component

    compiled: Step = advance
    return compiled


def _placed(rule: Update, state: sp.DeferredVector, parameters: sp.DeferredVector) -> Lines:
    """Write the lines of a rule in the entries of two vectors, parameters from 1 on."""
    places = {symbol: state[i] for i, symbol in enumerate(rule.state)}
    places |= {symbol: parameters[i] for i, symbol in enumerate(rule.parameters, start=1)}
    lines, results = straight_line(rule)
    # One type for all components: numba iterates over no other tuple.
    numbers = [e.xreplace(places) if e.free_symbols else sp.Float(e) for e in results]
    return [(symbol, value.xreplace(places)) for symbol, value in lines], numbers


def python_source(rule: Update) -> str:
    """Return the source of the rule as a plain Python function on sequences.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, y, a = sp.symbols("x y a")
    >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).python())
    def shift(state, a):
        # Source: none.
        [x] = state
        y = -a + x
        return [
            y**2,
        ]
    """
    return _function(rule, PythonCodePrinter(), "state", "[", "]")


def numpy_source(rule: Update) -> str:
    """Return the source of the rule as a function on arrays, as :func:`numpy_step` takes them.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> print(Update("decay", (x,), (a,), (sp.sqrt(a) * x,), "none").numpy_source())
    import numpy
    <BLANKLINE>
    <BLANKLINE>
    def decay(state, a):
        # Source: none.
        [x] = numpy.moveaxis(state, -1, 0)
        return numpy.stack(numpy.broadcast_arrays(
            numpy.sqrt(a)*x,
        ), axis=-1)
    """
    printer, gathered = NumPyPrinter(), ("numpy.stack(numpy.broadcast_arrays(", "), axis=-1)")
    printer.module_imports["numpy"].update(["broadcast_arrays", "moveaxis", "stack"])
    return _function(rule, printer, "numpy.moveaxis(state, -1, 0)", *gathered)


def _function(
    rule: Update, printer: PythonCodePrinter | NumPyPrinter, rows: str, before: str, after: str
) -> str:
    """Write a function of Python, given how it takes its state apart and puts the next together."""
    state, parameters, lines, results = spoken(rule, printer.doprint)
    return "\n".join(
        [
            *(f"import {module}\n\n" for module in sorted(printer.module_imports)),
            f"def {rule.name.replace('-', '_')}({', '.join(['state', *parameters])}):",
            f"    # Source: {rule.reference}.",
            f"    [{', '.join(state)}] = {rows}",
            *(f"    {name} = {value}" for name, value in lines),
            f"    return {before}",
            *(f"        {result}," for result in results),
            f"    {after}",
        ]
    )


def javascript_source(rule: Update) -> str:
    """Return the source of the rule as a JavaScript function on arrays.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, y, a = sp.symbols("x y a")
    >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).javascript())
    function shift([x], a) {
      // Source: none.
      const y = -a + x;
      return [
        Math.pow(y, 2),
      ];
    }
    """
    state, parameters, lines, results = spoken(rule, sp.jscode)
    first, *others = rule.name.split("-")
    function = first + "".join(word.capitalize() for word in others)
    arguments = ", ".join([f"[{', '.join(state)}]", *parameters])
    return "\n".join(
        [
            f"function {function}({arguments}) {{",
            f"  // Source: {rule.reference}.",
            *(f"  const {name} = {value};" for name, value in lines),
            "  return [",
            *(f"    {result}," for result in results),
            "  ];",
            "}",
        ]
    )


def spoken(
    rule: Update, write: Callable[[sp.Expr], str]
) -> tuple[list[str], list[str], list[tuple[str, str]], list[str]]:
    """Write state, parameters, assignments and results in one language."""
    rule = rule.entrywise()
    lines, results = straight_line(rule)
    return (
        [write(symbol) for symbol in rule.state],
        [write(symbol) for symbol in rule.parameters],
        [(write(symbol), write(value)) for symbol, value in lines],
        [write(result) for result in results],
    )


def straight_line(rule: Update) -> Lines:
    """Return assignments in order, and results: what every language says."""
    names = sp.numbered_symbols("x", exclude=rule.symbols)
    lines = []
    for symbol, value in rule.where.items():
        shared, (reduced,) = sp.cse([value], names)
        lines += [*shared, (symbol, reduced)]
    shared, results = sp.cse(rule.next, names)
    return [*lines, *shared], results


def _checked(
    rule: Update, state: npt.ArrayLike, parameters: tuple[npt.ArrayLike, ...]
) -> npt.NDArray[Any]:
    state = np.asarray(state)
    if state.shape[-1:] != (len(rule.state),) or len(parameters) != len(rule.parameters):
        raise ValueError(
            f"{rule.name}: required a state of shape (..., {len(rule.state)}) and the "
            f"{len(rule.parameters)} parameters ({', '.join(map(str, rule.parameters))}); "
            f"got shape {state.shape} and {len(parameters)}"
        )
    return state
