r"""The modified field of backward error analysis, and its loss, where there is one.

To first order the field is minus the gradient of a modified loss, the implicit regulariser; beyond
it there is in general no loss, only the field.
:mod:`~catapult_sim.symbolic.backward_error` derives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from catapult_sim.symbolic.backward_error.potentials import curl_of, potential_of

Components = tuple[sp.Expr, ...]


class NotAGradient(ValueError):
    """The field is no gradient: there is no modified loss at this order.

    Attributes
    ----------
    order : int
        The lowest power of the step size at which the curl does not vanish.
    curl : mapping of (sympy.Symbol, sympy.Symbol) to sympy.Expr
        ``curl[x, y]`` is ``d F_x / dy - d F_y / dx`` of that term, where it is not zero.
    """

    def __init__(self, order: int, curl: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Expr]):
        self.order, self.curl = order, curl
        (x, y), value = next(iter(curl.items()))
        super().__init__(
            f"a modified loss needs a field without curl; at order {order} of the step size "
            f"d F_{x} / d{y} - d F_{y} / d{x} = {value}"
        )


@dataclass(frozen=True)
class ModifiedField:
    """The field ``sum over k of step_size**k terms[k]``: dw/dt in units of a step.

    Attributes
    ----------
    terms : tuple of tuples of P sympy.Expr
        ``terms[k]`` multiplies ``step_size**k`` and does not contain it.
    state : tuple of P sympy.Symbol
        The weights.
    step_size : sympy.Expr
        The learning rate.
    losses : tuple of sympy.Expr
        Of which minus ``terms[0]`` and ``terms[1]`` are the gradients.
    """

    terms: tuple[Components, ...]
    state: tuple[sp.Symbol, ...]
    step_size: sp.Expr
    losses: tuple[sp.Expr, ...]

    def truncate(self, order: int) -> ModifiedField:
        """Return the field up to ``step_size**order``."""
        if not 0 <= order < len(self.terms):
            raise ValueError(f"order must lie in 0, ..., {len(self.terms) - 1}; got {order}")
        kept = slice(order + 1)
        return ModifiedField(self.terms[kept], self.state, self.step_size, self.losses[kept])

    def total(self) -> Components:
        """Return the P components of the field, all terms together."""
        powers = [self.step_size**k for k in range(len(self.terms))]
        return tuple(
            sp.Add(*(power * term for power, term in zip(powers, component, strict=True)))
            for component in zip(*self.terms, strict=True)
        )

    def loss(self) -> sp.Expr:
        """Return the modified loss, of which the field is minus the gradient.

        Up to first order it always exists. Beyond, it does for one weight and for
        quadratic losses; what is not polynomial is returned as an unevaluated integral.

        Raises
        ------
        NotAGradient
            Naming the lowest order whose term has a curl, and the curl. A curl counts as
            zero if it is zero to 30 digits at a generic point.

        Examples
        --------
        >>> from catapult_sim.symbolic.backward_error import modified_field
        >>> x, y, eps = sp.symbols("x y eps")
        >>> field = modified_field([(x * y - 1) ** 2 / 2], (x, y), eps, order=2)
        >>> sp.factor(field.truncate(1).loss())
        (x*y - 1)**2*(eps*x**2 + eps*y**2 + 2)/4
        >>> field.loss()
        Traceback (most recent call last):
            ...
        catapult_sim.symbolic.backward_error.field.NotAGradient: a modified loss needs ...
        """
        losses = list(self.losses)
        for order in range(len(losses), len(self.terms)):
            if curl := curl_of(self.terms[order], self.state):
                raise NotAGradient(order, curl)
            losses.append(potential_of(self.terms[order], self.state))
        return sp.Add(*(self.step_size**k * loss for k, loss in enumerate(losses)))
