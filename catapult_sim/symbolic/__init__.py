"""What the equations are: exact derivations in SymPy."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from catapult_sim.symbolic import backward_error, linear_net, loss_text, minibatch
from catapult_sim.symbolic.backward_error import regularizer, trees
from catapult_sim.symbolic.update import Update

__all__ = [
    "DERIVATIONS",
    "Update",
    "backward_error",
    "linear_net",
    "loss_text",
    "minibatch",
    "regularizer",
    "trees",
]

DERIVATIONS: Mapping[str, Callable[..., Update]] = MappingProxyType(
    {
        "balanced-map": linear_net.balanced_map,
        "closure": linear_net.closure,
        "edge-law": linear_net.edge_law,
        "edge-map": linear_net.edge_map,
        "function-space": linear_net.function_space,
        "infinite-width-map": linear_net.infinite_width_map,
        "invariant-law": linear_net.invariant_law,
        "labelled-sample-map": partial(linear_net.sample_map, label=linear_net.y),
        "large-error-map": linear_net.large_error_map,
        "minibatch-averaged": minibatch.averaged_moments,
        "minibatch-heavy-ball": minibatch.heavy_ball_moments,
        "minibatch-nesterov": minibatch.nesterov_moments,
        "minibatch-sgd": minibatch.sgd_moments,
        "residual-map": linear_net.residual_map,
        "sample-map": linear_net.sample_map,
        "scaled-map": linear_net.scaled_map,
        "two-factor-map": linear_net.two_factor_map,
    }
)
"""Every rule that can be derived, by name. Those in blocks take their sizes as keywords."""
