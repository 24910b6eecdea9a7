r"""The two-layer linear network on one sample: its exact maps, derived.

On the sample ``(x, y) = (1, y)`` the network is ``f = u.v / sqrt(n)`` with ``u, v`` in
R^n, the loss ``L = (f - y)^2 / 2``. The Gram blocks are then three numbers, and two of
them, ``|u|^2 / n`` and ``|v|^2 / n``, enter only through their sum: the curvature
``lam``, the one eigenvalue of the neural tangent kernel. In the units
``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lam`` width and learning
rate disappear, and one map with one parameter is left.

References
----------
.. [1] A. Lewkowycz, Y. Bahri, E. Dyer, J. Sohl-Dickstein and G. Gur-Ari,
   *The large learning rate phase of deep learning: the catapult mechanism*,
   arXiv:2003.02218 (2020).
.. [2] D. S. Kalra, T. He and M. Barkeshli, *Universal sharpness dynamics in neural
   network training: fixed point analysis, edge of stability, and route to chaos*,
   arXiv:2311.02076 (2023).
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from catapult_sim.symbolic.linear_net_gram import NOTATION, REFERENCE, closure, eta, lam, n
from catapult_sim.symbolic.update import Update

__all__ = [
    "boundaries",
    "edge_map",
    "hessian_eigenvalues",
    "infinite_width_map",
    "invariant_law",
    "residual_map",
    "sample_map",
    "scaled_map",
    "two_factor_map",
]

f, y, r = sp.symbols("f y r", real=True)
F, Y, D, E = sp.symbols("F Y D E", real=True)
Lam = sp.Symbol("Lam", positive=True)
s, p, q = sp.symbols("s p q", nonnegative=True)

LABELLED = "Kalra et al. 2023, arXiv:2311.02076"
SCALED = {Lam: r"\Lambda"}


def sample_map(label: sp.Expr | float = 0) -> Update:
    r"""Derive the exact gradient-descent update of ``(f, lam)`` at width n.

    Parameters
    ----------
    label : number or sympy.Expr
        The label y. Its symbols become parameters after ``eta`` and ``n``.

    Returns
    -------
    Update
        State ``(f, lam)``, parameters ``(eta, n)``; eqs. 2 of [1]_. Normalisation:
        loss ``(f - y)^2 / 2`` on the sample ``(x, y) = (1, label)``, ``lam`` the squared
        norm of the gradient of ``f``, equal to ``(|u|^2 + |v|^2) / n``.

    Raises
    ------
    ValueError
        If the label is neither a number nor an expression free of the map's symbols.

    References
    ----------
    .. [1] Lewkowycz et al. 2020, arXiv:2003.02218, section 2.

    Examples
    --------
    >>> rule = sample_map()
    >>> for component in rule.next:
    ...     print(component)
    f*(eta**2*f**2/n - eta*lam + 1)
    eta*f**2*(eta*lam - 4)/n + lam

    With a label the residual ``r`` drives the map:

    >>> y = sp.Symbol("y", real=True)
    >>> print(*sample_map(label=y).next, sep="\n")
    r*(eta**2*f*r/n - eta*lam + 1) + y
    eta*r*(eta*lam*r - 4*f)/n + lam
    """
    label = _label(label)
    residual = r if label else f
    f_next, lam_next = _one_sample(residual)
    following = (
        label + residual * sp.expand((f_next - f) / residual + 1),
        lam + sp.factor(lam_next - lam),
    )
    labels = sorted(label.free_symbols, key=str)
    return Update(
        "labelled-sample-map" if label else "sample-map",
        (f, lam),
        (eta, n, *labels),
        following,
        LABELLED if label else REFERENCE,
        NOTATION,
        {r: f - label} if label else {},
    )


def _label(label: sp.Expr | float) -> sp.Expr:
    """Read the label; text is refused, for SymPy would run it as code."""
    try:
        expression = sp.sympify(label, strict=True)
        taken = expression.free_symbols & {f, lam, eta, n, r}
    except (sp.SympifyError, AttributeError):
        taken = {label}
    if taken:
        raise ValueError(
            f"label: required a number or an expression without f, lam, eta, n and r; got {label!r}"
        )
    return expression


def _one_sample(residual: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Output and curvature one step later: the closure with d = k = 1 and C = 1."""
    rule = closure(inputs=1, outputs=1).entrywise()
    A, output, B = rule.state
    (gradient,) = rule.where
    A_next, f_next, B_next = (
        component.subs({output: f, gradient: residual, A: lam - B}) for component in rule.next
    )
    return sp.expand(f_next), sp.expand(A_next + B_next)


