"""Criteria for the phase of a cell: of any rule, and of the network on one sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_instance

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic import Update

Change = Callable[..., tuple[Array, ...]]


def _unchanged(*values: Array) -> tuple[Array, ...]:
    """Return state and parameters as they are."""
    return values


def anywhere(rows: Any) -> Any:
    """Return True: a small loss has converged at any state."""
    return True


# Steps through which a loss must have been small, where nothing else tells that it stays so: an
# orbit that wanders passes near its minima now and then.
SMALL_FOR = 20


@dataclass(frozen=True)
class PhaseRule:
    """A rule with the criteria for the phase of a cell.

    A cell has converged where its size has been small for some steps, and a minimum attracts. The
    rule may have other coordinates than the cells: ``enter`` maps state and parameters of a cell
    to the state of the rule, ``leave`` maps them back; further values are ignored.
    """

    rule: Update
    size: sp.Expr  # at least 0; the loss is a monotonic function of it
    attracts: Callable[[Any], Any] = anywhere  # of rows (S + P, ...): where small sizes stay small
    small_for: int = SMALL_FOR
    exponent: int = 1  # the loss is size**exponent / exponent, of exponent 1 or 2
    enter: Change = _unchanged
    leave: Change = _unchanged


def phase_rule(rule: Update, loss: sp.Expr | None) -> PhaseRule:
    """Return a rule with its criteria, or raise InputError."""
    import sympy as sp

    if loss is not None:
        require_instance("loss", loss, sp.Expr, "an expression in the symbols of the rule")
    if loss is None and rule.name == "residual-map" and rule == _one_sample_rule():
        return one_sample()
    loss = rule.loss if loss is None else loss
    if loss is None:
        raise InputError(f"{rule.name} has no loss: give one as loss=; got none")
    try:
        rule = replace(rule.entrywise(), loss=loss)
    except ValueError as wrong:
        raise InputError(
            f"loss must be an expression in the symbols of the rule; {wrong}"
        ) from None
    return PhaseRule(rule, loss)


@cache
def _one_sample_rule() -> Update:
    from catapult_sim.symbolic import linear_net

    return linear_net.residual_map()


@cache
def one_sample() -> PhaseRule:
    """Return the criteria of the two-layer linear network on one sample.

    The state is D and ``E = Lam - 4 - Y D``, in which a step takes the fewest operations and
    rounding carries no cell across the edge ``E = 0``.
    """
    from catapult_sim.symbolic import linear_net

    rule = linear_net.edge_map()
    return PhaseRule(rule, abs(rule.state[0]), a_minimum_attracts, 0, 2, from_edge, to_curvature)


def from_edge(D: Any, Lam: Any, Y: Any) -> tuple[Any, Any]:
    """Return the residual D and the distance E from the edge of divergence."""
    return D, Lam - 4 - Y * D


def to_curvature(D: Any, E: Any, Y: Any) -> tuple[Any, Any]:
    """Return the residual D and the curvature Lam."""
    return D, E + 4 + Y * D


def a_minimum_attracts(rows: Any) -> Any:
    """Return where a minimum of the one-sample network attracts, or the loss is zero.

    Minima attract where ``Lam < 2``. The margin keeps out labels ``|Y| >= 1``, at which none
    does: there ``Lam >= 2 |F| >= 2 - 2 |D|``.
    """
    D, E, Y = rows[0], rows[1], rows[2]
    return (E + Y * D + 2 * abs(D) < -2) | (D == 0)
