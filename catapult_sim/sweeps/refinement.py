"""Refinement of a phase diagram: compute its cells only near boundaries.

A coarse grid is computed first. Every rectangle of it that shows two phases is halved in both
directions, and so are its parts, down to single cells. Neighbouring rectangles share the cells of
their edges, so they are refined together. Rectangles of one phase are painted: filled with it.

An island that lies within one rectangle of the coarse grid is not found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.tables import data_frame
from catapult_sim.validation import (
    InputError,
    as_array,
    require_count,
    require_finite,
    require_function,
    shown,
)

if TYPE_CHECKING:
    import pandas

Phases = npt.NDArray[np.int16]  # (nx, ny), UNKNOWN where not computed
Steps = tuple[int, int]  # how many cells a rectangle is long along each axis

UNKNOWN = -1
MOST_CELLS = 10**8  # of a diagram, held in memory


@dataclass(frozen=True)
class Refined:
    """A phase diagram, and which of its cells were computed."""

    phases: Phases  # (nx, ny)
    computed: npt.NDArray[np.bool_]  # (nx, ny); the others are painted

    __repr__ = short_repr

    @property
    def fraction(self) -> float:
        """The fraction of the cells that was computed."""
        return float(self.computed.mean())

    def to_frame(
        self, names: Callable[[int], object] | None = None, **axes: npt.ArrayLike
    ) -> pandas.DataFrame:
        """Return a pandas DataFrame with a row for each cell, painted ones included.

        Parameters
        ----------
        names : callable, optional
            Maps a phase to its name, such as :class:`~catapult_sim.numeric.runs.phases.Phase`.
        **axes : array_like, shape (nx,) and (ny,)
            The values along both axes, by name; by default the indices ``i`` and ``j``.

        Examples
        --------
        >>> found = refine(lambda k: k.sum(axis=1) > 2, (3, 3), levels=1)
        >>> found.to_frame(c=[1, 2, 3], width=[4, 8, 16]).tail(2)
           c  width  phase  computed
        7  3      8      1      True
        8  3     16      1      True
        """
        shape = self.phases.shape
        values = axes or {"i": np.arange(shape[0]), "j": np.arange(shape[1])}
        sizes = tuple(map(np.size, values.values()))
        if sizes != shape:
            raise InputError(f"axes must be two, of as many values as {shape}; got {sizes}")
        columns = zip(values, np.meshgrid(*values.values(), indexing="ij"), strict=True)
        codes, which = np.unique(self.phases, return_inverse=True)
        phases = codes if names is None else np.array([str(names(code)) for code in codes.tolist()])
        return data_frame(
            {name: grid.ravel() for name, grid in columns}
            | {"phase": phases[which].ravel(), "computed": self.computed.ravel()}
        )


def refine(
    phases_at: Callable[[npt.NDArray[np.int64]], npt.ArrayLike],
    shape: tuple[int, int],
    levels: int | tuple[int, int] = 3,
    *,
    progress: bool | None = None,
) -> Refined:
    """Compute the phases of a grid of cells, on the finer levels only near boundaries.

    Parameters
    ----------
    phases_at : callable
        ``indices (K, 2) -> phases (K,)``, integers from 0 to 32767.
    shape : (int, int)
        Cells along both axes; each is a multiple of ``2**levels`` and one more.
    levels : int or (int, int)
        How often the coarse grid is halved, along each axis; 0 computes every cell.
    progress : bool or None
        By default a bar appears where finding boundaries or painting takes more than two seconds,
        on a terminal or in a notebook; False: never. ``phases_at`` may show its own.

    Returns
    -------
    Refined

    Raises
    ------
    InputError
        Where the shape does not fit the levels, or the phases are not as above.

    Examples
    --------
    >>> inside = lambda k: (k[:, 0] ** 2 + k[:, 1] ** 2 < 60**2).astype(int)
    >>> found = refine(inside, (129, 129), levels=4)
    >>> full = refine(inside, (129, 129), levels=0)
    >>> bool((found.phases == full.phases).all()), found.fraction < 0.1, full.fraction
    (True, True, 1.0)
    """
    require_function("phases_at", phases_at, "of cells (N, 2) that returns phases (N,)")
    ladder = list(_ladder(shape, levels))
    phases = np.full(shape, UNKNOWN, dtype=np.int16)
    wanted = _lattice(shape, ladder[0])
    while wanted.any():
        places = np.argwhere(wanted)
        found = phases_at(places)
        with showing(progress, "boundaries"):
            phases[wanted] = _require_phases(found, len(places))
            wanted = _wanted(phases, ladder)
    with showing(progress, "painting"):
        return Refined(_painted(phases, ladder), phases != UNKNOWN)


def _require_phases(phases: npt.ArrayLike, count: int) -> npt.NDArray[Any]:
    found = as_array(phases)
    if found.shape != (count,):
        raise InputError(
            f"phases_at must return shape ({count},) for {count} cells; got {found.shape}"
        )
    most = np.iinfo(np.int16).max
    with np.errstate(invalid="ignore"):  # of infinite ones
        whole = found.dtype.kind in "biuf" and (found % 1 == 0) & (found >= 0) & (found <= most)
    if not np.all(whole):
        raise InputError(f"phases_at must return integers from 0 to {most}; got {shown(phases)}")
    return found


def paint(phases: Phases, levels: int | tuple[int, int] = 3) -> Phases:
    """Paint the cells that were not computed and whose rectangle shows one phase; others stay -1.

    Parameters
    ----------
    phases : numpy.ndarray, shape (nx, ny)
        -1 where not computed.
    levels : int or (int, int)
        Those of :func:`refine`.

    Returns
    -------
    numpy.ndarray, shape (nx, ny)
        Still -1 where corners were not computed, or phases meet.
    """
    given = require_finite("phases", phases)
    if np.abs(given).max(initial=0) > np.iinfo(np.int16).max or (given % 1).any():
        raise InputError(f"phases must be integers up to {np.iinfo(np.int16).max}; got others")
    return _painted(given.astype(np.int16), list(_ladder(given.shape, levels)))


def _ladder(shape: tuple[int, ...], levels: int | tuple[int, int]) -> Iterator[Steps]:
    """Yield the sizes of rectangles, from the coarse grid to single cells."""
    deepest = require_levels(shape, levels)
    for level in range(max(deepest), -1, -1):
        yield 2 ** min(level, deepest[0]), 2 ** min(level, deepest[1])


def require_levels(shape: tuple[int, ...], levels: int | tuple[int, int]) -> tuple[int, int]:
    """Return how often each axis is halved, or raise InputError where the shape does not fit.

    Examples
    --------
    >>> require_levels((17, 9), 3)
    (3, 3)
    """
    deepest = levels if isinstance(levels, tuple | list) else (levels, levels)
    if not isinstance(shape, tuple | list) or len(shape) != 2 or len(deepest) != 2:
        raise InputError(
            f"shape must name two axes; got shape {shown(shape)}, levels {shown(levels)}"
        )
    for cells, level in zip(shape, deepest, strict=True):
        require_count("cells along an axis", cells, 2)
        most = (cells - 1).bit_length() - 1
        if require_count("levels", level) > most:
            raise InputError(f"levels must be at most {most} for {cells} cells; got {level}")
        if (cells - 1) % 2**level:
            raise InputError(
                f"cells along an axis must be a multiple of {2**level} (2 to the power of "
                f"levels) and one more, such as {cells - (cells - 1) % 2**level}; got {cells}"
            )
    if math.prod(shape) > MOST_CELLS:
        raise InputError(
            f"a diagram must have at most {MOST_CELLS:,} cells; got {math.prod(shape):,}"
        )
    return deepest[0], deepest[1]


def _lattice(shape: tuple[int, int], steps: Steps) -> npt.NDArray[np.bool_]:
    points = np.zeros(shape, dtype=bool)
    points[:: steps[0], :: steps[1]] = True
    return points


def _wanted(phases: Phases, ladder: list[Steps]) -> npt.NDArray[np.bool_]:
    """Return the cells to compute next: corners of the halves of rectangles of several phases."""
    wanted = np.zeros(phases.shape, dtype=bool)
    for steps, half in pairwise(ladder):
        mixed = _complete(phases, steps) & ~_uniform(phases, steps)
        for across in range(0, steps[0] + 1, half[0]):
            for along in range(0, steps[1] + 1, half[1]):
                _corner(wanted, steps, across, along)[...] |= mixed
    return wanted & (phases == UNKNOWN)


def _corner(grid: npt.NDArray[Any], steps: Steps, across: int, along: int) -> npt.NDArray[Any]:
    """Return a view of the cell at an offset from the first corner of every rectangle."""
    rows, columns = (n - 1 for n in grid.shape)
    return grid[across : across + rows : steps[0], along : along + columns : steps[1]]


def _complete(phases: Phases, steps: Steps) -> npt.NDArray[np.bool_]:
    """Return for each rectangle whether its four corners are computed."""
    known = (phases != UNKNOWN)[:: steps[0], :: steps[1]]
    return known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:] & known[1:, 1:]


def _uniform(phases: Phases, steps: Steps) -> npt.NDArray[np.bool_]:
    """Return for each rectangle, edges included, whether its computed cells are of one phase."""
    # Without its sign, UNKNOWN is the largest number: it is never the lowest phase.
    lowest = _in_rectangles(np.minimum, phases.view(np.uint16), steps)
    return _in_rectangles(np.maximum, phases, steps) <= lowest


def _in_rectangles(reduce: np.ufunc, values: npt.NDArray[Any], steps: Steps) -> npt.NDArray[Any]:
    """Return the extreme value of each rectangle, edges included, one axis after the other."""
    for step in steps:
        inside = values[:-1].reshape(-1, step, values.shape[1])
        values = reduce(reduce.reduce(inside, axis=1), values[step::step]).T
    return values


def _painted(phases: Phases, ladder: list[Steps]) -> Phases:
    painted = phases.copy()
    for steps in ladder[:-1]:
        plain = _complete(phases, steps) & _uniform(phases, steps)
        colours = phases[: -steps[0] : steps[0], : -steps[1] : steps[1]]
        for across in range(steps[0] + 1):
            for along in range(steps[1] + 1):
                view = _corner(painted, steps, across, along)
                np.copyto(view, colours, where=plain)
    return painted
