"""Panels of runs against the step: their loss and their curvature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.plots import canvas, style
from catapult_sim.validation import require_instance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Runs = Mapping[float, Mapping[str, Any]]  # by c: the phase, and quantities step by step


def runs(found: Runs, title: str = "", momentum: float = 0.0) -> Figure:
    """Return a figure of loss and curvature of runs, see :func:`plot_runs`.

    The curvature is eta lambda, learning rate times top kernel eigenvalue. Dashed is
    2 (1 + momentum), up to which training with full batches is stable where it is linear.
    """
    with canvas.house_style():
        height = max(4.8, 2.0 + 0.18 * len(found))  # room for the legend
        figure, (upper, lower) = canvas.panels(2, 1, size=(7.2, height), sharex=True)
        scaled = {c: {**run, "curvature": _curvature(c, run)} for c, run in found.items()}
        plot_runs(scaled, "loss", ax=upper)
        plot_runs(scaled, "curvature", ax=lower)
        stable = float(largest_stable_rate(1, momentum=momentum))
        label = rf"linear theory, $\eta\lambda$ = {stable:g}"
        lower.axhline(stable, color="black", lw=1, ls="--", label=label)
        upper.set(yscale="log", ylabel="loss", ylim=_limits(scaled, "loss"))
        lower.set(xlabel="step", ylabel=r"curvature  $\eta\lambda$")
        lower.set_ylim(0, max(1.25 * stable, _limits(scaled, "curvature")[1]))
        longest = max((len(run["loss"]) - 1 for run in found.values()), default=0) or 1
        lower.set_xlim(-0.03 * longest, 1.03 * longest)
        lower.xaxis.get_major_locator().set_params(integer=True)
        look = {"loc": "outside right center", "fontsize": 8, "handlelength": 4}  # shows dashes
        figure.legend(*lower.get_legend_handles_labels(), **look)
        canvas.entitle(figure, title)
    return figure


def _curvature(c: float, run: Mapping[str, Any]) -> list[float | None]:
    """Return eta lambda at each step: c at the start, where lambda is lambda_0."""
    top = run["top_eigenvalue"]
    return [None if value is None else c * (value / top[0]) for value in top]


def _limits(found: Runs, quantity: str) -> tuple[float, float]:
    """Return limits that hold the starts of all runs, and all values where they do not diverge."""
    starts = [run[quantity][0] for run in found.values()]
    inside = [run[quantity] for run in found.values() if run["phase"] != "divergent"]
    values = [value for column in [starts, *inside] for value in column if value] or [1.0]
    return min(values) / 1.5, max(values) * 1.5


def plot_runs(runs: Runs, quantity: str = "loss", *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw a quantity of runs at several learning rates against the step.

    Colours are those of the phases; runs of one phase differ in their dashes.

    Parameters
    ----------
    runs : mapping
        By c, each with its ``phase`` and the values of ``quantity``, None where not measured.
    quantity : str
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.plot``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where runs are another thing, such as a Trajectory.

    Examples
    --------
    >>> found = {1: {"phase": "lazy", "loss": [1.0, 0.5]}, 9: {"phase": "divergent", "loss": [1.0]}}
    >>> [line.get_label() for line in plot_runs(found).lines]
    ['c = 1, lazy', 'c = 9, divergent']
    """
    described = f"a mapping from each c to its phase and its {quantity}"
    require_instance("runs", runs, Mapping, described)
    canvas.require_rows("the values of runs", list(runs.values()), "phase", quantity)
    ax = canvas.require_axes(ax)
    for (c, run), dashes in zip(runs.items(), _dashes(runs.values()), strict=True):
        look = {"color": style.LINE_COLOURS[run["phase"]], "ls": dashes, "lw": 1.4}
        look |= {"marker": ".", "markevery": [0]}  # a run may have one step only
        look |= {"label": f"c = {c:g}, {run['phase']}"} | kwargs
        ax.plot(np.array(run[quantity], dtype=float), **look)
    return ax


def _dashes(found: Iterable[Mapping[str, Any]]) -> Iterable[Any]:
    """Yield a line style for each run: solid for the first of a phase, then dashes with dots."""
    seen: Counter[str] = Counter()
    for run in found:
        dots = seen[run["phase"]]
        yield "-" if dots == 0 else (0, (5, 1.5) + (1, 1.5) * (dots - 1))
        seen[run["phase"]] += 1
