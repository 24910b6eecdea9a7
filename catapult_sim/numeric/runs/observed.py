"""What is observed along a run, and at which steps: the arguments ``observe=`` and ``every=``."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catapult_sim.types import Every, Quantities
from catapult_sim.validation import InputError, as_array, require_count, require_observers, shown


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


def require_quantities(observe: Any, source: Any = None, names: Sequence[str] = ()) -> Quantities:
    """Return the functions to measure by name, or raise InputError.

    Parameters
    ----------
    observe : mapping of str to callable, str, sequence of str or None
        Functions of states, or the names of methods of ``source``.
    source : object, optional
    names : sequence of str
        Those of its methods that can be chosen. The loss is recorded in any case.
    """
    chosen = [observe] if isinstance(observe, str) else observe
    if isinstance(chosen, list | tuple) and all(isinstance(name, str) for name in chosen) and names:
        wrong = [name for name in chosen if name not in (*names, "loss")]
        if wrong:
            raise InputError(f"observe must name some of {', '.join(names)}; got {wrong[0]!r}")
        return {name: getattr(source, name) for name in chosen if name != "loss"}
    quantities = require_observers(observe)
    if "loss" in quantities:
        raise InputError("observe must not hold the name loss, under which the run's is recorded")
    return quantities
