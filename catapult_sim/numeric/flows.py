r"""Gradient flow, modified flow and principal flow, beside the iterates they stand for.

A *field* is a callable from weights ``(P,)`` to their velocity ``(P,)``; time is the
step size times the number of steps. The fields differ in how much of the discreteness of
training they know: nothing, some powers of the step size [1]_, or, for quadratic losses,
everything [2]_.

References
----------
.. [1] D. Barrett and B. Dherin, *Implicit gradient regularization*,
   arXiv:2009.11162 (2021).
.. [2] M. Rosca, Y. Wu, C. Qin and B. Dherin, *On a continuous time model of gradient
   descent dynamics and instability in deep learning*, arXiv:2302.01952 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

if TYPE_CHECKING:
    from catapult_sim.symbolic.backward_error import ModifiedField

__all__ = [
    "Comparison",
    "Field",
    "compare",
    "first_order_field",
    "flow",
    "gradient_field",
    "numeric_field",
    "principal_field",
]

Array = npt.NDArray[Any]
Field = Callable[[Array], Array]

_RELATIVE_TOLERANCE = 1e-13  # SciPy accepts nothing below 100 machine epsilons


def gradient_field(gradient: Field) -> Field:
    """Return minus the gradient: the field of gradient flow."""
    return lambda weights: -gradient(weights)


def first_order_field(
    gradient: Field, hessian_product: Callable[[Array, Array], Array], step_size: float
) -> Field:
    r"""Return ``-(g + step_size / 2 H g)``, without a matrix: gradient descent's field.

    It is minus the gradient of ``C + step_size / 4 |grad C|^2``, ref. [1]_.

    Parameters
    ----------
    gradient : callable
        ``(P,) -> (P,)``.
    hessian_product : callable
        ``(weights (P,), direction (P,)) -> (P,)``.
    step_size : float
        The learning rate.

    References
    ----------
    .. [1] Barrett and Dherin, arXiv:2009.11162 (2021).

    Examples
    --------
    >>> field = first_order_field(lambda w: 2 * w, lambda w, v: 2 * v, 0.1)
    >>> field(np.array([1.0]))
    array([-2.2])
    """

    def field(weights: Array) -> Array:
        g = gradient(weights)
        return -(g + step_size / 2 * hessian_product(weights, g))

    return field


def numeric_field(modified: ModifiedField, step_size: float) -> Field:
    """Compile a derived field for one step size.

    Parameters
    ----------
    modified : ModifiedField
        With no free symbols but its state and its step size, a symbol.
    step_size : float
        The learning rate.

    Returns
    -------
    callable
        ``(..., P) -> (..., P)``, real or complex.

    Examples
    --------
    >>> import sympy as sp
    >>> from catapult_sim.symbolic.backward_error import modified_field
    >>> x, eps = sp.symbols("x eps")
    >>> numeric_field(modified_field([x**2], [x], eps, order=1), 0.1)(np.array([1.0]))
    array([-2.2])
    """
    components = _compiled(modified)

    def field(weights: Array) -> Array:
        velocity = components(*np.moveaxis(weights, -1, 0), step_size)
        return np.stack(np.broadcast_arrays(*velocity), axis=-1)

    return field


@lru_cache(maxsize=32)
def _compiled(modified: ModifiedField) -> Callable[..., tuple[Array, ...]]:
    """Compile once for all step sizes; this takes longer than most flows."""
    import sympy as sp
    from sympy.printing.numpy import NumPyPrinter

    total = modified.total()
    known = {*modified.state, modified.step_size}
    if unknown := {w for component in total for w in component.free_symbols} - known:
        names = ", ".join(sorted(map(str, unknown)))
        raise ValueError(f"a numeric field needs a value for every symbol; free are {names}")

    # SymPy would sort shared subexpressions first, which takes most of the time.
    def shared(expressions: Any) -> Any:
        return sp.cse(expressions, order="none", list=False)

    # Python's compiler recurses once for each "+" and gives up at a thousand or so.
    class FlatSums(NumPyPrinter):  # type: ignore[misc]
        def _print_Add(self, expr: Any, **_: Any) -> str:
            return f"builtins.sum(({', '.join(map(self._print, expr.args))}))"

    printer = FlatSums({"fully_qualified_modules": False, "allow_unknown_functions": True})
    compiled: Callable[..., tuple[Array, ...]] = sp.lambdify(
        (*modified.state, modified.step_size), total, "numpy", printer=printer, cse=shared
    )
    return compiled


def principal_field(gradient: Field, hessian: Field, step_size: float) -> Field:
    r"""Return the field of principal flow, ``log(1 - h H) / (h H) grad C``.

    Exact on quadratic losses at any learning rate h. It is complex beyond
    ``h lam = 1``, where gradient descent overshoots along an eigenvector of curvature
    `lam`, and grows beyond ``h lam = 2``, where gradient descent diverges.

    Parameters
    ----------
    gradient, hessian : callable
        ``(P,) -> (P,)`` and ``(P,) -> (P, P)``; they meet complex weights.
    step_size : float
        The learning rate h. Where ``h lam = 1`` exactly the field is infinite: one step of
        gradient descent arrives, no flow can.

    References
    ----------
    .. [1] Rosca, Wu, Qin and Dherin, arXiv:2302.01952 (2023).

    Examples
    --------
    >>> field = principal_field(lambda w: 3 * w, lambda w: np.diag([3.0]), 0.5)
    >>> print(flow(field, [1.0 + 0j], [0.0, 0.5, 1.0]).round(12).real.ravel())
    [ 1.   -0.5   0.25]
    """

    def field(weights: Array) -> Array:
        # Symmetric, not Hermitian: at complex weights left vectors are no conjugates.
        values, vectors = np.linalg.eig(hessian(weights))
        curvature = step_size * values.astype(complex)
        flat = curvature == 0
        rates = np.log(1 - curvature) / np.where(flat, 1, curvature)
        components = np.linalg.solve(vectors, gradient(weights))
        velocity: Array = vectors @ (np.where(flat, -1, rates) * components)
        return velocity

    return field


def flow(field: Field, start: npt.ArrayLike, times: npt.ArrayLike) -> Array:
    """Integrate a field to machine precision.

    Parameters
    ----------
    field : callable
        ``(P,) -> (P,)``.
    start : array_like, shape (P,)
        Real or complex weights at ``times[0]``.
    times : array_like, shape (T,)
        Rising or falling.

    Returns
    -------
    ndarray, shape (T, P)
        NaN from where on the flow does not exist, because it has run away.

    Notes
    -----
    Eighth order with relative tolerance 1e-13, restarted at each time, since an
    interpolated value would be less accurate than the steps (SciPy's DOP853).

    Examples
    --------
    >>> print(flow(lambda w: w**2, [1.0], [0.0, 0.5, 2.0]).ravel())
    [ 1.  2. nan]
    """
    state = np.asarray(start) + 0.0
    if state.ndim != 1:
        raise ValueError(f"start must have shape (P,); got {state.shape}")
    instants = np.asarray(times, dtype=float)
    path = np.full((len(instants), len(state)), np.nan, dtype=state.dtype)
    path[0] = state
    with np.errstate(all="ignore"):
        for i, span in enumerate(pairwise(instants), start=1):
            # SciPy would search for a first step for ever.
            if not np.isfinite(field(state)).all():
                break
            tolerance = _RELATIVE_TOLERANCE * np.abs(state).max()
            leg = solve_ivp(
                lambda _, weights: field(weights),
                span,
                state,
                method="DOP853",
                rtol=_RELATIVE_TOLERANCE,
                atol=tolerance,
            )
            if not leg.success:
                break
            path[i] = state = leg.y[:, -1]
    return path


@dataclass(frozen=True)
class Comparison:
    """Iterates and flows from one start on one axis, ``time = steps * duration``."""

    time: Array  # (T,)
    iterates: Array  # (T, P)
    flows: dict[str, Array]  # each (T, P), NaN where a flow has ended
    errors: dict[str, Array]  # each (T,): |flow - iterate|


def compare(
    step: Field, fields: Mapping[str, Field], start: npt.ArrayLike, *, duration: float, steps: int
) -> Comparison:
    """Put discrete iterates and the flows of some fields on one axis of time.

    Parameters
    ----------
    step : callable
        One update of the weights, ``(P,) -> (P,)``: a step, or a mean epoch.
    fields : mapping of str to callable
        The fields to compare with it, by name.
    start : array_like, shape (P,)
        Where all of them begin.
    duration : float
        The time that one update stands for: the step size, or the number of batches
        times it for an epoch.
    steps : int
        How many updates.

    Examples
    --------
    >>> halve = lambda w: w - 0.5 * w
    >>> run = compare(halve, {"gradient": lambda w: -w}, [1.0], duration=0.5, steps=2)
    >>> print(run.time, run.errors["gradient"].round(3))
    [0.  0.5 1. ] [0.    0.107 0.118]
    """
    if steps < 0:
        raise ValueError(f"steps must be at least 0; got {steps}")
    time = np.arange(steps + 1) * float(duration)
    iterates = _iterates(step, np.asarray(start) + 0.0, steps)
    flows = {name: flow(field, start, time) for name, field in fields.items()}
    with np.errstate(all="ignore"):
        errors = {name: _distance(path, iterates) for name, path in flows.items()}
    return Comparison(time, iterates, flows, errors)


def _iterates(step: Field, start: Array, steps: int) -> Array:
    path = [start]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            path.append(step(path[-1]))
    return np.stack(path)


def _distance(one: Array, other: Array) -> Array:
    distance: Array = np.linalg.norm(one - other, axis=-1)
    return distance
