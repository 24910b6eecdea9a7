"""Draw the boundaries that a verification, ``catapult-sim verify``, has measured."""

from __future__ import annotations

from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.experiments.networks import LINEAR
from catapult_sim.experiments.one_sample import ONE_SAMPLE
from catapult_sim.plots import canvas, style
from catapult_sim.plots.brackets import Row, Rows, mean_and_spread, seed_centres

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {ONE_SAMPLE: ("o", "#222222"), LINEAR: ("s", "#1f5fa8")}
RANGE = (1.0, 40.0)
LINES = {
    2: ("--", "linear theory, 2 and 4"),
    4: ("--", None),
    12: (":", "ReLU in the literature, 12"),
}


def phase_diagram(rows: Rows, title: str = "") -> Figure:
    """Return a figure of the linear network and of trained networks, a panel each if measured.

    Parameters
    ----------
    rows : sequence of dict
        The entry ``"boundaries"`` of ``report.json``.
    title : str
    """
    exact = any(row["model"] in MARKS for row in rows)
    panels: list[tuple[str, Callable[..., Axes], float]] = []
    if exact:
        panels += [("linear network, exact at any width", plot_widths, 4.7)]
    if not exact or _widest(rows):
        panels += [("trained networks on data", plot_architectures, 5.8)]
    ratios, height = [width for _, _, width in panels], max(5.0, 1.6 + 0.3 * len(_widest(rows)))
    with canvas.house_style():
        figure, axes = canvas.panels(
            1, len(panels), size=(sum(ratios), height), width_ratios=ratios, squeeze=False
        )
        for ax, (name, plot, _) in zip(axes[0], panels, strict=True):
            plot(rows, ax=ax).set_title(name, fontsize=10, pad=18)
        canvas.entitle(figure, title)
    return figure


def plot_widths(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the boundaries of the linear network against its width, over the predicted phases.

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
    ax = canvas.require_axes(ax)
    rows = canvas.require_rows("rows", rows, "model", "width", "brackets")
    edges = (1.0, 2.0, 4.0, 6.0)
    style.shade_phases(ax, edges, alpha=None)
    for (phase, ink), (left, right) in zip(style.INK.items(), pairwise(edges), strict=True):
        ax.text((left + right) / 2, 0.02, phase, color=ink, **_label(ax))
    for model, (marker, colour) in MARKS.items():
        chosen = [row for row in rows if row["model"] == model]
        points = [(row["width"], *mean_and_spread(row)) for row in chosen]
        if points:
            widths, means, spreads = np.array(points).T
            look = style.HOLLOW | {"ls": "", "marker": marker, "color": colour, "label": model}
            ax.errorbar(means, widths, xerr=spreads, **look | kwargs)
    for predicted in edges[1:-1]:
        ax.axvline(predicted, color="black", lw=1, ls="--")
    ax.set(yscale="log", xlim=(edges[0], edges[-1]), ylim=(30, 1e14))
    ax.set(xlabel=style.AXES["c"], ylabel=style.AXES["width"])
    ax.set_xticks(range(1, 7))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper right", frameon=True, framealpha=0.9, fontsize=8, edgecolor="none")
    return ax


def plot_architectures(rows: Rows, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the phases of trained networks, one bar each; a dot is one seed.

    Arguments are those of :func:`plot_widths`.
    """
    ax = canvas.require_axes(ax)
    networks = _widest(canvas.require_rows("rows", rows, "model", "width", "boundary", "brackets"))
    for place, found in enumerate(networks.values()):
        _phase_bar(ax, place, found)
        for row in found.values():
            centres, open_ = seed_centres(row)
            jitter = place + np.linspace(-0.24, 0.24, len(centres))
            for marker, chosen in ((".", ~open_), (">", open_)):
                ax.plot(centres[chosen], jitter[chosen], marker, ms=3, color="#333333", alpha=0.6)
            mean, spread = mean_and_spread(row)
            options: dict[str, Any] = {"fmt": "o", "ms": 5, "mfc": "white", "color": "black"}
            ax.errorbar(mean, place, xerr=spread, **options | {"capsize": 3} | kwargs)
    for value, (line, label) in LINES.items():
        ax.axvline(value, color="black", lw=1, ls=line, label=label)
    for phase, x in zip(style.PHASE_COLOURS, (1.42, 2.83, 27.0), strict=True):
        ax.text(x, 1.0, phase, color=style.INK_ON_WHITE[phase], **_label(ax))
    ax.set(xscale="log", xlim=RANGE, ylim=(len(networks) - 0.4, -0.6))
    ax.set_yticks(range(len(networks)), [fill(name, 30) for name in networks], fontsize=7.5)
    style.set_ticks(ax.xaxis, (1, 2, 4, 8, 12, 20, 40))
    ax.set_xlabel(style.AXES["c"])
    under = -1.7 / max(12, len(networks))  # as far below many rows as below few
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, under), "ncols": 2}
    ax.legend(fontsize=8, frameon=False, **below)
    return ax


def _phase_bar(ax: Axes, place: int, found: dict[str, Row]) -> None:
    """Draw the phases of one network as a bar, blank where no boundary was met."""
    rise = mean_and_spread(found["rise"])[0] if "rise" in found else None
    end, converged, open_ = None, False, True
    if "end" in found:
        end = mean_and_spread(found["end"])[0]
        converged = any(lower > 0 for lower, _ in found["end"]["brackets"])
        open_ = any(upper is None for _, upper in found["end"]["brackets"])
    # Without a seed that converged there is no catapult to draw.
    stretches = {
        "lazy": (RANGE[0], rise),
        "catapult": (rise, end if converged else None),
        "divergent": (None if open_ else end, RANGE[1]),
    }
    for phase, (start, stop) in stretches.items():
        if start is not None and stop is not None:
            colour = style.PHASE_COLOURS[phase]
            ax.barh(place, stop - start, left=start, height=0.76, color=colour, lw=0)


def _label(ax: Axes) -> dict[str, Any]:
    """Return the style of a phase's name; its height is a fraction of the axes."""
    place = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom"}
    return place | {"fontweight": "bold", "fontsize": 9}


def _widest(rows: Rows) -> dict[str, dict[str, Row]]:
    """Return the row of the largest width, by trained network and boundary."""
    found: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: row["width"]):
        if row["model"] not in MARKS:
            found.setdefault(row["model"], {})[row["boundary"]] = row
    return {row["model"]: found[row["model"]] for row in rows if row["model"] in found}
