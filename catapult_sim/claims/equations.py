"""Equations of claims: the derivation that a claim tests, for those that test one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

EQUATIONS = {
    "catapult.map": "sample-map",
    "catapult.one-sample": "scaled-map",
    "catapult.theorem": "scaled-map",
    "catapult.peak": "scaled-map",
    "catapult.lazy": "infinite-width-map",
    "catapult.invariant": "invariant-law",
    "edge_of_stability.basin": "edge-map",
    "edge_of_stability.doubling-2": "balanced-map",
    "edge_of_stability.doubling-4": "balanced-map",
    "edge_of_stability.hessian": "residual-map",
    "edge_of_stability.lyapunov.balanced-map": "balanced-map",
    "edge_of_stability.lyapunov.residual-map": "residual-map",
    "edge_of_stability.orbit": "balanced-map",
    "implicit_regularization.order.shuffled-1": "modified-loss",
    "minibatch_losses.model.closed.ema": "variance-ema",
    "minibatch_losses.model.closed.heavy-ball": "variance-heavy-ball",
    "minibatch_losses.model.closed.nesterov": "variance-nesterov",
    "minibatch_losses.model.closed.sgd": "variance-sgd",
    "minibatch_losses.model.closed.shuffled": "variance-shuffled",
    "minibatch_losses.model.closed.swa": "variance-swa",
    "minibatch_losses.model.closed.two-point": "variance-two-point",
    "quadratic_models.one-sample": "sample-map",
}
"""Names in ``catapult-sim derive``, by ids of claims or what ids begin with before a dot."""


def equations_of(ids: Iterable[str]) -> dict[str, str]:
    """Return the derived equations in MathML, by the ids of the claims that test them.

    Examples
    --------
    >>> found = equations_of(["catapult.theorem.lazy-1.5", "catapult.data.rise"])
    >>> list(found), found["catapult.theorem.lazy-1.5"].startswith("<math")
    (['catapult.theorem.lazy-1.5'], True)
    """
    named = {one: EQUATIONS[start] for one in ids for start in EQUATIONS if _begins(one, start)}
    return {one: _in_mathml(name) for one, name in named.items()}


def _begins(claim: str, start: str) -> bool:
    return f"{claim}.".startswith(f"{start}.")


@cache
def _in_mathml(name: str) -> str:
    from catapult_sim.symbolic.printed import derive

    return derive(name, "mathml").text
