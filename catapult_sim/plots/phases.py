"""Planes coloured by phase, and runs in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import ScalarFormatter
from scipy.ndimage import distance_transform_edt

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots.style import INK, PHASE_COLOURS

UNDECIDED_COLOUR = "#8a8a8a"


def plot_phases(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Colour a plane by the phase of each cell; undecided cells are grey, masked ones blank.

    Parameters
    ----------
    x : array_like, shape (n,)
        Centres of the cells along the horizontal axis.
    y : array_like, shape (m,)
        Centres of the cells along the vertical axis.
    phase : array_like, shape (m, n)
        :class:`~catapult_sim.numeric.runs.phases.Phase` codes, possibly masked.
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.pcolormesh``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    colours = ListedColormap([UNDECIDED_COLOUR, *PHASE_COLOURS.values()])
    options: dict[str, Any] = {"cmap": colours, "vmin": -0.5, "vmax": 3.5, "rasterized": True}
    ax.pcolormesh(x, y, phase, **options | {"shading": "nearest"} | kwargs)
    return ax


def plot_phase_grid(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw :func:`plot_phases` with the names in the regions and axes scaled as spaced.

    Parameters
    ----------
    x, y, phase, ax, **kwargs
        As in :func:`plot_phases`; codes that are no phase stay blank.

    Returns
    -------
    matplotlib Axes
    """
    codes, x, y = np.asarray(phase), np.asarray(x), np.asarray(y)
    ax = plot_phases(x, y, np.ma.masked_outside(codes, min(Phase), max(Phase)), ax=ax, **kwargs)
    for one in Phase:
        _name_region(ax, (codes == one).T, x, y, str(one))
    for axis, values, set_scale in ((ax.xaxis, x, ax.set_xscale), (ax.yaxis, y, ax.set_yscale)):
        if not np.allclose(np.diff(values), values[1] - values[0]):
            short = values[-1] < 64 * values[0]
            set_scale("log", base=2 if short else 10)
            if short:
                axis.set_major_formatter(ScalarFormatter())
    return ax


def _name_region(
    ax: Axes, inside: npt.NDArray[np.bool_], x: npt.NDArray[Any], y: npt.NDArray[Any], name: str
) -> None:
    """Write a name where its region is widest; a region of a few cells gets none."""
    if inside.mean() < 0.03:
        return
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    i, j = np.unravel_index(depth.argmax(), depth.shape)
    ax.text(float(x[i]), float(y[j]), name, color=INK.get(name, "white"), ha="center", va="center")


def plot_runs(
    runs: Mapping[float, Mapping[str, Any]],
    quantity: str = "loss",
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a quantity of runs at several learning rates, step by step.

    Parameters
    ----------
    runs : mapping
        By c, each with its ``phase`` and the values of ``quantity``, None where not measured.
    quantity : str
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.plot``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    for c, run in runs.items():
        values = np.array(run[quantity], dtype=float)
        options: dict[str, Any] = {"lw": 1.3, "label": f"c = {c:g}, {run['phase']}"} | kwargs
        ax.plot(values, **options)
    return ax
