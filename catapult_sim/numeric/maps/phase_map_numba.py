"""Run the cells of a phase map to their ends, in a loop compiled by numba.

The step is generated from the derived map, and cells are judged by the functions of
:mod:`catapult_sim.numeric.maps.phase_map_numpy`, compiled here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from catapult_sim.numeric.maps.phase_map_numpy import (
    Lane,
    Run,
    Tell,
    burst_length,
    going_on,
    in_rows,
    phase_of,
    taken_by,
)
from catapult_sim.numeric.maps.phase_rules import PhaseRule
from catapult_sim.types import Array

# Neither changes a result: what fits into a core's first cache, and into its second.
LANES = 128
CHUNK = 2**16

# The rows as plain numbers: not every numba finds an element by an enumeration.
_LOW, _START, _PEAK, _ABOVE, _AGE, _CELL, _STATE = map(int, Lane)


@cache
def compiled(model: PhaseRule) -> Run:
    """Return the voice of numba; ImportError where it is not installed."""
    run_chunk, variables = _chunk(model), len(model.rule.state)

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(steps)
        for first in range(0, cells[0].size, CHUNK):
            chunk = slice(first, first + CHUNK)
            given = [row[chunk] for row in rows]
            waiting = np.stack([*model.enter(*given)[:variables], *given[variables:]])
            states = np.empty((variables, waiting.shape[1]))
            run_chunk(waiting, level, length, steps, *(a[chunk] for a in found[:3]), states)
            found[3][:, chunk] = model.leave(*states, *given[variables:])[:variables]
            tell(waiting.shape[1])

    return run


def _chunk(model: PhaseRule) -> Any:
    """Compile the run of cells that wait in a row."""
    import numba

    from catapult_sim.symbolic.voices import in_place

    rules = (going_on, phase_of, taken_by, model.attracts)
    going, phase, taken, attracts = (numba.njit(rule) for rule in rules)
    measure = in_place.on_lanes(model.rule, [model.size], _STATE)
    variables, rows = len(model.rule.state), len(model.rule.state) + len(model.rule.parameters)
    advance = _advance(in_place.on_lanes(model.rule, first=_STATE), measure, variables)

    @numba.njit(error_model="numpy")
    def run_chunk(waiting, level, length, steps, phases, ages, peaks, states):  # type: ignore[no-untyped-def]
        lanes = np.zeros((_STATE + rows, LANES))
        lanes[_CELL] = -1
        started, running = 0, 1
        while running:
            running = 0
            for i in range(LANES):
                cell = lanes[_CELL, i]
                if cell >= 0:
                    (size,), age = measure(lanes, i), lanes[_AGE, i]
                    down = (size <= lanes[_LOW, i]) & attracts(lanes[_STATE:, i])
                    if not going(down, size, age, steps):
                        where = int(cell)
                        phases[where] = phase(down, size, lanes[_START, i], lanes[_PEAK, i])
                        ages[where] = taken(phases[where], size, lanes[_ABOVE, i], age)
                        peaks[where] = max(lanes[_PEAK, i], size)
                        states[:, where] = lanes[_STATE : _STATE + variables, i]
                        # An idle lane rests at the origin.
                        lanes[:, i] = 0.0
                        lanes[_CELL, i] = cell = -1
                if cell < 0 and started < waiting.shape[1]:
                    lanes[_STATE:, i] = waiting[:, started]
                    (size,) = measure(lanes, i)
                    lanes[_LOW, i] = level * size
                    lanes[_START, i] = lanes[_PEAK, i] = size
                    lanes[_CELL, i] = cell = started
                    started += 1
                running += cell >= 0
            advance(lanes, length)
            lanes[_AGE] += length

    return run_chunk


def _advance(following: Any, measure: Any, variables: int) -> Any:
    """Compile a burst of steps of all lanes.

    The lanes are rows of one array: at known distances, the compiler makes vectors of them.
    """
    import numba

    store = _store(variables)

    @numba.njit(error_model="numpy")
    def advance(lanes, length):  # type: ignore[no-untyped-def]
        for _ in range(length):
            for i in range(lanes.shape[1]):
                (size,), after, peak = measure(lanes, i), following(lanes, i), lanes[_PEAK, i]
                lanes[_PEAK, i] = size if size > peak else peak
                lanes[_ABOVE, i] += 1.0 if size > lanes[_LOW, i] else 0.0
                store(lanes, i, after)

    return advance


def _store(variables: int, k: int = 0) -> Any:
    """Compile the writing of a state, a function for each variable.

    An index that is known when it is compiled keeps the loop over lanes free of branches.
    """
    import numba

    if k == variables:
        return numba.njit(lambda lanes, i, after: None)
    others = _store(variables, k + 1)

    @numba.njit
    def store(lanes, i, after):  # type: ignore[no-untyped-def]
        lanes[_STATE + k, i] = after[k]
        others(lanes, i, after)

    return store
