"""Steps of the linear network as linear maps of sets of columns: weights, last step, average."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.runs.optimizers import Nesterov
from catapult_sim.numeric.runs.rule import Averaged, Block, Method
from catapult_sim.types import Array

# The sets of columns: the weights, their last step, and the distance of their average.
WEIGHTS, LAST_STEP, AVERAGE = 0, 1, 2


class Step(NamedTuple):
    """What the members of a block take in a step; numbers are ``(N,)``."""

    rate: Array
    momentum: Array
    weight_decay: Array
    rows: npt.NDArray[np.int64] | None  # the samples that it sees, None for all
    keep: float  # the weight of the average before it


@dataclass(frozen=True)
class ColumnSets(ABC):
    """The rule of any optimiser on the flat state ``[columns, e]``, e the residual."""

    data: PrincipalData
    width: float
    method: Method
    least_peak: ClassVar[None] = None

    @property
    def longest(self) -> int:
        """The largest number of steps in one stride."""
        return 8

    @property
    def work(self) -> int:
        """The bytes of a step of one member besides its state: about five copies of it."""
        return 5 * 8 * math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The most bytes that a member takes besides its state."""
        return self.work

    @property
    def average(self) -> Averaged | None:
        """The averaged weights as functions of states; None without an average."""
        if self.method.average is None:
            return None
        return Averaged(self._average_gram, self._average_loss)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of the part of a state that represents the columns."""

    @abstractmethod
    def start(self, weights: Array) -> Array:
        """Return the states ``(..., S)`` at given Gram matrices, before the first step."""

    @abstractmethod
    def weights(self, state: Array) -> Array:
        """Return the Gram matrices of the weights, ``(..., p, p)``."""

    @abstractmethod
    def _average_gram(self, state: Array) -> Array:
        """Return the Gram matrices of the averaged weights, ``(..., p, p)``."""

    @abstractmethod
    def _average_loss(self, state: Array) -> Array:
        """Return the loss of the averaged weights, ``(...)``."""

    def stride(self, state: Array, block: Block, first: int, count: int) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the losses before each step."""
        losses = np.empty((count, len(state)))
        weight_decay, *of_optimizer = block.numbers
        momentum = of_optimizer[0] if of_optimizer else np.zeros_like(block.rate)
        for t in range(first, first + count):
            losses[t - first] = self.data.loss(self._parts(state)[1])
            if t < self.method.steps:
                eta, rows = self.method.rate(t, block.rate), self.method.rows(t, block.starts)
                step = Step(eta, momentum, weight_decay, rows, self._keep(t))
                state = self._step(state, step)
        return state, losses

    @abstractmethod
    def _step(self, state: Array, step: Step) -> Array:
        """Return the state after a step."""

    def _keep(self, t: int) -> float:
        average = self.method.average
        return 0.0 if average is None else average.keep(t)

    def _ahead(self, momentum: Array) -> Array:
        """Return the a for which the gradient is taken at ``W + a D``, D the last step."""
        ahead = isinstance(self.method.optimizer, Nesterov)
        return momentum if ahead else np.zeros_like(momentum)

    def _parts(self, state: Array) -> tuple[Array, Array]:
        size, leading = math.prod(self.shape), state.shape[:-1]
        columns = state[..., :size].reshape(*leading, *self.shape)
        return columns, state[..., size:].reshape(*leading, *self.data.target.shape)

    def _flat(self, columns: Array, residual: Array) -> Array:
        leading = columns.shape[: columns.ndim - len(self.shape)]
        parts = (columns, self.shape), (residual, self.data.target.shape)
        flat = [part.reshape(*leading, math.prod(shape)) for part, shape in parts]
        return np.concatenate(flat, axis=-1)
