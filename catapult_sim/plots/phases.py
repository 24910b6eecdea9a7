"""Draw planes coloured by the phase of each cell, and runs against the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from scipy.ndimage import distance_transform_edt

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import style


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
    colours = ListedColormap([style.GREY, *style.PHASE_COLOURS.values()])
    options: dict[str, Any] = {"cmap": colours, "vmin": -0.5, "vmax": 3.5, "rasterized": True}
    ax.pcolormesh(x, y, phase, **options | {"shading": "nearest"} | kwargs)
    return ax


def phase_grid(
    x: tuple[str, npt.ArrayLike], y: tuple[str, npt.ArrayLike], phase: npt.ArrayLike, title: str
) -> Figure:
    """Return a figure of :func:`plot_phase_grid`; an axis is a name in ``AXES`` and its values."""
    figure, ax = style.panels(size=(6.4, 4.8))
    plot_phase_grid(x[1], y[1], phase, ax=ax).set(xlabel=style.AXES[x[0]], ylabel=style.AXES[y[0]])
    ax.set_title(title, fontsize=9)
    return figure


def plot_phase_grid(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw :func:`plot_phases`, label its regions, and scale axes as their values are spaced.

    Arguments are those of :func:`plot_phases`; codes that are no phase stay blank.
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
    """Write a name where its region is widest, unless it covers less than 3 % of the plane."""
    if inside.mean() < 0.03:
        return
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    i, j = np.unravel_index(depth.argmax(), depth.shape)
    ink = style.INK.get(name, "white")
    ax.text(float(x[i]), float(y[j]), name, color=ink, ha="center", va="center")


Runs = Mapping[float, Mapping[str, Any]]  # by c: the phase, and quantities step by step


def runs(found: Runs) -> Figure:
    """Return a figure of loss and top kernel eigenvalue of runs, see :func:`plot_runs`."""
    figure, (upper, lower) = style.panels(2, 1, size=(6.4, 4.8), sharex=True)
    plot_runs(found, "loss", ax=upper)
    plot_runs(found, "top_eigenvalue", ax=lower)
    upper.set(yscale="log", ylabel="loss", ylim=_limits(found, "loss"))
    lower.set(xlabel="step", ylabel=r"top kernel eigenvalue  $\lambda$")
    lower.set_ylim(0, _limits(found, "top_eigenvalue")[1])
    upper.legend(fontsize=8, frameon=False)
    return figure


def _limits(found: Runs, quantity: str) -> tuple[float, float]:
    """Return limits that hold the starts of all runs, and all values where they do not diverge."""
    starts = [run[quantity][0] for run in found.values()]
    inside = [run[quantity] for run in found.values() if run["phase"] != "divergent"]
    values = [value for column in [starts, *inside] for value in column if value] or [1.0]
    return min(values) / 1.5, max(values) * 1.5


def plot_runs(runs: Runs, quantity: str = "loss", *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw a quantity of runs at several learning rates against the step.

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
