"""Iterate a step over an ensemble and observe it on the way.

A run ends member by member: one that has converged, or has left every bound, is
taken out of the work, labelled, and keeps its last state. Divergence is data; no
exception is raised and NumPy stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.requirements import require_count

__all__ = ["Advance", "Observe", "Outcome", "Trajectory", "final", "iterate", "peak"]

Array = npt.NDArray[Any]
Advance = Callable[..., tuple[Array, Array]]
Observe = Mapping[str, Callable[[Any], Array]]

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
    values: dict[str, Array]  # each (T, ...), NaN where not measured
    state: Array  # (..., S): where each member stopped
    outcome: npt.NDArray[np.int8]  # (...), an Outcome each
    stopped: npt.NDArray[np.int64]  # (...), the step of each member's last loss


def iterate(
    advance: Advance,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    state_ndim: int = 1,
) -> Trajectory:
    """Apply ``advance`` up to ``steps`` times to every member of an ensemble.

    Parameters
    ----------
    advance : callable
        ``advance(state (N, S), *parameters (N,)) -> (next state (N, S), loss (N,))``,
        with the loss of the state that was given.
    state : array_like, shape (..., S)
        Where the members start.
    *parameters : array_like
        What stays fixed along a run, such as learning rates. Their shapes and that
        of the state's leading axes broadcast to the shape of the ensemble.
    steps : int
        How many updates; losses are recorded at steps 0 to ``steps``.
    observe : mapping of str to callable
        Quantities ``state (N, S) -> (N,)`` measured at multiples of ``every``.
    tolerance : float
        A member has converged when its loss is at most this fraction of its start.
    state_ndim : int
        How many trailing axes make up one member's state.

    Returns
    -------
    Trajectory
        With the key ``"loss"`` and those of ``observe``.

    Examples
    --------
    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None]), 0.5 * x[:, 0] ** 2
    >>> run = iterate(descend, [1.0], [0.5, 3.0], steps=2)
    >>> print(run.values["loss"])
    [[0.5     0.5    ]
     [0.125   2.     ]
     [0.03125 8.     ]]
    """
    steps, every = require_count("steps", steps), require_count("every", every, 1)
    observe = observe or {}
    current, rates, ensemble = _flatten(np.asarray(state, dtype=float), parameters, state_ndim)
    members = len(current)
    last = current.copy()
    values = {name: np.full((steps + 1, members), np.nan) for name in ("loss", *observe)}
    outcome = np.full(members, Outcome.RUNNING, dtype=np.int8)
    stopped = np.full(members, steps)
    active = np.arange(members)
    start = np.full(members, np.nan)
    for t in range(steps + 1):
        with np.errstate(all="ignore"):
            following, loss = advance(current, *rates)
            values["loss"][t, active] = loss
            if t % every == 0:
                for name, quantity in observe.items():
                    values[name][t, active] = quantity(current)
            if t == 0:
                start = loss
            diverged = ~(loss <= ESCAPE * start[active])
            converged = loss <= tolerance * start[active]
        outcome[active[diverged]] = Outcome.DIVERGED
        outcome[active[converged]] = Outcome.CONVERGED
        ended = diverged | converged if t < steps else np.ones(len(active), dtype=bool)
        last[active[ended]], stopped[active[ended]] = current[ended], t
        current = following
        if ended.any():
            active, current, rates = active[~ended], current[~ended], [r[~ended] for r in rates]
        if not len(active):
            break
    return Trajectory(
        np.arange(t + 1),
        {name: array[: t + 1].reshape(-1, *ensemble) for name, array in values.items()},
        last.reshape(*ensemble, *last.shape[1:]),
        outcome.reshape(ensemble),
        stopped.reshape(ensemble),
    )


def _flatten(
    state: Array, parameters: tuple[npt.ArrayLike, ...], state_ndim: int
) -> tuple[Array, list[Array], tuple[int, ...]]:
    """Broadcast state and parameters to one ensemble and lay its members in a row."""
    split = state.ndim - state_ndim
    leading, trailing = state.shape[:split], state.shape[split:]
    rates = [np.asarray(parameter, dtype=float) for parameter in parameters]
    ensemble = np.broadcast_shapes(leading, *(rate.shape for rate in rates))
    members = np.broadcast_to(state, ensemble + trailing).reshape(-1, *trailing)
    return members, [np.broadcast_to(rate, ensemble).ravel() for rate in rates], ensemble


def peak(run: Trajectory, name: str = "loss") -> Array:
    """Return the largest measured value of a quantity, ``(...)``."""
    largest: Array = np.fmax.reduce(run.values[name], axis=0)
    return largest


def final(run: Trajectory, name: str = "loss") -> Array:
    """Return a quantity at the step where each member stopped, ``(...)``."""
    return np.take_along_axis(run.values[name], run.stopped[None], axis=0)[0]
