"""The loop of :mod:`catapult_sim.numeric.linear_net.gradient_descent`, compiled by numba.

The number of members in a load and of coordinates in a block are constants of the compiled code.
So the compiler vectorises loops over members and keeps the coordinates of a block in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from catapult_sim.numeric.linear_net.gradient_descent import Pull
from catapult_sim.types import Array
from catapult_sim.validation import not_installed

try:
    import numba
except ImportError as missing:
    raise ImportError(not_installed("compiled=True", "numba")) from missing

# Members in a load: enough to outweigh the overhead of a loop, few enough for a core's cache. A
# load with fewer is filled up: every member is computed by the same instructions, to the bit.
LANES = 64

# Each coordinate of a block takes a vector register, of which there are 16 with AVX2.
LARGEST_BLOCK = 10

ARITHMETIC = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
# Inlined, a part is compiled with the known strides and aliasing of the arrays it is given.
_part = numba.njit(inline="always", **ARITHMETIC)


def kernel(r: int, k: int) -> Callable[..., None]:
    """Return a compiled ``_steps`` of the descent: same arguments, same results to rounding.

    Steps on all samples and steps on batches are compiled when they are first taken, and kept on
    disk: compilation takes some ten seconds, reading a tenth.

    Parameters
    ----------
    r, k : int
        Coordinates and outputs.
    """
    blocks = max(1, -(-r // LARGEST_BLOCK))
    side, single = max(1, -(-r // blocks)), blocks == k == 1

    def steps(
        W: Array, F: Array, e: Array, rate: Array, scales: Array, losses: Array, pull: Pull
    ) -> None:
        factors = np.ones(len(losses)) if pull.factors is None else pull.factors
        rows = np.empty((len(losses), 1, 0), np.int64) if pull.rows is None else pull.rows
        # Rows of members that have the same batches have no stride.
        rows = np.broadcast_to(rows, (len(losses), len(rate), rows.shape[-1]))
        run = _compiled(side, single, batches=pull.rows is not None)
        run(W, F, e, rate, scales, losses, factors, rows, pull.left, pull.unseen)

    return steps


@cache
def _compiled(side: int, single: bool, batches: bool) -> Callable[..., None]:
    """Compile the steps for blocks of ``side`` coordinates; the last is filled with zeros.

    A single block with a single output, the commonest network, has a faster loop of its own.
    """
    # Arrays of any strides: members may lie along any axis in memory.
    row, table, cube = numba.float64[:], numba.float64[:, :], numba.float64[:, :, :]
    samples = numba.types.Array(numba.int64, 3, "A", readonly=True)
    signature = cube, cube, cube, row, row, table, row, samples, table, table

    # Numba keeps what it compiled under the values that are taken from around it, all numbers.
    def steps(
        W: Any,
        F: Any,
        e: Any,
        rates: Any,
        scales: Any,
        losses: Any,
        factors: Any,
        rows: Any,
        left: Any,
        unseen: Any,
    ) -> None:
        units, members, (r, k) = len(W), len(rates), F.shape[:2]
        blocks = max(1, -(-r // side))
        U, V = np.zeros((units, blocks, side, LANES)), np.zeros((units, k, LANES))
        f, error = np.zeros((k, blocks, side, LANES)), np.zeros((k, blocks, side, LANES))
        delta, move = np.zeros((k, blocks, side, LANES)), np.zeros((k, blocks, side, LANES))
        dV, turn = np.zeros((k, LANES)), np.zeros((k, k, LANES))
        scale, rate, square = np.zeros((blocks, side)), np.zeros(LANES), np.zeros(LANES)
        scale.ravel()[:r] = scales
        for first in range(0, members, LANES):
            lanes = min(LANES, members - first)
            part = slice(first, first + lanes)
            # What fills the last block is zero for every load: a divergence makes it NaN.
            U[:], f[:], error[:] = 0.0, 0.0, 0.0
            rate[:lanes], V[:, :, :lanes] = rates[part], W[:, r:, part]
            for j in range(r):
                U[:, j // side, j % side, :lanes] = W[:, j, part]
                f[:, j // side, j % side, :lanes] = F[j, :, part]
                error[:, j // side, j % side, :lanes] = e[j, :, part]
            for t in range(len(losses)):
                _begin(error, move, turn, square)
                losses[t, part] = square[:lanes]
                if batches:
                    _see_batch(error, rows[t, part], left, unseen, delta)
                else:
                    delta[:] = error
                for a in range(k):
                    for c in range(blocks):
                        for j in range(side):
                            for x in range(LANES):
                                delta[a, c, j, x] *= rate[x] * factors[t] * scale[c, j]
                for i in range(units):
                    if single:
                        _descend(U[i, 0], V[i, 0], delta[0, 0], move[0, 0], turn[0, 0])
                    else:
                        _move_unit(U[i], V[i], delta, dV, move, turn)
                _move_outputs(f, error, delta, move, turn, scale)
            W[:, r:, part] = V[:, :, :lanes]
            for j in range(r):
                W[:, j, part] = U[:, j // side, j % side, :lanes]
                F[j, :, part] = f[:, j // side, j % side, :lanes]
                e[j, :, part] = error[:, j // side, j % side, :lanes]

    try:
        return numba.njit(signature, cache=True, **ARITHMETIC)(steps)
    except RuntimeError:  # no folder can be written to
        return numba.njit(signature, **ARITHMETIC)(steps)


@_part  # type: ignore[untyped-decorator]
def _begin(e: Any, move: Any, turn: Any, square: Any) -> None:
    """Set ``square = |e|^2``, and set the sums over units to zero."""
    for x in range(LANES):
        square[x] = 0.0
    for a in range(len(e)):
        for c in range(e.shape[1]):
            for j in range(e.shape[2]):
                for x in range(LANES):
                    square[x] += e[a, c, j, x] * e[a, c, j, x]
                    move[a, c, j, x] = 0.0
        for b in range(len(e)):
            for x in range(LANES):
                turn[a, b, x] = 0.0


@_part  # type: ignore[untyped-decorator]
def _see_batch(e: Any, rows: Any, left: Any, unseen: Any, pull: Any) -> None:
    """Set the pull of the samples ``rows (N, b)`` of each member."""
    pull[:] = 0.0
    members, size = rows.shape
    for a in range(len(e)):
        for x in range(members):
            for i in range(size):
                sample = rows[x, i]
                error = -unseen[a, sample]
                for j in range(len(left)):
                    error += left[j, sample] * e[a, j // e.shape[2], j % e.shape[2], x]
                for j in range(len(left)):
                    pull[a, j // e.shape[2], j % e.shape[2], x] += left[j, sample] * error / size


@_part  # type: ignore[untyped-decorator]
def _project(U: Any, delta: Any, dV: Any) -> None:
    """Add ``U delta`` to dV."""
    for x in range(LANES):
        image = dV[x]
        for j in range(len(U)):
            image += U[j, x] * delta[j, x]
        dV[x] = image


@_part  # type: ignore[untyped-decorator]
def _bend(U: Any, V: Any, dV: Any, delta: Any, move: Any) -> None:
    """Add ``U^T dV`` to the step of F, and subtract ``V delta^T`` from U."""
    for x in range(LANES):
        output, change = V[x], dV[x]
        for j in range(len(U)):
            unit = U[j, x]
            move[j, x] += unit * change
            U[j, x] = unit - output * delta[j, x]


@_part  # type: ignore[untyped-decorator]
def _move_unit(U: Any, V: Any, delta: Any, dV: Any, move: Any, turn: Any) -> None:
    """Take the step of one hidden unit."""
    for a in range(len(V)):
        for x in range(LANES):
            dV[a, x] = 0.0
        for c in range(len(U)):
            _project(U[c], delta[a, c], dV[a])
    for a in range(len(V)):
        for c in range(len(U)):
            _bend(U[c], V[a], dV[a], delta[a, c], move[a, c])
        # Later outputs find U already moved by this one: V - dV here makes up for that.
        for b in range(len(V)):
            for x in range(LANES):
                turn[a, b, x] += V[a, x] * (V[b, x] if a < b else V[b, x] - dV[b, x])
    for a in range(len(V)):
        for x in range(LANES):
            V[a, x] -= dV[a, x]


@_part  # type: ignore[untyped-decorator]
def _descend(U: Any, V: Any, delta: Any, move: Any, turn: Any) -> None:
    """Take the step of one hidden unit with a single block and output, in one loop."""
    for x in range(LANES):
        output, change = V[x], 0.0
        for j in range(len(U)):
            change += U[j, x] * delta[j, x]
        for j in range(len(U)):
            unit = U[j, x]
            move[j, x] += unit * change
            U[j, x] = unit - output * delta[j, x]
        turn[x] += output * (output - change)
        V[x] = output - change


@_part  # type: ignore[untyped-decorator]
def _move_outputs(F: Any, e: Any, delta: Any, move: Any, turn: Any, scale: Any) -> None:
    """Take the step of F and e."""
    outputs, blocks, side = e.shape[:3]
    for b in range(outputs):
        for c in range(blocks):
            for j in range(side):
                for a in range(outputs):
                    for x in range(LANES):
                        move[b, c, j, x] += delta[a, c, j, x] * turn[a, b, x]
                for x in range(LANES):
                    F[b, c, j, x] -= move[b, c, j, x]
                    e[b, c, j, x] -= scale[c, j] * move[b, c, j, x]
