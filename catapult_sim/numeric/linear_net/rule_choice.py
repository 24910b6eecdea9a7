"""The choice of the rule that trains a linear network."""

from __future__ import annotations

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
    """Return the fastest rule for these options, or raise InputError where there is none.

    Parameters
    ----------
    data : PrincipalData
    width : float
    method : Method
    decays : bool
        Whether there is weight decay.
    compiled : bool
    alone : bool
        Whether a single network is trained instead of an ensemble.
    """
    if not isinstance(method.optimizer, GradientDescent | HeavyBall | Nesterov):
        raise InputError(
            "optimizer must be GradientDescent(), HeavyBall(...) or Nesterov(...), whose steps mix "
            f"columns of the weights, as the Gram matrix requires; got {method.optimizer!r}"
        )
    if isinstance(method.optimizer, GradientDescent) and method.average is None and not decays:
        steps = None
        if compiled:
            from catapult_sim.numeric.linear_net.gradient_descent_numba import kernel

            steps = kernel(data.rank, data.target.shape[1])
        return Descent(data, width, method, alone, steps)
    if compiled:
        raise InputError(
            "compiled=True requires gradient descent without momentum, weight decay or average"
        )
    rule = OnGram if width >= data.rank + data.target.shape[1] else OnWeights
    return rule(data, width, method)
