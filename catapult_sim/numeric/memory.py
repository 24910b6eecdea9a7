"""How much memory a run takes, asked before it begins."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.requirements import InputError
from catapult_sim.numeric.trajectory import Observe

__all__ = ["MEMORY_LIMIT", "require_memory", "run_bytes"]

Array = npt.NDArray[np.floating]

MEMORY_LIMIT = 2.0**32  # bytes, unless the user says otherwise


def run_bytes(state: Array, rates: tuple[Array, ...], steps: int, observe: Observe) -> int:
    """Return the bytes of a run: states at its start, at its end and at work, and its record."""
    ensemble = np.broadcast_shapes(state.shape[:-1], *(rate.shape for rate in rates))
    one = state[(slice(0, 1),) * (state.ndim - 1)].reshape(-1, state.shape[-1])
    with np.errstate(all="ignore"):
        recorded = sum(np.asarray(quantity(one)).size for quantity in observe.values())
    kept = 8 * (steps + 1) * (1 + recorded)
    return math.prod(ensemble) * (kept + 3 * state.itemsize * state.shape[-1])


def require_memory(required: float, allowed: float, what: str) -> None:
    """Raise InputError where ``what`` takes more bytes than are allowed."""
    if required > allowed:
        raise InputError(
            f"{what} requires {required:.3g} bytes of memory; memory_limit allows {allowed:.3g}"
        )
