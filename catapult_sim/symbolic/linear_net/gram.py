r"""The two-layer linear network on any data: exact updates of its Gram matrix, derived.

The network is ``f(x) = V^T U x / sqrt(n)`` with ``U`` (n, d) and ``V`` (n, k), the loss
``L = |X U^T V / sqrt(n) - y|^2 / (2 m)`` on data ``X`` (m, d), ``y`` (m, k). The loss
sees the weights through ``F = U^T V / sqrt(n)`` alone, and gradient descent adds to
each layer a combination of the columns of the other. So the inner products of the
columns close on themselves, and the width n survives as a parameter.

SymPy differentiates with respect to the matrices, takes one step of gradient
descent and expands the inner products, all at symbolic n, m, d and k.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.steps import (
    concluded,
    later,
    next_state,
    note,
    remembered,
    slope_of,
    specialised,
)
from catapult_sim.symbolic.update import ETA, Update
from catapult_sim.validation import InputError, is_integer, shown

REFERENCE = "Lewkowycz et al. 2020, arXiv:2003.02218"

eta = ETA
lam, n, zeta, b = sp.symbols("lam n zeta b", positive=True)
delta = sp.Symbol("delta", real=True)
d, k, m = sp.symbols("d k m", integer=True, positive=True)

NOTATION = {lam: r"\lambda"}

# The meaning of symbols, printed below a derivation.
STEP = {"eta": "learning rate", "n": "width"}
WEIGHTS = STEP | {
    "U": "weights of the first layer",
    "V": "weights of the second layer",
    "L": "the loss",
    "X": "inputs",
    "y": "labels",
    "m": "samples",
}
BLOCKS = WEIGHTS | {
    "A": "U^T U / n",
    "F": "U^T V / sqrt(n)",
    "B": "V^T V / n",
    "C": "X^T X / m",
    "c": "X^T y / m",
    "g": "the gradient of the loss by F",
}
FUNCTION = BLOCKS | {
    "r": "f - y, the residual",
    "Theta": "the tangent kernel, 1/m inside",
    "b": "|V|^2 / n",
    "f": "outputs",
    "h": "K r / m",
    "K": "X X^T",
    "delta": "the growth of b",
}
LARGE = FUNCTION | {
    "e": "unit eigenvector of the kernel",
    "size": "|r|",
    "stretch": "|X^T e|^2",
    "zeta": "|X^T r| / m, the size of the error",
    "lam": "the kernel's eigenvalue along the error",
}

X, y = sp.MatrixSymbol("X", m, d), sp.MatrixSymbol("y", m, k)
U, V = sp.MatrixSymbol("U", n, d), sp.MatrixSymbol("V", n, k)
L = sp.Symbol("L", real=True)
A, B, C = sp.MatrixSymbol("A", d, d), sp.MatrixSymbol("B", k, k), sp.MatrixSymbol("C", d, d)
F, c, g = (sp.MatrixSymbol(name, d, k) for name in "Fcg")

K, Theta = (sp.MatrixSymbol(name, m, m) for name in ("K", "Theta"))
f, h, r = (sp.MatrixSymbol(name, m, 1) for name in "fhr")


@derivation("closure", symbols=BLOCKS, options=("inputs", "outputs"))
def closure(inputs: int | sp.Symbol = d, outputs: int | sp.Symbol = k) -> Update:
    r"""Derive the update of the Gram blocks: the exact dynamics at any width.

    With ``W = [U V]`` this is ``G <- M G M`` for the Gram matrix ``G = W^T W`` and
    ``M = 1 - eta / sqrt(n) [[0, g], [g^T, 0]]``.

    Parameters
    ----------
    inputs, outputs : int or sympy.Symbol
        d and k. With symbols the rule has formulas only; with numbers it runs.

    Returns
    -------
    Update
        State ``A = U^T U / n`` (d, d), ``F = U^T V / sqrt(n)`` (d, k) and
        ``B = V^T V / n`` (k, k); parameters ``eta``, ``n`` (``inf`` is the linear
        limit), ``C = X^T X / m`` (d, d), ``c = X^T y / m`` (d, k). The outputs are
        ``X F``; ``g`` is the gradient of the loss with respect to ``F``.

    Raises
    ------
    InputError
        If a size is a number other than 1, 2, 3, ...

    Examples
    --------
    >>> rule = closure()
    >>> print(*(f"{block}: {new}" for block, new in zip(rule.state, rule.next)), sep="\n")
    A: (-eta/n)*F*g.T + (-eta/n)*g*F.T + (eta**2/n)*g*B*g.T + A
    F: (-eta)*A*g + (-eta)*g*B + (eta**2/n)*g*F.T*g + F
    B: (-eta/n)*F.T*g + (-eta/n)*g.T*F + (eta**2/n)*g.T*A*g + B
    >>> rule.where
    {g: C*F - c}
    """
    return _sized(_gram_blocks, {d: inputs, k: outputs})


@remembered
def _gram_blocks() -> Update:
    """Differentiate the loss, take a step, and expand the inner products of the columns."""
    error, root = X * F - y, sp.sqrt(n)
    loss = sp.Trace(error.T * error) / (2 * m)
    note(
        "The loss depends on the weights through the product of the two layers alone.",
        (F, U.T * V / root),
        (L, loss),
    )
    gradient = _expanded(loss.diff(F), {X.T * X: m * C, X.T * y: m * c})
    note(
        "Differentiate the loss by this product.",
        (slope_of("L", F), g),
        (g, gradient),
        (C, X.T * X / m),
        (c, X.T * y / m),
    )

    # The chain rule: the weights see the loss through <g, U^T V / sqrt(n)> at fixed g.
    felt = sp.Trace(g.T * U.T * V) / root
    slopes = [felt.diff(weights) for weights in (U, V)]
    note(
        "The chain rule gives the gradients of the weights: each layer sees the other one.",
        *zip((slope_of("L", U), slope_of("L", V)), slopes, strict=True),
    )
    stepped_U, stepped_V = (w - eta * slope for w, slope in zip((U, V), slopes, strict=True))
    note("Take one step of gradient descent.", *next_state((U, V), (stepped_U, stepped_V)))

    note(
        "Follow the inner products of the weights instead of the weights.",
        (A, U.T * U / n),
        (B, V.T * V / n),
    )
    products = (
        stepped_U.T * stepped_U / n,
        stepped_U.T * stepped_V / root,
        stepped_V.T * stepped_V / n,
    )
    note("Insert the new weights into the inner products.", *next_state((A, F, B), products))
    blocks = {U.T * U: n * A, U.T * V: root * F, V.T * U: root * F.T, V.T * V: n * B}
    following = tuple(_expanded(_expanded(product, blocks)) for product in products)
    return concluded(
        "Multiply out. Only inner products are left: the equations are closed.",
        Update("closure", (A, F, B), (eta, n, C, c), following, REFERENCE, where={g: gradient}),
    )


@derivation("function-space", symbols=FUNCTION, options=("samples",))
def function_space(samples: int | sp.Symbol = m) -> Update:
    r"""Derive the update of residual and kernel: the exact dynamics without the weights.

    The kernel's next value needs one number of the weights besides the kernel itself,
    ``b = |V|^2 / n``; with it the residual, the kernel and ``b`` are closed.

    Parameters
    ----------
    samples : int or sympy.Symbol
        m. With a symbol the rule has formulas only; with a number it runs.

    Returns
    -------
    Update
        State: residual ``r = f - y`` (m,), neural tangent kernel ``Theta`` (m, m) with
        its 1/m inside, and ``b``. Parameters ``eta``, ``n``, inner products of the
        inputs ``K = X X^T`` (m, m), labels ``y`` (m,). One output, k = 1. ``h`` is
        ``x_a . zeta`` of [Lewkowycz2020], section 2, the full model.

    Raises
    ------
    InputError
        If ``samples`` is a number other than 1, 2, 3, ...

    See Also
    --------
    large_error_map : The approximation of it for large errors.

    Examples
    --------
    >>> function_space().next[0]
    (-eta)*Theta*r + (eta**2/(m*n))*h*f.T*r + r
    >>> function_space().next[1]
    (delta/m)*K + (-eta/(m*n))*f*h.T + (-eta/(m*n))*h*f.T + (b*eta**2/(m*n))*h*h.T + Theta
    >>> for name, quantity in function_space().where.items():
    ...     print(f"{name}: {quantity}")
    f: r + y
    h: 1/m*K*r
    delta: -eta*(b*eta*Trace(h.T*r) - eta*Trace(r.T*Theta*r) + 2*Trace(f.T*r))/(m*n)
    """
    return _sized(_residual_and_kernel, {m: samples})


@remembered
def _residual_and_kernel() -> Update:
    """Multiply the closure by the data from both sides."""
    blocks = closure(outputs=1)
    A_next, F_next, B_next = blocks.next
    _, F_now, B_now = blocks.state
    (gradient,) = blocks.where
    labels = y.subs(k, 1)
    in_function_space = {
        X * A * X.T: m * Theta - b * K,
        X * F_now: f,
        F_now.T * X.T: f.T,
        X * X.T: K,
    }

    def seen(block: sp.Expr) -> sp.Expr:
        """Substitute the data for the gradient, then f, Theta, K and h for their definitions."""
        on_data = block.subs({B_now: b * sp.Identity(1), gradient: X.T * r / m})
        in_terms_of_K = _expanded(_expanded(on_data), in_function_space)
        return _expanded(in_terms_of_K, {K * r: m * h, r.T * K: m * h.T, r.T * f: f.T * r})

    note(
        "Multiply by the data: follow the residual on the samples and the tangent kernel.",
        (K, X * X.T),
        (r, X * F_now - labels),
        (gradient, X.T * r / m),
        (b, B_now),
        (Theta, (X * A * X.T + b * K) / m),
    )
    note(
        "Do the same with the next product of the layers and the next inner products.",
        (later(r), X * F_next - labels),
        (later(Theta), (X * A_next * X.T + later(b) * K) / m),
        (later(b), B_next),
    )
    growth_of_b = sp.factor(sp.expand(seen(sp.Trace(B_next))) - b)
    rule = Update(
        "function-space",
        (r, Theta, b),
        (eta, n, K, labels),
        (
            _expanded(seen(X * F_next) - f + r),
            _expanded((seen(X * A_next * X.T) + (b + delta) * K) / m),
            b + delta,
        ),
        REFERENCE,
        NOTATION,
        where={f: r + labels, h: K * r / m, delta: growth_of_b},
    )
    return concluded("Write the residual and the kernel wherever the weights are left.", rule)


@derivation("large-error-map", symbols=LARGE)
@remembered
def large_error_map() -> Update:
    r"""Derive the approximation of :func:`function_space` for a large error.

    Where the error lies along one eigenvector ``e`` of the kernel, ``f ~ r ~ |r| e``, and
    dwarfs the labels, ``zeta = |X^T r| / m`` and the eigenvalue ``lam``, moved by
    ``e^T (Theta_{t+1} - Theta_t) e``, close on themselves, with the update of output and
    curvature of a single sample [Lewkowycz2020], section 2, the full model.

    Returns
    -------
    Update
        State ``(zeta, lam)``, parameters ``(eta, n)``.

    Examples
    --------
    >>> for component in large_error_map().next:
    ...     print(component)
    zeta*(eta**2*zeta**2/n - eta*lam + 1)
    eta*zeta**2*(eta*lam - 4)/n + lam
    """
    rule = function_space().inline()
    labels = rule.parameters[-1]
    e = sp.MatrixSymbol("e", m, 1)
    size, stretch = sp.symbols("size stretch", positive=True)
    one = sp.Identity(1)
    eigenvector = {
        e.T * Theta * e: lam * one,
        e.T * K * e: stretch * one,
        e.T * K.T * e: stretch * one,
        e.T * e: one,
    }

    def along_e(component: sp.MatrixExpr) -> sp.Expr:
        large_error = component.subs({r: size * e, labels: sp.ZeroMatrix(m, 1)})
        return sp.Trace(_expanded(_expanded(e.T * large_error), eigenvector)).doit()

    residual, kernel = rule.next[0], rule.next[1] * e
    note(
        "Let the error lie along one unit eigenvector e of the kernel, and dwarf the labels.",
        (r, size * e),
        (labels, sp.ZeroMatrix(m, 1)),
        (lam, e.T * Theta * e),
        (stretch, e.T * K * e),
    )
    parts = [along_e(part) for part in (residual, kernel)]
    note("Project the next residual and the next kernel on e.", *next_state((size, lam), parts))
    in_zeta = {stretch: (m * zeta / size) ** 2}
    grown, moved = (sp.expand(part.subs(in_zeta)) for part in parts)
    note(
        "Measure the error by its size zeta, as the inputs see it.",
        (zeta**2, size**2 * stretch / m**2),
        *next_state((size, lam), (grown, moved)),
    )
    images = (zeta * sp.expand(grown / size), lam + sp.factor(moved - lam))
    return concluded(
        "The error grows by the same factor as its size. Collect.",
        Update("large-error-map", (zeta, lam), (eta, n), images, REFERENCE, NOTATION),
    )


def _expanded(
    expression: sp.MatrixExpr, products: dict[sp.MatrixExpr, sp.MatrixExpr] | None = None
) -> sp.MatrixExpr:
    """Multiply out, and replace the products that are keys of ``products``."""
    multiplied_out = expression.doit().expand().doit()
    if products is None:
        return multiplied_out
    return _expanded(multiplied_out.subs(products))


def _sized(derive: Callable[[], Update], sizes: dict[sp.Symbol, int | sp.Symbol]) -> Update:
    for size in sizes.values():
        if not (isinstance(size, sp.Symbol) or (is_integer(size) and size >= 1)):
            name = derive().name
            raise InputError(f"{name}: required a size of 1, 2, 3, ...; got {shown(size)}")
    rule = specialised(derive, lambda expression: expression.subs(sizes))
    return rule.substituted(sizes)
