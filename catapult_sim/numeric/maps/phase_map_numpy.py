"""Iterate the cells of a phase map in NumPy, in slots that are refilled when a cell has ended.

A block of slots takes a burst of steps; then the slots whose cells have ended are given
the next cells. So a processor works on full vectors in its cache, and never on a cell that
has ended. :mod:`~catapult_sim.numeric.maps.phase_map_numba` does the same in a compiled loop,
with the criteria of this module. Both take their step from the rule; where that is made of
sums, products, quotients and squares they agree bit for bit.
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
# size at which a cell has converged; flat arrays to fill with phase, steps and peak size, and one
# (S, cells) for the state; a callback with the number of cells just ended.
Tell = Progress
Run = Callable[[tuple[Array, ...], float, int, tuple[Array, ...], Tell], None]

# Slots that fit into a core's cache; results do not depend on it.
SLOTS = 8_000

# The most steps between two examinations of a cell.
BURST = 24


class Row(IntEnum):
    """The rows of a block of slots."""

    LOW = 0  # the size at which the cell has converged
    START = 1  # the size at step 0
    PEAK = 2  # the largest size so far
    ABOVE = 3  # how many sizes were larger than LOW
    SINCE = 4  # the age up to which some were
    AGE = 5
    CELL = 6
    STATE = 7  # from here on the state, then the parameters


# These criteria take floats under numba and arrays under NumPy.


def going_on(settled: Any, size: Any, age: Any, steps: int) -> Any:
    """Return where a cell has neither converged nor diverged, and has steps left."""
    return (settled == 0) & (size < np.inf) & (age < steps)


def phase_of(settled: Any, size: Any, start: Any, peak: Any) -> Any:
    """Return the Phase code of ended cells: 0 undecided, 1 lazy, 2 catapult, 3 divergent."""
    return settled + settled * (peak > start) + 3 * (1 - (size < np.inf))


def taken_by(phase: Any, size: Any, above: Any, age: Any) -> Any:
    """Return the number of losses above the settled level, infinite ones included, or the age."""
    return above + (size == np.inf) + (phase == 0) * (age - above)


def small_steps(model: PhaseRule, steps: int) -> int:
    """Return for how many steps a size must have been small, at most half of all."""
    return min(model.small_for, steps // 2)


def burst_length(model: PhaseRule, steps: int) -> int:
    """Return the length of a burst: the largest divisor of the steps up to ``BURST``.

    It is not longer than the steps for which a size must have been small.
    """
    longest = (small_steps(model, steps) or 1) if model.small_for else BURST
    return max(k for k in range(1, longest + 1) if steps % k == 0)


def in_rows(cells: tuple[Array, ...]) -> tuple[Any, ...]:
    """Return arrays, flattened, of which slices are cells in C order."""
    return tuple(_row(array) for array in cells)


def _row(array: Array) -> Any:
    if array.flags.c_contiguous:
        return array.reshape(-1)
    if not any(array.strides):
        return np.broadcast_to(array.flat[0], array.size)
    # Slower, but repeated values are never stored.
    return array.flat


@cache
def in_place(model: PhaseRule) -> Run:
    """Return the loop of a rule in NumPy."""
    from catapult_sim.symbolic.voices import in_place

    rule = model.rule
    step, measure = in_place.in_place(rule), in_place.in_place(rule, [model.size])
    variables = len(rule.state)

    def fresh(rows: tuple[Any, ...], level: float, first: int, last: int) -> Array:
        """Return slots with the cells ``first`` to ``last``."""
        given = [row[first:last] for row in rows]
        values = [*model.enter(*given)[:variables], *given[variables:]]
        slots = np.zeros((Row.STATE + len(given), len(given[0])))
        for row, value in zip(slots[Row.STATE :], values, strict=True):
            row[:] = value
        state, parameters = np.split(slots[Row.STATE :], [variables])
        for operation in measure(state, parameters, [slots[Row.START]]):
            operation()
        slots[Row.PEAK] = slots[Row.START]
        slots[Row.LOW] = level * slots[Row.START]
        slots[Row.CELL] = np.arange(first, first + slots.shape[1])
        return slots

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(model, steps)
        needed = small_steps(model, steps)
        slots = fresh(rows, level, 0, SLOTS)
        started, burst = slots.shape[1], _bound(step, measure, slots, variables)
        while slots.size:
            size = burst(length)
            small = slots[Row.AGE] - slots[Row.SINCE] >= needed
            settled = (size <= slots[Row.LOW]) & small & model.attracts(slots[Row.STATE :])
            ended = np.flatnonzero(~going_on(settled, size, slots[Row.AGE], steps))
            _record(found, np.take(slots, ended, axis=1), settled[ended], size[ended], model.leave)
            tell(ended.size)
            following = fresh(rows, level, started, started + ended.size)
            started += following.shape[1]
            refilled, empty = np.split(ended, [following.shape[1]])
            for row, values in zip(slots, following, strict=True):
                row[refilled] = values
            if empty.size:
                slots = np.delete(slots, empty, axis=1)
                burst = _bound(step, measure, slots, variables)

    return run


def _bound(bind: Any, measure: Any, slots: Array, variables: int) -> Callable[[int], Array]:
    """Return ``burst(length)`` on a block of slots, which returns the sizes at its end."""
    state, parameters = np.split(slots[Row.STATE :], [variables])
    low, peak = slots[Row.LOW], slots[Row.PEAK]
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

    # Two buffers take turns, so that no step has to copy its result.
    programs = step(state, following), step(following, state)
    last = measure(state, parameters, [size])

    def burst(length: int) -> Array:
        count[:] = 0
        for t in range(length):
            for operation in programs[t % 2]:
                operation()
        if length % 2:
            state[:] = following
        slots[Row.ABOVE] += count
        slots[Row.AGE] += length
        np.copyto(slots[Row.SINCE], slots[Row.AGE], where=count > 0)
        for operation in last:
            operation()
        return size

    return burst


def _record(
    found: tuple[Array, ...],
    slots: Array,
    settled: npt.NDArray[np.bool_],
    size: Array,
    leave: Change,
) -> None:
    """Write phase, steps, peak size and state of ended cells."""
    _, start, peak, above, _, age, cell = slots[: Row.STATE]
    phases, ages, peaks, states = found
    where = cell.astype(np.intp)
    phase = phase_of(settled.view(np.int8), size, start, peak)
    phases[where], ages[where] = phase, taken_by(phase, size, above, age)
    peaks[where] = np.maximum(peak, size)
    for row, values in zip(states, leave(*slots[Row.STATE :]), strict=False):
        row[where] = values
