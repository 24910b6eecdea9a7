"""A run of an ensemble: what was observed along it, and how each member's run ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array

# Catapults of width 1e12 peak at some 1e12 times their start, or 1e30 times where the
# start happens to be small; beyond this factor squares soon overflow.
ESCAPE = 1e100


class Outcome(IntEnum):
    """How one member's run ended."""

    RUNNING = 0
    CONVERGED = 1
    DIVERGED = 2

    @property
    def message(self) -> str:
        """The outcome in words."""
        return {
            Outcome.RUNNING: "the steps ran out",
            Outcome.CONVERGED: "the loss fell to the tolerance",
            Outcome.DIVERGED: "the loss left every bound",
        }[self]


@dataclass(frozen=True)
class Trajectory:
    """What was observed along a run of an ensemble of shape ``(...)``."""

    step: npt.NDArray[np.int64]  # (T,)
    values: dict[str, Array]  # each (T, ...) or (T, ..., *Q), NaN where not measured
    state: Array  # (..., S): where each member stopped
    outcome: npt.NDArray[np.int8]  # (...), an Outcome each
    stopped: npt.NDArray[np.int64]  # (...), the step of each member's last loss
    average: Array | None = None  # (..., S), that of each member's states, where one was asked for


def ensemble_shape(
    state: Array, parameters: Sequence[Array], state_ndim: int = 1
) -> tuple[int, ...]:
    """Return what the leading axes of a state and the shapes of parameters broadcast to."""
    leading = state.shape[: state.ndim - state_ndim]
    return np.broadcast_shapes(leading, *(parameter.shape for parameter in parameters))


def peak(run: Trajectory, name: str = "loss") -> Array:
    """Return the largest measured value of a quantity, ``(...)``."""
    largest: Array = np.fmax.reduce(run.values[name], axis=0)
    return largest


def final(run: Trajectory, name: str = "loss") -> Array:
    """Return a quantity at the step where each member stopped, ``(...)``."""
    return np.take_along_axis(run.values[name], run.stopped[None], axis=0)[0]