def infinite_width_map() -> Update:
    r"""Take the width of :func:`sample_map` to infinity: the linear (lazy) dynamics.

    Returns
    -------
    Update
        State ``(f, lam)``, parameter ``eta``; eq. 3 of Lewkowycz et al. 2020.

    Examples
    --------
    >>> infinite_width_map().next
    (-f*(eta*lam - 1), lam)
    """
    limits = tuple(sp.factor(sp.limit(component, n, sp.oo)) for component in sample_map().next)
    return Update("infinite-width-map", (f, lam), (eta,), limits, REFERENCE, NOTATION)


def boundaries() -> dict[str, sp.Expr]:
    r"""Derive the learning rates at which the phases of the one-sample model meet.

    Returns
    -------
    dict
        ``"critical"``, where the output of the infinitely wide network stops shrinking,
        ``|f_{t+1} / f_t| = 1``; ``"maximal"``, where the curvature of the finite
        network stops falling, ``lam_{t+1} = lam_t``. Lewkowycz et al. 2020, section 2.

    Examples
    --------
    >>> boundaries()
    {'critical': 2/lam, 'maximal': 4/lam}
    """
    multiplier = sp.cancel(infinite_width_map().next[0] / f)
    curvature_change = sample_map().next[1] - lam
    (critical,) = sp.solve(multiplier**2 - 1, eta)
    (maximal,) = sp.solve(curvature_change, eta)
    return {"critical": critical, "maximal": maximal}


def residual_map() -> Update:
    r"""Rewrite ``sample_map(label=y)`` in units without width and learning rate.

    Returns
    -------
    Update
        State ``D = F - Y`` and ``Lam``, parameter ``Y``; physical where
        ``Lam >= 2 |F|``. Kalra et al. 2023, with ``D = eta (f - y) / sqrt(n)``.

    Examples
    --------
    >>> residual_map().next
    (D*(D*F - Lam + 1), D*(D*Lam - 4*F) + Lam)
    >>> residual_map().where
    {F: D + Y}
    """
    unit = sp.sqrt(n) / eta
    to_scaled = {r: D * unit, f: F * unit, y: Y * unit, lam: Lam / eta}
    f_next, lam_next = (component.subs(to_scaled) for component in sample_map(label=y).next)
    scaled = (sp.factor(sp.expand(f_next / unit) - Y), Lam + sp.factor(eta * lam_next - Lam))
    return Update("residual-map", (D, Lam), (Y,), scaled, LABELLED, SCALED, {F: D + Y})


def edge_map() -> Update:
    r"""Rewrite :func:`residual_map` in the distance from the edge of divergence.

    Returns
    -------
    Update
        State ``D`` and ``E = Lam - 4 - Y D``, parameter ``Y``. Where ``|Y| < 2`` no factor of E
        is negative: no orbit crosses the edge ``E = 0``, whatever the rounding.

    Examples
    --------
    >>> edge_map().next
    (D*(D**2 - E - 3), E*(D*F + 1))
    """
    D_next, Lam_next = residual_map().inline().next
    from_edge = {Lam: E + 4 + Y * D}
    D_next, Lam_next = D_next.subs(from_edge), Lam_next.subs(from_edge)
    growth = sp.cancel((Lam_next - 4 - Y * D_next) / E)
    following = (sp.factor(D_next), E * sp.expand(growth.subs(Y, F - D)))
    return Update("edge-map", (D, E), (Y,), following, LABELLED, SCALED, {F: D + Y})


def scaled_map() -> Update:
    r"""Rewrite :func:`sample_map` in ``s = eta^2 f^2 / n`` and ``Lam = eta lam``.

    Returns
    -------
    Update
        State ``(s, Lam)``, no parameters: one map for every width and learning rate.

    Examples
    --------
    >>> scaled_map().next
    (s*(-Lam + s + 1)**2, Lam*s + Lam - 4*s)
    """
    unlabelled = {D: sp.sqrt(s), Y: 0}
    D_next, Lam_next = (component.subs(unlabelled) for component in residual_map().inline().next)
    scaled = (sp.factor(D_next**2), sp.expand(Lam_next))
    return Update("scaled-map", (s, Lam), (), scaled, REFERENCE, SCALED)


