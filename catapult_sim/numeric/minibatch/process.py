r"""SGD on quadratic minibatch losses as one linear system, driven by the minima of the batches.

Its state consists of the average, the sum of the minima met in this epoch, and the last iterates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.numeric.runs.averages import IterateAverage, Lagged, Recurrent
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_count,
    require_flag,
    require_momentum,
    require_number,
    require_reals,
    shown,
)

# Places in the state: the average, the sum of the c met in this epoch, the newest and the previous
# iterate; earlier iterates follow.
AVERAGE, MET, NEWEST, BEFORE = range(4)


@dataclass(frozen=True)
class Process:
    """The linear map of the state ``(..., K)`` from one step to the next."""

    momentum: float
    nesterov: bool
    batches: int | None
    average: IterateAverage | None

    @property
    def size(self) -> int:
        """The length K of the state."""
        lagged = isinstance(self.average, Lagged)
        return NEWEST + max(2, self.average.length if lagged else 0)  # type: ignore[union-attr]

    def pull(self, x: Array, before: Array, c: Array | float, rate: Array) -> Array:
        """Return the next iterate."""
        ahead = x + self.momentum * (x - before)
        return ahead - rate * ((ahead if self.nesterov else x) - c)

    def advance(self, state: Array, rate: Array, t: int) -> Array:
        """Return the expected next state; it is linear in the state."""
        # The minima of an epoch sum to 0: those left sum to minus those met.
        expected = -state[..., MET] / self._left(t)
        newest = self.pull(state[..., NEWEST], state[..., BEFORE], expected, rate)
        following = np.empty_like(state)
        following[..., MET] = state[..., MET] + expected
        following[..., NEWEST] = newest
        following[..., BEFORE:] = state[..., NEWEST:-1]
        take = self._take(t)
        following[..., AVERAGE] = (1 - take) * state[..., AVERAGE] + take * newest
        return following

    def kick(self, rate: Array, t: int) -> Array:
        """Return the change of the state per standard deviation of c about its expected value."""
        surprise = np.zeros((*rate.shape, self.size))
        surprise[..., NEWEST] = rate
        surprise[..., AVERAGE] = rate * self._take(t)
        if self.batches is None:
            return surprise
        surprise[..., MET] = 1
        met = t % self.batches
        return surprise * np.sqrt(1 - met / ((self.batches - 1) * (self.batches - met)))

    def readout(self, t: int) -> Array:
        """Return the average at step t as a combination of the state, ``(K,)``."""
        combination = np.zeros(self.size)
        if isinstance(self.average, Lagged):
            held = min(t + 1, self.average.length)
            combination[NEWEST : NEWEST + held] = self.average.value(tuple(np.eye(held)))
        else:
            combination[AVERAGE] = 1
        return combination

    def _left(self, t: int) -> float:
        return np.inf if self.batches is None else self.batches - t % self.batches

    def _take(self, t: int) -> float:
        return self.average.take(t) if isinstance(self.average, Recurrent) else 1.0


def require_process(
    momentum: float, nesterov: bool, batches: int | None, average: IterateAverage | None
) -> Process:
    """Return a process, or raise InputError where an option is invalid."""
    if batches is not None:
        batches = require_count("batches", batches, 2)
    if average is not None and not isinstance(average, IterateAverage):
        raise InputError(
            f"average must be EMA(...), SWA(...), Window(...), TwoPoint(...) or None; "
            f"got {shown(average)}"
        )
    beta = float(require_momentum(require_number("momentum", momentum)))
    return Process(beta, require_flag("nesterov", nesterov), batches, average)


def require_rates(rates: npt.ArrayLike, process: Process) -> Array:
    """Return rates as floats at which the process is stable, or raise InputError."""
    array = require_reals("rates", rates)
    limit = float(largest_stable_rate(1.0, momentum=process.momentum, nesterov=process.nesterov))
    inside = (array >= 0) & (array < limit)
    if not inside.all():
        raise InputError(
            f"rates must be at least 0 and below {limit:g}, where the variance begins to have "
            f"no bound; got {array[~inside].flat[0]:g}"
        )
    return array
