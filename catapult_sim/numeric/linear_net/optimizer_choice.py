"""Which rule trains a linear network, and what it observes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.linear_net.gradient_descent import Descent
from catapult_sim.numeric.linear_net.on_gram import Joint
from catapult_sim.numeric.linear_net.on_weights import Thin
from catapult_sim.numeric.linear_net.optimizer import Stepwise
from catapult_sim.numeric.runs.averages import Average, require_average
from catapult_sim.numeric.runs.batches import require_batches
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array, Observe
from catapult_sim.validation import InputError, require_momentum

Rule = Descent | Stepwise


def chosen_rule(
    data: PrincipalData,
    width: float,
    *,
    momentum: npt.ArrayLike,
    nesterov: bool,
    weight_decay: npt.ArrayLike,
    batches: npt.ArrayLike | None,
    average: Average | None,
    compiled: bool,
    alone: bool,
) -> tuple[Rule, tuple[Array, ...]]:
    """Return the rule, and the parameters it takes besides the learning rate."""
    beta, decay = require_momentum(momentum), _require_decay(weight_decay)
    require_average(average)
    if all(_is_zero(x) for x in (beta, decay)) and batches is None and average is None:
        steps = _compiled_kernel(data.rank, data.target.shape[1]) if compiled else None
        return Descent(data, width, alone, steps), ()
    if compiled:
        raise InputError(
            "compiled=True requires plain full-batch gradient descent; got other options"
        )
    if batches is not None:
        batches = require_batches(batches, len(data.left))
    kind = Joint if width >= data.rank + data.target.shape[1] else Thin
    return kind(data, width, nesterov, batches, average), (beta, decay)


def _is_zero(value: Array) -> bool:
    return value.ndim == 0 and value == 0


def _require_decay(weight_decay: npt.ArrayLike) -> Array:
    decay = np.asarray(weight_decay, dtype=float)
    if not ((decay >= 0) & np.isfinite(decay)).all():
        raise InputError(f"weight_decay must be finite and at least 0; got {weight_decay!r}")
    return decay


def _compiled_kernel(rank: int, outputs: int) -> Callable[..., None]:
    from catapult_sim.numeric.linear_net.gradient_descent_numba import kernel

    return kernel(rank, outputs)


def observers(rule: Rule, observe: Observe) -> dict[str, Callable[[Array], Array]]:
    """Let quantities of Gram matrices be measured on the rule's states."""

    def seen(gram: Callable[[Array], Array], quantity: Callable[[Any], Array], state: Array) -> Any:
        return quantity(gram(state))

    found: dict[str, Callable[[Array], Array]] = {
        name: partial(seen, rule.gram, quantity) for name, quantity in observe.items()
    }
    if isinstance(rule, Stepwise) and rule.average is not None:
        found["average_loss"] = rule.average_loss
        for name, quantity in observe.items():
            found[f"average_{name}"] = partial(seen, rule.average_gram, quantity)
    return found


def of_gram(rule: Rule, run: Trajectory) -> Trajectory:
    """Return a run of the rule's states as one of Gram matrices, with that of the average."""
    average = None
    with np.errstate(all="ignore"):  # of diverged members too
        if isinstance(rule, Stepwise) and rule.average is not None:
            average = rule.average_gram(run.state)
        return replace(run, state=rule.gram(run.state), average=average)
