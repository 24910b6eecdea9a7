r"""Vector fields of gradient flow, modified flows and principal flow.

A *field* is a callable from weights ``(P,)`` to their velocity ``(P,)``. Gradient flow ignores the
step size of training, modified flows include some of its powers [Barrett2021], and principal flow
is exact for quadratic losses [Rosca2023].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_function,
    require_instance,
    require_number,
    require_result,
)

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic.backward_error.field import Components, ModifiedField

Field = Callable[[Array], Array]


def gradient_field(gradient: Field) -> Field:
    """Return minus the gradient: the field of gradient flow."""
    require_function("gradient", gradient, "of weights (P,)")
    return lambda weights: -require_result("gradient", gradient(weights), *np.shape(weights))


def first_order_field(
    gradient: Field, hessian_product: Callable[[Array, Array], Array], step_size: float
) -> Field:
    r"""Return the first-order field of gradient descent, ``-(g + step_size / 2 H g)``.

    It is minus the gradient of ``C + step_size / 4 |grad C|^2`` [Barrett2021].

    Parameters
    ----------
    gradient : callable
        ``(P,) -> (P,)``.
    hessian_product : callable
        ``(weights (P,), direction (P,)) -> (P,)``.
    step_size : float
        The learning rate.

    Examples
    --------
    >>> field = first_order_field(lambda w: 2 * w, lambda w, v: 2 * v, 0.1)
    >>> field(np.array([1.0]))
    array([-2.2])
    """
    require_function("gradient", gradient, "of weights (P,)")
    require_function("hessian_product", hessian_product, "of weights (P,) and a direction (P,)")
    half = require_number("step_size", step_size) / 2

    def field(weights: Array) -> Array:
        g = require_result("gradient", gradient(weights), *weights.shape)
        bent = require_result("hessian_product", hessian_product(weights, g), *weights.shape)
        return -(g + half * bent)

    return field


def numeric_field(modified: ModifiedField, step_size: float) -> Field:
    """Compile a modified field to a NumPy function, for one step size.

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
    from catapult_sim.symbolic.backward_error.field import ModifiedField

    require_instance("modified", modified, ModifiedField, "what modified_field returns")
    rate, symbols = require_number("step_size", step_size), (*modified.state, modified.step_size)
    compiled = [_compiled(term, symbols) for term in modified.terms]

    def field(weights: Array) -> Array:
        columns = np.moveaxis(weights, -1, 0)
        terms = (np.broadcast_arrays(*term(*columns, rate)) for term in compiled)
        powers = [rate**k * np.stack(term, axis=-1) for k, term in enumerate(terms)]
        return np.sum(np.broadcast_arrays(*powers), axis=0)

    return field


@lru_cache(maxsize=128)
def _compiled(term: Components, symbols: tuple[sp.Symbol, ...]) -> Callable[..., Sequence[Array]]:
    """Compile the components of one term of a modified field, which truncated fields share."""
    # Cached, as this takes longer than to integrate most flows.
    import sympy as sp
    from sympy.printing.numpy import NumPyPrinter
    from sympy.printing.precedence import PRECEDENCE
    from sympy.simplify.cse_main import tree_cse

    # SymPy's cse would also look for equal parts of sums and products, which takes longest.
    shared, components = tree_cse(term, sp.numbered_symbols("_shared"), order="none")
    names, parts = {name for name, _ in shared}, [*components, *(part for _, part in shared)]
    if unknown := set().union(*(part.free_symbols for part in parts)) - {*names, *symbols}:
        listed = ", ".join(sorted(map(str, unknown)))
        raise InputError(f"a numeric field needs a value for every symbol; free are {listed}")

    # Python's compiler recurses once for each "+" and gives up at a thousand or so; SymPy would
    # look for fractions in every product, which takes most of the time.
    class Flat(NumPyPrinter):  # type: ignore[misc]
        def _print_Add(self, expr: Any, **_: Any) -> str:
            return f"builtins.sum(({', '.join(map(self._print, expr.args))}))"

        def _print_Mul(self, expr: Any, **_: Any) -> str:
            return " * ".join(self.parenthesize(one, PRECEDENCE["Mul"]) for one in expr.args)

    printer = Flat({"fully_qualified_modules": False, "allow_unknown_functions": True})
    # It walks through all that it is given: through what is left of the components, that is.
    compiled: Callable[..., Sequence[Array]] = sp.lambdify(
        symbols, components, "numpy", printer=printer, cse=lambda _: (shared, components)
    )
    return compiled


def principal_field(gradient: Field, hessian: Field, step_size: float) -> Field:
    r"""Return the field of principal flow, ``log(1 - h H) / (h H) grad C`` [Rosca2023].

    Exact on quadratic losses at any learning rate h. Along an eigenvector of curvature ``lam`` it
    is complex beyond ``h lam = 1``, where gradient descent overshoots, and grows beyond
    ``h lam = 2``, where gradient descent diverges.

    Parameters
    ----------
    gradient, hessian : callable
        ``(P,) -> (P,)`` and ``(P,) -> (P, P)``, also of complex weights.
    step_size : float
        The learning rate h. The field is infinite where ``h lam = 1`` exactly, as one step of
        gradient descent then reaches the minimum.

    Examples
    --------
    >>> from catapult_sim.numeric.flows.flow import flow
    >>> field = principal_field(lambda w: 3 * w, lambda w: np.diag([3.0]), 0.5)
    >>> print(flow(field, [1.0 + 0j], [0.0, 0.5, 1.0]).round(12).real.ravel())
    [ 1.   -0.5   0.25]
    """
    require_function("gradient", gradient, "of weights (P,)")
    require_function("hessian", hessian, "of weights (P,)")
    rate = require_number("step_size", step_size)

    def field(weights: Array) -> Array:
        matrix = require_result("hessian", hessian(weights), *2 * weights.shape)
        if not np.isfinite(matrix).all():
            return np.full(len(weights), np.nan, dtype=complex)
        # At complex weights H is symmetric but not Hermitian: eigh would not do.
        values, vectors = np.linalg.eig(matrix)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            curvature = rate * values.astype(complex)
            flat = curvature == 0
            rates = np.log(1 - curvature) / np.where(flat, 1, curvature)
        slope = require_result("gradient", gradient(weights), *weights.shape)
        components = np.linalg.solve(vectors, slope)
        velocity: Array = vectors @ (np.where(flat, -1, rates) * components)
        return velocity

    return field
