r"""Fields: what flows follow, from gradient flow to all that is known of a learning rate.

A *field* is a callable from weights ``(P,)`` to their velocity ``(P,)``. The fields differ in how
much of the discreteness of training they know: nothing, some powers of the step size [1]_, or,
for quadratic losses, everything [2]_.

References
----------
.. [1] D. Barrett and B. Dherin, *Implicit gradient regularization*,
   arXiv:2009.11162 (2021).
.. [2] M. Rosca, Y. Wu, C. Qin and B. Dherin, *On a continuous time model of gradient
   descent dynamics and instability in deep learning*, arXiv:2302.01952 (2023).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.types import Array

if TYPE_CHECKING:
    from catapult_sim.symbolic.backward_error.field import ModifiedField

Field = Callable[[Array], Array]


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
    >>> from catapult_sim.numeric.flows.flow import flow
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
