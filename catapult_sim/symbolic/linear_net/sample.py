r"""The exact map of the two-layer linear network on one sample [Lewkowycz2020], at any width.

On the sample ``(x, y) = (1, y)`` the network is ``f = u.v / sqrt(n)`` with ``u, v`` in
R^n, the loss ``L = (f - y)^2 / 2``. The Gram blocks are then three numbers, and two of
them, ``|u|^2 / n`` and ``|v|^2 / n``, enter only through their sum: the curvature
``lam``, the one eigenvalue of the neural tangent kernel.
"""

from __future__ import annotations

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.linear_net.gram import NOTATION, REFERENCE, STEP, closure, eta, lam, n
from catapult_sim.symbolic.update import Update
from catapult_sim.validation import InputError, shown

f, y, r = sp.symbols("f y r", real=True)

SAMPLE = STEP | {
    "f": "u.v / sqrt(n), the output on the sample",
    "lam": "(|u|^2 + |v|^2) / n, the kernel's eigenvalue",
    "y": "label",
    "r": "f - y, the residual",
}

LABELLED = "Kalra et al. 2023, arXiv:2311.02076"


@derivation("sample-map", symbols=SAMPLE)
def sample_map(label: sp.Expr | float = 0) -> Update:
    r"""Derive the exact gradient-descent update of ``(f, lam)`` at width n.

    Parameters
    ----------
    label : number or sympy.Expr
        The label y. Its symbols become parameters after ``eta`` and ``n``.

    Returns
    -------
    Update
        State ``(f, lam)``, parameters ``(eta, n)``; [Lewkowycz2020], eqs. 2. Normalisation:
        loss ``(f - y)^2 / 2`` on the sample ``(x, y) = (1, label)``, ``lam`` the squared
        norm of the gradient of ``f``, equal to ``(|u|^2 + |v|^2) / n``.

    Raises
    ------
    InputError
        If the label is neither a number nor an expression free of the map's symbols.

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
    label = read_label(label)
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
        residual**2 / 2,
    )


@derivation("labelled-sample-map", symbols=SAMPLE)
def labelled_sample_map() -> Update:
    """Derive the exact gradient-descent update of ``(f, lam)`` at width n, with a label y."""
    return sample_map(label=y)


def read_label(label: sp.Expr | float) -> sp.Expr:
    """Return a label as an expression, or raise InputError; SymPy would run a text as code."""
    expression = require_expression("label", label)
    if expression.free_symbols & {f, lam, eta, n, r}:
        raise InputError(f"label must not hold f, lam, eta, n and r; got {shown(label)}")
    return expression


def _one_sample(residual: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Return output and curvature one step later: the closure with d = k = 1 and C = 1."""
    rule = closure(inputs=1, outputs=1).entrywise()
    A, output, B = rule.state
    (gradient,) = rule.where
    A_next, f_next, B_next = (
        component.subs({output: f, gradient: residual, A: lam - B}) for component in rule.next
    )
    return sp.expand(f_next), sp.expand(A_next + B_next)


@derivation("infinite-width-map", symbols=SAMPLE)
def infinite_width_map() -> Update:
    r"""Take the width of :func:`sample_map` to infinity: the linear (lazy) dynamics.

    Returns
    -------
    Update
        State ``(f, lam)``, parameter ``eta``; [Lewkowycz2020], eq. 3.

    Examples
    --------
    >>> infinite_width_map().next
    (-f*(eta*lam - 1), lam)
    """
    limits = tuple(sp.factor(sp.limit(component, n, sp.oo)) for component in sample_map().next)
    return Update(
        "infinite-width-map", (f, lam), (eta,), limits, REFERENCE, NOTATION, loss=f**2 / 2
    )


def boundaries() -> dict[str, sp.Expr]:
    r"""Derive the learning rates at which the phases of the one-sample model meet.

    Returns
    -------
    dict
        ``"critical"``, where the output of the infinitely wide network stops shrinking,
        ``|f_{t+1} / f_t| = 1``; ``"maximal"``, where the curvature of the finite
        network stops falling, ``lam_{t+1} = lam_t`` [Lewkowycz2020], section 2.

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
