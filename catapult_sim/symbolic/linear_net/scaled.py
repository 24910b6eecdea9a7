r"""The two-layer linear network on one sample, scaled: without width and learning rate.

In ``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lam`` width and learning rate
disappear from :func:`~catapult_sim.symbolic.linear_net.sample.sample_map`, and one map with one
parameter is left [Kalra2023sharpness]. Other coordinates show what it conserves, and the line that
no orbit crosses.
"""

from __future__ import annotations

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.linear_net.gram import NOTATION, REFERENCE, eta, lam, n
from catapult_sim.symbolic.linear_net.sample import LABELLED, SAMPLE, f, r, sample_map, y
from catapult_sim.symbolic.steps import concluded, later, next_state, note
from catapult_sim.symbolic.update import Update

F, Y, D, E = sp.symbols("F Y D E", real=True)
Lam = sp.Symbol("Lam", positive=True)
s, p, q = sp.symbols("s p q", nonnegative=True)
SCALED = NOTATION | {Lam: r"\Lambda"}

SYMBOLS = SAMPLE | {
    "F": "eta f / sqrt(n), the output",
    "Y": "eta y / sqrt(n), the label",
    "D": "F - Y, the residual",
    "Lam": "eta lam, the kernel's eigenvalue",
    "E": "eta lam - 4 - Y D, the distance from the edge of divergence",
    "s": "eta^2 (f - y)^2 / n",
    "p": "eta |u + v|^2 / (2 n)",
    "q": "eta |u - v|^2 / (2 n)",
    "I": "(eta lam)^2 - 4 F^2, with F = eta f / sqrt(n); gradient flow conserves it",
}


@derivation("residual-map", symbols=SYMBOLS)
def residual_map() -> Update:
    r"""Rewrite ``sample_map(label=y)`` in units without width and learning rate.

    Returns
    -------
    Update
        State ``D = F - Y`` and ``Lam``, parameter ``Y``; physical where
        ``Lam >= 2 |F|``. [Kalra2023sharpness], with ``D = eta (f - y) / sqrt(n)``.

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
    note(
        "Measure residual, output, label and curvature in units of width and learning rate.",
        *to_scaled.items(),
    )
    note(
        "Insert these units: width and learning rate drop out.",
        *next_state((D, Lam), (f_next / unit - Y, eta * lam_next)),
    )
    scaled = (sp.factor(sp.expand(f_next / unit) - Y), Lam + sp.factor(eta * lam_next - Lam))
    where = {F: D + Y}
    return concluded(
        "Collect: one map with one parameter, the label.",
        Update("residual-map", (D, Lam), (Y,), scaled, LABELLED, SCALED, where, D**2 / 2),
    )


@derivation("edge-map", symbols=SYMBOLS)
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
    E_next = Lam_next - 4 - Y * D_next
    note("Take the distance from a straight line for the curvature.", *from_edge.items())
    note("Insert it.", *next_state((D, E), (D_next, E_next)))
    growth = sp.cancel(E_next / E)
    following = (sp.factor(D_next), E * sp.expand(growth.subs(Y, F - D)))
    where = {F: D + Y}
    return concluded(
        "Collect: the distance is multiplied by a factor.",
        Update("edge-map", (D, E), (Y,), following, LABELLED, SCALED, where, D**2 / 2),
    )


@derivation("scaled-map", symbols=SYMBOLS | {"s": "eta^2 f^2 / n"})
def scaled_map() -> Update:
    r"""Rewrite ``sample_map`` in ``s = eta^2 f^2 / n`` and ``Lam = eta lam``.

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
    note(
        "Without a label the sign of the residual does not matter: follow its square.",
        (s, D**2),
        (Y, sp.Integer(0)),
    )
    note("Insert it.", *next_state((s, Lam), (D_next**2, Lam_next)))
    scaled = (sp.factor(D_next**2), sp.expand(Lam_next))
    return concluded(
        "Collect: one map for every width and learning rate.",
        Update("scaled-map", (s, Lam), (), scaled, REFERENCE, SCALED, loss=s / 2),
    )


@derivation("two-factor-map", symbols=SYMBOLS)
def two_factor_map() -> Update:
    r"""Rewrite :func:`residual_map` in two factors, each of which a step multiplies by a square.

    They are ``p = Lam / 2 + F`` and ``q = Lam / 2 - F``, that is ``eta |u +- v|^2 / (2 n)``. Both
    stay non-negative in floating point too, and a factor that is zero remains zero.

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
    note(
        "Write curvature and output as sum and difference of two numbers, neither negative.",
        *factors.items(),
    )
    note(
        "So each of the two is half the curvature plus or minus the output.",
        (later(p), halves[0] + halves[1]),
        (later(q), halves[0] - halves[1]),
    )
    where = {D: sp.expand(factors[F] - Y)}
    return concluded(
        "Insert and collect: a step multiplies each of them by a square.",
        Update("two-factor-map", (p, q), (Y,), (p_next, q_next), LABELLED, SCALED, where, D**2 / 2),
    )


@derivation("invariant-law", symbols=SYMBOLS)
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
    invariant = sp.Symbol("I", nonnegative=True)
    note(
        "Multiply the two numbers.",
        (invariant, 4 * p * q),
        (later(invariant), 4 * p_next * q_next),
        (s, D**2),
    )
    contraction = sp.factor(sp.expand((p_next * q_next / (p * q)).subs(D, sp.sqrt(s))))
    return concluded(
        "A step multiplies their product by a square. Gradient flow, small steps, conserves it.",
        Update("invariant-law", (invariant,), (s,), (invariant * contraction,), REFERENCE),
    )


@derivation("edge-law", symbols=SYMBOLS)
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
    rule = edge_map()
    return concluded(
        "Keep the distance alone: where the factor is positive, no step crosses the line.",
        Update("edge-law", (E,), (D, Y), rule.next[1:], "derived here", where=rule.where),
    )
