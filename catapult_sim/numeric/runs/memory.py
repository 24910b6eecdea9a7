"""Count the memory of a run before it begins, and refuse it above a limit."""

from __future__ import annotations

import math

import numpy as np

from catapult_sim.numeric.runs.blocks import BLOCK_BYTES
from catapult_sim.numeric.runs.trajectory import ensemble_shape
from catapult_sim.types import Array, Observe
from catapult_sim.validation import InputError

MEMORY_LIMIT = 2.0**32  # bytes, unless the user says otherwise


def run_bytes(
    state: Array,
    rates: tuple[Array, ...],
    steps: int,
    observe: Observe,
    *,
    work: int,
    threads: int,
) -> int:
    """Return the bytes of a run: its record, its states, and the blocks that run at once.

    Every member has a state at the start and one at the end; a running one also has one before
    and one after a stride, a step, and ``work`` bytes. What observers allocate is not counted.
    """
    members = math.prod(ensemble_shape(state, rates))
    one = state[(slice(0, 1),) * (state.ndim - 1)].reshape(-1, state.shape[-1])
    with np.errstate(all="ignore"):
        recorded = sum(np.asarray(quantity(one)).size for quantity in observe.values())
    kept, held = 8 * (steps + 1) * (1 + recorded), state.itemsize * state.shape[-1]
    at_once = min(members, threads * max(1, BLOCK_BYTES // (held + work)))
    return members * (kept + 2 * held) + at_once * (3 * held + work)


def require_memory(required: float, allowed: float, what: str) -> None:
    """Raise InputError where ``what`` takes more bytes than are allowed."""
    if required > allowed:
        raise InputError(
            f"{what} requires {required:.3g} bytes of memory; memory_limit allows {allowed:.3g}"
        )
