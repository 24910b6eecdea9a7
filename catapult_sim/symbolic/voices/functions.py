"""A derived rule as functions on arrays, in NumPy or compiled by numba."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.voices.languages import Compiled, NumPy
from catapult_sim.symbolic.voices.rule import Rule, spoken
from catapult_sim.validation import InputError, not_installed

Step = Callable[..., npt.NDArray[np.floating[Any]]]


def numpy_step(rule: Rule) -> Step:
    """Return the rule as ``step(state, *parameters)`` on arrays.

    Returns
    -------
    callable
        Takes ``state (..., S)`` and parameters that broadcast against ``(...)``,
        returns the next ``state (..., S)``, in the precision of the state; integers count as
        double precision. Common subexpressions are shared. Where there is no number, the result
        is infinite or not a number, without a warning.
        It raises an InputError if there are too many or too few variables or parameters, or they
        are not real or complex numbers.

    Raises
    ------
    InputError
        If the size of a block is not a number.
    InputError
        If NumPy has no function, or no number, that the rule names.

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
    components = on_arrays(rule)

    def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        arguments = _checked(rule, state, parameters)
        with np.errstate(all="ignore"):
            following = _computed(rule, components, arguments)
        rows = np.broadcast_arrays(*following, *arguments)[: len(following)]
        return np.stack(rows, axis=-1, dtype=arguments[0].dtype)

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
    components = on_arrays(rule, [require_expression("quantity", quantity)])

    def measure(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        arguments = _checked(rule, state, parameters)
        with np.errstate(all="ignore"):
            (value,) = _computed(rule, components, arguments)
        shape = np.broadcast_shapes(*map(np.shape, arguments))
        return np.broadcast_to(np.asarray(value, arguments[0].dtype), shape)

    return measure


def _computed(
    rule: Rule, components: Callable[..., Any], arguments: Sequence[npt.NDArray[Any]]
) -> Any:
    """Return components of arguments, or raise InputError where functions take no such numbers."""
    try:
        return components(*arguments)
    except TypeError:
        kind = arguments[0].dtype
        raise InputError(
            f"{rule.name} requires real numbers for a function that NumPy has for these alone; "
            f"got numbers of type {kind}"
        ) from None


def on_arrays(rule: Rule, results: Sequence[sp.Expr] | None = None) -> Callable[..., Any]:
    """Return next state, or other results, as a function of arrays, each a variable by itself."""
    spelt = spoken(rule, NumPy, results)
    arguments = ", ".join([*spelt.state, *spelt.parameters])
    return executed(
        "components",
        [
            f"def components({arguments}):",
            *(f"    {name} = {value}" for name, value in spelt.lines),
            f"    return [{', '.join(spelt.results)}]",
        ],
        spelt.language.module_imports,
    )


def executed(name: str, source: Sequence[str], modules: Iterable[str]) -> Callable[..., Any]:
    """Return a function that lines of generated Python define."""
    namespace: dict[str, Any] = {}
    for module in modules:
        importlib.import_module(module)
        top = module.partition(".")[0]
        namespace[top] = importlib.import_module(top)
    exec("\n".join(source), namespace)
    function: Callable[..., Any] = namespace[name]
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
    InputError
        If the size of a block is not a number.
    InputError
        If the rule names a function or number that compiled code lacks.
    """
    rule = rule.entrywise()
    advance = _on_vectors(rule)

    def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
        variables = _checked(rule, state, parameters)
        if any(map(np.iscomplexobj, variables)):
            raise InputError(f"{rule.name}: compiled code requires real numbers; got complex ones")
        # A leading zero stands for the parameters of a rule that has none.
        rates = np.stack(np.broadcast_arrays(0.0, *variables[len(rule.state) :]), axis=-1)
        with np.errstate(all="ignore"):
            return advance(np.asarray(state, float), rates.astype(float, copy=False))

    return step


def _on_vectors(rule: Rule) -> Step:
    """Compile ``(state (..., S), parameters (..., 1 + P)) -> (..., S)``."""
    try:
        import numba
    except ImportError as missing:
        raise ImportError(not_installed("compiled()", "numba")) from missing
    spelt = spoken(rule, Compiled)
    advance = executed(
        "advance",
        [
            "def advance(state, parameters, following):",
            *(f"    {name} = state[{i}]" for i, name in enumerate(spelt.state)),
            *(f"    {name} = parameters[{i}]" for i, name in enumerate(spelt.parameters, start=1)),
            *(f"    {name} = {value}" for name, value in spelt.lines),
            *(f"    following[{i}] = {value}" for i, value in enumerate(spelt.results)),
        ],
        spelt.language.module_imports,
    )
    kernel = numba.njit(error_model="numpy")(advance)

    @numba.guvectorize(["(float64[:], float64[:], float64[:])"], "(s),(p)->(s)")  # type: ignore[untyped-decorator]
    def on_vectors(state: Any, parameters: Any, following: Any) -> None:
        kernel(state, parameters, following)

    compiled: Step = on_vectors
    return compiled


def _checked(
    rule: Rule, state: npt.ArrayLike, parameters: tuple[npt.ArrayLike, ...]
) -> list[npt.NDArray[Any]]:
    """Return variables and parameters, each an array ``(...)`` of the state's type."""
    array = _numbers(rule, "state", state)
    if array.shape[-1:] != (len(rule.state),) or len(parameters) != len(rule.parameters):
        raise InputError(
            f"{rule.name}: required a state of shape (..., {len(rule.state)}) and the "
            f"{len(rule.parameters)} parameters ({', '.join(map(str, rule.parameters))}); "
            f"got shape {array.shape} and {len(parameters)}"
        )
    rates = [_numbers(rule, s, one) for s, one in zip(rule.parameters, parameters, strict=True)]
    kind = np.result_type(array, *(rate for rate in rates if np.iscomplexobj(rate)))
    return [
        *np.moveaxis(array.astype(kind, copy=False), -1, 0),
        *(rate.astype(kind, copy=False) for rate in rates),
    ]


def _numbers(rule: Rule, name: Any, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return values as an array of floats or complex numbers, or raise an InputError."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "fc":
            return array
        if array.dtype.kind not in "biuO":
            raise TypeError
        return array.astype(float)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{rule.name}: required numbers as {name}; got {values!r:.40}") from None
