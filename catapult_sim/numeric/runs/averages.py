"""Averages of iterates: exponential, uniform from a step on, over a window, of two points.

What an average remembers of a run is a tuple of arrays of the iterates' shape, so that an
ensemble of networks and a single number are averaged by the same calls::

    memory = average.begin(weights)                        # before the first step
    memory = average.advance(memory, weights, t)           # after step t = 0, 1, ...
    average.value(memory)

An average is linear in the iterates. Nothing is changed in place, and iterates that are
remembered are not copied: the caller must leave them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from catapult_sim.memory import require_memory
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count, require_instance, shown

Memory = tuple[Array, ...]


class Recurrent:
    """An average by recurrence: ``average <- average + take (weights - average)``.

    It remembers the average and its rounding error. So rounding errors do not add up, however
    many the steps and however small ``take``.
    """

    def take(self, t: int) -> float:
        """Return the weight of the iterate that step t leads to."""
        raise NotImplementedError

    def keep(self, t: int) -> float:
        """Return the weight of the average before step t."""
        return 1 - self.take(t)

    def begin(self, weights: Array) -> Memory:
        """Return the memory of a run that starts at ``weights``."""
        return weights, np.zeros_like(weights)

    def advance(self, memory: Memory, weights: Array, t: int) -> Memory:
        """Return the memory after step t, which led to ``weights``."""
        take = self.take(t)
        if take == 1:
            return self.begin(weights)
        high, low = memory
        with np.errstate(over="ignore", invalid="ignore"):
            return _two_sum(high, low + take * ((weights - high) - low))

    def value(self, memory: Memory) -> Array:
        """Return the average."""
        return memory[0] + memory[1]


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """Return a rounded sum and its error, exactly (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


@dataclass(frozen=True)
class EMA(Recurrent):
    """Exponential moving average: ``average <- decay * average + (1 - decay) * weights``.

    Parameters
    ----------
    decay : float
        Between 0 (the weights themselves) and below 1.

    Raises
    ------
    InputError
        Where the decay is not in [0, 1).

    Examples
    --------
    >>> EMA(0.75).take(7)
    0.25
    """

    decay: float

    def __post_init__(self) -> None:
        if not isinstance(self.decay, Real) or not 0 <= self.decay < 1:
            raise InputError(f"decay must satisfy 0 <= decay < 1; got {shown(self.decay)}")

    def take(self, t: int) -> float:
        """Return the weight of the iterate that step t leads to."""
        return 1 - self.decay


@dataclass(frozen=True)
class SWA(Recurrent):
    """Stochastic weight averaging: the mean of all iterates from step ``start`` on.

    Before that step the average is the weights themselves. Algorithm 1 of [Izmailov2018] with
    cycle length 1.

    Parameters
    ----------
    start : int
        The first step whose weights are averaged.

    Raises
    ------
    InputError
        Where the start is not an integer of at least 0.

    Examples
    --------
    >>> average = SWA(start=2)
    >>> [average.keep(t) for t in range(4)]
    [0.0, 0.0, 0.5, 0.6666666666666667]
    """

    start: int = 0

    def __post_init__(self) -> None:
        require_count("start", self.start)

    def take(self, t: int) -> float:
        """Return the weight of the iterate that step t leads to."""
        return 1 / (max(0, t + 1 - self.start) + 1)


class Lagged:
    """An average of the last iterates; it remembers these, the oldest first."""

    @property
    def length(self) -> int:
        """How many it remembers; at the beginning of a run there are fewer."""
        raise NotImplementedError

    def begin(self, weights: Array) -> Memory:
        """Return the memory of a run that starts at ``weights``."""
        return (weights,)

    def advance(self, memory: Memory, weights: Array, t: int) -> Memory:
        """Return the memory after step t, which led to ``weights``."""
        return (*memory, weights)[-self.length :]

    def value(self, memory: Memory) -> Array:
        """Return the average."""
        raise NotImplementedError


@dataclass(frozen=True)
class Window(Lagged):
    """The mean of the last ``size`` iterates: stochastic weight averaging, fixed window.

    Raises
    ------
    InputError
        Where the size is not an integer of at least 1.

    Examples
    --------
    >>> average = Window(2)
    >>> memory = average.begin(np.float64(0.0))
    >>> for t, iterate in enumerate(np.array([1.0, 2.0, 3.0])):
    ...     memory = average.advance(memory, iterate, t)
    >>> print(average.value(memory))
    2.5
    """

    size: int

    def __post_init__(self) -> None:
        require_count("size", self.size, 1)

    @property
    def length(self) -> int:
        """How many iterates it remembers."""
        return self.size

    def value(self, memory: Memory) -> Array:
        """Return the average."""
        every = SWA()
        mean = every.begin(memory[0])
        for t, weights in enumerate(memory[1:]):
            mean = every.advance(mean, weights, t)
        return every.value(mean)


@dataclass(frozen=True)
class TwoPoint(Lagged):
    """The mean of the last iterate and the one ``gap`` steps before.

    Raises
    ------
    InputError
        Where the gap is not an integer of at least 1.

    Examples
    --------
    >>> average, memory = TwoPoint(2), (np.float64(1.0), np.float64(7.0), np.float64(2.0))
    >>> print(average.value(memory))
    1.5
    """

    gap: int

    def __post_init__(self) -> None:
        require_count("gap", self.gap, 1)

    @property
    def length(self) -> int:
        """How many iterates it remembers."""
        return self.gap + 1

    def value(self, memory: Memory) -> Array:
        """Return the average."""
        return memory[0] / 2 + memory[-1] / 2


Average = Recurrent
IterateAverage = Recurrent | Lagged


def require_average(average: Any) -> Average:
    """Return an average whose memory does not grow along a run, or raise InputError.

    Examples
    --------
    >>> require_average(EMA(0.9))
    EMA(decay=0.9)
    """
    if not isinstance(average, Recurrent):
        why = ", which remembers iterates one by one" if isinstance(average, Lagged) else ""
        raise InputError(f"average must be EMA(...), SWA(...) or None; got {shown(average)}{why}")
    return average


def weights(average: IterateAverage, steps: int) -> Array:
    """Return the weights of iterates 0 to ``steps`` in an average.

    Examples
    --------
    >>> print(weights(TwoPoint(2), 3), weights(SWA(2), 3))
    [0.  0.5 0.  0.5] [0.  0.  0.5 0.5]
    """
    kinds = "EMA(...), SWA(...), Window(...) or TwoPoint(...)"
    require_instance("average", average, IterateAverage, kinds)
    require_memory(8 * (require_count("steps", steps) + 1) ** 2, None, "these weights", "steps")
    iterates = np.eye(steps + 1)
    memory = average.begin(iterates[0])
    for t, iterate in enumerate(iterates[1:]):
        memory = average.advance(memory, iterate, t)
    return average.value(memory)


def schedule(average: IterateAverage, steps: int) -> Array:
    r"""Return the learning rates whose last iterate is the average, for a constant gradient.

    ``theta_t = theta_0 - eta sum_{s < t} g_s``, so that an average with weights ``w_t`` holds the
    gradient of step s in the proportion ``sum_{t > s} w_t``: what training at a learning rate so
    reduced holds too, of the same gradients. They are the same to first order in ``eta`` times
    curvature times the window of the average. Two points halve the learning rate for as many
    steps as they are apart, a mean lets it fall linearly, an exponential average exponentially.

    Parameters
    ----------
    average : EMA, SWA, Window or TwoPoint
    steps : int

    Returns
    -------
    numpy.ndarray, shape (steps,)
        The learning rate of each step, in units of that of the averaged run.

    Examples
    --------
    >>> print(schedule(TwoPoint(3), 4), schedule(SWA(), 4))
    [1.  0.5 0.5 0.5] [0.8 0.6 0.4 0.2]
    """
    return np.cumsum(weights(average, steps)[:0:-1])[::-1]
