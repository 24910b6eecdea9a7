"""Iterate the cells of a phase map in NumPy, in slots that are refilled as cells end.

A block of lanes takes a burst of steps; then lanes whose cells have ended are given
the next ones. So a processor works on full vectors in its cache until no cell waits,
and never on a cell that has ended. Here NumPy does it, in place, and here stand the rules
by which cells are judged; :mod:`~catapult_sim.numeric.maps.phase_map_numba` is the same in a
loop compiled by numba. Both take their step from the derived map; where that is made of sums,
products, quotients and squares they agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.maps.phase_rules import Change, PhaseRule
from catapult_sim.types import Array, Progress

# run(cells, level, steps, found, tell): state and parameters of one shape; the fraction of the
# size that counts as settled; flat arrays to fill with phase, steps and peak size, and one
# (S, cells) for the state; whom to tell how many cells have just ended.
Tell = Progress
Run = Callable[[tuple[Array, ...], float, int, tuple[Array, ...], Tell], None]

# How many lanes stay in a core's cache; results do not depend on it.
LANES = 8_000

# The longest time between two examinations of a cell.
BURST = 24


class Lane(IntEnum):
    """The first rows of a block of lanes."""

    LOW = 0  # the size at which the loss has come down
    START = 1  # the size at step 0
    PEAK = 2  # the largest size so far
    ABOVE = 3  # how many sizes were larger than LOW
    AGE = 4
    CELL = 5
    STATE = 6  # from here on the state, then the parameters


# Numbers are judged where these are compiled, arrays where they are not.


def going_on(settled: Any, size: Any, age: Any, steps: int) -> Any:
    """Tell where a cell has neither settled nor left, and has steps to take."""
    return (settled == 0) & (size < np.inf) & (age < steps)


def phase_of(settled: Any, size: Any, start: Any, peak: Any) -> Any:
    """Return the Phase code of what has ended: 0 undecided, 1 lazy, 2 catapult, 3 divergent."""
    return settled + settled * (peak > start) + 3 * (1 - (size < np.inf))


def taken_by(phase: Any, size: Any, above: Any, age: Any) -> Any:
    """Count the losses above the settled level, an infinite last one included, or all steps."""
    return above + (size == np.inf) + (phase == 0) * (age - above)


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


@cache
def in_place(model: PhaseRule) -> Run:
    """Return the voice of NumPy alone."""
    from catapult_sim.symbolic.voices import in_place

    rule = model.rule
    step, measure = in_place.in_place(rule), in_place.in_place(rule, [model.size])
    variables = len(rule.state)

    def fresh(rows: tuple[Any, ...], level: float, first: int, last: int) -> Array:
        """Return lanes for the cells ``first`` to ``last``."""
        given = [row[first:last] for row in rows]
        values = [*model.enter(*given)[:variables], *given[variables:]]
        lanes = np.zeros((Lane.STATE + len(given), len(given[0])))
        for row, value in zip(lanes[Lane.STATE :], values, strict=True):
            row[:] = value
        state, parameters = np.split(lanes[Lane.STATE :], [variables])
        for operation in measure(state, parameters, [lanes[Lane.START]]):
            operation()
        lanes[Lane.PEAK] = lanes[Lane.START]
        lanes[Lane.LOW] = level * lanes[Lane.START]
        lanes[Lane.CELL] = np.arange(first, first + lanes.shape[1])
        return lanes

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(steps)
        lanes = fresh(rows, level, 0, LANES)
        started, burst = lanes.shape[1], _bound(step, measure, lanes, variables)
        while lanes.size:
            size = burst(length)
            lanes[Lane.AGE] += length
            settled = (size <= lanes[Lane.LOW]) & model.attracts(lanes[Lane.STATE :])
            ended = np.flatnonzero(~going_on(settled, size, lanes[Lane.AGE], steps))
            _record(found, np.take(lanes, ended, axis=1), settled[ended], size[ended], model.leave)
            tell(ended.size)
            following = fresh(rows, level, started, started + ended.size)
            started += following.shape[1]
            refilled, empty = np.split(ended, [following.shape[1]])
            for row, values in zip(lanes, following, strict=True):
                row[refilled] = values
            if empty.size:
                lanes = np.delete(lanes, empty, axis=1)
                burst = _bound(step, measure, lanes, variables)

    return run


def _bound(bind: Any, measure: Any, lanes: Array, variables: int) -> Callable[[int], Array]:
    """Bind a burst of steps to a block of lanes; it returns the sizes at its end."""
    state, parameters = np.split(lanes[Lane.STATE :], [variables])
    low, peak = lanes[Lane.LOW], lanes[Lane.PEAK]
    following, size = np.empty_like(state), np.empty_like(low)
    above, count = np.empty(low.shape, bool), np.empty(low.shape, np.uint8)

    def step(now: Array, after: Array) -> list[Callable[[], Any]]:
        return [
            *measure(now, parameters, [size]),
            partial(np.maximum, peak, size, out=peak),
            partial(np.greater, size, low, out=above),
            partial(np.add, count, above.view(np.uint8), out=count),
            *bind(now, parameters, after),
        ]

    # There and back again, so that no step has to copy its result.
    programs = step(state, following), step(following, state)
    last = measure(state, parameters, [size])

    def burst(length: int) -> Array:
        count[:] = 0
        for t in range(length):
            for operation in programs[t % 2]:
                operation()
        if length % 2:
            state[:] = following
        lanes[Lane.ABOVE] += count
        for operation in last:
            operation()
        return size

    return burst


def _record(
    found: tuple[Array, ...],
    lanes: Array,
    settled: npt.NDArray[np.bool_],
    size: Array,
    leave: Change,
) -> None:
    """Write what became of the cells in these lanes."""
    _, start, peak, above, age, cell = lanes[: Lane.STATE]
    phases, ages, peaks, states = found
    where = cell.astype(np.intp)
    phase = phase_of(settled.view(np.int8), size, start, peak)
    phases[where], ages[where] = phase, taken_by(phase, size, above, age)
    peaks[where] = np.maximum(peak, size)
    for row, values in zip(states, leave(*lanes[Lane.STATE :]), strict=False):
        row[where] = values
