"""The style of all figures: colours, words, ticks, letters of panels, error bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, zip_longest
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, TEAL, GREEN, FERN, SAGE = "#35618f", "#3f8f7a", "#5b8c5a", "#4f8a5b", "#5b8a72"
ORANGE, AMBER, OCHRE, TAN, BROWN = "#d98e1f", "#c9791a", "#b0741a", "#d08a3c", "#8a5208"
ROSE, WINE, RED, PINK, VIOLET = "#9c4a60", "#8a3f54", "#b3261e", "#b06a7c", "#5b4a8a"

# Phases, as areas and as lines. Each is light to dark in an order of its own, so that phases can be
# told apart in grey and without red or green.
PHASE_COLOURS = {"lazy": "#dfeaf5", "catapult": "#eebb73", "divergent": PINK}
UNDECIDED = "#4d4d4d"  # as an area
LINE_COLOURS = {"lazy": BLUE, "catapult": "#e39a2d", "divergent": "#4f1029"}
LINE_COLOURS |= {"undecided": "#858585"}
INK = {"lazy": BLUE, "catapult": BROWN, "divergent": "white"}  # on the colours above
INK_ON_WHITE = INK | {"divergent": WINE}
ACTIVATION_COLOURS = {"relu": WINE, "tanh": BLUE}

AXES = {
    "c": r"learning rate  $c=\eta\lambda_0$",
    "width": "width  $n$",
    "depth": "hidden layers",
    "scale": "standard deviation of the initial weights",
    "momentum": r"momentum  $\beta$",
    "batch_size": "samples in a batch",
}
NAMES = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "tanh"}
NAMES |= {"cross_entropy": "cross-entropy", "squared_error": "squared error"}

# Hollow points with error bars, for ``Axes.errorbar``.
HOLLOW: dict[str, Any] = {"ms": 5, "mfc": "white", "mew": 1.3, "lw": 1.3, "capsize": 2.5}


def letter_panels(axes: Iterable[Axes], titles: Iterable[str] = ()) -> None:
    """Write (a), (b), ... above the left corner of each panel, followed by its title, if any."""
    for letter, ax, title in zip_longest(ascii_lowercase, axes, titles, fillvalue=None):
        if ax is None:
            return
        ax.set_title(f"({letter}) {title or ''}".rstrip(), loc="left", fontsize=10)


def set_ticks(axis: Any, values: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Put ticks of an axis at these values only; labels are the numbers unless given."""
    axis.set_ticks(values, labels or [f"{value:.10g}" for value in values])
    axis.axes.minorticks_off()


def set_log_scale(ax: Axes) -> None:
    """Scale the vertical axis by powers of ten; where it spans less than one, by plain numbers."""
    even = ax.yaxis.get_major_locator().tick_values(*ax.get_ylim())
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 10 * low:
        set_ticks(ax.yaxis, [tick for tick in even if low < tick < high])


def shade_phases(ax: Axes, edges: Sequence[float], *, alpha: float | None = 0.5) -> None:
    """Colour the ranges between successive edges as lazy, catapult and divergent."""
    for (left, right), colour in zip(pairwise(edges), PHASE_COLOURS.values(), strict=False):
        ax.axvspan(left, right, color=colour, lw=0, alpha=alpha)


def mean_and_error(values: npt.ArrayLike, axis: int = 0) -> tuple[Array, Array]:
    """Return the mean over an axis and its standard error, NaN of a single value.

    Examples
    --------
    >>> mean, error = mean_and_error([[1.0, 0.0], [3.0, 0.0]])
    >>> mean.tolist(), error.tolist()
    ([2.0, 0.0], [1.0, 0.0])
    """
    values = np.asarray(values)
    mean, count = values.mean(axis=axis), values.shape[axis]
    if count == 1:
        return mean, np.full(mean.shape, np.nan)
    return mean, values.std(axis=axis, ddof=1) / np.sqrt(count)


def band(ax: Axes, x: Any, low: Any, middle: Any, high: Any, **style: Any) -> None:
    """Draw a line, and a band from low to high in a lighter shade of its ``color``."""
    ax.fill_between(x, low, high, color=style["color"], alpha=0.2, lw=0)
    ax.plot(x, middle, **{"lw": 1.5} | style)
