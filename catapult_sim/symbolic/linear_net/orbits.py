r"""Fixed points, periodic orbits and period doublings of the two-layer linear network's maps.

All oscillations that last are on the balanced manifold ``u = v`` [Kalra2023sharpness].
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.linear_net.sample import LABELLED
from catapult_sim.symbolic.linear_net.scaled import (
    SYMBOLS,
    F,
    Y,
    p,
    q,
    residual_map,
    two_factor_map,
)
from catapult_sim.symbolic.orbits import Orbit, exact_orbits, orbit_through
from catapult_sim.symbolic.steps import concluded, note
from catapult_sim.symbolic.update import Update


def fixed_points() -> tuple[Orbit, ...]:
    r"""Derive the fixed points of :func:`residual_map` and their stability.

    The minima ``D = 0`` are a line with ``Lam`` free. They are physical where
    ``Lam >= 2 |Y|``, and therefore stable ones exist only for ``|Y| < 1``.

    Returns
    -------
    tuple of Orbit
        The line of minima first; then two points with ``u = +-v``, and ``u = v = 0``.

    Examples
    --------
    >>> for point in fixed_points():
    ...     print(*point.points, point.multipliers, point.stable)
    (0, Lam) (1, 1 - Lam) Lam < 2
    (-2, 4 - 2*Y) (9, 5 - 2*Y) False
    (2, 2*Y + 4) (9, 2*Y + 5) False
    (-Y, 0) ((Y - 1)**2, (Y + 1)**2) False
    """
    return exact_orbits(residual_map())


@derivation("balanced-map", symbols=SYMBOLS)
def balanced_map() -> Update:
    r"""Restrict :func:`residual_map` to the balanced manifold ``u = v``, where ``Lam = 2 F``.

    Returns
    -------
    Update
        State ``F``, parameter ``Y``. Conjugate to the tripling of an angle at ``Y = 2``.

    Examples
    --------
    >>> balanced_map().next
    (F*(F - Y - 1)**2,)
    """
    rule = two_factor_map().inline()
    on_manifold = {p: 2 * F, q: sp.Integer(0)}
    note(
        "Let both layers be equal: the second number is zero, and remains so.", *on_manifold.items()
    )
    balanced = sp.factor(rule.next[0].subs(on_manifold) / 2)
    return concluded(
        "Insert: a map of the output alone.",
        Update("balanced-map", (F,), (Y,), (balanced,), LABELLED, loss=(F - Y) ** 2 / 2),
    )


@cache
def period_two_orbit() -> Orbit:
    r"""Derive the orbit of period two into which the minimum ``F = Y`` bifurcates.

    Returns
    -------
    Orbit
        On the balanced manifold: ``F_1 + F_2 = 1 + Y``, ``F_1 F_2 = 1``, so that the mean
        of ``Lam`` is ``1 + Y``. The multiplier along the manifold is ``9 - 2 (1 + Y)^2``,
        the one across it ``(3 - 2 Y)^2``.

    Examples
    --------
    >>> period_two_orbit().multipliers
    (-2*Y**2 - 4*Y + 7, (2*Y - 3)**2)
    >>> period_two_orbit().stable
    (1 < Y) & (Y < -1 + sqrt(5))
    """
    (once,) = balanced_map().next
    _, factors = sp.factor_list(sp.cancel((once.subs(F, once) - F) / (once - F)))
    birth = _doubled(sp.diff(once, F).subs(F, Y))
    (born,) = [factor for factor, _ in factors if factor.subs({F: birth, Y: birth}) == 0]
    points = [(output - Y, 2 * output) for output in sp.solve(born, F)]
    orbit = orbit_through(residual_map().inline(), points)
    return replace(orbit, multipliers=orbit.multipliers[::-1])  # along the manifold first


def period_doublings() -> dict[int, sp.Expr]:
    r"""Derive the labels ``Y > 0`` at which an orbit on the balanced manifold doubles.

    Returns
    -------
    dict
        The period that is born, 2 and 4, to its ``Y``: there the old orbit's multiplier
        along the manifold is -1.

    Examples
    --------
    >>> period_doublings()
    {2: 1, 4: -1 + sqrt(5)}
    """
    slope = sp.diff(balanced_map().next[0], F)
    of_period_two = sp.prod(slope.subs(F, Lam / 2) for _, Lam in period_two_orbit().points)
    return {2: _doubled(slope.subs(F, Y)), 4: _doubled(of_period_two)}


def _doubled(multiplier: sp.Expr) -> sp.Expr:
    (label,) = [Y_0 for Y_0 in sp.solve(sp.expand(multiplier) + 1, Y) if Y_0 > 0]
    return label
