"""The two-layer linear network on one sample: its exact update, derived.

The network is ``f = v.u / sqrt(n)`` with ``u, v`` in R^n, the loss ``L = f**2 / 2``.
SymPy differentiates the loss with respect to the *vectors* of symbolic length n,
takes one gradient-descent step, and expands the inner products of the new
weights. They close on two numbers, the output f and the curvature lam, the only
eigenvalue of the neural tangent kernel. Nothing of the result is typed in.

References
----------
.. [1] A. Lewkowycz, Y. Bahri, E. Dyer, J. Sohl-Dickstein and G. Gur-Ari,
   *The large learning rate phase of deep learning: the catapult mechanism*,
   arXiv:2003.02218 (2020).
"""

from __future__ import annotations

import sympy as sp

from catapult_sim.symbolic.update import Update

__all__ = ["boundaries", "infinite_width_map", "invariant_law", "sample_map", "scaled_map"]

_REFERENCE = "Lewkowycz et al. 2020, arXiv:2003.02218"

f = sp.Symbol("f", real=True)
lam = sp.Symbol("lam", positive=True)
eta = sp.Symbol("eta", positive=True)
n = sp.Symbol("n", positive=True)
s = sp.Symbol("s", nonnegative=True)
Lam = sp.Symbol("Lam", positive=True)

_NOTATION = {lam: r"\lambda", eta: r"\eta", Lam: r"\Lambda"}


u, v = (sp.MatrixSymbol(name, n, 1) for name in "uv")
uu, uv, vv = sp.symbols("uu uv vv", real=True)
_INNER_PRODUCTS = {
    form: symbol
    for a, b, symbol in ((u, u, uu), (u, v, uv), (v, v, vv))
    for form in (sp.Trace(a.T * b), sp.Trace(b.T * a), sp.Trace(a * b.T), sp.Trace(b * a.T))
}


def _inner(a: sp.MatrixExpr, b: sp.MatrixExpr) -> sp.Expr:
    """Inner product of two combinations of u and v, in terms of uu, uv and vv."""
    return sp.Trace(sp.expand(a.T * b)).doit().subs(_INNER_PRODUCTS)


def sample_map() -> Update:
    r"""Derive the exact gradient-descent update of ``(f, lam)`` at width n.

    Returns
    -------
    Update
        State ``(f, lam)``, parameters ``(eta, n)``; eqs. 2 of [1]_. Normalisation:
        loss ``f**2 / 2`` on the sample ``(x, y) = (1, 0)``, ``lam`` the squared norm
        of the gradient of ``f``, equal to ``(|u|^2 + |v|^2) / n``.

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
    """
    network = sp.Trace(v.T * u) / sp.sqrt(n)
    loss = network**2 / 2
    u_next, v_next = (w - eta * loss.diff(w) for w in (u, v))

    output = network.subs(_INNER_PRODUCTS)
    curvature = sum(_inner(network.diff(w), network.diff(w)) for w in (u, v))
    one_step_later = {
        uu: _inner(u_next, u_next),
        uv: _inner(u_next, v_next),
        vv: _inner(v_next, v_next),
    }
    # The two norms enter only through their sum, so that solving for one removes both.
    (in_state,) = sp.solve([output - f, curvature - lam], [uv, uu], dict=True)
    f_next, lam_next = (
        sp.expand(quantity.subs(one_step_later, simultaneous=True).subs(in_state))
        for quantity in (output, curvature)
    )
    readable = (f * sp.expand(f_next / f), lam + sp.factor(lam_next - lam))
    return Update("sample-map", (f, lam), (eta, n), readable, _REFERENCE, _NOTATION)


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
    return Update("infinite-width-map", (f, lam), (eta,), limits, _REFERENCE, _NOTATION)


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
    to_scaled = {f: sp.sqrt(n * s) / eta, lam: Lam / eta}
    f_next, lam_next = (component.subs(to_scaled) for component in sample_map().next)
    scaled = (sp.factor(eta**2 * f_next**2 / n), sp.expand(eta * lam_next))
    return Update("scaled-map", (s, Lam), (), scaled, _REFERENCE, _NOTATION)


def invariant_law() -> Update:
    r"""Derive the multiplicative law of ``I = Lam^2 - 4 s``.

    Gradient flow conserves ``I``; a step of gradient descent contracts it, so that
    the final curvature is ``sqrt(I_0)`` times the product of all ``|1 - s_t|``.

    Returns
    -------
    Update
        State ``I``, parameter ``s``, the current value of ``eta^2 f^2 / n``.

    Examples
    --------
    >>> invariant_law().next
    (I*(s - 1)**2,)
    """
    s_next, lam_next = scaled_map().next
    contraction = sp.factor((lam_next**2 - 4 * s_next) / (Lam**2 - 4 * s))
    invariant = sp.Symbol("I", nonnegative=True)
    return Update("invariant-law", (invariant,), (s,), (invariant * contraction,), _REFERENCE)
