"""Draw planes of cells, coloured by the value of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.plots import canvas
from catapult_sim.plots.spacing import edges, is_geometric, require_centres
from catapult_sim.types import Array
from catapult_sim.validation import UNREADABLE, InputError, require_positive, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 1500  # cells that are drawn along an axis: finer ones than pixels only take time


def plot_plane(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Colour a plane by the value of each cell, such as the curvature where a run ends.

    Cells meet halfway between their centres: in logarithm where the centres are spaced
    geometrically or the axis is logarithmic, else in size. Of more than 1500 cells along an axis
    every second, third and so on is drawn. Masked cells and NaN are blank.

    Parameters
    ----------
    x : array_like, shape (n,)
        Centres of the cells along the horizontal axis, in order.
    y : array_like, shape (m,)
        Centres of the cells along the vertical axis, in order.
    values : array_like, shape (m, n)
        Possibly masked.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.pcolormesh``.

    Returns
    -------
    matplotlib Axes
        ``.collections[-1]`` are the cells, for a colour bar.

    Raises
    ------
    InputError
        Where centres are not in order, or the shape of ``values`` is not ``(m, n)``.

    Examples
    --------
    >>> ax = plot_plane([1, 10, 100], [0, 1], [[0.1, 0.5, 1.0], [0.2, 0.4, 2.0]])
    >>> _ = ax.figure.colorbar(ax.collections[-1], ax=ax, label="final curvature")
    >>> [round(float(limit), 3) for limit in (*ax.get_xlim(), *ax.get_ylim())]
    [0.316, 316.228, -0.5, 1.5]
    """
    x, y, cells = require_plane("values", x, y, values)
    columns, rows = _drawn(len(x)), _drawn(len(y))
    x, y, cells = x[columns], y[rows], cells[rows, columns]
    ax = canvas.require_axes(ax)
    at = [_edges_on(ax, which, centres) for which, centres in (("x", x), ("y", y))]
    look: dict[str, Any] = {"cmap": "viridis", "rasterized": True}
    ax.pcolormesh(*at, cells, **look | kwargs)
    return ax


def require_plane(
    name: str, x: npt.ArrayLike, y: npt.ArrayLike, values: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    """Return different centres and the values of their cells, or raise InputError."""
    x, y = require_centres("x", x), require_centres("y", y)
    try:
        cells: Any = np.ma.asarray(values)
    except UNREADABLE:
        raise InputError(f"{name} must have rows of one length; got {shown(values)}") from None
    if cells.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers; got an array of {cells.dtype}")
    if cells.shape != (len(y), len(x)):
        raise InputError(
            f"{name} must have a row for each y and a column for each x, shape "
            f"{(len(y), len(x))}; got {cells.shape}"
        )
    rows, columns = (np.append(True, np.diff(centres) != 0) for centres in (y, x))
    return x[columns], y[rows], cells[rows][:, columns]


def _drawn(count: int) -> slice:
    """Return which of the cells along an axis are drawn: every k-th, from the first on."""
    return slice(None, None, -(-count // MOST))


def _edges_on(ax: Axes, which: str, centres: Array) -> Array:
    logarithmic = getattr(ax, f"get_{which}scale")() == "log"
    if logarithmic:
        require_positive(which, centres)
    return edges(centres, geometric=logarithmic or is_geometric(centres))
