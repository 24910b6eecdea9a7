r"""The two halves of the implicit regulariser: what descent adds, and what shuffling adds.

To first order an epoch of shuffled minibatches follows gradient flow on
``C + step_size (descent + variance)``: the first is the penalty of gradient descent on C,
the second is an imprint of visiting every batch once, and is absent when batches are drawn
with replacement.

References
----------
.. [1] S. L. Smith, B. Dherin, D. Barrett and S. De, *On the origin of implicit
   regularization in stochastic gradient descent*, arXiv:2101.12176 (2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp


@dataclass(frozen=True)
class ImplicitRegularizer:
    """A modified loss at first order, taken apart: ``loss + step_size (descent + variance)``.

    Attributes
    ----------
    loss : sympy.Expr
        C, the mean loss.
    descent : sympy.Expr
        ``|grad C|^2 / 4``: the part of gradient descent, zero wherever C is stationary.
    variance : sympy.Expr
        A quarter of the variance of the batch gradients: the part of shuffling.
    """

    loss: sp.Expr
    descent: sp.Expr
    variance: sp.Expr

    def total(self, step_size: sp.Expr) -> sp.Expr:
        """Return the modified loss."""
        return self.loss + step_size * (self.descent + self.variance)


def implicit_regularizer(
    losses: Sequence[sp.Expr], state: Sequence[sp.Symbol]
) -> ImplicitRegularizer:
    """Take the modified loss of shuffled minibatches apart.

    Parameters
    ----------
    losses : sequence of m sympy.Expr
        The losses of the minibatches, a fixed partition of the examples.
    state : sequence of P sympy.Symbol
        The weights.

    Notes
    -----
    ``sum of |grad C_k|^2 / m = |grad C|^2 + variance`` splits the penalty of ref. [1]_.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> parts = implicit_regularizer([(x - a) ** 2, (x + a) ** 2], [x])
    >>> parts.descent, sp.expand(parts.variance)
    (x**2, a**2)
    """
    if not losses:
        raise ValueError("an implicit regulariser needs at least 1 loss; got none")
    mean = sp.Add(*losses) / len(losses)
    spread = [_squared_gradient(loss - mean, state) for loss in losses]
    return ImplicitRegularizer(
        mean, _squared_gradient(mean, state) / 4, sp.Add(*spread) / (4 * len(losses))
    )


def expected_regularizer(
    example_losses: Sequence[sp.Expr], state: Sequence[sp.Symbol], batch_size: sp.Expr
) -> ImplicitRegularizer:
    r"""Average :func:`implicit_regularizer` over all partitions into equal batches.

    Batches of size B, drawn from N examples without replacement, have gradients of
    variance ``(N - B) / (N - 1) / B`` times that of the examples. For ``B << N`` the penalty
    depends on the step size and on B through ``step_size / B`` alone: the linear scaling rule.

    Parameters
    ----------
    example_losses : sequence of N sympy.Expr
        The losses of the single examples, N > 1.
    state : sequence of P sympy.Symbol
        The weights.
    batch_size : sympy.Expr
        B, a divisor of N, or a symbol.

    Examples
    --------
    >>> x, a, B = sp.symbols("x a B")
    >>> parts = expected_regularizer([(x - a) ** 2, (x + a) ** 2], [x], B)
    >>> sp.factor(parts.variance)
    -a**2*(B - 2)/B
    """
    n, size = len(example_losses), sp.sympify(batch_size)
    if n < 2:
        raise ValueError(f"an expectation over partitions needs at least 2 examples; got {n}")
    if size.is_number and not (size.is_Integer and size > 0 and n % size == 0):
        raise ValueError(f"the batch size must divide the {n} examples; got {size}")
    single = implicit_regularizer(example_losses, state)
    reduction = (n - size) / (n - 1) / size
    return ImplicitRegularizer(single.loss, single.descent, reduction * single.variance)


def _squared_gradient(loss: sp.Expr, state: Sequence[sp.Symbol]) -> sp.Expr:
    return sp.Add(*(sp.diff(loss, w) ** 2 for w in state))
