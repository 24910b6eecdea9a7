"""Draw what several seeds have measured: their mean with its error, or each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.plots import canvas, style
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_finite,
    require_instance,
    require_number,
    require_one_of,
    require_reals,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CENTRES = ("mean", "geometric mean", "median")
SPREADS = ("errors", "band", "lines", "dots")


def plot_seeds(
    x: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    centre: str = "mean",
    spread: str = "errors",
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a quantity of several seeds against x: their centre, and how far they spread.

    Parameters
    ----------
    x : array_like, shape (n,)
        Such as learning rates, widths or steps.
    values : array_like, shape (n, S)
        A row for each x, a column for each seed. Where one is NaN there is no centre.
    centre : {"mean", "geometric mean", "median"}
        With the standard error of means, taken of logarithms for the geometric one; the median
        with the middle half of the seeds.
    spread : {"errors", "band", "lines", "dots"}
        Error bars or a band for these; or every seed, as a thin line or as dots.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Of the centre, passed to ``Axes.errorbar`` or ``Axes.plot``; seeds share its ``color``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where the shapes do not fit, or a word is not known.

    Examples
    --------
    >>> ax = plot_seeds([1, 2, 4], [[1.0, 3.0], [2.0, 2.0], [0.0, 4.0]], spread="lines")
    >>> ax.lines[-1].get_ydata().tolist()  # above those of the two seeds
    [2.0, 2.0, 2.0]
    """
    require_one_of("centre", centre, CENTRES)
    require_one_of("spread", spread, SPREADS)
    x, values = require_reals("x", x), require_reals("values", values)
    if x.ndim != 1 or values.ndim != 2 or len(values) != len(x) or not values.size:
        raise InputError(
            "values must have a row for each x and a column for each seed, shape "
            f"{(*x.shape, 'S')}; got {values.shape}"
        )
    ax = canvas.require_axes(ax)
    low, middle, high = _centre_and_interval(values, centre)
    look: dict[str, Any] = {"color": style.BLUE} | kwargs
    if spread == "errors":
        points: dict[str, Any] = {"fmt": "o-", "ms": 4, "lw": 1.2}
        ax.errorbar(x, middle, [middle - low, high - middle], **points | look)
    elif spread == "band":
        style.band(ax, x, low, middle, high, **look)
    else:
        dots = {"ls": "", "marker": ".", "ms": 4, "alpha": 0.35, "mec": "none"}
        each: dict[str, Any] = {"lw": 0.6, "alpha": 0.3} if spread == "lines" else dots
        ax.plot(x, values, color=look["color"], **each)
        ax.plot(x, middle, **{"lw": 2 if spread == "lines" else 1.5} | look)
    return ax


@np.errstate(all="ignore")
def _centre_and_interval(values: Array, centre: str) -> tuple[Array, Array, Array]:
    """Return the centre of ``values (n, S)`` between the ends of its error or middle half."""
    if centre == "median":
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
        return low, middle, high
    if centre == "geometric mean":
        low, middle, high = map(np.exp, _centre_and_interval(np.log(values), "mean"))
        return low, middle, high
    mean, error = style.mean_and_error(values, axis=1)
    return mean - error, mean, mean + error


def plot_measured(
    x: npt.ArrayLike,
    measured: Sequence[Measured],
    *,
    scale: float = 1.0,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw measured numbers against x as points with their standard errors.

    Parameters
    ----------
    x : array_like, shape (n,)
    measured : sequence of Measured, n
        As :func:`~catapult_sim.boundary` and the measurements of claims return them.
    scale : float
        Positive; multiplies values and errors, such as 100 for percent.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where there is not one measured number for each x.

    Examples
    --------
    >>> ax = plot_measured([1, 2], [Measured(0.5, 0.1, 8), Measured(0.25, 0.05, 8)], scale=100)
    >>> ax.lines[0].get_ydata().tolist()
    [50.0, 25.0]
    """
    x, scale = require_finite("x", x), require_number("scale", scale, above=0)
    found = _require_measured("measured", measured)
    if x.shape != (len(found),):
        raise InputError(f"measured must have one number for each x, {x.size}; got {len(found)}")
    ax = canvas.require_axes(ax)
    values, errors = scale * np.array([(one.value, one.error) for one in found]).reshape(-1, 2).T
    look: dict[str, Any] = {"fmt": "o", "ms": 5, "lw": 1.2, "color": style.BLUE} | kwargs
    ax.errorbar(x, values, errors, **look)
    return ax


def plot_measured_rows(
    rows: Mapping[str, Measured],
    *,
    colours: Sequence[str] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a column of a table: a row for each name, its measured number with its error.

    The first row is what the others are compared with; a dotted line goes down from it.

    Parameters
    ----------
    rows : mapping of str to Measured
    colours : sequence of str, optional
        One for each row; by default one for all.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where rows are no mapping to measured numbers, or colours are not one for each.

    Examples
    --------
    >>> ax = plot_measured_rows({"SGD": Measured(0.9, 0.01, 8), "Adam": Measured(0.95, 0.02, 8)})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['SGD', 'Adam']
    """
    names = list(require_instance("rows", rows, Mapping, "a mapping of names to Measured numbers"))
    found = _require_measured("the values of rows", rows.values())
    inks = canvas.require_colours("colours", colours, len(names)) or [style.BLUE] * len(names)
    ax = canvas.require_axes(ax)
    for place, (one, ink) in enumerate(zip(found, inks, strict=True)):
        look: dict[str, Any] = {"fmt": "o", "ms": 4, "color": ink} | kwargs
        ax.errorbar(one.value, place, xerr=one.error, **look)
        if not place:
            ax.axvline(one.value, color="0.6", lw=0.8, ls=":")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(*sorted(ax.get_ylim(), reverse=True))
    ax.margins(x=0.15)
    return ax


def _require_measured(name: str, given: Iterable[Measured]) -> list[Measured]:
    """Return measured numbers, or raise InputError."""
    found = list(given) if np.iterable(given) else [given]
    for one in found:
        require_instance(name, one, Measured, "Measured numbers")
    return found
