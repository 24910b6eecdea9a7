"""Whether a sweep has room: asked before anything is drawn or written."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from catapult_sim.numeric.runs.memory import require_memory
from catapult_sim.validation import require_positive

Cell = dict[str, Any]

# What may differ between cells that take the same memory.
ALIKE = {"activation", "c", "curvature", "scale", "seed", "tolerance"}


def require_room(
    options: argparse.Namespace, cells: Iterable[Cell], bytes_of: Callable[[Cell], int]
) -> None:
    """Raise InputError where as many of the largest cells as there are workers have no room.

    The workers of a scheduler are taken to have a machine each.
    """
    limit = float(require_positive("--memory-limit", options.memory_limit))
    shapes = {_shape(cell): cell for cell in cells}
    required, largest = max(
        ((bytes_of(cell), cell) for cell in shapes.values()), key=lambda pair: pair[0]
    )
    workers = 1 if options.scheduler is not None else options.workers
    require_memory(workers * required, limit, _what(workers, largest))


def _shape(cell: Cell) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in cell.items() if name not in ALIKE)


def _what(workers: int, cell: Cell) -> str:
    shape = ", ".join(f"{name} {cell[name]}" for name in ("width", "depth") if name in cell)
    return f"this sweep, with {workers} worker{'s' * (workers > 1)} and networks of {shape},"
