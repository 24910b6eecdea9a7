"""Panels of boundaries of networks against width and depth, or of one network."""

from __future__ import annotations

from itertools import product
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.plots import canvas, style
from catapult_sim.plots.brackets import Row, Rows, mean_and_spread, seed_centres
from catapult_sim.validation import require_one_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A boundary's colour, marker and line: solid for those of the first steps.
BOUNDARIES = {
    "loss": (style.BLUE, "o", "-"),
    "sharp": (style.GREEN, "s", "-"),
    "barrier": (style.BROWN, "^", "-"),
    "max": (style.WINE, "D", "-"),
    "rise": (style.BLUE, "o", ":"),
    "end": (style.WINE, "D", ":"),
}
MATRICES = {"ntk": "NTK", "hessian": "Hessian"}


def boundaries(rows: Rows, title: str = "") -> Figure:
    """Draw boundaries: a row of panels for each curvature, a column for each network.

    Parameters
    ----------
    rows : sequence of dict
        As in :func:`plot_boundaries`.
    title : str
    """
    x = next((name for name in ("width", "depth") if len({row[name] for row in rows}) > 1), None)
    column = "activation" if x == "depth" else "model"
    networks, matrices = (list({row[name]: None for row in rows}) for name in (column, "curvature"))
    height = 2.9 if x else 1.2 + 0.32 * len(_kinds(rows))
    size = 1.6 + 3.2 * len(networks), 0.4 + len(matrices) * height
    shared = {"squeeze": False, "sharex": True, "sharey": True}
    with canvas.house_style():
        figure, grid = canvas.panels(len(matrices), len(networks), size=size, **shared)
        for (i, matrix), (j, network) in product(enumerate(matrices), enumerate(networks)):
            here = [row for row in rows if (row["curvature"], row[column]) == (matrix, network)]
            _panel(grid[i, j], here, x, matrix, _limits(rows))
        width = "" if x == "width" else f", width {rows[0]['width']}"
        for ax, network in zip(grid[0], networks, strict=True):
            ax.set_title(fill(f"{network}{width}", 32), fontsize=10)
        if x is not None:
            handles = grid[0, 0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside right center", frameon=False)
        canvas.entitle(figure, title)
    return figure


def _panel(ax: Axes, rows: Rows, x: str | None, matrix: str, limits: tuple[float, float]) -> None:
    """Draw the boundaries of one network in units of one curvature."""
    name = rf"$c=\eta\lambda_0$, $\lambda_0$ of the {MATRICES[matrix]}"
    if x is None:
        plot_boundary_rows(rows, ax=ax).set(xlabel=name, xlim=limits)
    else:
        plot_boundaries(rows, x, ax=ax).set(ylabel=name, ylim=limits)
        ax.label_outer()


def plot_boundaries(rows: Rows, x: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw boundaries against the width or the depth: mean and standard deviation over seeds.

    An arrow stands where some seeds did not cross within the search, on that side.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of the ``summary.json`` of ``catapult-sim boundary``.
    x : {"width", "depth"}
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes
    """
    require_one_of("x", x, ("width", "depth"))
    ax = canvas.require_axes(ax)
    rows = canvas.require_rows("rows", rows, "boundary", "brackets", x)
    rows = sorted(rows, key=lambda row: float(row[x]))
    values = list(dict.fromkeys(float(row[x]) for row in rows))
    places = dict(zip(values, _places(values), strict=True))
    lazy, _, divergent = style.PHASE_COLOURS.values()
    for kind in _kinds(rows):
        chosen = [row for row in rows if row["boundary"] == kind]
        where = np.array([places[float(row[x])] for row in chosen])
        means, spreads = np.array([mean_and_spread(row) for row in chosen]).T
        ax.errorbar(where, means, spreads, **_style(kind) | kwargs)
        for place, row in zip(zip(where, means, strict=True), chosen, strict=True):
            _point_beyond(ax, place, row)
        if kind == "loss":
            ax.fill_between(where, 1e-3, means, color=lazy, lw=0, alpha=0.7)
        if kind == "max":
            ax.fill_between(where, means, 1e3, color=divergent, lw=0, alpha=0.25)
    ax.axhline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log" if x == "width" else "linear", yscale="log", xlabel=style.AXES[x])
    style.set_ticks(ax.xaxis, list(places.values()), _labels(ax, places))
    ax.set_ylim(_limits(rows))
    _name_powers(ax.yaxis)
    return ax


def _point_beyond(ax: Axes, place: tuple[float, float], row: Row) -> None:
    """Draw an arrow on each side where some seeds did not cross within the search."""
    for sign, points in (("at_least", 17), ("at_most", -17)):
        if row[sign]:
            arrow = {"arrowstyle": "<|-", "color": BOUNDARIES[row["boundary"]][0], "lw": 1.3}
            ax.annotate("", place, (0, points), textcoords="offset points", arrowprops=arrow)


def plot_boundary_rows(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the boundaries of one network, a row for each; a dot is one seed.

    Arguments are those of :func:`plot_boundaries`; ``rows`` has one entry of each kind.
    """
    ax = canvas.require_axes(ax)
    rows = canvas.require_rows("rows", rows, "boundary", "brackets")
    for height, row in enumerate(rows):
        colour = BOUNDARIES[row["boundary"]][0]
        lower, upper = np.array(row["brackets"], dtype=float).T
        centres, jitter = seed_centres(row)[0], height + np.linspace(-0.22, 0.22, len(lower))
        sides = {".": (lower > 0) & np.isfinite(upper), ">": np.isnan(upper), "<": lower == 0}
        for marker, chosen in sides.items():
            ax.plot(centres[chosen], jitter[chosen], marker, ms=4, color=colour, alpha=0.55)
        mean, spread = mean_and_spread(row)
        ax.errorbar(mean, height, xerr=spread, **_style(row["boundary"]) | {"capsize": 3} | kwargs)
    ax.axvline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log", xlim=_limits(rows), ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(range(len(rows)), [_symbol(row["boundary"]) for row in rows])
    _name_powers(ax.xaxis)
    return ax


def _kinds(rows: Rows) -> list[str]:
    return [kind for kind in BOUNDARIES if any(row["boundary"] == kind for row in rows)]


def _symbol(kind: str) -> str:
    return rf"$c_\mathrm{{{kind}}}$"


def _style(kind: str) -> dict[str, Any]:
    colour, marker, line = BOUNDARIES[kind]
    return style.HOLLOW | {"color": colour, "marker": marker, "ls": line, "label": _symbol(kind)}


def _places(values: list[float]) -> list[float]:
    """Return the places of values on an axis: an infinite width at 4 times the largest finite."""
    largest = max((value for value in values if value < float("inf")), default=1.0)
    return [value if value < float("inf") else 4 * largest for value in values]


def _labels(ax: Axes, places: dict[float, float]) -> list[str]:
    """Return the labels of values at their places, empty where they would touch the one before."""
    at = ax.transAxes.inverted().transform(
        ax.transData.transform([(x, 1) for x in places.values()])
    )
    labels, free = [], -np.inf
    for value, (place, _) in zip(places, at, strict=True):
        text = f"{value:.10g}"
        half = 0.02 * len(text)  # of the width of the axes
        labels.append(text if place - half > free else "")
        free = place + half + 0.01 if labels[-1] else free
    return labels


def _limits(rows: Rows) -> tuple[float, float]:
    """Return limits of c that hold all brackets, with a margin."""
    ends = np.array([bracket for row in rows for bracket in row["brackets"]], dtype=float)
    seen = ends[np.isfinite(ends) & (ends > 0)]
    return min(1.5, seen.min(initial=8.0) / 1.5), max(8.0, seen.max(initial=1.5) * 1.5)


def _name_powers(axis: Any) -> None:
    """Put ticks of a logarithmic axis at the powers of two only."""
    low, high = np.log2(axis.get_view_interval())
    style.set_ticks(axis, (2.0 ** np.arange(np.ceil(low), np.floor(high) + 1)).tolist())
