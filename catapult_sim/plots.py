"""Pictures of what was measured: theory is a line, measurement is points with bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["PHASE_COLOURS", "phase_diagram", "plot_architectures", "plot_widths"]

# Light to dark, so that the phases can be told apart in grey.
PHASE_COLOURS = {"lazy": "#dfeaf5", "catapult": "#f3c98b", "divergent": "#9c5a6c"}
INK = {"lazy": "#35618f", "catapult": "#8a5208", "divergent": "#ffffff"}
MARKS = {"one sample": ("o", "#222222"), "linear network on data": ("s", "#1f5fa8")}

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
        ax.text((left + right) / 2, 0.97, phase, color=INK[phase], **_label(ax, va="top"))
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
    ax.set(yscale="log", xlim=(edges[0], edges[-1]), ylim=(30, 3e14))
    ax.set(xlabel=r"learning rate  $c=\eta\lambda_0$", ylabel="width  $n$")
    ax.set_xticks(range(1, 7))
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, fontsize=8, edgecolor="none")
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
    left, right = 1.0, 40.0
    networks = _widest(rows)
    for place, found in enumerate(networks.values()):
        means = [_mean_and_spread(found[kind])[0] if kind in found else None for kind in KINDS]
        edges = [left, means[0] or 2.0, means[1] or right, right]
        for colour, start, end in zip(PHASE_COLOURS.values(), edges[:-1], edges[1:], strict=True):
            ax.barh(place, end - start, left=start, height=0.72, color=colour, lw=0)
        for kind in found:
            values, open_ = _centres(found[kind])
            jitter = place + np.linspace(-0.22, 0.22, len(values))
            ax.plot(values[~open_], jitter[~open_], ".", ms=3, color="#222222", alpha=0.6)
            ax.plot(values[open_], jitter[open_], ">", ms=3, color="#222222", alpha=0.6)
            mean, spread = _mean_and_spread(found[kind])
            options: dict[str, Any] = {"fmt": "o", "ms": 5, "mfc": "white", "color": "black"}
            options |= {"capsize": 3} | kwargs
            ax.errorbar(mean, place, xerr=spread, **options)
    for value, style in ((2, "--"), (4, "--"), (12, ":")):
        ax.axvline(value, color="black", lw=1, ls=style)
    for phase, x in zip(PHASE_COLOURS, (1.42, 2.9, 30.0), strict=True):
        ax.text(
            x,
            len(networks) - 0.42,
            phase,
            color=INK[phase] if phase != "divergent" else "#7a3a4c",
            ha="center",
            va="bottom",
            fontweight="bold",
            fontsize=9,
        )
    ax.set(xscale="log", xlim=(left, right), ylim=(-0.6, len(networks) - 0.05))
    ax.set_yticks(range(len(networks)), list(networks), fontsize=8)
    ticks = (1, 2, 4, 8, 12, 20, 40)
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(r"learning rate  $c=\eta\lambda_0$")
    return ax


KINDS = ("rise", "end")


def phase_diagram(rows: Rows) -> Figure:
    """Draw the linear network beside trained networks.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of ``report.json``.
    """
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    plot_widths(rows, ax=left)
    left.set_title("linear network, exact at any width", fontsize=10)
    plot_architectures(rows, ax=right)
    right.set_title("trained networks on data, widest of each", fontsize=10)
    return figure


def _label(ax: Axes, **options: Any) -> dict[str, Any]:
    """Place a phase's name at a height in units of the axes."""
    base = {"transform": ax.get_xaxis_transform(), "ha": "center"}
    return base | {"fontweight": "bold", "fontsize": 9} | options


def _centres(row: dict[str, Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Centre of each seed's bracket, and which brackets are open above."""
    lower, upper = np.array(row["brackets"], dtype=float).T
    open_ = np.isnan(upper)
    return np.where(open_, lower, (lower + upper) / 2), open_


def _mean_and_spread(row: dict[str, Any]) -> tuple[float, float]:
    """Mean over seeds and their standard deviation, or half a bracket where that is wider."""
    lower, upper = np.array(row["brackets"], dtype=float).T
    centres, _ = _centres(row)
    return float(centres.mean()), float(max(centres.std(), np.nanmean(upper - lower) / 2))


def _widest(rows: Rows) -> dict[str, dict[str, dict[str, Any]]]:
    """Pick for every trained network and boundary the row of the largest width."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["width"]):
        if row["model"] not in MARKS:
            found.setdefault(row["model"], {})[row["boundary"]] = row
    return dict(sorted(found.items(), reverse=True))
