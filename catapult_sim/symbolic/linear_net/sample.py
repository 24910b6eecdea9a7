r"""The exact map of the two-layer linear network on one sample [Lewkowycz2020], at any width.

On the sample ``(x, y) = (1, y)`` the network is ``f = u.v / sqrt(n)`` with ``u, v`` in
R^n, the loss ``L = (f - y)^2 / 2``. The Gram blocks are then three numbers, and two of
them, ``|u|^2 / n`` and ``|v|^2 / n``, enter only through their sum: the curvature
``lam``, the one eigenvalue of the neural tangent kernel.
"""

from __future__ import annotations

from functools import partial

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.linear_net import gram
from catapult_sim.symbolic.linear_net.gram import NOTATION, REFERENCE, STEP, closure, eta, lam, n
from catapult_sim.symbolic.steps import concluded, later, next_state, note, slope_of, specialised
from catapult_sim.symbolic.update import Update
from catapult_sim.validation import InputError, shown

f, y, r = sp.symbols("f y r", real=True)
A, B = sp.symbols("A B", real=True)  # the squared norms of both layers, over n

SAMPLE = STEP | {
    "f": "u.v / sqrt(n), the output on the sample, whose input is 1",
    "lam": "(|u|^2 + |v|^2) / n, the kernel's eigenvalue",
    "y": "label",
    "r": "f - y, the residual",
    "u": "weights of the first layer",
    "v": "weights of the second layer",
    "L": "the loss, (f - y)^2 / 2, of label 0 unless there is a y",
    "A": "|u|^2 / n",
    "B": "|v|^2 / n",
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
    f_next, lam_next = _one_sample(residual, label)
    following = (
        label + residual * sp.expand((f_next - f) / residual + 1),
        lam + sp.factor(lam_next - lam),
    )
    labels = sorted(label.free_symbols, key=str)
    rule = Update(
        "labelled-sample-map" if label else "sample-map",
        (f, lam),
        (eta, n, *labels),
        following,
        LABELLED if label else REFERENCE,
        NOTATION,
        {r: f - label} if label else {},
        residual**2 / 2,
    )
    return concluded("Collect: the map of output and curvature.", rule)


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


def _one_sample(residual: sp.Symbol, label: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return output and curvature one step later: the closure with d = k = 1 and C = 1."""
    rule = specialised(_closure_of_numbers, partial(_on_one_sample, residual, label))
    A, output, B = rule.state
    (gradient,) = rule.where
    first, f_next, second = (
        component.subs({output: f, gradient: residual}) for component in rule.next
    )
    sum_next = sp.expand((first + second).subs(A, lam - B))
    note(
        "The output sees the two norms through their sum alone, the eigenvalue of the kernel.",
        (lam, A + B),
        (later(lam), first + second),
    )
    images = sp.expand(f_next.subs(A, lam - B)), sum_next
    note("Write the eigenvalue for the sum.", *next_state((f, lam), images))
    return images


def _closure_of_numbers() -> Update:
    return closure(inputs=1, outputs=1).entrywise()


def _on_one_sample(residual: sp.Symbol, label: sp.Expr, expression: sp.Expr) -> sp.Expr:
    """Put the sample (1, label) into an equation of the closure, and numbers for its blocks."""
    one = sp.Identity(1)
    vectors = {gram.U: sp.MatrixSymbol("u", n, 1), gram.V: sp.MatrixSymbol("v", n, 1)}
    numbers = {gram.F: f, gram.g: residual, gram.A: A, gram.B: B}
    data = {gram.X: 1, gram.y: label, gram.C: 1, gram.c: label}
    blocks = {block: value * one for block, value in (numbers | data).items()}
    names = vectors | blocks | {later(w): later(vectors[w]) for w in vectors}
    names |= {later(w): later(numbers[w]) * one for w in (gram.F, gram.A, gram.B)}
    names |= {slope_of("L", w): slope_of("L", vectors[w]) for w in vectors}
    names[slope_of("L", gram.F)] = slope_of("L", f) * one
    sizes = {gram.d: 1, gram.k: 1, gram.m: 1}
    sized = {block.subs(sizes): value for block, value in names.items()}
    found = expression.subs(sizes).subs(sized).doit()
    found = found.replace(sp.Trace, lambda block: block.as_explicit()[0, 0])
    is_number = found.is_Matrix and found.shape == (1, 1) and not found.has(*vectors.values())
    return found.as_explicit()[0, 0] if is_number else found


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
    return concluded(
        "Let the width go to infinity: the curvature no longer moves.",
        Update("infinite-width-map", (f, lam), (eta,), limits, REFERENCE, NOTATION, loss=f**2 / 2),
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
