"""Pictures of what was measured: theory is a line, measurement is points with bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter
from scipy.ndimage import distance_transform_edt

from catapult_sim.numeric.phases import Phase, known_ends

__all__ = [
    "AXES",
    "BOUNDARIES",
    "PHASE_COLOURS",
    "boundaries",
    "phase_diagram",
    "plot_architectures",
    "plot_boundaries",
    "plot_lanes",
    "plot_phase_grid",
    "plot_phases",
    "plot_runs",
    "plot_widths",
]

# Light to dark, so that the phases can be told apart in grey.
PHASE_COLOURS = {"lazy": "#dfeaf5", "catapult": "#eebb73", "divergent": "#b06a7c"}
INK = {"lazy": "#35618f", "catapult": "#8a5208", "divergent": "#ffffff"}
NAMES = INK | {"divergent": "#8a3f54"}  # on white
UNDECIDED_COLOUR = "#8a8a8a"
MARKS = {"one sample": ("o", "#222222"), "linear network on data": ("s", "#1f5fa8")}

AXES = {
    "rate": r"learning rate  $c=\eta\lambda_0$",
    "width": "width  $n$",
    "depth": "hidden layers",
    "scale": "standard deviation of the initial weights",
    "momentum": r"momentum  $\beta$",
    "batch_size": "samples in a batch",
}

# A boundary's colour, marker and line: those of first steps are drawn through.
BOUNDARIES = {
    "loss": ("#35618f", "o", "-"),
    "sharp": ("#5b8c5a", "s", "-"),
    "barrier": ("#8a5208", "^", "-"),
    "max": ("#8a3f54", "D", "-"),
    "rise": ("#35618f", "o", ":"),
    "end": ("#8a3f54", "D", ":"),
}
MATRICES = {"ntk": "NTK", "hessian": "Hessian"}

Rows = Sequence[dict[str, Any]]


def plot_widths(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the boundaries of the linear network against its width, over theory's regions.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of ``report.json``.
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    edges = (1.0, 2.0, 4.0, 6.0)
    for (phase, colour), left, right in zip(
        PHASE_COLOURS.items(), edges[:-1], edges[1:], strict=True
    ):
        ax.axvspan(left, right, color=colour, lw=0)
        ax.text((left + right) / 2, 0.02, phase, color=INK[phase], **_label(ax, va="bottom"))
    for model, (marker, colour) in MARKS.items():
        chosen = [row for row in rows if row["model"] == model]
        points = [(row["width"], *_mean_and_spread(row)) for row in chosen]
        if points:
            widths, means, spreads = np.array(points).T
            style: dict[str, Any] = {
                "ls": "",
                "ms": 5,
                "capsize": 2.5,
                "mfc": "white",
                "mew": 1.3,
                "lw": 1.3,
            }
            options: dict[str, Any] = (
                style | {"marker": marker, "color": colour, "label": model} | kwargs
            )
            ax.errorbar(means, widths, xerr=spreads, **options)
    for predicted in edges[1:-1]:
        ax.axvline(predicted, color="black", lw=1, ls="--")
    ax.set(yscale="log", xlim=(edges[0], edges[-1]), ylim=(30, 1e14))
    ax.set(xlabel=r"learning rate  $c=\eta\lambda_0$", ylabel="width  $n$")
    ax.set_xticks(range(1, 7))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper right", frameon=True, framealpha=0.9, fontsize=8, edgecolor="none")
    return ax


def plot_architectures(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the phases of trained networks, one bar each; a dot is one seed.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of ``report.json``.
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    networks = _widest(rows)
    for place, found in enumerate(networks.values()):
        _phase_bar(ax, place, found)
        for row in found.values():
            centres, open_ = _centres(row)
            jitter = place + np.linspace(-0.24, 0.24, len(centres))
            for marker, chosen in ((".", ~open_), (">", open_)):
                ax.plot(centres[chosen], jitter[chosen], marker, ms=3, color="#333333", alpha=0.6)
            mean, spread = _mean_and_spread(row)
            options: dict[str, Any] = {"fmt": "o", "ms": 5, "mfc": "white", "color": "black"}
            ax.errorbar(mean, place, xerr=spread, **options | {"capsize": 3} | kwargs)
    for value, style in ((2, "--"), (4, "--"), (12, ":")):
        ax.axvline(value, color="black", lw=1, ls=style)
    for phase, x in zip(PHASE_COLOURS, (1.42, 2.83, 27.0), strict=True):
        ax.text(x, 1.0, phase, color=NAMES[phase], **_label(ax, va="bottom"))
    ax.set(xscale="log", xlim=RANGE, ylim=(len(networks) - 0.4, -0.6))
    widths = [max(row["width"] for row in found.values()) for found in networks.values()]
    labels = [fill(f"{name}, width {n}", 24) for name, n in zip(networks, widths, strict=True)]
    ax.set_yticks(range(len(networks)), labels, fontsize=7.5)
    ticks = (1, 2, 4, 8, 12, 20, 40)
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(r"learning rate  $c=\eta\lambda_0$")
    return ax


RANGE = (1.0, 40.0)


def _phase_bar(ax: Axes, place: int, found: dict[str, dict[str, Any]]) -> None:
    """Colour what was measured; leave blank where no boundary was met."""
    rise = _mean_and_spread(found["rise"])[0] if "rise" in found else None
    end, converged, open_ = None, False, True
    if "end" in found:
        end = _mean_and_spread(found["end"])[0]
        converged = any(lower > 0 for lower, _ in found["end"]["brackets"])
        open_ = any(upper is None for _, upper in found["end"]["brackets"])
    # Catapults are known where some seed converged beyond its rise.
    stretches = {
        "lazy": (RANGE[0], rise),
        "catapult": (rise, end if converged else None),
        "divergent": (None if open_ else end, RANGE[1]),
    }
    for phase, (start, stop) in stretches.items():
        if start is not None and stop is not None:
            ax.barh(place, stop - start, left=start, height=0.76, color=PHASE_COLOURS[phase], lw=0)


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
    ax = ax or plt.subplots()[1]
    values = sorted({float(row[x]) for row in rows})
    places = dict(zip(values, _places(values), strict=True))
    for kind in _kinds(rows):
        chosen = sorted(
            (row for row in rows if row["boundary"] == kind), key=lambda row: float(row[x])
        )
        where = np.array([places[float(row[x])] for row in chosen])
        means, spreads = np.array([_mean_and_spread(row) for row in chosen]).T
        ax.errorbar(where, means, spreads, **_style(kind) | {"capsize": 2.5} | kwargs)
        for place, row in zip(zip(where, means, strict=True), chosen, strict=True):
            _point_beyond(ax, place, row)
        if kind == "loss":
            ax.fill_between(where, 1e-3, means, color=PHASE_COLOURS["lazy"], lw=0, alpha=0.7)
        if kind == "max":
            ax.fill_between(where, means, 1e3, color=PHASE_COLOURS["divergent"], lw=0, alpha=0.25)
    ax.axhline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log" if x == "width" else "linear", yscale="log", xlabel=AXES[x])
    ax.set_xticks(list(places.values()), [f"{value:g}" for value in values])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylim(_limits(rows))
    _name_powers(ax.yaxis)
    return ax


def _point_beyond(ax: Axes, place: tuple[float, float], row: dict[str, Any]) -> None:
    """Draw an arrow to either side on which some seeds did not cross within the search."""
    for sign, points in (("at_least", 17), ("at_most", -17)):
        if row[sign]:
            arrow = {"arrowstyle": "<|-", "color": BOUNDARIES[row["boundary"]][0], "lw": 1.3}
            ax.annotate("", place, (0, points), textcoords="offset points", arrowprops=arrow)


def plot_lanes(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the boundaries of one network, a lane each; a dot is one seed.

    Parameters
    ----------
    rows : sequence of dict
        As in :func:`plot_boundaries`, one of each kind.
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.errorbar``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    for lane, row in enumerate(rows):
        colour = BOUNDARIES[row["boundary"]][0]
        lower, upper = np.array(row["brackets"], dtype=float).T
        centres, jitter = _centres(row)[0], lane + np.linspace(-0.22, 0.22, len(lower))
        sides = {".": (lower > 0) & np.isfinite(upper), ">": np.isnan(upper), "<": lower == 0}
        for marker, chosen in sides.items():
            ax.plot(centres[chosen], jitter[chosen], marker, ms=4, color=colour, alpha=0.55)
        mean, spread = _mean_and_spread(row)
        ax.errorbar(mean, lane, xerr=spread, **_style(row["boundary"]) | {"capsize": 3} | kwargs)
    ax.axvline(2, color="black", lw=1, ls="--")
    ax.set(xscale="log", xlim=_limits(rows), ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(range(len(rows)), [_symbol(row["boundary"]) for row in rows])
    _name_powers(ax.xaxis)
    return ax


def boundaries(rows: Rows) -> Figure:
    """Draw boundaries: a row of panels for each curvature, a column for each network.

    Parameters
    ----------
    rows : sequence of dict
        As in :func:`plot_boundaries`.
    """
    x = next((name for name in ("width", "depth") if len({row[name] for row in rows}) > 1), None)
    column = "activation" if x == "depth" else "model"
    networks, matrices = (list({row[name]: None for row in rows}) for name in (column, "curvature"))
    size = (
        1.6 + 3.2 * len(networks),
        len(matrices) * (2.9 if x else 1.2 + 0.32 * len(_kinds(rows))),
    )
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(matrices), len(networks), squeeze=False, sharex=True, sharey=True)
    for (i, matrix), (j, network) in product(enumerate(matrices), enumerate(networks)):
        here = [row for row in rows if (row["curvature"], row[column]) == (matrix, network)]
        name = rf"$c=\eta\lambda_0$, $\lambda_0$ of the {MATRICES[matrix]}"
        if x is None:
            plot_lanes(here, ax=grid[i, j]).set(xlabel=name, xlim=_limits(rows))
        else:
            plot_boundaries(here, x, ax=grid[i, j]).set(ylabel=name, ylim=_limits(rows))
            grid[i, j].label_outer()
    for ax, network in zip(grid[0], networks, strict=True):
        ax.set_title(_title(rows, x, network), fontsize=10)
    if x is not None:
        handles = grid[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right upper", frameon=False)
    return figure


def _title(rows: Rows, x: str | None, network: str) -> str:
    """Name a column of panels by what is not an axis."""
    widths = "" if x == "width" else f", width {rows[0]['width']}"
    return f"{network}{widths}"


def _kinds(rows: Rows) -> list[str]:
    return [kind for kind in BOUNDARIES if any(row["boundary"] == kind for row in rows)]


def _symbol(kind: str) -> str:
    return rf"$c_\mathrm{{{kind}}}$"


def _style(kind: str) -> dict[str, Any]:
    colour, marker, line = BOUNDARIES[kind]
    style = {"color": colour, "marker": marker, "ls": line, "label": _symbol(kind)}
    return style | {"ms": 5, "mfc": "white", "mew": 1.3, "lw": 1.3}


def _places(values: list[float]) -> list[float]:
    """Place an infinite width beyond the others."""
    largest = max((value for value in values if value < float("inf")), default=1.0)
    return [value if value < float("inf") else 4 * largest for value in values]


def _limits(rows: Rows) -> tuple[float, float]:
    """Return where to draw all that was measured, with some room."""
    ends = np.array([bracket for row in rows for bracket in row["brackets"]], dtype=float)
    seen = ends[np.isfinite(ends) & (ends > 0)]
    return min(1.5, seen.min(initial=8.0) / 1.5), max(8.0, seen.max(initial=1.5) * 1.5)


def _name_powers(axis: Any) -> None:
    """Name powers of two on a logarithmic axis."""
    axis.set_major_locator(LogLocator(base=2))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


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
        :class:`~catapult_sim.numeric.phases.Phase` codes, possibly masked.
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
        _name_region(ax, (codes == one).T, x, y, one.name.lower())
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
        By rate, each with its ``phase`` and the values of ``quantity``, None where not measured.
    quantity : str
    ax : matplotlib Axes, optional
    **kwargs
        Passed to ``Axes.plot``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.subplots()[1]
    for rate, run in runs.items():
        values = np.array(run[quantity], dtype=float)
        options: dict[str, Any] = {"lw": 1.3, "label": f"c = {rate:g}, {run['phase']}"} | kwargs
        ax.plot(values, **options)
    return ax


def phase_diagram(rows: Rows) -> Figure:
    """Draw the linear network beside trained networks.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of ``report.json``.
    """
    figure = Figure(figsize=(10.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    plot_widths(rows, ax=left)
    left.set_title("linear network, exact at any width", fontsize=10, pad=18)
    plot_architectures(rows, ax=right)
    right.set_title("trained networks on data", fontsize=10, pad=18)
    return figure


def _label(ax: Axes, **options: Any) -> dict[str, Any]:
    """Place a phase's name at a height in units of the axes."""
    base = {"transform": ax.get_xaxis_transform(), "ha": "center"}
    return base | {"fontweight": "bold", "fontsize": 9} | options


def _centres(row: dict[str, Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Centre of each seed's bracket, or the end an open one has, and which are open above."""
    lower, upper = np.array(row["brackets"], dtype=float).T
    floor, ceiling = known_ends(lower, upper)
    return (floor + ceiling) / 2, np.isnan(upper)


def _mean_and_spread(row: dict[str, Any]) -> tuple[float, float]:
    """Mean over seeds and their standard deviation, or half a bracket if wider; NaN of none."""
    floor, ceiling = known_ends(*np.array(row["brackets"], dtype=float).T)
    centres = (floor + ceiling) / 2
    told = centres[~np.isnan(centres)]
    if not told.size:
        return np.nan, np.nan
    half_width = np.nan_to_num(ceiling - floor).mean() / 2
    return float(told.mean()), float(max(told.std(), half_width))


def _widest(rows: Rows) -> dict[str, dict[str, dict[str, Any]]]:
    """Pick for every trained network and boundary the row of the largest width."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["width"]):
        if row["model"] not in MARKS:
            found.setdefault(row["model"], {})[row["boundary"]] = row
    return {row["model"]: found[row["model"]] for row in rows if row["model"] in found}