def two_factor_map() -> Update:
    r"""Rewrite :func:`residual_map` in two factors that never mix.

    In ``p = Lam / 2 + F`` and ``q = Lam / 2 - F``, that is ``eta |u +- v|^2 / (2 n)``, each
    step multiplies ``p`` and ``q`` by a square. Both stay non-negative in floating point
    too, and a factor that is zero remains zero.

    Returns
    -------
    Update
        State ``(p, q)``, parameter ``Y``.

    Examples
    --------
    >>> two_factor_map().next
    (p*(D - 1)**2, q*(D + 1)**2)
    >>> two_factor_map().where
    {D: -Y + p/2 - q/2}
    """
    D_next, Lam_next = residual_map().next
    factors = {Lam: p + q, F: (p - q) / 2}
    # F_next = D_next + Y, where Y is F - D.
    halves = (Lam_next / 2, D_next + F - D)
    p_next, q_next = (sp.factor((halves[0] + sign * halves[1]).subs(factors)) for sign in (1, -1))
    where = {D: sp.expand(factors[F] - Y)}
    return Update("two-factor-map", (p, q), (Y,), (p_next, q_next), LABELLED, {}, where)


def invariant_law() -> Update:
    r"""Derive the multiplicative law of ``I = Lam^2 - 4 F^2``, for any label.

    Gradient flow conserves ``I``; a step of gradient descent contracts it by
    ``(1 - s)^2``. With y = 0 and ``s -> 0`` the final curvature is ``sqrt(I_0)`` times the
    product of all ``|1 - s_t|``.

    Returns
    -------
    Update
        State ``I``, parameter ``s = D^2``, the current value of ``eta^2 (f - y)^2 / n``.

    Examples
    --------
    >>> invariant_law().next
    (I*(s - 1)**2,)
    """
    p_next, q_next = two_factor_map().next
    # I = 4 p q.
    contraction = sp.factor(sp.expand((p_next * q_next / (p * q)).subs(D, sp.sqrt(s))))
    invariant = sp.Symbol("I", nonnegative=True)
    return Update("invariant-law", (invariant,), (s,), (invariant * contraction,), REFERENCE)


def edge_law() -> Update:
    r"""Derive the law of ``E = Lam - 4 - Y D``: the straight edge of the basin, at any label.

    A step multiplies E by ``1 + F D``, which is at least ``1 - Y^2 / 4``. For ``|Y| < 2`` no
    orbit crosses the line ``Lam = 4 + Y D``: convergence ends there, which for ``y = 0`` is
    ``eta lambda_0 = 4``. On the line D obeys ``D' = D^3 - 3 D``, a tripled angle.

    Returns
    -------
    Update
        State ``E``, parameters ``(D, Y)``, current values of the scaled residual and label.

    Examples
    --------
    >>> edge_law().next
    (E*(D*F + 1),)
    """
    D_next, Lam_next = residual_map().inline().next
    height = sp.Symbol("E", real=True)
    above = {Lam: 4 + Y * D + height}
    E_next = sp.expand((Lam_next - 4 - Y * D_next).subs(above))
    growth = sp.factor(E_next / height)
    F_of_D = residual_map().where[F]
    folded = sp.factor(sp.expand(growth.subs(Y, F - D)), F)
    return Update(
        "edge-law", (height,), (D, Y), (height * folded,), "derived here", where={F: F_of_D}
    )


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
    ValueError
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
    label = _label(label)
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
    """Eigenvalues in the plane of u and v, and on an axis orthogonal to both."""
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
    """Roots of a linear or quadratic polynomial, larger first, defined at n = inf too."""
    if monic.degree() == 1:
        return [-monic.coeff_monomial(1)]
    centre = -monic.nth(1) / 2
    discriminant = sp.expand(monic.nth(1) ** 2 - 4 * monic.nth(0))
    return [centre + sp.sqrt(discriminant) / 2, centre - sp.sqrt(discriminant) / 2]
