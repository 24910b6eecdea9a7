"""The choice of the rule that trains a linear network."""

from __future__ import annotations

from collections.abc import Callable

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.linear_net.gradient_descent import Descent
from catapult_sim.numeric.linear_net.on_gram import OnGram
from catapult_sim.numeric.linear_net.on_weights import OnWeights
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall, Nesterov
from catapult_sim.numeric.runs.rule import Method, Rule
from catapult_sim.validation import InputError


def chosen_rule(
    data: PrincipalData, width: float, method: Method, *, decays: bool, compiled: bool, alone: bool
) -> Rule:
    """Return the fastest rule that does what is asked for, or raise InputError.

    Parameters
    ----------
    data : PrincipalData
    width : float
    method : Method
    decays : bool
        Whether there is weight decay.
    compiled : bool
    alone : bool
        Whether a single network is trained, no ensemble.
    """
    if not isinstance(method.optimizer, GradientDescent | HeavyBall | Nesterov):
        raise InputError(
            "optimizer must be GradientDescent(), HeavyBall(...) or Nesterov(...), whose steps mix "
            f"columns of the weights, as the Gram matrix requires; got {method.optimizer!r}"
        )
    if method.plain and not decays:
        steps = _compiled_kernel(data.rank, data.target.shape[1]) if compiled else None
        return Descent(data, width, method, alone, steps)
    if compiled:
        raise InputError(
            "compiled=True requires plain full-batch gradient descent; got other options"
        )
    rule = OnGram if width >= data.rank + data.target.shape[1] else OnWeights
    return rule(data, width, method)


def _compiled_kernel(rank: int, outputs: int) -> Callable[..., None]:
    from catapult_sim.numeric.linear_net.gradient_descent_numba import kernel

    return kernel(rank, outputs)
