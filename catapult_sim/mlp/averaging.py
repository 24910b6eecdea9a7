r"""Averages of a network's iterates: what they remember is joined to the state of descent.

With S the state of the rule, W the weights in it, and M the memory of the average, a step is ::

    S <- step(S)        M <- advance(M, W)

so that the averaged run is stopped, continued, cut into blocks and ended member by member like
any other. Averages do not act back: W is what it is without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catapult_sim.mlp.optimizers import Descent, composed
from catapult_sim.numeric.runs.averages import Average, Memory
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array, Observe


@dataclass(frozen=True, kw_only=True)
class Averaged(Descent):
    """Descent and an average of its iterates. Its state is ``[W, M]`` or ``[W, D, M]``.

    M is as many arrays ``(N, P)`` as the average remembers at every step of a run.
    """

    average: Average

    def start(self, theta: Array) -> Array:
        """Return the state of parameters at rest, their average themselves."""
        return _joined(super().start(theta), self.average.begin(theta))

    def observers(self, observe: Observe) -> dict[str, Callable[[Any], Array]]:
        """Let quantities of parameters be measured on states, and with the loss on averages."""
        found = super().observers(observe)
        for name, quantity in {"loss": self.loss, **observe}.items():
            found[f"average_{name}"] = composed(quantity, self.average_theta)
        return found

    def of_parameters(self, run: Trajectory) -> Trajectory:
        """Return a run of states as one of parameters, with their average at its end."""
        return replace(super().of_parameters(run), average=self.average_theta(run.state))

    def average_theta(self, state: Array) -> Array:
        """Return the averaged parameters of a state, ``(..., P)``."""
        return self.average.value(self._parts(state)[1])

    def step(self, t: int, state: Array, *parameters: Any) -> tuple[Array, Array]:
        """Return the next state, and the loss that the gradient was taken of."""
        before, memory = self._parts(state)
        after, loss = super().step(t, before, *parameters)
        return _joined(after, self.average.advance(memory, self.theta(after), t)), loss

    def _parts(self, state: Array) -> tuple[Array, Memory]:
        """Take the state of descent and the memory apart."""
        size = self.network.size
        own = size * (1 + self.moving)
        memory = tuple(state[..., i : i + size] for i in range(own, state.shape[-1], size))
        return state[..., :own], memory


def _joined(state: Array, memory: Memory) -> Array:
    return np.concatenate([state, *memory], axis=-1)
