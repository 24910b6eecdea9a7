"""Brackets of a boundary, one of each seed, as points with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.boundary import Boundary, known_ends
from catapult_sim.plots import canvas, style
from catapult_sim.validation import require_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]
Rows = Sequence[Row]


def plot_brackets(
    found: Mapping[str, Boundary],
    *,
    shift: float = 0.0,
    label: str | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw where the seeds of several ensembles cross a boundary, a row for each ensemble.

    A line and a dot are a seed's bracket and its centre, an arrow a seed that did not cross within
    the search. The ring is the median, the bar the middle half of the seeds.

    Parameters
    ----------
    found : mapping of str to Boundary
        By the name of its row, as :func:`~catapult_sim.boundary` returns it.
    shift : float
        Of all rows, downwards, where other boundaries are drawn beside these; rows are one apart.
    label : str, optional
        Names these boundaries in a legend.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.plot``, for the rings; everything has their ``color``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where ``found`` is no mapping to boundaries.

    Examples
    --------
    >>> from catapult_sim import boundary
    >>> ends = {"wide": boundary(lambda c: c > [3.9, 4.1], 1.0, 8.0, members=2)}
    >>> ax = plot_brackets(ends)
    >>> round(float(ax.lines[0].get_xdata()[0]), 2), ax.get_yticklabels()[0].get_text()
    (4.0, 'wide')
    """
    require_instance("found", found, Mapping, "a mapping of names to boundaries")
    for one in found.values():
        require_instance("a value of found", one, Boundary, "what boundary returns")
    ax = canvas.require_axes(ax)
    look: dict[str, Any] = {"ms": 6, "mfc": "white", "mew": 1.5, "color": style.BLUE} | kwargs
    for place, one in enumerate(found.values()):
        _draw_seeds(ax, place + shift, one, look | {"label": None if place else label})
    ax.set_yticks(range(len(found)), list(found))
    ax.set_ylim(len(found) - 0.5, -0.5)
    return ax


def _draw_seeds(ax: Axes, place: float, one: Boundary, look: dict[str, Any]) -> None:
    """Draw the seeds of one boundary, their median and their middle half."""
    colour, centres, open_ = look["color"], one.centres, ~np.isfinite(one.upper)
    low, middle, high = np.nanquantile(centres, [0.25, 0.5, 0.75])
    ax.barh(place, high - low, left=low, height=0.28, color=colour, alpha=0.3, lw=0)
    ax.plot(middle, place, "o", **look)
    jitter = place + np.linspace(-0.1, 0.1, len(centres))
    ax.hlines(jitter, *known_ends(one.lower, one.upper), color=colour, lw=0.7, alpha=0.5)
    for marker, chosen in ((".", ~open_), (">", open_)):
        ax.plot(centres[chosen], jitter[chosen], marker, ms=3.5, color=colour, mec="none")


def seed_centres(row: Row) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the centre of each seed's bracket, or its one known end, and which are open above."""
    lower, upper = np.array(row["brackets"], dtype=float).T
    floor, ceiling = known_ends(lower, upper)
    return (floor + ceiling) / 2, np.isnan(upper)


def mean_and_spread(row: Row) -> tuple[float, float]:
    """Return mean and standard deviation over seeds, NaN if none is known.

    The deviation is at least half the mean width of a bracket.
    """
    floor, ceiling = known_ends(*np.array(row["brackets"], dtype=float).T)
    centres = (floor + ceiling) / 2
    known = centres[~np.isnan(centres)]
    if not known.size:
        return np.nan, np.nan
    half_width = np.nan_to_num(ceiling - floor).mean() / 2
    return float(known.mean()), float(max(known.std(), half_width))
