"""Find the value at which each member of an ensemble crosses a boundary, as a bracket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.runs.phases import BELOW, BEYOND, UNKNOWN
from catapult_sim.printing import short_repr
from catapult_sim.tables import Columns, data_frame, html_table, member_columns
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    as_array,
    read_only,
    require_broadcast,
    require_count,
    require_function,
    require_number,
    require_positive,
    require_reals,
    shown,
)

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Boundary:
    """Brackets of the value at which each member crosses a boundary, and their mean."""

    measured: Measured
    lower: Array  # (S,) the largest value known to lie below; 0 where none
    upper: Array  # (S,) the smallest value known to lie beyond; inf where none
    windows: tuple[tuple[int, float], ...]  # (member, value): below again, beyond its upper
    evaluations: int  # runs of a single member

    __repr__ = short_repr

    def _columns(self) -> Columns:
        members = member_columns(self.lower.shape)
        return members | {"lower": self.lower, "upper": self.upper, "centre": self.centres}

    def _repr_html_(self) -> str:
        """Return a table of the brackets."""
        return html_table(self._columns(), f"Boundary at {self.measured}")

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame: a row for each member with the ends of its bracket."""
        return data_frame(self._columns())

    @property
    def centres(self) -> Array:
        """The middle of each member's bracket, ``(S,)``; of an open one its end, NaN if none."""
        floor, ceiling = known_ends(self.lower, self.upper)
        return (floor + ceiling) / 2

    def scaled(self, unit: npt.ArrayLike) -> Boundary:
        """Return the brackets times ``unit (S,)``, the old unit in units of the new.

        Examples
        --------
        >>> print(boundary(lambda c: np.where(c > 2.5, 1, -1), 1.0, 8.0).scaled([2.0]).measured)
        5.001(1)
        """
        units = require_positive("unit", unit)
        if require_broadcast(unit=units.shape, members=self.lower.shape) != self.lower.shape:
            raise InputError(f"unit must have shape {self.lower.shape}; got {units.shape}")
        units = np.broadcast_to(units, self.lower.shape)
        lower, upper = self.lower * units, self.upper * units
        windows = tuple((s, value * float(units[s])) for s, value in self.windows)
        return Boundary(centre(lower, upper), lower, upper, windows, self.evaluations)


def boundary(
    side_at: Callable[[Array], npt.NDArray[Any]],
    low: float,
    high: float,
    *,
    members: int = 1,
    grid: int = 16,
    tolerance: float = 1e-3,
) -> Boundary:
    """Find where each member of an ensemble crosses a boundary.

    A geometric grid comes first, so that windows in which a member is below again are found.
    Then each member's bracket is refined. Undecided values belong to neither side: the two edges
    of the undecided zone are refined separately and become the bracket.

    Parameters
    ----------
    side_at : callable
        ``values (K, S) -> sides (K, S)``: -1 below, +1 beyond, 0 undecided, or False and True,
        one column per member; for instance :func:`~catapult_sim.numeric.runs.phases.rise` of a run.
    low, high : float
        Where to search, ``0 < low < high``.
    members : int
        S, the size of the ensemble.
    grid : int
        How many values the first grid has.
    tolerance : float
        Relative precision to which each edge is refined, but not beyond rounding.

    Returns
    -------
    Boundary
        ``measured`` is the mean of the brackets' centres; its standard error joins the
        spread of the members and the half width of the brackets. It is a lower bound
        where a member did not cross before ``high``, an upper one where it was beyond at ``low``.

    Raises
    ------
    InputError
        Where the interval, the grid or the tolerance is not as required above, or ``side_at``
        returns another shape than that of its argument, or other numbers.

    Examples
    --------
    >>> found = boundary(lambda c: c > 2.5, 1.0, 8.0)
    >>> print(found.measured)
    2.5005(7)
    >>> bool(found.lower[0] <= 2.5 < found.upper[0])
    True
    """
    require_function("side_at", side_at, "of values (K, S) that returns sides (K, S)")
    low, high = require_number("low", low, above=0), require_number("high", high, above=0)
    if not low < high:
        raise InputError(f"low must be less than high; got low = {low:g}, high = {high:g}")
    members, grid = require_count("members", members, 1), require_count("grid", grid, 2)
    require_memory(4 * 8 * members * grid, None, "this grid of values", "members or a coarser grid")
    points = np.repeat(np.geomspace(low, high, grid)[:, None], members, axis=1)
    require_number("tolerance", tolerance, above=0)
    return refined(side_at, points, _require_sides(side_at(read_only(points)), points), tolerance)


def refined(
    side_at: Callable[[Array], npt.NDArray[Any]],
    points: Array,
    sides: npt.NDArray[Any],
    tolerance: float,
) -> Boundary:
    """Refine the brackets of :func:`boundary` from values ``(K, S)`` whose sides are known.

    Examples
    --------
    >>> def side_at(c):
    ...     return np.where(c > 2.5, 1, -1)
    >>> known = np.array([[1.0], [2.0], [4.0]])
    >>> print(refined(side_at, known, side_at(known), 0.01).measured)
    2.51(1)
    """
    low, high = float(points.min()), float(points.max())
    # Logarithms are halved: nothing lies between two neighbouring ones.
    finest = 8 * np.finfo(float).eps * max(1.0, abs(np.log(low)), abs(np.log(high)))
    precision = max(float(np.log1p(require_number("tolerance", tolerance, above=0))), finest)
    while (query := _refinement(_edges(points, sides), low, high, precision)) is not None:
        points = np.concatenate([points, query])
        sides = np.concatenate([sides, _require_sides(side_at(read_only(query)), query)])
    lower, _, _, upper = _edges(points, sides)
    again = (sides == BELOW) & (points > upper)
    windows = tuple((int(s), float(points[k, s])) for k, s in np.argwhere(again))
    return Boundary(centre(lower, upper), lower, upper, windows, points.size)


