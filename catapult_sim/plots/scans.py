"""Draw scans: what training came to against the learning rate, with the phase of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import canvas, style
from catapult_sim.plots.phases import COLOURS, plot_phases
from catapult_sim.types import Array
from catapult_sim.validation import require_one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {
    "peak": r"peak loss  $L_{\max}/L_0$",
    "loss": r"last loss  $L/L_0$",
    "curvature": r"last curvature  $\lambda/\lambda_0$",
    "sharpness": r"last sharpness  $\lambda_H/\lambda_0$",
    "accuracy": "accuracy on other samples",
    "average_loss": r"loss of the average  $\bar L/L_0$",
}
BOUNDARIES = {2.0: ("loss rises: 2", "right"), 4.0: ("4: linear nets diverge", "left")}
FEW = 30  # learning rates, of which each is drawn large
LOGARITHMIC = ("peak", "loss", "average_loss")
CURVATURES = ("curvature", "sharpness")
Rows = Sequence[Mapping[str, Any]]


def scan(rows: Rows, names: Sequence[str], title: str = "") -> Figure:
    """Return a figure with a panel for each quantity, and the phases of all runs beneath.

    Parameters
    ----------
    rows : sequence of mapping
        The entry ``"runs"`` of the ``summary.json`` of ``catapult-sim scan``.
    names : sequence of str
        Quantities of the rows.
    title : str
    """
    seeds = len(rows[0]["phases"])
    strip = min(0.9, 0.14 * seeds + 0.1)
    with canvas.house_style():
        figure, axes = canvas.panels(
            len(names) + 1,
            size=(6.4, 1.0 + 1.8 * len(names) + strip),
            sharex=True,
            height_ratios=[*[1.8] * len(names), strip],
        )
        for name, ax in zip(names, axes[:-1], strict=True):
            plot_scan(rows, name, ax=ax)
        _name_boundaries(axes[0])
        _phases(rows, axes[-1])
        axes[-1].set(xlabel=style.AXES["c"], yticks=[])
        axes[-1].set_ylabel("phases", rotation=0, ha="right", va="center")
        canvas.entitle(figure, title)
    return figure


def plot_scan(rows: Rows, name: str, *, ax: Axes | None = None) -> Axes:
    """Draw a quantity against the learning rate: the mean over seeds, and each seed as a point.

    A learning rate at which a run diverges has a cross at the upper edge, and no mean.
    Dashed lines are the theory's: c = 2, where the loss first rises, and c = 4, where convergence
    of a linear network ends; for curvatures ``lambda = 2 / eta`` too.

    Parameters
    ----------
    rows : sequence of mapping
        As in :func:`scan`.
    name : {"peak", "loss", "curvature", "sharpness", "accuracy", "average_loss"}
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where rows are another thing, such as a Study, whose ``plot`` draws the same.
    """
    require_one_of("name", name, LABELS)
    rows, ax = canvas.require_rows("rows", rows, "c", "phases", name), canvas.require_axes(ax)
    c = np.array([row["c"] for row in rows])
    diverged = np.array([[one == "divergent" for one in row["phases"]] for row in rows])
    values = np.array([row[name] for row in rows], dtype=float)  # NaN for None
    values[diverged] = np.nan
    ax.plot(c, values, ".", ms=8 if len(c) <= FEW else 3, color=style.BLUE, alpha=0.4)
    ax.plot(c, values.mean(axis=1), "-", lw=1.5, color=style.BLUE)
    ax.set_ylabel(LABELS[name])
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    if name in LOGARITHMIC and (values > 0).any():
        style.set_log_scale(ax)
    for boundary in BOUNDARIES:
        if c[0] <= boundary <= c[-1]:
            ax.axvline(boundary, color="black", lw=0.8, ls="--")
    if name in CURVATURES:
        limits = ax.get_ylim()
        fine = np.geomspace(c[0], c[-1], 200)
        ax.plot(fine, 2 / fine, color=style.WINE, lw=0.9, ls="--", label=r"$2/\eta$")
        ax.set_ylim(0, max(limits[1], 1.1))
        ax.legend(frameon=False, fontsize=8)
    _mark_divergent(ax, c[diverged.any(axis=1)])
    return ax


def _mark_divergent(ax: Axes, c: Array) -> None:
    """Draw a cross at the upper edge for each learning rate at which a run diverges."""
    look: dict[str, Any] = {"ms": 7, "color": style.PHASE_COLOURS["divergent"]}
    at_the_edge = ax.get_xaxis_transform()
    ax.plot(c, np.full(len(c), 0.95), "x", transform=at_the_edge, **look)


def _name_boundaries(ax: Axes) -> None:
    """Write above the dashed lines what theory says of them."""
    low, high = ax.get_xlim()
    for boundary, (words, side) in BOUNDARIES.items():
        if low <= boundary <= high:
            place: dict[str, Any] = {"xy": (boundary, 1), "xycoords": ax.get_xaxis_transform()}
            offset: dict[str, Any] = {"xytext": (0, 3), "textcoords": "offset points"}
            ax.annotate(words, **place, **offset, ha=side, va="bottom", fontsize=7)


def _phases(rows: Rows, ax: Axes) -> None:
    """Colour the phases of all runs, a row for each seed."""
    c = np.array([row["c"] for row in rows])
    codes = np.array([[Phase[phase.upper()] for phase in row["phases"]] for row in rows])
    plot_phases(c, np.arange(codes.shape[1]), codes.T, ax=ax)
    for name in COLOURS:
        if (codes == Phase[name.upper()]).any():
            ax.plot([], [], "s", ms=7, color=COLOURS[name], mec="0.6", label=name)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
