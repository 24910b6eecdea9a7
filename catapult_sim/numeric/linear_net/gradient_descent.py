r"""Gradient descent of the linear network, on min(n, p) hidden units instead of n.

One step maps columns to combinations of columns, ``W <- W M``. So any W with the given Gram matrix
gives the same run, and min(n, p) rows are enough: all such W differ by a rotation of hidden units
only. For such ``[U V] = W / sqrt(n)``, with ``delta = eta S e / sqrt(n)``, one step is ::

    U <- U - dU            dU = V delta^T
    V <- V - dV            dV = U delta
    F <- F - sqrt(n) (U^T dV + dU^T V')

where V' is the next V; ``e`` moves by S times what F moves. A step of mini-batch SGD has the pull
of its samples in place of ``e``, see :class:`Pull`. Unlike rounding in the Gram matrix, rounding in
W never adds a hidden unit to a network with fewer of them than columns. F is carried along, for at
infinite width U and V rest while F moves.

The members of an ensemble lie along the last axis, and ``einsum`` adds in the same order whatever
their number: the results of a member are the same to the bit in any ensemble. A single network
takes its steps by matrix products, in fewer calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.data import PrincipalData, gram_root
from catapult_sim.numeric.runs.rule import Block, Method
from catapult_sim.printing import short_repr
from catapult_sim.types import Array

# steps(W, F, e, rate, scales, losses, pull): W (s, r + k, N), F and e (r, k, N), rate (N,), scales
# (r,), |e|^2 before each step (T, N). W and F are those over sqrt(n), rate is eta / n, scales
# are those times sqrt(n), and e, rate, scales and pull are in the unit of the inputs: eta / n alone
# would vanish where these are large. All but rate, scales and pull are written to.
Steps = Callable[[Array, Array, Array, Array, Array, Array, "Pull"], None]

# Beyond this square root of a width a step changes the weights by less than their rounding.
INFINITE = 1e100


@dataclass(frozen=True)
class Pull:
    """What each step of a stride descends on: the residual of the samples that it sees."""

    factors: Array | None  # (T,), of the learning rates; None for ones
    rows: npt.NDArray[np.int64] | None  # (T, N or 1, b), the samples; None for all of them
    left: Array  # (r, m): sqrt(m) P^T
    unseen: Array  # (k, m)

    __repr__ = short_repr

    def __call__(self, t: int, e: Array) -> Array:
        """Return the pull of step t of the stride at residuals ``(r, k, N)``, of that shape.

        It is e itself where a step sees all samples, and ``P^T (P e - unseen) / b`` in the rows of
        a batch, P in units of ``1 / sqrt(m)``.
        """
        if self.rows is not None:
            rows = self.rows[t].T
            seen = self.left[:, rows]
            error = np.einsum("jbn,jkn->kbn", seen, e) - self.unseen[:, rows]
            e = np.einsum("jbn,kbn->jkn", seen, error) / len(rows)
        return e if self.factors is None else self.factors[t] * e


@dataclass(frozen=True)
class Descent:
    """Gradient descent on the state ``[W / sqrt(n), F / sqrt(n), e, A outside]``, flat."""

    data: PrincipalData
    width: float
    method: Method
    alone: bool = False  # a single network
    compiled: Steps | None = None  # instead of the loop in NumPy
    average: ClassVar[None] = None
    least_peak: ClassVar[None] = None

    @property
    def longest(self) -> int:
        """The largest number of steps in one stride."""
        if self.compiled is not None:
            return 256
        return 128 if self.alone else 32

    @property
    def work(self) -> int:
        """The bytes of a step of one member besides its state: W, dW, and samples of batches."""
        s, r, k = self.sizes
        batches = self.method.batches
        size = 0 if batches is None or batches.ndim == 2 else batches.shape[-1]
        return 8 * (2 * s * (r + k) + size * (self.longest + r + k))

    @property
    def bytes(self) -> int:
        """The most bytes that a member takes besides its state."""
        return self.work

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The numbers of rows s, of coordinates r, and of outputs k."""
        r, k = self.data.rank, self.data.target.shape[1]
        return int(min(self.width, r + k)), r, k

    @property
    def root(self) -> float:
        """The square root of the width."""
        return min(math.sqrt(self.width), INFINITE)

    @property
    def unit(self) -> float:
        """The power of two above the largest scale of the inputs, in which steps have no units."""
        return math.ldexp(1.0, math.frexp(self.data.scales[0])[1])

    def start(self, gram: Array) -> Array:
        """Return the states ``(..., S)`` at Gram matrices ``(..., p, p)``."""
        _, r, _ = self.sizes
        q = len(self.data.scales)
        F = gram[..., :q, q:]
        parts = (
            gram_root(gram, q, r, self.width),
            F[..., :r, :] / self.root,
            self.data.residual(F)[..., :r, :],
            gram[..., r:q, r:q],
        )
        return np.concatenate([part.reshape(*gram.shape[:-2], -1) for part in parts], axis=-1)

    def weights(self, state: Array) -> Array:
        """Return the Gram matrices of a state, ``(..., p, p)``."""
        _, r, k = self.sizes
        q = len(self.data.scales)
        W, F, _, outside = self._parts(state)
        gram = np.zeros((*state.shape[:-1], q + k, q + k))
        inner = np.swapaxes(W, -1, -2) @ W
        gram[..., :r, :r], gram[..., q:, q:] = inner[..., :r, :r], inner[..., r:, r:]
        gram[..., :r, q:] = self.root * F
        gram[..., q:, :r] = self.root * np.swapaxes(F, -1, -2)
        gram[..., r:q, r:q] = outside
        return gram

    def _parts(self, state: Array) -> list[Array]:
        """Return the four parts of a state ``(..., S)``."""
        s, r, k = self.sizes
        rest = len(self.data.scales) - r
        shapes = (s, r + k), (r, k), (r, k), (rest, rest)
        edges = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
        parts = zip(np.split(state, edges, axis=-1), shapes, strict=True)
        return [part.reshape(*state.shape[:-1], *shape) for part, shape in parts]

    def stride(self, state: Array, block: Block, first: int, count: int) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the losses before each step."""
        following, squares = state.copy(), np.empty((count, len(state)))
        rate = block.rate * self.unit * self.unit / self.root**2
        self._descend(following, rate, squares, self._pull(block, first + np.arange(count)))
        losses = np.multiply(squares, 0.5, out=squares)
        losses += self.data.floor
        return following, losses

    def _pull(self, block: Block, t: npt.NDArray[np.int64]) -> Pull:
        """Return what the members of a block descend on in steps ``(T,)``."""
        factors, rows = self.method.factors, self.method.rows(t, block.starts)
        return Pull(
            # The loss of the last state is found in a step that is not part of the run.
            None if factors is None else factors[np.minimum(t, len(factors) - 1)],
            None if rows is None else rows.reshape(len(t), -1, rows.shape[-1]),
            math.sqrt(len(self.data.left)) * self.data.left[:, : self.data.rank].T,
            self.data.unseen.T / self.unit,
        )

    def _descend(self, state: Array, rate: Array, squares: Array, pull: Pull) -> None:
        """Advance states ``(N, S)`` in place; write ``|e|^2`` before each step."""
        if self.compiled is not None:
            self._take(self.compiled, state.T, rate, squares, pull)
            return
        # einsum adds a single member in another order than one of several.
        stack = np.repeat(state.T, 2, axis=1) if len(state) == 1 else np.array(state.T, order="C")
        found = np.empty((len(squares), stack.shape[1]))
        steps = _steps_alone if self.alone else _steps
        self._take(steps, stack, np.resize(rate, stack.shape[1]), found, pull)
        squares[:] = found[:, : len(state)]
        state[:] = stack.T[: len(state)]

    def _take(self, steps: Steps, stack: Array, rate: Array, squares: Array, pull: Pull) -> None:
        """Take the steps of states ``(S, N)`` in place."""
        W, F, e, _ = (np.moveaxis(part, 0, -1) for part in self._parts(stack.T))
        e /= self.unit
        steps(W, F, e, rate, self.root / self.unit * self.data.scales[: len(e)], squares, pull)
        e *= self.unit
        squares *= self.unit * self.unit


def _steps(
    W: Array, F: Array, e: Array, rate: Array, scales: Array, losses: Array, pull: Pull
) -> None:
    """Take the steps of an ensemble."""
    r, k, members = F.shape
    U, V = W[:, :r], W[:, r:]
    # NumPy is three times faster without broadcasting: constants have the full shape.
    scale = np.repeat(scales, k * members).reshape(F.shape)
    rate_scale = rate * scale
    delta, move, by_V = np.empty((3, *F.shape))
    dU, dV, turn = np.empty(U.shape), np.empty(V.shape), np.empty((k, k, members))
    spread = _spread_one if k == 1 else _spread
    for t, square in enumerate(losses):
        np.einsum("jkn,jkn->n", e, e, out=square)
        np.multiply(rate_scale, pull(t, e), delta)
        np.einsum("sjn,jkn->skn", U, delta, out=dV)
        np.einsum("sjn,skn->jkn", U, dV, out=move)
        spread(V, delta, dU)
        np.subtract(U, dU, U)
        following = np.subtract(V, dV, dV)
        np.einsum("skn,sln->kln", V, following, out=turn)
        np.einsum("jkn,kln->jln", delta, turn, out=by_V)
        V[:] = following
        np.add(move, by_V, move)
        np.subtract(F, move, F)
        np.multiply(move, scale, move)
        np.subtract(e, move, e)


def _spread(V: Array, delta: Array, dU: Array) -> None:
    np.einsum("skn,jkn->sjn", V, delta, out=dU)


def _spread_one(V: Array, delta: Array, dU: Array) -> None:
    # Nothing to sum: einsum would add each product to a zero, in twice the time.
    np.multiply(V, np.swapaxes(delta, 0, 1), dU)


def _steps_alone(
    W: Array, F: Array, e: Array, rate: Array, scales: Array, losses: Array, pull: Pull
) -> None:
    """Take the steps of a single network, the first along the last axis."""
    (s, _), (r, k) = W.shape[:2], F.shape[:2]
    # U above dU, dV above V: one product moves F.
    left, right = np.empty((2 * s, r)), np.empty((2 * s, k))
    U, dU, dV, V = left[:s], left[s:], right[:s], right[s:]
    U[:], V[:] = W[:, :r, 0], W[:, r:, 0]
    scale = np.repeat(scales[:, None], k, axis=1)
    rate_scale, delta, moved = rate[0] * scale, np.empty((r, k)), np.empty((r, k))
    errors, moves = np.empty((len(losses) + 1, r, k)), np.empty((len(losses), r, k))
    errors[0] = e[..., 0]
    for t, (now, later, move) in enumerate(zip(errors, errors[1:], moves, strict=False)):
        np.multiply(rate_scale, pull(t, now[..., None])[..., 0], delta)
        np.dot(U, delta, dV)
        np.dot(V, delta.T, dU)
        np.subtract(V, dV, V)
        np.dot(left.T, right, move)
        np.subtract(U, dU, U)
        np.multiply(scale, move, moved)
        np.subtract(now, moved, later)
    W[:, :r, 0], W[:, r:, 0], e[..., 0] = U, V, errors[-1]
    # One after the other: where a stride begins changes no bit.
    F[..., 0] = np.subtract.reduce(np.concatenate([F[None, ..., 0], moves]))
    losses[:, 0] = np.sum(errors[:-1] ** 2, axis=(1, 2))
