"""Axes and cells of a phase diagram, and the phases in its record."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.phase_cells import phase_of
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.sweeps.cell import Cell, identify, physics_of
from catapult_sim.sweeps.record import Line
from catapult_sim.sweeps.refinement import UNKNOWN, paint, require_levels
from catapult_sim.validation import InputError, require_momentum, require_positive

FAILED = len(Phase)  # no phase: drawn blank
LONGEST = 10**7  # points of an axis
MOST_AT_ONCE = 10**7  # cells of the coarse grid of a diagram
WHOLE = ("width", "depth", "batch_size")


@dataclass(frozen=True)
class Axis:
    """An entry of a cell, and its values along an axis."""

    name: str
    values: list[float]

    def levels(self, asked: int) -> int:
        """Return how often this axis is halved: 0 for depth and batch size."""
        return 0 if self.name in COUNTED else asked


def axis(text: str) -> Axis:
    """Read ``NAME=LOW:HIGH:POINTS``, or ``NAME=LOW:HIGH`` of depth and batch size, as an axis.

    Examples
    --------
    >>> axis("width=1:100:3")
    Axis(name='width', values=[1, 10, 100])
    >>> axis("batch_size=4:32")
    Axis(name='batch_size', values=[4, 8, 16, 32])
    """
    name, _, span = text.partition("=")
    numbers = _numbers(span)
    if len(numbers) != (3 if name in SPACED else 2 if name in COUNTED else -1):
        raise InputError(
            "an axis must be c=, width=, scale= or momentum=LOW:HIGH:POINTS, or depth= or "
            f"batch_size=LOW:HIGH; got {text!r}"
        )
    _require_ends(name, *numbers[:2])
    if name in SPACED and not (2 <= numbers[2] <= LONGEST and numbers[2].is_integer()):
        raise InputError(
            f"points of axis {name} must be an integer from 2 to {LONGEST}; got {numbers[2]:g}"
        )
    return Axis(name, (SPACED | COUNTED)[name](*numbers))


def most_levels(axes: Iterable[Axis], usual: int) -> int:
    """Return how often a grid with these axes can be halved, at most as often as is usual.

    Examples
    --------
    >>> most_levels([axis("c=1:8:65"), axis("width=16:256:5")], usual=3)
    2
    >>> most_levels([axis("c=1:8:10"), axis("depth=1:3")], usual=3)
    0
    """
    return max(level for level in range(usual + 1) if all(_fits(one, level) for one in axes))


def _fits(axis: Axis, asked: int) -> bool:
    between, level = len(axis.values) - 1, axis.levels(asked)
    return level == 0 or (between % 2**level == 0 and between >= 2**level)


def rates(text: str) -> list[float]:
    """Return the learning rates that ``LOW:HIGH:N`` of the option ``--c`` names."""
    if len(_numbers(text)) != 3:
        raise InputError(f"--c must be LOW:HIGH:N, such as 0.5:16:11; got {text!r}")
    return axis(f"c={text}").values


def _numbers(span: str) -> list[float]:
    """Return the numbers between colons; none where one of them is no number."""
    try:
        return [float(number) for number in span.split(":")]
    except ValueError:
        return []


def _require_ends(name: str, low: float, high: float) -> None:
    if name == "momentum":
        require_momentum([low, high])
    else:
        require_positive(f"the ends of axis {name}", [low, high])
    if not low < high:
        raise InputError(f"axis {name} must end above its start; got {low:g}:{high:g}")
    if name in WHOLE and not (low.is_integer() and high.is_integer()):
        raise InputError(f"the ends of axis {name} must be integers; got {low:g}:{high:g}")
    if name == "depth" and high - low >= LONGEST:
        raise InputError(f"axis depth must have at most {LONGEST} points; got {high - low + 1:g}")


def _geometric(low: float, high: float, points: float) -> list[float]:
    return np.geomspace(low, high, int(points)).tolist()


def _whole(low: float, high: float, points: float) -> list[float]:
    return [round(value) for value in _geometric(low, high, points)]


def _even(low: float, high: float, points: float) -> list[float]:
    return np.linspace(low, high, int(points)).tolist()


def _every(low: float, high: float) -> list[float]:
    return list(range(int(low), int(high) + 1))


def _doubled(low: float, high: float) -> list[float]:
    return [int(low) * 2**k for k in range(int(math.log2(high / int(low))) + 1)]


SPACED: dict[str, Callable[..., list[float]]] = {
    "c": _geometric,
    "width": _whole,
    "scale": _geometric,
    "momentum": _even,
}
COUNTED: dict[str, Callable[..., list[float]]] = {"depth": _every, "batch_size": _doubled}


@dataclass(frozen=True)
class Diagram:
    """Two axes, the entries that all cells share, and how often its coarse grid is halved."""

    x: Axis
    y: Axis
    cell: Cell
    halvings: int

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along both axes."""
        return len(self.x.values), len(self.y.values)

    def require_size(self) -> None:
        """Raise InputError for too many cells, or where the levels do not fit the axes."""
        require_levels(self.shape, self.levels)
        if self.coarse > MOST_AT_ONCE:
            raise InputError(
                f"the coarse grid of a diagram must have at most {MOST_AT_ONCE:,} cells; got "
                f"{self.coarse:,}: take more --levels or fewer points"
            )

    @property
    def coarse(self) -> int:
        """How many cells the coarse grid has, all of which are computed."""
        sizes = zip(self.shape, self.levels, strict=True)
        return math.prod((cells - 1) // 2**level + 1 for cells, level in sizes)

    @property
    def levels(self) -> tuple[int, int]:
        """How often the coarse grid is halved along each axis."""
        return self.x.levels(self.halvings), self.y.levels(self.halvings)

    def values_at(self, places: Iterable[Any]) -> list[tuple[float, float]]:
        """Return the values of both axes at indices ``(K, 2)``."""
        return [(self.x.values[i], self.y.values[j]) for i, j in places]

    def cell_of(self, values: tuple[float, float]) -> Cell:
        """Return the cell with these values of both axes."""
        return self.cell | dict(zip((self.x.name, self.y.name), values, strict=True))

    @property
    def corners(self) -> list[Cell]:
        """The cells at the ends of both axes; one of them takes the most memory."""
        first, last = np.zeros(2, dtype=np.int64), np.array(self.shape) - 1
        places = (np.where(chosen, last, first) for chosen in np.ndindex(2, 2))
        return [self.cell_of(values) for values in self.values_at(places)]

    @property
    def network(self) -> Cell:
        """The shared network, with the largest batch size of an axis: the others divide it."""
        sizes = {one.name: one.values[-1] for one in (self.x, self.y) if one.name == "batch_size"}
        return self.cell | sizes

    def recorded(self, lines: dict[str, Line]) -> npt.NDArray[np.int16]:
        """Return the phases that are recorded or filled in, ``(nx, ny)``; -1 elsewhere."""
        phases = np.full(self.shape, UNKNOWN, dtype=np.int16)
        rows, columns = _indices(self.x.values), _indices(self.y.values)
        for line in lines.values():
            values = line.cell[self.x.name], line.cell[self.y.name]
            if values[0] in rows and values[1] in columns and line.key == key(self.cell_of(values)):
                phases[np.ix_(rows[values[0]], columns[values[1]])] = code(line)
        return paint(phases, self.levels)


def _indices(values: list[float]) -> dict[float, list[int]]:
    """Return the indices of each value; rounded widths may coincide."""
    found = defaultdict(list)
    for index, value in enumerate(values):
        found[value].append(index)
    return found


def key(cell: Cell) -> str:
    """Return the key of a cell in the record."""
    return identify(cell, physics_of(phase_of)).key


def code(line: Line) -> int:
    """Return the code of a cell's phase: FAILED if it failed."""
    return FAILED if line.error is not None else int(Phase[line.result["phase"].upper()])
