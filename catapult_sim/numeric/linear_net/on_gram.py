r"""Every other optimiser of the linear network, on the joint Gram matrix of weights and memory.

Join to the weights ``W = [U V]`` their last step D and, if iterates are averaged, the
distance Q of the average from W. With momentum, weight decay, batches and averages, a step maps
these columns to linear combinations of them: ::

    D <- beta D - eta decay E - eta grad(E)      E = W + beta D (Nesterov) or W
    W <- W + D
    Q <- keep (Q - D)

The gradient at E is ``E N / sqrt(n)`` with ``N = [[0, g], [g^T, 0]]``, of this form too.
So the joint Gram matrix obeys ``G <- M^T G M`` with a small matrix M that is known at every
step. In the scaling ``K = [[A, F], [F^T / n, B]]`` of each pair of sets this reads
``K <- L K R``, where only ``1 / n`` appears: an infinite width is the case ``1 / n = 0``.

D and Q vanish as training converges. Losses of the average or at E are therefore sums of
small terms, where the difference of two outputs would cancel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catapult_sim.numeric.linear_net.column_sets import (
    AVERAGE,
    LAST_STEP,
    WEIGHTS,
    ColumnSets,
    Step,
)
from catapult_sim.numeric.linear_net.data import batch_gradient
from catapult_sim.types import Array

AVERAGED = slice(WEIGHTS, None, AVERAGE)  # the sets whose sum is the average


@dataclass(frozen=True)
class OnGram(ColumnSets):
    """The rule of any optimiser on the flat state ``[K, e]``.

    ``K`` has shape ``(s, p, s, p)``: sets and columns twice; ``e`` is the residual of W.
    """

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of K."""
        sets = 2 if self.method.average is None else 3
        columns = sum(self.data.target.shape)
        return sets, columns, sets, columns

    def start(self, weights: Array) -> Array:
        """Return the states ``(..., S)`` at Gram matrices ``(..., p, p)`` before any step."""
        q = len(self.data.scales)
        K = np.zeros(weights.shape[:-2] + self.shape)
        K[..., WEIGHTS, :, WEIGHTS, :] = weights
        K[..., WEIGHTS, q:, WEIGHTS, :q] /= self.width
        return self._flat(K, self.data.residual(weights[..., :q, q:]))

    def weights(self, state: Array) -> Array:
        """Return the Gram matrices of the weights, ``(..., p, p)``."""
        K, _ = self._parts(state)
        return self._symmetric(K[..., WEIGHTS, :, WEIGHTS, :])

    def _average_gram(self, state: Array) -> Array:
        K, _ = self._parts(state)
        pair = K[..., AVERAGED, :, AVERAGED, :]
        return self._symmetric(pair.sum(axis=(-4, -2)))

    def _average_loss(self, state: Array) -> Array:
        K, residual = self._parts(state)
        return self.data.loss(residual + self._moved(K, AVERAGE, 1.0))

    def _step(self, state: Array, step: Step) -> Array:
        rate, momentum, weight_decay, rows, keep = step
        K, residual = self._parts(state)
        ahead = self._ahead(momentum)
        seen = residual + self._moved(K, LAST_STEP, ahead[:, None, None])
        gamma = rate[:, None, None] * batch_gradient(self.data, rows, seen)
        mixing, slope = self._mixing(rate * weight_decay, momentum, ahead, keep)
        twist = self._twist(gamma)
        side = K.shape[-2] * K.shape[-1]
        half = K.reshape(len(K), side, side) @ _columns(mixing, slope, twist)
        whole = _columns(np.swapaxes(mixing, -1, -2), np.swapaxes(slope, -1, -2), twist) @ half
        half, whole = half.reshape(K.shape), whole.reshape(K.shape)
        q = len(self.data.scales)
        # U'^T V' - U^T V = U^T D_V + D_U^T V'
        moved = half[:, WEIGHTS, :q, LAST_STEP, q:] + whole[:, LAST_STEP, :q, WEIGHTS, q:]
        return self._flat(whole, residual + self.data.scales[:, None] * moved)

    def _twist(self, gamma: Array) -> Array:
        """Return the matrix with which the gradient maps columns, ``(N, p, p)``."""
        q, columns = len(self.data.scales), self.shape[-1]
        twist = np.zeros((len(gamma), columns, columns))
        twist[:, :q, q:] = gamma
        twist[:, q:, :q] = np.swapaxes(gamma, -1, -2) / self.width
        return twist

    def _mixing(
        self, decay: Array, momentum: Array, ahead: Array, keep: float
    ) -> tuple[Array, Array]:
        """Return the coefficients of the sets and of their gradients in a step, ``(N, s, s)``."""
        sets = self.shape[0]
        zero, one = np.zeros_like(decay), np.ones_like(decay)
        step = np.stack([-decay, momentum - decay * ahead, zero][:sets], axis=-1)
        point = np.stack([one, ahead, zero][:sets], axis=-1)
        share = np.array([1.0, 1.0, -keep])[:sets]
        stays = np.diag([1.0, 0.0, keep][:sets])
        return stays + step[:, :, None] * share, point[:, :, None] * share

    def _moved(self, K: Array, other: int, distance: Array | float) -> Array:
        """Return the residual of ``W + distance * other`` minus that of W, ``(..., q, k)``."""
        q = len(self.data.scales)
        across = K[..., WEIGHTS, :q, other, q:] + K[..., other, :q, WEIGHTS, q:]
        within = K[..., other, :q, other, q:]
        return self.data.scales[:, None] * (distance * (across + distance * within))

    def _symmetric(self, K: Array) -> Array:
        q = len(self.data.scales)
        gram = K.copy()
        gram[..., q:, :q] = np.swapaxes(K[..., :q, q:], -1, -2)
        return 0.5 * (gram + np.swapaxes(gram, -1, -2))


def _columns(mixing: Array, slope: Array, twist: Array) -> Array:
    """Return ``mixing (x) 1 - slope (x) twist``, ``(N, s p, s p)``."""
    sets, columns = mixing.shape[-1], twist.shape[-1]
    same = mixing[:, :, None, :, None] * np.eye(columns)[:, None]
    turned = slope[:, :, None, :, None] * twist[:, None, :, None]
    return (same - turned).reshape(len(twist), sets * columns, sets * columns)
