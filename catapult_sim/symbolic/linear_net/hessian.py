r"""The spectrum of the two-layer linear network's Hessian on one sample.

Where the residual is not zero, the kernel's eigenvalue ``lam`` is not the sharpness.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from catapult_sim.symbolic.linear_net.gram import lam, n
from catapult_sim.symbolic.linear_net.sample import f, r, read_label, y


def hessian_eigenvalues(label: sp.Expr | float = 0) -> dict[sp.Expr, sp.Expr]:
    r"""Derive the spectrum of the loss's Hessian in the one-sample model, at any width.

    A rotation of R^n brings ``u`` to the first axis and ``v`` into the plane of the first
    two; every further axis is like the third. So the Hessian of width three, at weights
    without a third component, holds every block of the Hessian of width n.

    Parameters
    ----------
    label : number or sympy.Expr
        The label y.

    Returns
    -------
    dict
        Eigenvalue to multiplicity, the sharpness first; 2 n in all, for n >= 2. The
        eigenvalues add up to ``lam``, which is not the sharpness: they differ by a
        finite amount while ``eta^2 f^2 / n`` is of order one.

    Raises
    ------
    InputError
        If the label is neither a number nor an expression free of the map's symbols.

    Examples
    --------
    >>> for value, multiplicity in hessian_eigenvalues().items():
    ...     print(f"{value}: {multiplicity}")
    lam/2 + sqrt(12*f**2/n + lam**2)/2: 1
    lam/2 - sqrt(12*f**2/n + lam**2)/2: 1
    f/sqrt(n): n - 1
    -f/sqrt(n): n - 1
    """
    label = read_label(label)
    plane, axis = _hessian_blocks()
    multiplicity = {value: sp.Integer(1) for value in plane}
    for value in axis:
        multiplicity[value] += n - 2
    return {
        sp.expand(value.subs(r, f - label)): count
        for value, count in sorted(multiplicity.items(), key=lambda item: sp.count_ops(item[1]))
    }


@cache
def _hessian_blocks() -> tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]:
    """Return the eigenvalues in the plane of u and v, and on an axis orthogonal to both."""
    u, v = sp.symbols("u1:4", real=True), sp.symbols("v1:4", real=True)
    root, x = sp.Symbol("root", positive=True), sp.Symbol("x")
    network = sum(a * b for a, b in zip(u, v, strict=True)) / root
    hessian = sp.hessian((network - y) ** 2 / 2, (*u, *v)).subs({u[1]: 0, u[2]: 0, v[2]: 0})
    in_state = {y: f - r, v[1]: sp.sqrt(root**2 * lam - u[0] ** 2 - v[0] ** 2)}

    def eigenvalues(places: list[int]) -> tuple[sp.Expr, ...]:
        characteristic = hessian[places, places].charpoly(x).as_expr()
        scalar = characteristic.subs(in_state).subs(v[0], root * f / u[0])
        _, factors = sp.factor_list(sp.cancel(scalar), x)
        found = [value for factor, _ in factors for value in _roots(sp.Poly(factor, x).monic())]
        return tuple(value.subs(root, sp.sqrt(n)) for value in found)

    return eigenvalues([0, 1, 3, 4]), eigenvalues([2, 5])


def _roots(monic: sp.Poly) -> list[sp.Expr]:
    """Return the roots of a linear or quadratic polynomial, larger first, valid at n = inf too."""
    if monic.degree() == 1:
        return [-monic.coeff_monomial(1)]
    centre = -monic.nth(1) / 2
    discriminant = sp.expand(monic.nth(1) ** 2 - 4 * monic.nth(0))
    return [centre + sp.sqrt(discriminant) / 2, centre - sp.sqrt(discriminant) / 2]
