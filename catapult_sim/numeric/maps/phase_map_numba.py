"""Iterate the cells of a phase map in a loop compiled by numba.

The step is generated from the rule; the criteria are the functions of
:mod:`catapult_sim.numeric.maps.phase_map_numpy`, compiled here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from catapult_sim.numeric.maps.phase_map_numpy import (
    Row,
    Run,
    Tell,
    burst_length,
    going_on,
    in_rows,
    phase_of,
    small_steps,
    taken_by,
)
from catapult_sim.numeric.maps.phase_rules import PhaseRule
from catapult_sim.types import Array

# Slots that fit into a core's first cache, cells that fit into its second, and steps that take less
# than a second, after which Ctrl-C is heard; none changes a result.
SLOTS = 128
CHUNK = 2**16
STEPS = 2**28

# The rows as plain numbers: not every numba finds an element by an enumeration.
_LOW, _START, _PEAK, _ABOVE, _SINCE, _AGE, _CELL, _STATE = map(int, Row)


@cache
def compiled(model: PhaseRule) -> Run:
    """Return the compiled loop of a rule, or raise ImportError where numba is not installed."""
    run_chunk, variables = _chunk(model), len(model.rule.state)

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(model, steps)
        needed = small_steps(model, steps)
        count = min(CHUNK, max(SLOTS, STEPS // steps))
        for first in range(0, cells[0].size, count):
            chunk = slice(first, first + count)
            given = [row[chunk] for row in rows]
            waiting = np.stack([*model.enter(*given)[:variables], *given[variables:]])
            states = np.empty((variables, waiting.shape[1]))
            criteria = level, needed, length, steps
            run_chunk(waiting, *criteria, *(a[chunk] for a in found[:3]), states)
            found[3][:, chunk] = model.leave(*states, *given[variables:])[:variables]
            tell(waiting.shape[1])

    return run


def _chunk(model: PhaseRule) -> Any:
    """Compile the loop over a chunk of cells."""
    import numba

    from catapult_sim.symbolic.voices import in_place

    rules = (going_on, phase_of, taken_by, model.attracts)
    going, phase, taken, attracts = (numba.njit(rule) for rule in rules)
    measure = in_place.on_columns(model.rule, [model.size], _STATE)
    variables, rows = len(model.rule.state), len(model.rule.state) + len(model.rule.parameters)
    advance = _advance(in_place.on_columns(model.rule, first=_STATE), measure, variables)

    @numba.njit(error_model="numpy", nogil=True)
    def run_chunk(waiting, level, needed, length, steps, phases, ages, peaks, states):  # type: ignore[no-untyped-def]
        slots = np.zeros((_STATE + rows, SLOTS))
        slots[_CELL] = -1
        started, running = 0, 1
        while running:
            running = 0
            for i in range(SLOTS):
                cell = slots[_CELL, i]
                if cell >= 0:
                    (size,), age = measure(slots, i), slots[_AGE, i]
                    small = age - slots[_SINCE, i] >= needed
                    down = (size <= slots[_LOW, i]) & small & attracts(slots[_STATE:, i])
                    if not going(down, size, age, steps):
                        where = int(cell)
                        phases[where] = phase(down, size, slots[_START, i], slots[_PEAK, i])
                        ages[where] = taken(phases[where], size, slots[_ABOVE, i], age)
                        peaks[where] = max(slots[_PEAK, i], size)
                        states[:, where] = slots[_STATE : _STATE + variables, i]
                        # An idle slot takes further steps, from the origin.
                        slots[:, i] = 0.0
                        slots[_CELL, i] = cell = -1
                if cell < 0 and started < waiting.shape[1]:
                    slots[_STATE:, i] = waiting[:, started]
                    (size,) = measure(slots, i)
                    slots[_LOW, i] = level * size
                    slots[_START, i] = slots[_PEAK, i] = size
                    slots[_CELL, i] = cell = started
                    started += 1
                running += cell >= 0
            above = slots[_ABOVE].copy()
            advance(slots, length)
            slots[_AGE] += length
            for i in range(SLOTS):
                if slots[_ABOVE, i] > above[i]:
                    slots[_SINCE, i] = slots[_AGE, i]

    return run_chunk


def _advance(following: Any, measure: Any, variables: int) -> Any:
    """Compile a number of steps of all slots."""
    import numba

    store = _store(variables)

    @numba.njit(error_model="numpy")
    def advance(slots, length):  # type: ignore[no-untyped-def]
        for _ in range(length):
            # All rows are in one array: at known distances, the compiler vectorises this loop.
            for i in range(slots.shape[1]):
                (size,), after, peak = measure(slots, i), following(slots, i), slots[_PEAK, i]
                slots[_PEAK, i] = size if size > peak else peak
                slots[_ABOVE, i] += 1.0 if size > slots[_LOW, i] else 0.0
                store(slots, i, after)

    return advance


def _store(variables: int, k: int = 0) -> Any:
    """Compile the assignment of a state, as a function for each variable.

    A row number that is constant in compiled code keeps the loop over slots free of branches.
    """
    import numba

    if k == variables:
        return numba.njit(lambda slots, i, after: None)
    others = _store(variables, k + 1)

    @numba.njit
    def store(slots, i, after):  # type: ignore[no-untyped-def]
        slots[_STATE + k, i] = after[k]
        others(slots, i, after)

    return store
