r"""Modified fields and modified losses of gradient descent, momentum and minibatches.

A step of size ``step_size`` along ``-grad C`` does not follow gradient flow on C, but,
to any order and exactly in the sense of formal series, the flow of a *modified field*.
Its first correction is minus the gradient of a *modified loss*, the implicit
regulariser of [Barrett2021] and [Smith2021]; beyond it there is in general no loss, only the field.

Throughout, C is the mean of the m losses, an epoch visits m minibatches, one of them
per step, and time is ``step_size`` times the number of steps, so that an epoch lasts
``m step_size``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from catapult_sim.symbolic.backward_error import series
from catapult_sim.symbolic.backward_error.field import Components, ModifiedField
from catapult_sim.symbolic.backward_error.modified_equation import (
    FIELD,
    SAMPLINGS,
    check_method,
    describe_method,
    modified_equation,
    note_matching,
    told,
)
from catapult_sim.symbolic.backward_error.trees import (
    Differential,
    Tree,
    elementary_differentials,
    trees,
)
from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.expressions import factored, require_expression, require_symbols
from catapult_sim.symbolic.reality import require_real_somewhere
from catapult_sim.symbolic.steps import is_recorded, name_apart, note, slope_of
from catapult_sim.types import Progress
from catapult_sim.validation import InputError, shown

SYMBOLS = FIELD | {"C": "the mean loss", "M": "the modified loss"}
MOST_PRODUCTS = 10**7
"""The most products of partial derivatives that a field may have: they take minutes."""


@derivation(
    "modified-field",
    symbols=SYMBOLS,
    options=("order", "sampling", "repeats", "momentum", "nesterov", "loss"),
)
def modified_field(
    losses: Sequence[sp.Expr],
    state: Sequence[sp.Symbol],
    step_size: sp.Expr,
    *,
    order: int = 1,
    sampling: str = "shuffled",
    repeats: sp.Expr = 1,
    momentum: sp.Expr = 0,
    nesterov: bool = False,
    progress: Progress | None = None,
) -> ModifiedField:
    r"""Derive the field whose flow an optimiser follows, up to ``step_size**order``.

    After truncation at order p the flow misses one epoch by ``O(step_size**(p + 2))``
    and a fixed time by ``O(step_size**(p + 1))``.

    Parameters
    ----------
    losses : sequence of m sympy.Expr
        The losses of the minibatches; C is their mean.
    state : sequence of P sympy.Symbol
        The weights.
    step_size : sympy.Expr
        The learning rate of each step.
    order : int
        The highest power of `step_size` that is kept: at most 10 for full batches, 5 for shuffled
        ones and reversed pairs, 4 with replacement or repeats, 7 with momentum.
    sampling : {"shuffled", "full", "reversed_pair", "replacement"}
        The flow follows the mean of the weights after an epoch of m steps, whose batches come
        in a uniformly random order ("shuffled"), in the given order or its reverse, or
        independently with replacement; or it follows gradient descent on C ("full").
    repeats : sympy.Expr
        How many steps in a row each minibatch is used for, a number or a symbol: n-step SGD in
        [Smith2021], where the step size is called the bare learning rate.
    momentum : sympy.Expr
        ``beta`` in ``w' = w - step_size grad C + beta (w - w_before)``, with full
        sampling only; 0 is gradient descent. The field is valid once the transients ``beta**t``
        have decayed.
    nesterov : bool
        Take the gradient at ``w + beta (w - w_before)`` instead of at w.
    progress : callable, optional
        Called with the number of coefficients and differentials found since the last call.

    Returns
    -------
    ModifiedField
        ``terms[0]`` is ``-grad C / (1 - beta)``: no factor of the step size is hidden in it.
        Coefficients are exact rational numbers, expressions are left unexpanded.

    Raises
    ------
    InputError
        If losses are nowhere real, a sampling is unknown, or momentum is combined with minibatches
        or named as a weight,
        or the order is too high, or too high for so many weights and minibatches: at most ten
        million products are formed.

    Notes
    -----
    First order: [Barrett2021], [Smith2021] and, with momentum, [Ghosh2023]. Higher orders are sums
    over rooted trees, see :mod:`~catapult_sim.symbolic.backward_error.series`. The cost is the
    number of trees (2, 4, 9, 20 with 3, 4, 5, 6 vertices, one more than the order) times
    ``P**(order + 1)``; shuffling adds the set partitions of their vertices, a reversed pair
    ``m**(order + 1)``. Two weights to order 5 take half a second, five to order 4 three seconds;
    three batches and five weights, shuffled, to order 3 one and a half.

    Examples
    --------
    >>> x, eps = sp.symbols("x eps")
    >>> modified_field([x**2 / 2], [x], eps, order=3).terms
    ((-x,), (-x/2,), (-x/3,), (-x/4,))
    >>> modified_field([x**2, 0], [x], eps).terms
    ((-x,), (-x,))
    """
    losses, state = _checked(losses, state)
    step_size = require_expression("step_size", step_size)
    check_method(order, sampling, SAMPLINGS, momentum, nesterov, repeats)
    _check_name(momentum, (*state, step_size))
    fields, sizes = _fields(losses, state), (len(losses), len(state))
    _note_losses(losses, fields, state)
    coefficients = _coefficients(order, sampling, sizes, repeats, momentum, nesterov, progress)
    differential = elementary_differentials(fields, state)
    _note_differentials(coefficients, differential, state)
    terms = tuple(
        _combination(_of_order(coefficients, vertices), differential, len(state), progress)
        for vertices in range(1, order + 2)
    )
    known = _known_losses(coefficients, losses, fields)[: order + 1]
    method = describe_method(sampling, momentum, nesterov, repeats)
    field = ModifiedField(terms, state, step_size, known, method)
    if is_recorded():
        note("Collect the powers of the step size.", *field.equations())
    return field


def _note_losses(
    losses: Components, fields: Sequence[Sequence[sp.Expr]], state: tuple[sp.Symbol, ...]
) -> None:
    """Note the losses, and the fields that the method steps along."""
    if not is_recorded():
        return
    each = range(1, len(losses) + 1)
    names = [name_apart("C", state), *(name_apart(f"C_{k}", state) for k in each)]
    mean, *others = zip(names, (_mean(losses), *losses), strict=True)
    note("Take these losses of the minibatches, and their mean.", *others, mean)
    slopes = [
        (slope_of(name, w), -component)
        for name, field in zip(names, fields, strict=True)
        for w, component in zip(state, field, strict=True)
    ]
    note("Differentiate them: the field f is minus the gradient of the mean loss.", *slopes)


def _note_differentials(
    coefficients: Mapping[Tree, sp.Expr], differential: Differential, state: tuple[sp.Symbol, ...]
) -> None:
    """Note the components of each differential that a sum of them needs."""
    if is_recorded():
        components = [
            (sp.Symbol(f"({tree})_{w}"), factored(component))
            for tree in coefficients
            for w, component in zip(state, differential(tree), strict=True)
        ]
        note("Insert the field into the differentials, for each weight.", *components)


def _check_name(momentum: sp.Expr, taken: Sequence[sp.Expr]) -> None:
    """Raise an InputError if momentum is called as something else."""
    if set(map(str, taken)) & set(map(str, sp.sympify(momentum).free_symbols)):
        raise InputError(
            f"momentum must have another name than weights and step size; got {momentum}"
        )


def _fields(losses: Components, state: tuple[sp.Symbol, ...]) -> list[list[sp.Expr]]:
    """Return the fields of the mean loss and of each loss."""
    return [[-loss.diff(w) for w in state] for loss in (_mean(losses), *losses)]


def _mean(losses: Components) -> sp.Expr:
    return sp.Add(*losses) / len(losses)


@derivation("modified-loss", symbols=SYMBOLS, options=("order", "sampling", "repeats", "loss"))
def modified_loss(
    losses: Sequence[sp.Expr],
    state: Sequence[sp.Symbol],
    step_size: sp.Expr,
    *,
    order: int = 1,
    sampling: str = "shuffled",
    repeats: sp.Expr = 1,
    progress: Progress | None = None,
) -> sp.Expr:
    """Derive the loss whose gradient flow follows the training method, where one exists.

    At first order ``C + step_size / (4 m) * sum of |grad C_k|^2`` for shuffled batches
    [Smith2021], however many steps are taken on each of them, and
    ``C + step_size / 4 * |grad C|^2`` for full ones and for single draws with replacement.

    Parameters
    ----------
    losses, state, step_size, order, sampling, repeats, progress
        As in :func:`modified_field`.

    Raises
    ------
    NotAGradient
        As :meth:`ModifiedField.loss`.

    Examples
    --------
    The loss of the two-layer linear network on one sample, ``L = f^2 / 2``: gradient
    descent multiplies it by ``1 + eps lam / 2``, where ``lam`` is the curvature that the
    catapult lowers.

    >>> u, v, eps = sp.symbols("u v eps")
    >>> sp.factor(modified_loss([(u * v) ** 2 / 2], [u, v], eps))
    u**2*v**2*(eps*u**2 + eps*v**2 + 2)/4
    """
    check_method(order, sampling, SAMPLINGS, repeats=repeats)
    if order > 1:
        method = {"order": order, "sampling": sampling, "repeats": repeats}
        return modified_field(losses, state, step_size, **method, progress=progress).loss()
    # Up to first order the field itself is not needed.
    losses, state = _checked(losses, state)
    step_size = require_expression("step_size", step_size)
    fields, sizes = _fields(losses, state), (len(losses), len(state))
    _note_losses(losses, fields, state)
    coefficients = _coefficients(order, sampling, sizes, repeats, 0, False, progress)
    known = _known_losses(coefficients, losses, fields)[: order + 1]
    modified = sp.Add(*(step_size**k * loss for k, loss in enumerate(known)))
    note(
        "Up to first order the field is minus a gradient, as f'f is that of half the square of f.",
        (name_apart("M", state), modified),
    )
    return modified


def _checked(
    losses: Sequence[sp.Expr], state: Sequence[sp.Symbol]
) -> tuple[Components, tuple[sp.Symbol, ...]]:
    if not isinstance(losses, list | tuple) or not losses:
        raise InputError(f"losses must be a sequence of at least 1 expression; got {shown(losses)}")
    expressions = tuple(require_expression("each of losses", loss) for loss in losses)
    weights = require_symbols("state", state)
    require_real_somewhere(expressions)
    return expressions, weights


def _coefficients(
    order: int,
    sampling: str,
    sizes: tuple[int, int],
    repeats: sp.Expr,
    momentum: sp.Expr,
    nesterov: bool,
    progress: Progress | None,
) -> Mapping[Tree, sp.Expr]:
    """Return the coefficients of trees; vertices carry batches 1, ..., m, or 0 for their mean."""
    batches, weights = sizes
    copies = batches if sampling == "reversed_pair" else 1
    every = [copies**vertices * len(trees(vertices)) for vertices in range(1, order + 2)]
    _check_products(sum(every), order, batches, weights)
    if sampling == "reversed_pair":
        steps = require_expression("repeats", repeats)
        kick = series.in_a_row(series.reversed_pair, steps)
        b = series.field_coefficients(kick, duration=steps)
        found = series.numbered_series(told(b, progress), order, batches)
        note_matching(b, list(found), sampling)
        return found
    equation = modified_equation(
        order,
        sampling=sampling,
        batches=batches,
        repeats=repeats,
        momentum=momentum,
        nesterov=nesterov,
        progress=progress,
    )
    every = [batches ** max(tree.batches) for tree in equation.coefficients]
    _check_products(sum(every), order, batches, weights)
    return series.numbered(equation.coefficients, batches)


def _check_products(differentials: int, order: int, batches: int, weights: int) -> None:
    """Raise an InputError if differentials have too many products of partial derivatives."""
    products = differentials * weights ** (order + 1)
    if products > MOST_PRODUCTS:
        raise InputError(
            f"order {order} with {weights} weights and {batches} minibatches takes "
            f"{products:.1e} products; at most {MOST_PRODUCTS:.0e} are formed"
        )


def _of_order(coefficients: Mapping[Tree, sp.Expr], vertices: int) -> Mapping[Tree, sp.Expr]:
    return {tree: number for tree, number in coefficients.items() if tree.order == vertices}


def _combination(
    coefficients: Mapping[Tree, sp.Expr],
    differential: Differential,
    size: int,
    progress: Progress | None,
) -> Components:
    weighted = []
    for tree, coefficient in coefficients.items():
        weighted.append([coefficient * entry for entry in differential(tree)])
        if progress is not None:
            progress(1)
    return tuple(sp.Add(*(entries[i] for entries in weighted)) for i in range(size))


def _known_losses(
    coefficients: Mapping[Tree, sp.Expr], losses: Components, fields: Sequence[Sequence[sp.Expr]]
) -> tuple[sp.Expr, sp.Expr]:
    """Return the losses of orders 0 and 1, which always exist."""
    return (_leaf_loss(coefficients, (_mean(losses), *losses)), _chain_loss(coefficients, fields))


def _leaf_loss(coefficients: Mapping[Tree, sp.Expr], losses: Sequence[sp.Expr]) -> sp.Expr:
    leaves = _of_order(coefficients, 1).items()
    return sp.Add(*(number * losses[tree.batch] for tree, number in leaves))


def _chain_loss(
    coefficients: Mapping[Tree, sp.Expr], fields: Sequence[Sequence[sp.Expr]]
) -> sp.Expr:
    """Return the loss at first order: for ``f_j' f_k + f_k' f_j`` it is ``-f_j . f_k``."""
    chains = _of_order(coefficients, 2).items()
    pairs = ((number, *map(fields.__getitem__, tree.batches)) for tree, number in chains)
    return sp.Add(*(-number * _dot(one, other) / 2 for number, one, other in pairs))


def _dot(one: Sequence[sp.Expr], other: Sequence[sp.Expr]) -> sp.Expr:
    return sp.Add(*(a * b for a, b in zip(one, other, strict=True)))
