"""Run the cells of a phase map to their ends, in lanes that stay full.

A block of lanes takes a burst of steps; then lanes whose cells have ended are given
the next ones. So a processor works on full vectors in its cache until no cell waits,
and never on a cell that has ended. Here NumPy does it, in place, and here stand the rules
by which cells are judged; :mod:`~catapult_sim.numeric.maps.phase_map_numba` is the same in a
loop compiled by numba. Both take their step from the derived map and agree bit for bit.

The state is D and ``E = Lam - 4 - Y D``, in which a step takes the fewest operations and
rounding carries no cell across the edge ``E = 0``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array, Progress

# run(cells, level, steps, found, tell): F0, Lam0 and Y of one shape; the fraction of |D| that
# counts as settled; flat arrays to fill with phase, steps, peak |D| and curvature; whom to
# tell how many cells have just ended.
Tell = Progress
Run = Callable[[tuple[Array, ...], float, int, tuple[Array, ...], Tell], None]

# How many lanes stay in a core's cache; results do not depend on it.
LANES = 8_000

# The longest time between two examinations of a cell.
BURST = 24


class Lane(IntEnum):
    """The rows of a block of lanes."""

    D = 0
    E = 1
    Y = 2
    LOW = 3  # |D| at which the loss has come down
    START = 4  # |D| at step 0
    PEAK = 5  # largest |D| so far
    ABOVE = 6  # how many |D| were larger than LOW
    AGE = 7
    CELL = 8


# Numbers are judged where these are compiled, arrays where they are not.


def from_edge(D: Any, Lam: Any, Y: Any) -> Any:
    """Return the distance E from the edge of divergence."""
    return Lam - 4 - Y * D


def curvature_of(D: Any, E: Any, Y: Any) -> Any:
    """Return the curvature Lam."""
    return E + 4 + Y * D


def settled_at(D: Any, E: Any, Y: Any, low: Any) -> Any:
    """Tell where the loss is small and a minimum attracts, or where the loss is zero.

    Minima attract where ``Lam < 2``. The margin keeps out labels ``|Y| >= 1``, at which none
    does: there ``Lam >= 2 |F| >= 2 - 2 |D|``.
    """
    return (abs(D) <= low) & ((E + Y * D + 2 * abs(D) < -2) | (D == 0))


def going_on(settled: Any, D: Any, age: Any, steps: int) -> Any:
    """Tell where a cell has neither settled nor left, and has steps to take."""
    return (settled == 0) & (abs(D) < np.inf) & (age < steps)


def phase_of(settled: Any, D: Any, start: Any, peak: Any) -> Any:
    """Return the Phase code of what has ended: 0 undecided, 1 lazy, 2 catapult, 3 divergent."""
    return settled + settled * (peak > start) + 3 * (1 - (abs(D) < np.inf))


def taken_by(phase: Any, D: Any, above: Any, age: Any) -> Any:
    """Count the losses above the settled level, an infinite last one included, or all steps."""
    return above + (abs(D) == np.inf) + (phase == 0) * (age - above)


def burst_length(steps: int) -> int:
    """Return the length of a burst: a whole number of them makes up the steps."""
    return max(k for k in range(1, BURST + 1) if steps % k == 0)


def in_rows(cells: tuple[Array, ...]) -> tuple[Any, ...]:
    """Lay broadcast arrays in a row: slices of the result are cells in C order."""
    return tuple(_row(array) for array in cells)


def _row(array: Array) -> Any:
    if array.flags.c_contiguous:
        return array.reshape(-1)
    if not any(array.strides):
        return np.broadcast_to(array.flat[0], array.size)
    # Slower, but what broadcasting repeats is never stored.
    return array.flat


def _fresh(rows: tuple[Any, ...], level: float, first: int, last: int) -> Array:
    """Return lanes for the cells ``first`` to ``last``."""
    F0, Lam0, Y = (row[first:last] for row in rows)
    fresh = np.zeros((len(Lane), F0.size))
    np.subtract(F0, Y, out=fresh[Lane.D])
    fresh[Lane.E], fresh[Lane.Y] = from_edge(fresh[Lane.D], Lam0, Y), Y
    fresh[Lane.START] = fresh[Lane.PEAK] = np.abs(fresh[Lane.D])
    fresh[Lane.LOW] = level * fresh[Lane.START]
    fresh[Lane.CELL] = np.arange(first, first + F0.size)
    return fresh


@cache
def in_place() -> Run:
    """Return the voice of NumPy alone."""
    from catapult_sim.symbolic import linear_net
    from catapult_sim.symbolic.voices import in_place

    bind = in_place.in_place(linear_net.edge_map())

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(steps)
        lanes = _fresh(rows, level, 0, LANES)
        started, burst = lanes.shape[1], _bound(bind, lanes)
        while lanes.size:
            burst(length)
            lanes[Lane.AGE] += length
            D, settled = lanes[Lane.D], settled_at(*lanes[: Lane.START])
            ended = np.flatnonzero(~going_on(settled, D, lanes[Lane.AGE], steps))
            _record(found, np.take(lanes, ended, axis=1), settled[ended])
            tell(ended.size)
            following = _fresh(rows, level, started, started + ended.size)
            started += following.shape[1]
            refilled, empty = np.split(ended, [following.shape[1]])
            for row, fresh in zip(lanes, following, strict=True):
                row[refilled] = fresh
            if empty.size:
                lanes = np.delete(lanes, empty, axis=1)
                burst = _bound(bind, lanes)

    return run


def _bound(bind: Any, lanes: Array) -> Callable[[int], None]:
    """Bind a burst of steps to a block of lanes."""
    state, label = lanes[: Lane.Y], lanes[Lane.Y : Lane.LOW]
    low, peak = lanes[Lane.LOW], lanes[Lane.PEAK]
    following, size = np.empty_like(state), np.empty_like(low)
    above, count = np.empty(low.shape, bool), np.empty(low.shape, np.uint8)

    def step(now: Array, after: Array) -> list[Callable[[], Any]]:
        return [
            partial(np.abs, now[Lane.D], out=size),
            partial(np.maximum, peak, size, out=peak),
            partial(np.greater, size, low, out=above),
            partial(np.add, count, above.view(np.uint8), out=count),
            *bind(now, label, after),
        ]

    # There and back again, so that no step has to copy its result.
    programs = step(state, following), step(following, state)

    def burst(length: int) -> None:
        count[:] = 0
        for t in range(length):
            for operation in programs[t % 2]:
                operation()
        if length % 2:
            state[:] = following
        lanes[Lane.ABOVE] += count

    return burst


def _record(found: tuple[Array, ...], lanes: Array, settled: npt.NDArray[np.bool_]) -> None:
    """Write what became of the cells in these lanes."""
    D, E, Y, _, start, peak, above, age, cell = lanes
    where = cell.astype(np.intp)
    phase = phase_of(settled.view(np.int8), D, start, peak)
    taken = taken_by(phase, D, above, age)
    values = phase, taken, np.maximum(peak, np.abs(D)), curvature_of(D, E, Y)
    for array, value in zip(found, values, strict=True):
        array[where] = value
