"""Averages of iterates: how much of itself an average keeps at each step.

At every step the average of the weights becomes ``keep * average + (1 - keep) * weights``.
"""

from __future__ import annotations

from dataclasses import dataclass

from catapult_sim.numeric.requirements import InputError, require_count

__all__ = ["EMA", "SWA", "Average"]


@dataclass(frozen=True)
class EMA:
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
    >>> EMA(0.9).keep(7)
    0.9
    """

    decay: float

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise InputError(f"decay must satisfy 0 <= decay < 1; got {self.decay!r}")

    def keep(self, t: int) -> float:
        """Return how much the average keeps when step t is taken."""
        return self.decay


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging: the mean of all iterates from step ``start`` on.

    Before that step the average is the weights themselves.

    Parameters
    ----------
    start : int
        The first step whose weights are averaged.

    Raises
    ------
    InputError
        Where the start is not an integer of at least 0.

    References
    ----------
    .. [1] P. Izmailov et al., *Averaging weights leads to wider optima and better
       generalization*, UAI 2018, arXiv:1803.05407, algorithm 1 with cycle length 1.

    Examples
    --------
    >>> average = SWA(start=2)
    >>> [average.keep(t) for t in range(4)]
    [0.0, 0.0, 0.5, 0.6666666666666666]
    """

    start: int = 0

    def __post_init__(self) -> None:
        require_count("start", self.start)

    def keep(self, t: int) -> float:
        """Return how much the average keeps when step t is taken."""
        averaged = max(0, t + 1 - self.start)
        return averaged / (averaged + 1)


Average = EMA | SWA
