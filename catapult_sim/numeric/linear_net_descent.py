r"""Full-batch gradient descent of the linear network's Gram matrix, many members at once.

With ``gamma = eta S e`` one step is, in the notation of
:mod:`catapult_sim.numeric.linear_net`::

    A <- A - (q gamma^T + gamma q^T) / n        q = F - gamma B / 2
    F <- F - A gamma - gamma (B - F^T gamma / n)
    B <- B - (F^T gamma + gamma^T F) / n + gamma^T A gamma / n

and ``e`` moves by S times what F moves. Members lie along the last axis, in blocks that
stay in cache. Every sum runs over the first axis of an array that has at least two columns,
so that NumPy adds in the same order whatever the number of members: each of them gets the
same bits alone as in company.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net_data import PrincipalData

__all__ = ["Descent"]

Array = npt.NDArray[Any]
Kernel = Callable[[Array, Array, Array, float, int], Array]

# Members whose matrices are worked on together: enough to outweigh the cost of a NumPy
# call, few enough to stay in a core's second-level cache.
BLOCK_DOUBLES = 2**15


@dataclass(frozen=True)
class Descent:
    """Gradient descent on the state ``[G, e]``, flat: the Gram matrix and the residual."""

    data: PrincipalData
    width: float
    kernel: Kernel | None = None  # a compiled replacement of the loop over the steps

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The numbers of coordinates q, of outputs k, and of columns q + k."""
        q, k = self.data.target.shape
        return q, k, q + k

    def start(self, gram: Array) -> Array:
        """Return the state of Gram matrices ``(..., p, p)``, shape ``(..., p^2 + q k)``."""
        q, _, _ = self.sizes
        residual = self.data.residual(gram[..., :q, q:])
        return np.concatenate([_flat(gram), _flat(residual)], axis=-1)

    def gram(self, state: Array) -> Array:
        """Return the Gram matrices of a state, ``(..., p, p)``."""
        _, _, p = self.sizes
        return state[..., : p * p].reshape(*state.shape[:-1], p, p)

    def stride(
        self, state: Array, learning_rate: Array, *, first: int, count: int
    ) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the losses before each step."""
        following = np.empty_like(state)
        squares = np.empty((count, len(state)))
        block = max(16, BLOCK_DOUBLES // state.shape[-1])
        for begin in range(0, len(state), block):
            part = slice(begin, begin + block)
            lanes = np.ascontiguousarray(state[part].T)
            squares[:, part] = self._descend(lanes, learning_rate[part], count)
            following[part] = lanes.T
        return following, self.data.floor + 0.5 * squares

    def _descend(self, lanes: Array, learning_rate: Array, count: int) -> Array:
        """Take ``count`` steps in place; return ``|e|^2`` before each, ``(count, N)``."""
        q, k, p = self.sizes
        gram = lanes[: p * p].reshape(p, p, -1)
        residual = lanes[p * p :].reshape(q, k, -1)
        # One column more than the steps: no sum over these losses may have a single one.
        history = np.empty((q * k, count + 1, lanes.shape[-1]))
        history[:, 0] = lanes[p * p :]
        _steps(
            gram, history.reshape(q, k, count + 1, -1), learning_rate, self.data.scales, self.width
        )
        residual[:] = history[:, count].reshape(residual.shape)
        gram[q:, :q] = gram[:q, q:].swapaxes(0, 1)
        return np.add.reduce(history**2, axis=0)[:count]


def _flat(blocks: Array) -> Array:
    return blocks.reshape(*blocks.shape[:-2], -1)


def _steps(gram: Array, history: Array, learning_rate: Array, scales: Array, width: float) -> None:
    """Step ``gram (p, p, N)`` in place; write the residuals ``(q, k, count + 1, N)``."""
    q, k, _, members = history.shape
    p = q + k
    top, A, F, B = gram[:q], gram[:q, :q], gram[:q, q:], gram[q:, q:]
    scale, inverse = scales[:, None, None], 1 / width
    rate = learning_rate * scale
    gamma, thin, moved, middle = np.empty((4, q, k, members))
    by_gamma, image = np.empty((q, k, p, members)), np.empty((k, p, members))
    gamma_A, gamma_F = image[:, :q].swapaxes(0, 1), image[:, q:]
    F_gamma = gamma_F.swapaxes(0, 1)
    # The last row of columns stays zero: it keeps the sum over coordinates from being flat.
    squared = np.zeros((q, k + 1, k, members))
    square = np.empty((k + 1, k, members))
    felt, by_felt = np.empty((k, k, members)), np.empty((q, k, k, members))
    outer, both = np.empty((2, q, q, members))
    for t in range(history.shape[2] - 1):
        np.multiply(rate, history[:, :, t], gamma)
        np.multiply(gamma, inverse, thin)
        np.multiply(gamma[:, :, None], top[:, None], by_gamma)
        np.add.reduce(by_gamma, 0, None, image)
        np.multiply(thin[:, None], gamma_A[:, :, None], squared[:, :k])
        np.add.reduce(squared, 0, None, square)

        np.multiply(gamma[:, :, None], B, by_felt)
        np.add.reduce(by_felt, 1, None, middle)
        np.multiply(middle, 0.5, middle)
        np.subtract(F, middle, middle)
        for one in range(k):
            np.multiply(thin[:, None, one], middle[None, :, one], outer)
            np.add(outer, outer.swapaxes(0, 1), both)
            np.subtract(A, both, A)

        np.multiply(F_gamma, inverse, felt)
        np.subtract(B, felt, felt)
        np.multiply(gamma[:, :, None], felt, by_felt)
        np.add.reduce(by_felt, 1, None, moved)
        np.add(moved, gamma_A, moved)
        np.subtract(F, moved, F)
        np.multiply(moved, scale, moved)
        np.subtract(history[:, :, t], moved, history[:, :, t + 1])

        np.multiply(gamma_F, inverse, B)
        np.subtract(felt, B, B)
        np.add(B, square[:k], B)
