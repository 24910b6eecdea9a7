"""Illustrations of claims: the derivation that one tests, the figure that draws it.

Both are found by the id of the claim, or by what it begins with before a dot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
"""Names in ``catapult-sim derive``."""

FIGURES = {
    "catapult.accuracy": "accuracy",
    "catapult.axes": "c_act",
    "catapult.c_act": "c_act",
    "catapult.c_act.table.relu-1-pixel": "input_scaling",
    "catapult.c_act.table.relu-2-pixel": "input_scaling",
    "catapult.c_act.table.relu-3-pixel": "input_scaling",
    "catapult.c_act.table.relu-1-raw": "input_scaling",
    "catapult.c_act.table.relu-2-raw": "input_scaling",
    "catapult.c_act.table.relu-3-raw": "input_scaling",
    "catapult.data": "phase_diagram",
    "catapult.decay": "decay",
    "catapult.early_time": "early_time",
    "catapult.final-curvature": "final_curvature",
    "catapult.linear-1": "phase_diagram",
    "catapult.linear-2": "phase_diagram",
    "catapult.one-sample": "phase_map",
    "catapult.relu-1": "phase_diagram",
    "catapult.relu-2": "phase_diagram",
    "catapult.tanh-1": "phase_diagram",
    "catapult.tanh-2": "phase_diagram",
    "catapult.theorem": "catapult",
    "central_flow": "beyond_stability",
    "early_training": "early_training",
    "edge_flow": "beyond_stability",
    "edge_of_stability": "bifurcation",
    "edge_of_stability.basin": "basin",
    "implicit_regularization": "implicit_regularization",
    "implicit_regularization.order": "backward_error",
    "implicit_regularization.scale": "rate_over_batch",
    "implicit_regularization.validity": "where_regularization_ends",
    "minibatch_losses.digits": "averaging",
    "minibatch_losses.digits.cross_entropy": "batch_loss",
    "minibatch_losses.digits.squared_error": "batch_loss",
    "minibatch_losses.digits.timescale": "multi_timescale",
    "minibatch_losses.model": "minibatch_variance",
    "minibatch_losses.table": "averages_table",
    "progressive_sharpening": "progressive_sharpening",
    "quadratic_models": "quadratic_models",
    "quadratic_models.restored": "linear_dynamics_restored",
    "rare_catapults": "rare_catapults",
    "sharpest_directions.cross_entropy": "sharpest_grid",
    "sharpest_directions.cross_entropy.alignment": "sharpest_steps",
    "sharpest_directions.cross_entropy.nudged": "nudged_sgd",
    "sharpest_directions.cross_entropy.nudged.table": "nudged_table",
    "sharpest_directions.cross_entropy.step": "sharpest_steps",
    "sharpest_directions.squared_error": "sharpest_grid",
    "sharpest_directions.squared_error.alignment": "sharpest_steps",
    "sharpest_directions.squared_error.nudged": "nudged_sgd",
    "sharpest_directions.squared_error.step": "sharpest_steps",
}
"""Names of scripts in the folder ``figures`` of the source."""


def equations_of(ids: Iterable[str]) -> dict[str, str]:
    """Return the derived equations in MathML, by the ids of the claims that test them.

    Examples
    --------
    >>> found = equations_of(["catapult.theorem.lazy-1.5", "catapult.data.rise"])
    >>> list(found), found["catapult.theorem.lazy-1.5"].startswith("<math")
    (['catapult.theorem.lazy-1.5'], True)
    """
    named = {one: _longest(EQUATIONS, one) for one in ids}
    return {one: _in_mathml(name) for one, name in named.items() if name}


def figure_of(claim: str) -> str | None:
    """Return the name of the script that draws what a claim is about, or None.

    Examples
    --------
    >>> figure_of("quadratic_models.restored.relu.over"), figure_of("catapult.map")
    ('linear_dynamics_restored', None)
    """
    return _longest(FIGURES, claim)


def _longest(table: Mapping[str, str], claim: str) -> str | None:
    """Return the entry whose key is the longest of those that the id begins with."""
    fitting = [start for start in table if f"{claim}.".startswith(f"{start}.")]
    return table[max(fitting, key=len)] if fitting else None


@cache
def _in_mathml(name: str) -> str:
    from catapult_sim.symbolic.printed import derive

    return derive(name, "mathml").text
