"""Draw planes of cells, coloured by the phase of each or by any other value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import canvas, style
from catapult_sim.plots.theory import plot_theory
from catapult_sim.types import Array
from catapult_sim.validation import (
    UNREADABLE,
    InputError,
    require_finite,
    require_positive,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"undecided": style.UNDECIDED} | style.PHASE_COLOURS  # in the order of their codes
BLANK: dict[str, Any] = {"hatch": "////", "edgecolor": "0.85"}  # where there is no phase
GEOMETRIC = ("c", "width", "scale", "batch_size")
FEW = 12  # values that each get a tick, if they are whole
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
    across, along = (-(-len(centres) // MOST) for centres in (x, y))  # every so many is drawn
    x, y, cells = x[::across], y[::along], cells[::along, ::across]
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


def require_centres(name: str, values: npt.ArrayLike) -> Array:
    """Return the centres of cells as floats ``(n,)``, in order, or raise InputError.

    A centre may stand several times in a row: widths are rounded.
    """
    centres = require_finite(name, values)
    steps = np.diff(centres) if centres.ndim == 1 else np.array([np.nan])
    if not centres.size or not ((steps >= 0).all() or (steps <= 0).all()):
        raise InputError(
            f"{name} must be numbers in one dimension that increase, or that decrease; "
            f"got shape {centres.shape}"
        )
    return centres


def _edges_on(ax: Axes, which: str, centres: Array) -> Array:
    logarithmic = getattr(ax, f"get_{which}scale")() == "log"
    if logarithmic:
        require_positive(which, centres)
    return edges(centres, geometric=logarithmic or is_geometric(centres))


def is_geometric(values: Array) -> bool:
    """Return whether the ratios of successive values are more alike than their differences.

    Examples
    --------
    >>> is_geometric(np.array([1.0, 2.0, 4.0])), is_geometric(np.array([1.0, 2.0, 3.0]))
    (True, False)
    >>> is_geometric(np.array([0.0, 0.5, 0.9])), is_geometric(np.array([1.0, 9.0]))
    (False, False)
    """
    if values.min() <= 0 or len(values) < 3:
        return False
    return _unevenness(np.log(values)) < _unevenness(values / values.max()) - 1e-9


def _unevenness(values: Array) -> float:
    steps = np.diff(values)
    return float(steps.std() / abs(steps.mean()))


def edges(centres: Array, *, geometric: bool) -> Array:
    """Return the edges ``(n + 1,)`` of cells whose centres ``(n,)`` are different and in order.

    Cells meet halfway in size or in logarithm; the outer ones reach as far outwards as inwards. A
    single cell is one wide, or reaches from its centre by half an octave to each side.

    Examples
    --------
    >>> edges(np.array([1.0, 4.0, 16.0]), geometric=True)
    array([ 0.5,  2. ,  8. , 32. ])
    >>> edges(np.array([1.0, 2.0, 3.0]), geometric=False)
    array([0.5, 1.5, 2.5, 3.5])
    """
    at = np.log2(centres) if geometric else centres
    halves = np.diff(at) / 2 if len(at) > 1 else np.array([0.5])
    found = np.concatenate([at[:1] - halves[:1], at[:-1] + halves, at[-1:] + halves[-1:]])
    return 2**found if geometric else found


def plot_phases(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Colour a plane by the phase of each cell; undecided cells are dark, masked ones blank.

    Cells lie as in :func:`plot_plane`.

    Parameters
    ----------
    x : array_like, shape (n,)
        Centres of the cells along the horizontal axis, in order.
    y : array_like, shape (m,)
        Centres of the cells along the vertical axis, in order.
    phase : array_like, shape (m, n)
        :class:`~catapult_sim.numeric.runs.phases.Phase` codes, possibly masked.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.pcolormesh``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where centres are not in order, or the shape of ``phase`` is not ``(m, n)``.

    Examples
    --------
    >>> ax = plot_phases([1, 10, 100], [0, 1], [[1, 2, 3], [1, 1, 3]])
    >>> [round(float(limit), 3) for limit in (*ax.get_xlim(), *ax.get_ylim())]
    [0.316, 316.228, -0.5, 1.5]
    """
    cells = require_plane("phase", x, y, phase)
    colours = canvas.colour_map(list(COLOURS.values()))
    look: dict[str, Any] = {"cmap": colours, "vmin": -0.5, "vmax": 3.5}
    return plot_plane(*cells, ax=ax, **look | kwargs)


