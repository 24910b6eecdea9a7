r"""Every optimiser of a linear network with fewer hidden units than columns, on its weights.

The Gram matrix of W has rank n < p, and training can end at a saddle that only a wider network
would leave; rounding turns a Gram matrix into that of a wider network. So the step ``W <- W M`` is
taken by the weights themselves, for any W with the given Gram matrix: all such W differ by a
rotation of hidden units only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catapult_sim.numeric.linear_net.column_sets import AVERAGE, WEIGHTS, ColumnSets, Step
from catapult_sim.numeric.linear_net.data import batch_gradient, gram_root
from catapult_sim.types import Array


@dataclass(frozen=True)
class OnWeights(ColumnSets):
    """The rule of any optimiser on the flat state ``[W / sqrt(n), e]``.

    ``W`` has shape ``(3, n + 1, p)``: the weights, their last step, and the distance of their
    average. The last row belongs to the coordinate outside the inputs' span alone.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of W."""
        return 3, int(self.width) + 1, sum(self.data.target.shape)

    def start(self, weights: Array) -> Array:
        """Return the states ``(..., S)`` at Gram matrices ``(..., p, p)`` before any step."""
        q, r = len(self.data.scales), self.data.rank
        W = np.zeros(weights.shape[:-2] + self.shape)
        columns = np.r_[:r, q : weights.shape[-1]]
        W[..., WEIGHTS, :-1, columns] = np.moveaxis(gram_root(weights, q, r, self.width), -1, 0)
        if q > r:
            W[..., WEIGHTS, -1, r] = np.sqrt(weights[..., r, r])
        return self._flat(W, self.data.residual(weights[..., :q, q:]))

    def weights(self, state: Array) -> Array:
        """Return the Gram matrices of the weights, ``(..., p, p)``."""
        W, _ = self._parts(state)
        return self._gram(W[..., WEIGHTS, :, :])

    def _average_gram(self, state: Array) -> Array:
        W, _ = self._parts(state)
        return self._gram(W[..., WEIGHTS, :, :] + W[..., AVERAGE, :, :])

    def _average_loss(self, state: Array) -> Array:
        W, residual = self._parts(state)
        return self.data.loss(residual + self._moved(W[..., WEIGHTS, :, :], W[..., AVERAGE, :, :]))

    def _step(self, state: Array, step: Step) -> Array:
        numbers = step.rate, step.momentum, step.weight_decay, self._ahead(step.momentum)
        rate, momentum, weight_decay, ahead = (number[:, None, None] for number in numbers)
        sets, residual = self._parts(state)
        W, last, distance = np.moveaxis(sets, 1, 0)
        point = W + ahead * last
        seen = residual + self._moved(W, ahead * last)
        slope = self._mixed(point, batch_gradient(self.data, step.rows, seen))
        move = momentum * last - rate * (slope + weight_decay * point)
        following = np.stack([W + move, move, step.keep * (distance - move)], axis=1)
        return self._flat(following, residual + self._moved(W, move))

    def _mixed(self, W: Array, g: Array) -> Array:
        """Return the gradient with respect to the weights, ``W [[0, g], [g^T, 0]] / sqrt(n)``."""
        q = len(self.data.scales)
        by_U, by_V = W[..., q:] @ np.swapaxes(g, -1, -2), W[..., :q] @ g
        return np.concatenate([by_U, by_V], axis=-1) / math.sqrt(self.width)

    def _moved(self, W: Array, step: Array) -> Array:
        """Return the change of the residual when the weights move by ``step``, ``(..., q, k)``."""
        q = len(self.data.scales)
        U, dU = np.swapaxes(W[..., :q], -1, -2), np.swapaxes(step[..., :q], -1, -2)
        change = U @ step[..., q:] + dU @ (W[..., q:] + step[..., q:])
        return math.sqrt(self.width) * self.data.scales[:, None] * change

    def _gram(self, W: Array) -> Array:
        q = len(self.data.scales)
        gram = np.swapaxes(W, -1, -2) @ W
        gram[..., :q, q:] *= math.sqrt(self.width)
        gram[..., q:, :q] *= math.sqrt(self.width)
        return gram
