"""What is observed along a run, at which steps: its record, and the outcome of each member."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.tables import data_frame, html_table, long_columns, member_columns
from catapult_sim.types import Array, Every, Quantities
from catapult_sim.validation import (
    InputError,
    as_array,
    require_count,
    require_instance,
    require_observers,
    shown,
)

if TYPE_CHECKING:
    import pandas

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

    def __str__(self) -> str:
        """Return the outcome as a word."""
        return self.name.lower()


@dataclass(frozen=True)
class Trajectory:
    """The record of a run of an ensemble of shape ``(...)``.

    Examples
    --------
    >>> from catapult_sim.numeric.runs.iterate import iterate
    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None])
    >>> loss = lambda x, rate: x[:, 0] ** 2 / 2
    >>> iterate(descend, [1.0], [0.5, 3.0, 9.0], loss=loss, steps=80)
    Trajectory of an ensemble (3,), steps 0 to 80: 2 running, 1 diverged
      last loss 3.42e-49 to 7e+100
      loss (81, 3), state (3, 1)
    """

    step: npt.NDArray[np.int64]  # (T,)
    values: dict[str, Array]  # each (T, ...) or (T, ..., *Q), NaN where not measured
    state: Array  # (..., S): where each member stopped
    outcome: npt.NDArray[np.int8]  # (...), an Outcome each
    stopped: npt.NDArray[np.int64]  # (...), the step of each member's last loss
    average: Array | None = None  # (..., S), that of each member's states, with ``average=``
    # (...), what the loss reached at least; None where every loss is recorded
    least_peak: Array | None = None

    def __repr__(self) -> str:
        """Return shapes, how many members ended how, and the range of their last losses."""
        ends = [f"{n} {one}" for one in Outcome if (n := int((self.outcome == one).sum()))]
        low, high = (f.reduce(final(self), None, initial=np.nan) for f in (np.fmin, np.fmax))
        arrays = self.values | {"state": self.state}
        return (
            f"Trajectory of an ensemble {self.outcome.shape}, steps 0 to {self.step[-1]}: "
            f"{', '.join(ends)}\n  last loss {low:.3g} to {high:.3g}\n  "
            + ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        )

    def _repr_html_(self) -> str:
        """Return a table of the members: how each ended, and its losses."""
        highest = "peak" if measured_throughout(self).all() else "highest known"
        losses = {"first": self.values["loss"][0], highest: peak(self), "last": final(self)}
        columns = {
            **member_columns(self.outcome.shape),
            "outcome": np.array([str(one) for one in Outcome])[self.outcome.ravel()],
            "stopped at": self.stopped.ravel(),
            **{f"{name} loss": loss.ravel() for name, loss in losses.items()},
        }
        return html_table(columns, f"Trajectory, steps 0 to {self.step[-1]}")

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame in long form: a row for each step of each member it made.

        Its columns are ``step``, the place of the member in the ensemble, and every quantity.
        """
        return data_frame(long_columns(self.step, self.values, self.stopped))


def peak(run: Trajectory, name: str = "loss") -> Array:
    """Return the largest known value of a quantity, ``(...)``.

    The largest that was measured, or what the losses of mini-batches prove that the loss reached.
    Where :func:`measured_throughout` is not True, the peak may be higher.
    """
    largest: Array = np.fmax.reduce(_recorded(run, name), axis=0)
    return largest if name != "loss" or run.least_peak is None else np.fmax(largest, run.least_peak)


def measured_throughout(run: Trajectory, name: str = "loss") -> npt.NDArray[np.bool_]:
    """Return whether a quantity was measured at every step before each member's last, ``(...)``."""
    values = _recorded(run, name)
    before = run.step.reshape(-1, *[1] * run.stopped.ndim) < run.stopped
    missing = np.isnan(values).reshape(*before.shape, -1).any(axis=-1)
    throughout: npt.NDArray[np.bool_] = np.logical_not((missing & before).any(axis=0))
    return throughout


def final(run: Trajectory, name: str = "loss") -> Array:
    """Return a quantity at the step where each member stopped, ``(...)``."""
    return np.take_along_axis(_recorded(run, name), run.stopped[None], axis=0)[0]


def _recorded(run: Trajectory, name: str) -> Array:
    """Return the values of a quantity, or raise InputError where the run has none."""
    require_instance("run", run, Trajectory, "what train or iterate returns")
    if not isinstance(name, str) or name not in run.values:
        raise InputError(
            f"the run must have recorded {shown(name)}; it has {', '.join(run.values)}"
        )
    return run.values[name]


@dataclass(frozen=True)
class Steps:
    """The steps at which a run is measured: the multiples of a period, or those of a list.

    Examples
    --------
    >>> 4 in Steps(period=2), Steps(listed=(0, 1, 3, 10)).next_after(3)
    (True, 10)
    """

    period: int = 0
    listed: tuple[int, ...] = ()  # ascending

    def __contains__(self, t: int) -> bool:
        return self.next_after(t - 1) == t

    def next_after(self, t: int) -> float:
        """Return the first of these steps after t; infinity where there is none."""
        if self.period:
            return t - t % self.period + self.period
        place = bisect_right(self.listed, t)
        return self.listed[place] if place < len(self.listed) else math.inf

    def __str__(self) -> str:
        """Return what the user gave, as a checkpoint stores it."""
        return str(self.period or list(self.listed))


EACH = Steps(period=1)


def require_every(every: Every) -> Steps:
    """Return the steps of a period or of a list of steps, or raise InputError.

    Examples
    --------
    >>> require_every(50), require_every([10, 0, 1])
    (Steps(period=50, listed=()), Steps(period=0, listed=(0, 1, 10)))
    """
    steps = as_array(every)
    if steps.ndim == 0:
        return Steps(period=require_count("every", every, 1))
    right = steps.ndim == 1 and steps.size and steps.dtype.kind in "iu" and steps.min() >= 0
    if not right or np.ma.is_masked(every):
        raise InputError(
            "every must be a period, such as 50, or a list of steps of at least 0, such as "
            f"[0, 1, 3, 10]; got {shown(every)}"
        )
    return Steps(listed=tuple(np.unique(steps).tolist()))


def require_quantities(
    observe: Any, names: Sequence[str] = (), source: Callable[[], Any] | None = None
) -> Quantities:
    """Return the functions to measure by name, or raise InputError.

    Parameters
    ----------
    observe : mapping of str to callable, str, sequence of str or None
        Functions of states, or some of ``names``. The loss is recorded in any case.
    names : sequence of str
    source : callable, optional
        Returns the object whose methods have these names; called where one of them is chosen.
    """
    chosen = [observe] if isinstance(observe, str) else observe
    if (
        isinstance(chosen, list | tuple)
        and all(isinstance(name, str) for name in chosen)
        and source
    ):
        wrong = [name for name in chosen if name not in (*names, "loss")]
        if wrong:
            raise InputError(f"observe must name some of {', '.join(names)}; got {wrong[0]!r}")
        methods = source()
        return {name: getattr(methods, name) for name in chosen if name != "loss"}
    quantities = require_observers(observe)
    if "loss" in quantities:
        raise InputError("observe must not hold the name loss, under which the run's is recorded")
    return quantities
