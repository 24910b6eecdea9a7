"""Training methods whose modified equations are derived: their names and their checks."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

SAMPLINGS = {
    "shuffled": "shuffled mini-batches, mean epoch",
    "full": "gradient descent, full batch",
    "reversed_pair": "mini-batches in the given order or its reverse, mean epoch",
    "replacement": "mini-batches drawn with replacement, mean epoch",
}
"""Training methods, by the name of their sampling; the first is the default."""


def describe_method(
    sampling: str = "shuffled", momentum: sp.Expr = 0, nesterov: bool = False
) -> str:
    """Return a training method in a few words.

    Examples
    --------
    >>> describe_method()
    'shuffled mini-batches, mean epoch'
    >>> describe_method("full", sp.Symbol("beta"))
    'heavy ball, momentum beta, full batch'
    """
    if momentum == 0:
        return SAMPLINGS[sampling]
    return f"{'Nesterov' if nesterov else 'heavy ball'}, momentum {momentum}, full batch"


def check_method(
    order: int, sampling: str, known: Iterable[str], momentum: sp.Expr, nesterov: bool
) -> None:
    """Raise a ValueError unless the arguments describe a method of training."""
    if isinstance(momentum, str):
        raise ValueError(f"momentum must be a number or a symbol; got the text {momentum!r}")
    if not isinstance(order, int) or order < 0:
        raise ValueError(f"order must be a whole number from 0 on; got {order!r}")
    if sampling not in known:
        raise ValueError(f"sampling must be one of {', '.join(known)}; got {sampling!r}")
    if sampling != "full" and (momentum != 0 or nesterov):
        raise ValueError(f"momentum needs sampling = 'full'; got sampling = {sampling!r}")
    if sp.sympify(momentum).is_number and not -1 < momentum < 1:
        raise ValueError(f"momentum must lie between -1 and 1; got {momentum}")
