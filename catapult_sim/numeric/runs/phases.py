"""The phase of a run: lazy, catapult, divergent or undecided."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.trajectory import (
    Outcome,
    Trajectory,
    final,
    measured_throughout,
    peak,
)
from catapult_sim.validation import require_instance, require_number

Side = npt.NDArray[np.int8]

BELOW, UNKNOWN, BEYOND = -1, 0, 1


class Phase(IntEnum):
    """What a learning rate does to a run."""

    UNDECIDED = 0
    LAZY = 1
    CATAPULT = 2
    DIVERGENT = 3

    def __str__(self) -> str:
        """Return the phase as a word."""
        return self.name.lower()

    def __format__(self, spec: str) -> str:
        """Format the word."""
        return format(str(self), spec)


class Phases(np.ndarray[Any, np.dtype[np.int8]]):
    """An array of :class:`Phase` codes that prints as words; all else is as with any array.

    Examples
    --------
    >>> codes = np.array([1, 2, 3], dtype=np.int8).view(Phases)
    >>> codes
    Phases(['lazy', 'catapult', 'divergent'])
    >>> codes == Phase.CATAPULT
    array([False,  True, False])
    """

    @property
    def names(self) -> npt.NDArray[np.str_]:
        """The phases as an array of words."""
        return np.array([str(phase) for phase in Phase])[np.asarray(self)]

    def __str__(self) -> str:
        """Return the words, of a large array the first and the last."""
        if self.ndim == 0:
            return repr(str(self.names))
        words = {int(phase): repr(str(phase)) for phase in Phase}
        write: Any = {"int": lambda code: words.get(int(code), str(code))}
        return np.array2string(np.asarray(self), separator=", ", formatter=write)

    def __repr__(self) -> str:
        """Return the words with the name of the class."""
        return "Phases(" + str(self) + ")"

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Return results of arithmetic with phases as plain numbers."""
        return array[()] if return_scalar else array.view(np.ndarray)


def classify(run: Trajectory, *, settled: float = 1e-3) -> Phases:
    """Return the phase of each member of a run.

    Parameters
    ----------
    run : Trajectory
    settled : float
        A run has come down when its last loss is at most this fraction of its first; positive.
        Exact models reach the default soon. Networks need long to fit to a thousandth: give them
        0.1, as :func:`catapult_sim.study` does, or many of their runs stay undecided.

    Returns
    -------
    Phases, shape (...)
        :class:`Phase` codes that print as words. DIVERGENT where the loss left every bound,
        LAZY where it came down without ever exceeding its start, CATAPULT where it came down
        from a peak above its start, UNDECIDED where it has not come down yet.

        A loss that was not measured at every step may have risen in between: such a run is never
        LAZY. It is CATAPULT where a rise is known, and UNDECIDED otherwise; ``every=1`` decides.

    Raises
    ------
    InputError
        Where ``settled`` is not positive, or the run has recorded no loss.

    Examples
    --------
    >>> from catapult_sim.numeric.linear_net import LinearNet
    >>> net = LinearNet([[1.0]], [0.0], width=1000)
    >>> state = net.init(rng=0)
    >>> rates = np.array([1.0, 3.0, 4.1]) / net.top_eigenvalue(state)
    >>> classify(net.train(learning_rate=rates, steps=200, state=state))
    Phases(['lazy', 'catapult', 'divergent'])
    """
    end, rose = divergence(run, settled=settled), rise(run)
    phase = np.select(
        [end == BEYOND, (end == BELOW) & (rose == BEYOND), (end == BELOW) & (rose == BELOW)],
        [Phase.DIVERGENT, Phase.CATAPULT, Phase.LAZY],
        Phase.UNDECIDED,
    )
    return phase.astype(np.int8).view(Phases)


def rise(run: Trajectory, name: str = "loss") -> Side:
    """Return whether a quantity of each member has risen above its start, ``(...)``.

    +1 where it is known to have exceeded its start, or the run diverged, -1 where it never did, 0
    where that is unknown: the quantity was not measured at every step.
    """
    rose = (peak(run, name) > run.values[name][0]) | (run.outcome == Outcome.DIVERGED)
    not_risen = np.where(measured_throughout(run, name), BELOW, UNKNOWN)
    return np.where(rose, BEYOND, not_risen).astype(np.int8)


def escape(run: Trajectory) -> Side:
    """Return whether each member has diverged, ``(...)``: +1 where it has, else -1."""
    require_instance("run", run, Trajectory, "what train or iterate returns")
    return np.where(run.outcome == Outcome.DIVERGED, BEYOND, BELOW).astype(np.int8)


def divergence(run: Trajectory, *, settled: float = 1e-3) -> Side:
    """Return whether each member has diverged or come down, ``(...)``.

    +1 where the run diverged, -1 where it came down, 0 where that is undecided.
    """
    last = final(run)
    came_down = last <= require_number("settled", settled, above=0) * run.values["loss"][0]
    return np.where(came_down & (escape(run) == BELOW), BELOW, np.maximum(escape(run), UNKNOWN))
