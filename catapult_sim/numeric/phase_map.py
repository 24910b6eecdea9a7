r"""The phases of one sample, over millions of cells.

In the units ``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lambda`` the
two-layer linear network on one sample is a map of two variables, ``D = F - Y`` and
``Lam``, with one parameter. Width and learning rate are gone, and a phase diagram is
this map iterated from every cell of a grid.

The step is generated from :func:`catapult_sim.symbolic.linear_net.residual_map`: as
NumPy operations in place or, for large maps where the extra ``fast`` is installed, as
a compiled loop with the same bits. A block of lanes that stays in a core's cache takes
a burst of steps; then lanes whose cells have settled or left are given new ones.

The model is that of Lewkowycz et al. 2020, arXiv:2003.02218, section 2; with a label,
of Kalra et al. 2023, arXiv:2311.02076.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.phases import Phase
from catapult_sim.numeric.requirements import InputError, require_count, require_positive

__all__ = ["PhaseMap", "phase_map"]

Array = npt.NDArray[Any]
Burst = Callable[[int], None]
Voice = Callable[[Array], Burst]

# Neither changes a result.
LANES = 8192
BURST = 24

# So many steps of single cells take NumPy longer than a compiler takes to start.
WORTH_COMPILING = 10**9


class Lane(IntEnum):
    """The rows of a block of lanes."""

    D = 0
    LAM = 1
    Y = 2
    LOW = 3  # |D| at which the loss has come down
    START = 4  # |D| at step 0
    PEAK = 5  # largest |D| so far
    ABOVE = 6  # how many |D| were larger than LOW
    AGE = 7
    CELL = 8


@dataclass(frozen=True)
class PhaseMap:
    """What became of each cell of a map of shape ``(...)``."""

    phase: npt.NDArray[np.int8]  # (...), a Phase each
    steps: npt.NDArray[np.int32]  # (...), updates until the cell settled, left or ran out
    peak_loss: Array  # (...), largest D^2 / 2 = eta^2 L / n; inf where divergent
    curvature: Array  # (...), Lam = eta lambda where the cell was left; inf where divergent


def phase_map(
    F0: npt.ArrayLike,
    Lam0: npt.ArrayLike,
    Y: npt.ArrayLike = 0.0,
    *,
    steps: int = 1000,
    settled: float = 1e-3,
) -> PhaseMap:
    r"""Iterate ``D' = D (1 - Lam + F D)``, ``Lam' = Lam + D (Lam D - 4 F)`` from each cell.

    Phases are those of :func:`catapult_sim.numeric.phases.classify`, with two refinements
    that the closed map allows. A loss has come down when it is small where minima
    attract, ``Lam < 2``: a small loss at a larger curvature is an accident that the next
    steps undo. And a cell has left when its loss overflows, for beyond a bounded region
    ``D`` is cubed at every step.

    Parameters
    ----------
    F0 : array_like
        Initial output ``eta f_0 / sqrt(n)``.
    Lam0 : array_like
        Initial curvature ``eta lambda_0``. Weights exist where ``Lam0 >= 2 |F0|``; elsewhere
        the map is iterated all the same.
    Y : array_like
        Label ``eta y / sqrt(n)``. The three broadcast to the shape of the map.
    steps : int
        How many updates at most. The work is cheapest where ``steps`` has a divisor
        near 20.
    settled : float
        The fraction of its initial value to which a loss must come down.

    Returns
    -------
    PhaseMap
        ``steps`` counts the losses above the settled level, ``L_0`` included: the step at
        which the loss came down, or overflowed. Cells are examined every 20 steps or
        so; ``curvature`` is read then.

    Raises
    ------
    InputError
        If an array holds anything but finite numbers, shapes do not broadcast, ``steps``
        is no positive integer or ``settled`` is not between 0 and 1.

    Examples
    --------
    A network of width 10^6 with ``f_0 = 1`` at ``y = 0``, at three learning rates:

    >>> rates = np.array([1.0, 3.0, 4.1])  # eta lambda_0, with lambda_0 = 2
    >>> found = phase_map(rates / 2 / 1e3, rates)
    >>> [Phase(code).name for code in found.phase]
    ['LAZY', 'CATAPULT', 'DIVERGENT']
    >>> found.steps
    array([ 5, 17, 11], dtype=int32)
    """
    cells = _cells(F0, Lam0, Y)
    steps = require_count("steps", steps, 1)
    if not require_positive("settled", settled) < 1:
        raise InputError(f"settled must be less than 1; got {settled:g}")
    shape, count = cells[0].shape, cells[0].size
    found = PhaseMap(
        np.empty(count, np.int8), np.empty(count, np.int32), np.empty(count), np.empty(count)
    )
    # A divergent cell is data: it overflows, is labelled, and NumPy stays silent.
    with np.errstate(all="ignore"):
        _run(partial(_fresh, cells, np.sqrt(settled)), found, steps, _voice(count * steps))
    return PhaseMap(*(array.reshape(shape) for array in vars(found).values()))


def _cells(*values: npt.ArrayLike) -> tuple[Array, ...]:
    """Broadcast the initial values, without copies."""
    arrays = [np.asarray(value, dtype=float) for value in values]
    for name, array in zip(("F0", "Lam0", "Y"), arrays, strict=True):
        if not np.isfinite(array).all():
            raise InputError(f"{name} must be finite; got {array[~np.isfinite(array)][0]}")
    try:
        return np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise InputError(f"F0, Lam0 and Y must broadcast; got shapes {shapes}") from None


def _fresh(cells: tuple[Array, ...], level: float, first: int, last: int) -> Array:
    """Return lanes for the cells ``first`` to ``last`` in C order."""
    F0, Lam0, Y = (array.flat[first:last] for array in cells)
    D, zero = F0 - Y, np.zeros_like(F0)
    start = np.abs(D)
    return np.stack([D, Lam0, Y, level * start, start, start, zero, zero, first + np.arange(D.size)])


def _run(fresh: Callable[[int, int], Array], found: PhaseMap, steps: int, voice: Voice) -> None:
    """Run all cells to their ends. Lanes are full until no cell waits."""
    every = max(k for k in range(1, BURST + 1) if steps % k == 0)
    lanes = fresh(0, LANES)
    started, burst = lanes.shape[1], voice(lanes)
    while lanes.size:
        burst(every)
        lanes[Lane.AGE] += every
        ended = np.flatnonzero(_ended(lanes, steps))
        _record(found, lanes[:, ended])
        following = fresh(started, started + ended.size)
        started += following.shape[1]
        refilled, empty = np.split(ended, [following.shape[1]])
        lanes[:, refilled] = following
        if empty.size:
            lanes = np.delete(lanes, empty, axis=1)
            burst = voice(lanes)


def _settled(lanes: Array) -> npt.NDArray[np.bool_]:
    D, Lam = lanes[Lane.D], lanes[Lane.LAM]
    return (np.abs(D) <= lanes[Lane.LOW]) & ((Lam < 2) | (D == 0))


def _ended(lanes: Array, steps: int) -> npt.NDArray[np.bool_]:
    return _settled(lanes) | ~np.isfinite(lanes[Lane.D]) | (lanes[Lane.AGE] >= steps)


def _record(found: PhaseMap, lanes: Array) -> None:
    """Write what became of the cells in these lanes."""
    D, Lam, _, _, start, peak, above, age, cell = lanes
    left, settled = ~np.isfinite(D), _settled(lanes)
    peak = np.maximum(peak, np.abs(D))
    down = np.where(peak > start, Phase.CATAPULT, Phase.LAZY)
    where = cell.astype(np.intp)
    found.phase[where] = np.where(left, Phase.DIVERGENT, np.where(settled, down, Phase.UNDECIDED))
    found.steps[where] = np.where(left | settled, above, age)
    found.peak_loss[where] = np.where(left, np.inf, peak**2 / 2)
    found.curvature[where] = np.where(left, np.inf, Lam)


def _voice(work: int) -> Voice:
    """Choose between voices that differ in speed and in nothing else."""
    if work < WORTH_COMPILING:
        return _in_place()
    try:
        return _compiled()
    except ImportError:
        return _in_place()


@cache
def _in_place() -> Voice:
    from catapult_sim.symbolic import kernels, linear_net

    bind = kernels.in_place(linear_net.residual_map())

    def voice(lanes: Array) -> Burst:
        state, label = lanes[: Lane.Y], lanes[Lane.Y : Lane.LOW]
        low, peak = lanes[Lane.LOW], lanes[Lane.PEAK]
        following, size = np.empty_like(state), np.empty_like(low)
        above, count = np.empty(low.shape, bool), np.empty(low.shape, np.uint8)

        def program(now: Array, after: Array) -> list[Callable[[], Any]]:
            return [
                partial(np.abs, now[Lane.D], size),
                partial(np.maximum, peak, size, peak),
                partial(np.greater, size, low, above),
                partial(np.add, count, above.view(np.uint8), count),
                *bind(now, label, after),
            ]

        # Two programs, so that no step ends with a copy.
        programs = program(state, following), program(following, state)

        def burst(steps: int) -> None:
            count[:] = 0
            for step in range(steps):
                for operation in programs[step % 2]:
                    operation()
            if steps % 2:
                state[:] = following
            lanes[Lane.ABOVE] += count

        return burst

    return voice


@cache
def _compiled() -> Voice:
    import numba

    from catapult_sim.symbolic import kernels, linear_net

    following = kernels.scalar(linear_net.residual_map())
    strip = 256

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def advance(D, Lam, Y, low, peak, above, steps):  # type: ignore[no-untyped-def]
        for first in range(0, D.size, strip):
            last = min(first + strip, D.size)
            for _ in range(steps):
                for i in range(first, last):
                    size = abs(D[i])
                    peak[i] = size if size > peak[i] else peak[i]
                    above[i] += size > low[i]
                    D[i], Lam[i] = following(D[i], Lam[i], Y[i])

    def voice(lanes: Array) -> Burst:
        D, Lam, Y, low, _, peak, above, *_ = lanes
        return partial(advance, D, Lam, Y, low, peak, above)

    return voice
