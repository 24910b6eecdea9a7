r"""Equivalent learning rates: the constant rates whose iterates have the variance of an average.

The losses are those of :mod:`~catapult_sim.symbolic.minibatch.moments` [Sandler2023]; learning rate
and curvature enter as ``a = eta h`` alone; the full-batch loss is ``V h / 2`` above its minimum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import sympy as sp

from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.minibatch.moments import a, gamma, sgd_moments
from catapult_sim.symbolic.minibatch.variances import (
    V,
    ema_variance,
    g,
    heavy_ball_variance,
    k,
    nesterov_variance,
    sgd_variance,
    shuffled_variance,
    swa_variance,
    two_point_variance,
)
from catapult_sim.symbolic.steps import note, recording
from catapult_sim.validation import require_count

a_eff = sp.Symbol("a_eff", positive=True)


def equivalent_rate(variance: sp.Expr) -> sp.Expr:
    """Return the constant a at which SGD has a given variance: ``2 V / (1 + V)``.

    Examples
    --------
    >>> print(equivalent_rate(V))
    2*V/(V + 1)
    >>> gap_to_infinity = two_point_variance().subs((1 - a) ** g, 0)
    >>> print(equivalent_rate(gap_to_infinity))
    -2*a/(a - 4)
    """
    variance = require_expression("variance", variance)
    with recording():  # whoever records has seen how the variance of SGD is derived
        of_sgd = sgd_variance()
    (rate,) = sp.solve(of_sgd - V, a)
    note(
        "Plain SGD has this variance at another learning rate: solve for it.",
        (V, of_sgd.subs(a, a_eff)),
        (a_eff, rate),
    )
    found = sp.factor(rate.subs(V, variance))
    note("Insert the variance.", (a_eff, found))
    return found


def best_schedule(start: sp.Expr, steps: int) -> Sequence[sp.Expr]:
    """Derive the schedule that lowers the variance fastest: ``a = V / (1 + V)`` at each step.

    Each such step adds one to ``1 / V``: a schedule can do no better than to give the mean of
    all c, with a rate that falls as one over the number of steps.

    Parameters
    ----------
    start : sympy.Expr
        The variance before the first step.
    steps : int

    Examples
    --------
    >>> print(best_schedule(sp.Integer(1), 3))
    [1/2, 1/3, 1/4]
    """
    rule, rates, now = sgd_moments(), list[sp.Expr](), require_expression("start", start)
    variance, image = rule.state[1], rule.next[1]
    (best,) = sp.solve(sp.diff(image, a), a)
    for _ in range(require_count("steps", steps, most=1000)):
        rates.append(sp.factor(best.subs(variance, now)))
        now = sp.factor(image.subs({a: rates[-1], variance: now}))
    return rates


@cache
def limits() -> Mapping[str, sp.Expr]:
    """Derive limits of equivalent learning rates.

    Returns
    -------
    mapping of str to sympy.Expr
        ``"two-point"``: a_eff / a, far apart at small a; ``"ema"``: the inverse of a_eff at
        small a and small 1 - gamma, to leading order; ``"swa"``: k a_eff in long windows;
        ``"heavy-ball"`` and ``"nesterov"``: a_eff / a at small a; ``"shuffled"``: V / a^3 at
        small a.

    Examples
    --------
    >>> for name, limit in limits().items():
    ...     print(name, limit)
    two-point 1/2
    ema -1/(gamma - 1) + 1/a
    swa 2
    heavy-ball -1/(beta - 1)
    nesterov -1/(beta - 1)
    shuffled m*(m + 1)/24
    """
    small = sp.Symbol("small", positive=True)
    apart = equivalent_rate(two_point_variance().subs((1 - a) ** g, 0))
    both_small = {a: small * a, gamma: 1 - small * (1 - gamma)}
    ema = equivalent_rate(ema_variance()).subs(both_small, simultaneous=True)
    window = equivalent_rate(swa_variance()).subs(a, 1 - sp.exp(-a))
    found = {
        "two-point": sp.limit(apart / a, a, 0),
        "ema": sp.apart(sp.limit(small / ema, small, 0), a),
        "swa": sp.limit(k * window, k, sp.oo),
        "heavy-ball": sp.limit(equivalent_rate(heavy_ball_variance()) / a, a, 0),
        "nesterov": sp.limit(equivalent_rate(nesterov_variance()) / a, a, 0),
        "shuffled": sp.factor(sp.limit(shuffled_variance() / a**3, a, 0)),
    }
    tidy = {name: sp.factor(sp.cancel(limit)) for name, limit in found.items()}
    return MappingProxyType(tidy | {"ema": sp.apart(tidy["ema"], a)})
