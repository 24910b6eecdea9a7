"""Training methods whose modified equations are derived: their names and their checks."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.steps import name_apart
from catapult_sim.validation import InputError, require_flag, require_one_of, shown

SAMPLINGS = {
    "shuffled": "shuffled mini-batches, mean epoch",
    "full": "gradient descent, full batch",
    "reversed_pair": "mini-batches in the given order or its reverse, mean epoch",
    "replacement": "mini-batches drawn with replacement, mean epoch",
}
"""Training methods, by the name of their sampling; the first is the default."""


def describe_method(
    sampling: str = "shuffled",
    momentum: sp.Expr = 0,
    nesterov: bool = False,
    repeats: sp.Expr = 1,
) -> str:
    """Return a training method in a few words.

    Examples
    --------
    >>> describe_method()
    'shuffled mini-batches, mean epoch'
    >>> describe_method("full", sp.Symbol("beta"))
    'heavy ball, momentum beta, full batch'
    >>> describe_method("shuffled", repeats=4)
    'shuffled mini-batches, mean epoch, 4 steps in a row on each batch'
    """
    if momentum == 0:
        return SAMPLINGS[sampling] + _in_a_row(repeats)
    return f"{'Nesterov' if nesterov else 'heavy ball'}, momentum {momentum}, full batch"


def _in_a_row(repeats: sp.Expr) -> str:
    return "" if repeats == 1 else f", {repeats} steps in a row on each batch"


def step_of(sampling: str, momentum: sp.Expr, nesterov: bool) -> sp.Expr:
    """Return the weights after a step of a training method, in the weights w and those before, z.

    Examples
    --------
    >>> step_of("shuffled", 0, False)
    eps*f_k(w) + w
    """
    taken = sp.sympify(momentum).free_symbols
    w, z, eps = (name_apart(name, taken) for name in ("w", "z", "eps"))
    field = sp.Function("f" if sampling == "full" else "f_k")
    moved = momentum * (w - z)
    return w + eps * field(w + moved if nesterov else w) + moved


def check_method(
    order: int,
    sampling: str,
    known: Iterable[str],
    momentum: sp.Expr = 0,
    nesterov: bool = False,
    repeats: sp.Expr = 1,
) -> None:
    """Raise InputError unless the arguments describe a method of training."""
    momentum = require_expression("momentum", momentum)
    if not isinstance(order, int) or order < 0:
        raise InputError(f"order must be a whole number from 0 on; got {shown(order)}")
    require_one_of("sampling", sampling, tuple(known))
    require_flag("nesterov", nesterov)
    if sampling != "full" and (momentum != 0 or nesterov):
        raise InputError(f"momentum needs sampling = 'full'; got sampling = {sampling!r}")
    if momentum.is_number and not -1 < momentum < 1:
        raise InputError(f"momentum must lie between -1 and 1; got {momentum}")
    repeats = require_expression("repeats", repeats)
    if repeats.is_number and not (repeats.is_integer and repeats >= 1):
        raise InputError(f"repeats must be an integer of at least 1, or a name; got {repeats}")
    if sampling == "full" and repeats != 1:
        raise InputError(f"repeats needs minibatches; got sampling = 'full', repeats = {repeats}")
