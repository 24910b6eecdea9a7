"""The spacing of values along an axis, even or geometric: edges of cells, scale and ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from catapult_sim.plots.style import set_ticks
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 12  # values that each get a tick, if they are whole


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
    """Return the edges between cells, halfway in size or in logarithm, and the two outer ones.

    Parameters
    ----------
    centres : ndarray, shape (n,)
        Different, in order; positive if geometric.
    geometric : bool

    Returns
    -------
    ndarray, shape (n + 1,)
        The outer cells reach as far outwards as inwards. A single cell is one wide, or reaches
        from its centre by half an octave to each side.

    Examples
    --------
    >>> edges(np.array([1.0, 4.0, 16.0]), geometric=True)
    array([ 0.5,  2. ,  8. , 32. ])
    >>> edges(np.array([1.0, 2.0, 3.0]), geometric=False)
    array([0.5, 1.5, 2.5, 3.5])
    """
    at = np.log2(centres) if geometric else centres
    halves = np.diff(at) / 2 if len(at) > 1 else np.array([0.5])
    found = np.concatenate([at[:1] - halves[:1], at[: len(at) - 1] + halves[: len(at) - 1]])
    found = np.append(found, at[-1] + halves[-1])
    return 2**found if geometric else found


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
        set_ticks(axis, values.tolist())
    elif geometric and high < 4 * low:
        set_ticks(axis, [tick for tick in even if low < tick < high])
    elif whole and not geometric:
        axis.get_major_locator().set_params(integer=True)
