"""The phase of a run: lazy, catapult, divergent or undecided."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory, final, peak
from catapult_sim.validation import require_positive

Side = npt.NDArray[np.int8]

BELOW, UNKNOWN, BEYOND = -1, 0, 1


class Phase(IntEnum):
    """What a learning rate does to a run."""

    UNDECIDED = 0
    LAZY = 1
    CATAPULT = 2
    DIVERGENT = 3


def classify(run: Trajectory, *, settled: float = 1e-3) -> npt.NDArray[np.int8]:
    """Name the phase of each member of a run.

    Parameters
    ----------
    run : Trajectory
    settled : float
        A run has come down when its last loss is at most this fraction of its first; positive.

    Returns
    -------
    numpy.ndarray, shape (...)
        :class:`Phase` codes. DIVERGENT where the loss left every bound, LAZY where it
        came down without ever exceeding its start, CATAPULT where it came down from a
        peak above its start, UNDECIDED where it has not come down yet.

    Raises
    ------
    InputError
        Where ``settled`` is not positive.

    Examples
    --------
    >>> from catapult_sim.numeric.linear_net import LinearNet
    >>> net = LinearNet([[1.0]], [0.0], width=1000)
    >>> state = net.init(rng=0)
    >>> rates = np.array([1.0, 3.0, 4.1]) / net.top_eigenvalue(state)
    >>> run = net.train(learning_rate=rates, steps=200, state=state)
    >>> [Phase(p).name for p in classify(run)]
    ['LAZY', 'CATAPULT', 'DIVERGENT']
    """
    came_down = final(run) <= require_positive("settled", settled) * run.values["loss"][0]
    phase = np.where(rise(run) == BEYOND, Phase.CATAPULT, Phase.LAZY)
    phase = np.where(came_down, phase, Phase.UNDECIDED)
    return np.where(run.outcome == Outcome.DIVERGED, Phase.DIVERGENT, phase).astype(np.int8)


def rise(run: Trajectory, name: str = "loss") -> Side:
    """Tell on which side of the boundary of a quantity's first rise each member is, ``(...)``.

    +1 where it exceeded its start at any step, or the run diverged, -1 where it never did.
    """
    rose = (peak(run, name) > run.values[name][0]) | (run.outcome == Outcome.DIVERGED)
    return np.where(rose, BEYOND, BELOW).astype(np.int8)


def escape(run: Trajectory) -> Side:
    """Tell where the loss left its bound, ``(...)``: +1 where it did, else -1."""
    return np.where(run.outcome == Outcome.DIVERGED, BEYOND, BELOW).astype(np.int8)


def divergence(run: Trajectory, *, settled: float = 1e-3) -> Side:
    """Tell on which side of the last boundary each member is, ``(...)``.

    +1 where the run diverged, -1 where it came down, 0 where that is undecided.
    """
    sides = np.array([UNKNOWN, BELOW, BELOW, BEYOND], dtype=np.int8)  # indexed by Phase
    return sides[classify(run, settled=settled)]
