"""Derivations for the two-layer linear network.

:mod:`~catapult_sim.symbolic.linear_net.gram` derives the exact dynamics on any data,
:mod:`~catapult_sim.symbolic.linear_net.sample` the map of the one-sample model,
:mod:`~catapult_sim.symbolic.linear_net.scaled` the same in scaled units,
:mod:`~catapult_sim.symbolic.linear_net.hessian` the spectrum of its Hessian, and
:mod:`~catapult_sim.symbolic.linear_net.orbits` fixed points and periodic orbits of those maps.
"""

from catapult_sim.symbolic.linear_net.gram import (
    closure,
    eta,
    function_space,
    lam,
    large_error_map,
    n,
)
from catapult_sim.symbolic.linear_net.hessian import hessian_eigenvalues
from catapult_sim.symbolic.linear_net.orbits import (
    balanced_map,
    fixed_points,
    period_doublings,
    period_two_orbit,
)
from catapult_sim.symbolic.linear_net.sample import boundaries, f, infinite_width_map, sample_map, y
from catapult_sim.symbolic.linear_net.scaled import (
    D,
    F,
    Lam,
    Y,
    edge_law,
    edge_map,
    invariant_law,
    p,
    q,
    residual_map,
    s,
    scaled_map,
    two_factor_map,
)

__all__ = [
    "D",
    "F",
    "Lam",
    "Y",
    "balanced_map",
    "boundaries",
    "closure",
    "edge_law",
    "edge_map",
    "eta",
    "f",
    "fixed_points",
    "function_space",
    "hessian_eigenvalues",
    "infinite_width_map",
    "invariant_law",
    "lam",
    "large_error_map",
    "n",
    "p",
    "period_doublings",
    "period_two_orbit",
    "q",
    "residual_map",
    "s",
    "sample_map",
    "scaled_map",
    "two_factor_map",
    "y",
]
