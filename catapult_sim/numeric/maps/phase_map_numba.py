"""Run the cells of a phase map to their ends, in a loop compiled by numba.

The step is generated from the derived map, and cells are judged by the functions of
:mod:`catapult_sim.numeric.maps.phase_map_numpy`, compiled here: both give the same results, bit
for bit.
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
    curvature_of,
    from_edge,
    going_on,
    in_rows,
    phase_of,
    settled_at,
    taken_by,
)
from catapult_sim.types import Array

# Neither changes a result: what fits into a core's first cache, and into its second.
LANES = 128
CHUNK = 2**16

# The rows as plain numbers: not every numba finds an element by an enumeration.
_D, _E, _Y, _LOW, _START, _PEAK, _ABOVE, _AGE, _CELL = map(int, Lane)


@cache
def compiled() -> Run:
    """Return the voice of numba; ImportError where it is not installed."""
    run_chunk = _chunk()

    def run(
        cells: tuple[Array, ...], level: float, steps: int, found: tuple[Array, ...], tell: Tell
    ) -> None:
        rows, length = in_rows(cells), burst_length(steps)
        for first in range(0, cells[0].size, CHUNK):
            chunk = slice(first, first + CHUNK)
            waiting = (np.ascontiguousarray(row[chunk]) for row in rows)
            run_chunk(*waiting, level, length, steps, *(array[chunk] for array in found))
            tell(len(found[0][chunk]))

    return run


def _chunk() -> Any:
    """Compile the run of cells that wait in a row."""
    import numba

    rules = (from_edge, curvature_of, settled_at, going_on, phase_of, taken_by)
    edge, curvature, settled, going, phase, taken = (numba.njit(rule) for rule in rules)
    advance, rows = _advance(), len(Lane)

    @numba.njit(error_model="numpy")
    def run_chunk(F0, Lam0, Y0, level, length, steps, phases, ages, peaks, curvatures):  # type: ignore[no-untyped-def]
        lanes = np.zeros((rows, LANES))
        lanes[_CELL] = -1
        started, running = 0, 1
        while running:
            running = 0
            for i in range(LANES):
                D, E, Y, low, start, peak, above, age, cell = lanes[:, i]
                down = settled(D, E, Y, low)
                if cell >= 0 and not going(down, D, age, steps):
                    where = int(cell)
                    phases[where] = phase(down, D, start, peak)
                    ages[where] = taken(phases[where], D, above, age)
                    peaks[where] = max(peak, abs(D))
                    curvatures[where] = curvature(D, E, Y)
                    # An idle lane rests at the origin.
                    lanes[:, i] = 0.0
                    lanes[_CELL, i] = cell = -1
                if cell < 0 and started < F0.size:
                    D, Y = F0[started] - Y0[started], Y0[started]
                    lanes[_D, i], lanes[_E, i], lanes[_Y, i] = D, edge(D, Lam0[started], Y), Y
                    lanes[_LOW, i] = level * abs(D)
                    lanes[_START, i] = lanes[_PEAK, i] = abs(D)
                    lanes[_CELL, i] = cell = started
                    started += 1
                running += cell >= 0
            advance(lanes, length)
            lanes[_AGE] += length

    return run_chunk


def _advance() -> Any:
    """Compile a burst of steps of all lanes.

    The lanes are rows of one array: at known distances, the compiler makes vectors of them.
    """
    import numba

    from catapult_sim.symbolic import linear_net
    from catapult_sim.symbolic.voices import in_place

    following = in_place.scalar(linear_net.edge_map())

    @numba.njit(error_model="numpy")
    def advance(lanes, length):  # type: ignore[no-untyped-def]
        for _ in range(length):
            for i in range(lanes.shape[1]):
                D, peak = lanes[_D, i], lanes[_PEAK, i]
                size = abs(D)
                lanes[_PEAK, i] = size if size > peak else peak
                lanes[_ABOVE, i] += 1.0 if size > lanes[_LOW, i] else 0.0
                after = following(D, lanes[_E, i], lanes[_Y, i])
                lanes[_D, i], lanes[_E, i] = after

    return advance
