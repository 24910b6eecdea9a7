"""A derived rule as functions on arrays, in NumPy or compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from catapult_sim.symbolic.voices.rule import Lines, Rule, straight_line
from catapult_sim.validation import not_installed

Step = Callable[..., npt.NDArray[np.floating[Any]]]


def numpy_step(rule: Rule) -> Step:
    """Return the rule as ``step(state, *parameters)`` on arrays.

    Returns
    -------
    callable
        Takes ``state (..., S)`` and parameters that broadcast against ``(...)``,
        returns the next ``state (..., S)``. Common subexpressions are shared.
        It raises a ValueError if there are too many or too few variables or parameters.

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
    components = _components(rule, rule.next)

    def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        following = components(*_checked(rule, state, parameters), *parameters)
        return np.stack(np.broadcast_arrays(*following), axis=-1)

    return step


def numpy_quantity(rule: Rule, quantity: sp.Expr) -> Step:
    """Return an expression in a rule's symbols as ``quantity(state, *parameters)`` on arrays.

    Returns
    -------
    callable
        Takes what :func:`numpy_step` takes, returns an array ``(...)``.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> numpy_quantity(Update("decay", (x,), (a,), (a * x,), "none"), x**2)(np.array([[3.0]]), 0.5)
    array([9.])
    """
    rule = rule.entrywise()
    components = _components(rule, [quantity])

    def measure(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        variables = _checked(rule, state, parameters)
        shape = np.broadcast_shapes(variables.shape[1:], *map(np.shape, parameters))
        return np.broadcast_to(components(*variables, *parameters)[0], shape)

    return measure


def _components(rule: Rule, results: Any) -> Callable[..., Any]:
    arguments = (*rule.state, *rule.parameters)
    lines = straight_line(rule, results)
    function: Callable[..., Any] = sp.lambdify(arguments, results, "numpy", cse=lambda _: lines)
    return function


def compiled_step(rule: Rule) -> Step:
    """Return :func:`numpy_step` compiled by numba, with the same arguments.

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
        _checked(rule, state, parameters)
        # A leading zero stands for the parameters of a rule that has none.
        return advance(state, np.stack(np.broadcast_arrays(0.0, *parameters), axis=-1))

    return step


def _on_vectors(rule: Rule) -> Step:
    """Compile ``(state (..., S), parameters (..., 1 + P)) -> (..., S)``."""
    try:
        import numba
    except ImportError as missing:
        raise ImportError(not_installed("compiled()", "numba")) from missing
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


def _placed(rule: Rule, state: sp.DeferredVector, parameters: sp.DeferredVector) -> Lines:
    """Return a rule's assignments in the entries of two vectors, parameters from 1 on."""
    places = {symbol: state[i] for i, symbol in enumerate(rule.state)}
    places |= {symbol: parameters[i] for i, symbol in enumerate(rule.parameters, start=1)}
    lines, results = straight_line(rule, rule.next)
    # One type for all components: numba iterates over no other tuple.
    numbers = [e.xreplace(places) if e.free_symbols else sp.Float(e) for e in results]
    return [(symbol, value.xreplace(places)) for symbol, value in lines], numbers


def _checked(
    rule: Rule, state: npt.ArrayLike, parameters: tuple[npt.ArrayLike, ...]
) -> npt.NDArray[Any]:
    """Return the state's variables, each an array ``(...)``, or raise a ValueError."""
    state = np.asarray(state)
    if state.shape[-1:] != (len(rule.state),) or len(parameters) != len(rule.parameters):
        raise ValueError(
            f"{rule.name}: required a state of shape (..., {len(rule.state)}) and the "
            f"{len(rule.parameters)} parameters ({', '.join(map(str, rule.parameters))}); "
            f"got shape {state.shape} and {len(parameters)}"
        )
    return np.moveaxis(state, -1, 0)