def _require_sides(sides: npt.ArrayLike, points: Array) -> npt.NDArray[Any]:
    found = as_array(sides)
    if found.shape != points.shape or found.dtype.kind not in "biuf":
        raise InputError(
            f"side_at must return shape {points.shape} for values of that shape; got {found.shape}"
        )
    if found.dtype.kind == "b":
        return np.where(found, BEYOND, BELOW)
    if not np.isin(found, (BELOW, UNKNOWN, BEYOND)).all():
        raise InputError(f"side_at must return -1, 0 and 1, or truth values; got {shown(found)}")
    return found


def _edges(points: Array, sides: npt.NDArray[Any]) -> tuple[Array, Array, Array, Array]:
    """Return edges ``(S,)``: end of below, undecided zone's ends (NaN if none), start of beyond."""

    def where(mask: npt.NDArray[np.bool_], otherwise: float) -> Array:
        return np.where(mask, points, otherwise)

    upper = where(sides == BEYOND, np.inf).min(axis=0)
    lower = where((sides == BELOW) & (points < upper), 0.0).max(axis=0)
    zone = (sides == UNKNOWN) & (points > lower) & (points < upper)
    from_, to = where(zone, np.inf).min(axis=0), where(zone, 0.0).max(axis=0)
    none = ~zone.any(axis=0)
    return lower, np.where(none, np.nan, from_), np.where(none, np.nan, to), upper


def _refinement(
    edges: tuple[Array, Array, Array, Array], low: float, high: float, precision: float
) -> Array | None:
    """Return two values per member, ``(2, S)``, between its edges; None if all are precise."""
    lower, zone_from, zone_to, upper = edges
    # Only an edge that is known from both sides can be refined.
    met_below, met_beyond = lower > 0, np.isfinite(upper)
    left, right = np.log(np.maximum(lower, low)), np.log(np.minimum(upper, high))
    third = (right - left) / 3
    decided = np.isnan(zone_from)
    after_left = np.where(decided, left + third, (left + np.log(zone_from)) / 2)
    before_right = np.where(decided, right - third, (np.log(zone_to) + right) / 2)
    blunt_left = np.where(decided, right - left, np.log(zone_from) - left) > precision
    blunt_right = np.where(decided, right - left, right - np.log(zone_to)) > precision
    blunt = np.where(
        decided,
        met_below & met_beyond & blunt_left,
        met_below & blunt_left | met_beyond & blunt_right,
    )
    return np.exp(np.stack([after_left, before_right])) if blunt.any() else None


def known_ends(lower: npt.ArrayLike, upper: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the ends of brackets; an open bracket has its one end twice, or NaN if none.

    Parameters
    ----------
    lower, upper : array_like, shape (S,)
        As :func:`centre` takes them; an upper end that is open may be NaN too.

    Examples
    --------
    >>> known_ends([1.0, 2.0, 0.0, 0.0], [3.0, np.inf, 4.0, np.inf])
    (array([ 1.,  2.,  4., nan]), array([ 3.,  2.,  4., nan]))
    """
    below, above = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    below, above = np.where(below > 0, below, np.nan), np.where(np.isfinite(above), above, np.nan)
    return np.fmin(below, above), np.fmax(below, above)


def centre(lower: npt.ArrayLike, upper: npt.ArrayLike) -> Measured:
    """Return the mean centre of brackets; an open bracket counts with its one end.

    A member of which neither end is known is left out; without any other the mean is NaN.

    Parameters
    ----------
    lower, upper : array_like, shape (S,)
        Each member's bracket; inf where it is open above, 0 where it is open below.

    Examples
    --------
    >>> print(centre([1.9, 2.3], [2.0, 2.4]))
    2.1(2)
    >>> print(centre([1.9, 9.0], [2.0, np.inf]))
    >= 5(4)
    >>> print(centre([0.0, 0.0], [1.0, 1.0]))
    <= 1
    >>> print(centre([0.0, 1.9], [np.inf, 2.1]), centre([0.0], [np.inf]))
    2.0(1) no number
    """
    below, above = require_reals("lower", lower), require_reals("upper", upper)
    if below.ndim != 1 or below.shape != above.shape:
        raise InputError(
            f"lower and upper must have the same shape (S,); got {below.shape} and {above.shape}"
        )
    known = (below > 0) | np.isfinite(above)
    if not known.any():
        return Measured(np.nan, np.nan, 0)
    below, above = below[known], above[known]
    open_above, open_below = ~np.isfinite(above), below == 0
    floor, ceiling = known_ends(below, above)
    middle, half = (floor + ceiling) / 2, float(np.mean(ceiling - floor) / 2)
    # A single member stands for itself: where it crosses is known to within its bracket.
    found = mean(middle, half) if len(middle) > 1 else Measured(float(middle[0]), half, 1)
    return replace(found, at_least=bool(open_above.any()), at_most=bool(open_below.any()))
