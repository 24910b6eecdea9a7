"""The loop of :mod:`catapult_sim.numeric.linear_net_descent`, compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["kernel"]

Array = npt.NDArray[Any]

# Members side by side: enough to outweigh the start of a loop, few enough for a core's cache.
LANES = 128


@cache
def kernel() -> Callable[..., None]:
    """Return a compiled ``_steps`` of the descent: same arguments, same results to rounding.

    Raises
    ------
    ImportError
        If numba is not installed.
    """
    try:
        import numba
    except ImportError as missing:
        raise ImportError(
            "compiled=True requires numba; install it with: pip install catapult_sim[fast]"
        ) from missing
    compiled = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)
    move_unit, move_outputs = compiled(_move_unit), compiled(_move_outputs)

    @compiled  # type: ignore[untyped-decorator]
    def steps(W: Any, F: Any, e: Any, rates: Any, scales: Any, losses: Any) -> None:
        units, (r, k, members), count = len(W), F.shape, len(losses)
        side = min(LANES, members)
        U, V = np.zeros((units, r, side)), np.zeros((units, k, side))
        f, error = np.zeros((r, k, side)), np.zeros((r, k, side))
        delta, move = np.zeros_like(f), np.zeros_like(f)
        dV, turn = np.zeros((k, side)), np.zeros((k, k, side))
        rate, square = np.zeros(side), np.zeros(side)
        for first in range(0, members, side):
            lanes = min(side, members - first)
            part = slice(first, first + lanes)
            U[:, :, :lanes], V[:, :, :lanes] = W[:, :r, part], W[:, r:, part]
            f[:, :, :lanes], error[:, :, :lanes] = F[:, :, part], e[:, :, part]
            rate[:lanes] = rates[part]
            for t in range(count):
                square[:], turn[:], move[:] = 0.0, 0.0, 0.0
                for j in range(r):
                    for a in range(k):
                        for x in range(side):
                            square[x] += error[j, a, x] * error[j, a, x]
                            delta[j, a, x] = rate[x] * scales[j] * error[j, a, x]
                losses[t, part] = square[:lanes]
                for i in range(units):
                    move_unit(U[i], V[i], delta, dV, move, turn)
                move_outputs(f, error, delta, move, turn, scales)
            W[:, :r, part], W[:, r:, part] = U[:, :, :lanes], V[:, :, :lanes]
            F[:, :, part], e[:, :, part] = f[:, :, :lanes], error[:, :, :lanes]

    return steps


def _move_unit(U: Any, V: Any, delta: Any, dV: Any, move: Any, turn: Any) -> None:
    """Let one hidden unit take its step; add ``U^T dV`` to ``move``, ``V^T V'`` to ``turn``."""
    r, k, lanes = delta.shape
    for a in range(k):
        for x in range(lanes):
            dV[a, x] = 0.0
        for j in range(r):
            for x in range(lanes):
                dV[a, x] += U[j, x] * delta[j, a, x]
        for j in range(r):
            for x in range(lanes):
                move[j, a, x] += U[j, x] * dV[a, x]
    for a in range(k):
        for j in range(r):
            for x in range(lanes):
                U[j, x] -= V[a, x] * delta[j, a, x]
    for a in range(k):
        for b in range(k):
            for x in range(lanes):
                turn[a, b, x] += V[a, x] * (V[b, x] - dV[b, x])
    for a in range(k):
        for x in range(lanes):
            V[a, x] -= dV[a, x]


def _move_outputs(F: Any, e: Any, delta: Any, move: Any, turn: Any, scales: Any) -> None:
    """Let F and e take their step."""
    r, k, lanes = delta.shape
    for j in range(r):
        for b in range(k):
            for a in range(k):
                for x in range(lanes):
                    move[j, b, x] += delta[j, a, x] * turn[a, b, x]
            for x in range(lanes):
                F[j, b, x] -= move[j, b, x]
                e[j, b, x] -= scales[j] * move[j, b, x]
