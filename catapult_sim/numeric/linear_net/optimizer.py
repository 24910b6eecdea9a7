"""What every optimiser of the linear network keeps: sets of columns, beside the residual."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.runs.averages import Average
from catapult_sim.numeric.runs.batches import Batches
from catapult_sim.types import Array

# The sets of columns: the weights, their last step, and the distance of their average.
WEIGHTS, LAST_STEP, AVERAGE = 0, 1, 2


@dataclass(frozen=True)
class Stepwise(ABC):
    """SGD with momentum, decay and averaging on the state ``[columns, e]``, flat."""

    data: PrincipalData
    width: float
    nesterov: bool = False
    batches: Batches | None = None
    average: Average | None = None

    @property
    def longest(self) -> int:
        """How many steps to take between two looks at the losses."""
        return 8

    @property
    def work(self) -> int:
        """The bytes that a step of one member takes besides its state: some copies of it."""
        return 4 * 8 * math.prod(self.shape)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of what stands for the columns."""

    @abstractmethod
    def start(self, gram: Array) -> Array:
        """Return the state of weights at rest, their average themselves, ``(..., S)``."""

    @abstractmethod
    def gram(self, state: Array) -> Array:
        """Return the Gram matrices of the weights, ``(..., p, p)``."""

    @abstractmethod
    def average_gram(self, state: Array) -> Array:
        """Return the Gram matrices of the averaged weights, ``(..., p, p)``."""

    @abstractmethod
    def average_loss(self, state: Array) -> Array:
        """Return the loss of the averaged weights, ``(...)``."""

    def stride(self, state: Array, *rates: Array, first: int, count: int) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the losses before each step."""
        losses = np.empty((count, len(state)))
        for t in range(count):
            losses[t] = self.data.loss(self._parts(state)[1])
            state = self._step(first + t, state, *rates)
        return state, losses

    @abstractmethod
    def _step(
        self, t: int, state: Array, learning_rate: Array, momentum: Array, weight_decay: Array
    ) -> Array:
        """Return the state after step t, whose parameters are ``(N,)``."""

    def _keep(self, t: int) -> float:
        """How much of its distance the average keeps in step t."""
        return 0.0 if self.average is None else self.average.keep(t)

    def _parts(self, state: Array) -> tuple[Array, Array]:
        size, leading = math.prod(self.shape), state.shape[:-1]
        columns = state[..., :size].reshape(*leading, *self.shape)
        return columns, state[..., size:].reshape(*leading, *self.data.target.shape)

    def _flat(self, columns: Array, residual: Array) -> Array:
        leading = columns.shape[: columns.ndim - len(self.shape)]
        parts = (columns, self.shape), (residual, self.data.target.shape)
        flat = [part.reshape(*leading, math.prod(shape)) for part, shape in parts]
        return np.concatenate(flat, axis=-1)