def phase_grid(
    x: tuple[str, npt.ArrayLike],
    y: tuple[str, npt.ArrayLike],
    phase: npt.ArrayLike,
    title: str,
    network: Mapping[str, Any] | None = None,
) -> Figure:
    """Return a figure of :func:`plot_phase_grid` with the boundaries that theory predicts.

    Parameters
    ----------
    x, y : tuple of str and array_like
        An axis: a name in ``AXES`` and its values.
    phase : array_like, shape (m, n)
    title : str
    network : mapping, optional
        What all cells share, as in :func:`~catapult_sim.plots.theory.plot_theory`.
    """
    with canvas.house_style():
        figure, ax = canvas.panels(size=(7.2, 4.8))
        ax.set(xlabel=style.AXES[x[0]], ylabel=style.AXES[y[0]])
        ax.set(**{f"{w}scale": "log" for w, one in (("x", x), ("y", y)) if one[0] in GEOMETRIC})
        plot_phase_grid(x[1], y[1], phase, ax=ax)
        plot_theory(x[0], y[0], network or {}, ax=ax)
        _legend(ax)
        canvas.entitle(figure, title)
    return figure


def plot_phase_grid(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw :func:`plot_phases` with a legend beside it, and scale axes as their values are spaced.

    Arguments are those of :func:`plot_phases`; cells whose codes are no phase are hatched.
    """
    x, y, codes = require_plane("phase", x, y, phase)
    ax = plot_phases(x, y, np.ma.masked_outside(codes, min(Phase), max(Phase)), ax=ax, **kwargs)
    for which, centres in (("x", x), ("y", y)):
        log = getattr(ax, f"get_{which}scale")() == "log"
        set_spacing(ax, which, centres, geometric=log or is_geometric(centres))
    for name in (*style.PHASE_COLOURS, "undecided"):
        if (codes == Phase[name.upper()]).any():
            _add_to_legend(ax, name, color=COLOURS[name], mec="0.6")
    if not np.isin(codes, list(Phase)).all():
        ax.patch.set(**BLANK)
        _add_to_legend(ax, "no result", mfc="white", mec="0.6")
    _legend(ax)
    return ax


def set_spacing(ax: Axes, which: str, values: Array, *, geometric: bool) -> None:
    """Scale the axis ``which``, x or y, as its values are spaced, with ticks that can be read."""
    axis = getattr(ax, f"{which}axis")
    low, high = sorted(axis.get_view_interval())
    even = axis.get_major_locator().tick_values(low, high)
    if geometric and high < 64 * low:
        getattr(ax, f"set_{which}scale")("log", base=2)
        axis.set_major_formatter("{x:g}")
    elif geometric:
        getattr(ax, f"set_{which}scale")("log")
    whole = bool((values == values.round()).all())
    if len(values) == 1 or (whole and len(values) <= FEW):
        style.set_ticks(axis, values.tolist())
    elif geometric and high < 4 * low:
        style.set_ticks(axis, [tick for tick in even if low < tick < high])
    elif whole and not geometric:
        axis.get_major_locator().set_params(integer=True)


def _add_to_legend(ax: Axes, name: str, **look: Any) -> None:
    ax.plot([], [], "s", ms=9, label=name, **look)


def _legend(ax: Axes) -> None:
    """Name the colours and lines beside the axes, where no name covers a cell or is cut."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
