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

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net_data import PrincipalData

__all__ = ["Descent"]

Array = npt.NDArray[Any]
Steps = Callable[[Array, Array, Array, Array, float], None]

# Numbers in the states that are worked on together: enough to outweigh the cost of a call,
# few enough to stay in a core's second-level cache.
BLOCK, COMPILED_BLOCK = 2**17, 2**15

# Blocks run side by side; a member's numbers do not depend on where it runs.
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Descent:
    """Gradient descent on the state ``[G, e]``, flat: the Gram matrix and the residual."""

    data: PrincipalData
    width: float
    compiled: Steps | None = None  # what replaces the loop over the steps

    @property
    def longest(self) -> int:
        """How many steps to take between two looks at the losses."""
        return 32 if self.compiled is None else 128

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
        gram = state[..., : p * p].reshape(*state.shape[:-1], p, p)
        # Rounding leaves the two halves of B apart where there are several outputs.
        return 0.5 * (gram + np.swapaxes(gram, -1, -2))

    def stride(
        self, state: Array, learning_rate: Array, *, first: int, count: int
    ) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the losses before each step."""
        following = np.empty_like(state)
        squares = np.empty((count, len(state)))

        def descend(part: slice) -> None:
            lanes = np.array(state[part].T, order="C")
            # What NumPy may be silent about is told to each thread by itself.
            with np.errstate(all="ignore"):
                squares[:, part] = self._descend(lanes, learning_rate[part], count)
            following[part] = lanes.T

        parts = self._parts(state)
        if len(parts) == 1:
            descend(parts[0])
        else:
            with ThreadPoolExecutor(CORES) as pool:
                list(pool.map(descend, parts))
        return following, self.data.floor + 0.5 * squares

    def _parts(self, state: Array) -> list[slice]:
        """Split the members into blocks of about one size, as many for every core."""
        numbers = BLOCK if self.compiled is None else COMPILED_BLOCK
        blocks = -(-state.size // numbers)
        shared = blocks if blocks == 1 else min(-(-blocks // CORES) * CORES, len(state))
        edges = np.linspace(0, len(state), shared + 1).astype(int)
        return [slice(*part) for part in pairwise(edges)]

    def _descend(self, lanes: Array, learning_rate: Array, count: int) -> Array:
        """Take ``count`` steps in place; return ``|e|^2`` before each, ``(count, N)``."""
        q, k, p = self.sizes
        gram, residual = lanes[: p * p].reshape(p, p, -1), lanes[p * p :].reshape(q, k, -1)
        history = np.empty((count + 1, *residual.shape))
        history[0] = residual
        steps = self.compiled or _steps
        steps(gram, history, learning_rate, self.data.scales, 1 / self.width)
        residual[:] = history[-1]
        gram[q:, :q] = gram[:q, q:].swapaxes(0, 1)
        squares = np.ascontiguousarray(np.moveaxis(history, 0, 2)) ** 2
        return np.add.reduce(squares.reshape(q * k, count + 1, -1), axis=0)[:count]


def _flat(blocks: Array) -> Array:
    return blocks.reshape(*blocks.shape[:-2], blocks.shape[-2] * blocks.shape[-1])


def _steps(
    gram: Array, history: Array, learning_rate: Array, scales: Array, n_inverse: float
) -> None:
    """Step ``gram (p, p, N)`` in place; write the residuals ``(count + 1, q, k, N)``."""
    _, q, k, members = shape = history.shape
    # NumPy is three times faster where it need not broadcast: what is fixed is spread out.
    scale = np.broadcast_to(scales[:, None, None], shape[1:]).copy()
    rate, per_n, minus_half = learning_rate * scale, np.array(n_inverse), np.array(-0.5)
    gamma, thin = np.empty((2, *shape[1:]))
    A, B = gram[:q, :q].copy(), gram[q:, q:].copy()
    by_gamma, outer, both = np.empty((q, k, q, members)), *np.empty((2, q, q, members))
    # The pair F and A gamma becomes the pair F - gamma B / 2 and A gamma + gamma felt.
    pair, turned, become = np.empty((3, 2, *shape[1:]))
    pair[0] = gram[:q, q:]
    F, image, (inner, moved) = pair[0], pair[1].swapaxes(0, 1), become
    by_pair, dots, turn = np.empty((q, 2, k, k, members)), *np.empty((2, 2, k, k, members))
    F_gamma, A_gamma, minus_half_B, felt = *dots, *turn

    gamma_F, gamma_rows, A_rows = F_gamma.swapaxes(0, 1), gamma[:, :, None], A[:, None]
    pair_columns, thin_columns = pair.swapaxes(0, 1)[:, :, :, None], thin[:, None, None]
    turns = [(gamma[None, :, i, None], turn[:, None, i]) for i in range(k)]
    outers = [(thin[:, None, i], inner[None, :, i]) for i in range(k)]
    for now, later in pairwise(history):
        np.multiply(rate, now, gamma)
        np.multiply(gamma, per_n, thin)
        np.multiply(gamma_rows, A_rows, by_gamma)
        np.add.reduce(by_gamma, 0, out=image)
        np.multiply(pair_columns, thin_columns, by_pair)
        np.add.reduce(by_pair, 0, out=dots)

        np.subtract(B, F_gamma, felt)
        np.multiply(B, minus_half, minus_half_B)
        np.subtract(felt, gamma_F, B)
        np.add(B, A_gamma, B)

        before = pair
        for gamma_column, turn_row in turns:
            np.multiply(gamma_column, turn_row, turned)
            np.add(before, turned, become)
            before = become
        for thin_column, inner_row in outers:
            np.multiply(thin_column, inner_row, outer)
            np.add(outer, outer.swapaxes(0, 1), both)
            np.subtract(A, both, A)
        np.subtract(F, moved, F)
        np.multiply(moved, scale, moved)
        np.subtract(now, moved, later)
    gram[:q, :q], gram[:q, q:], gram[q:, q:] = A, F, B
