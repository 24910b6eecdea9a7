"""The style of all figures: colours, words, panels, error bars, and how a figure is saved."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.types import Array

BLUE, TEAL, GREEN, FERN, SAGE = "#35618f", "#3f8f7a", "#5b8c5a", "#4f8a5b", "#5b8a72"
ORANGE, AMBER, OCHRE, TAN, BROWN = "#d98e1f", "#c9791a", "#b0741a", "#d08a3c", "#8a5208"
ROSE, WINE, RED, PINK, VIOLET = "#9c4a60", "#8a3f54", "#b3261e", "#b06a7c", "#5b4a8a"
GREY = "#8a8a8a"

# Light to dark, so that the phases can be told apart in grey.
PHASE_COLOURS = {"lazy": "#dfeaf5", "catapult": "#eebb73", "divergent": PINK}
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


def panels(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any
) -> tuple[Figure, Any]:
    """Return a figure, its size in inches, and its axes; options are those of ``subplots``."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def letter_panels(axes: Iterable[Axes], titles: Iterable[str] = ()) -> None:
    """Write (a), (b), ... above the left corner of each panel, followed by its title, if any."""
    for letter, ax, title in zip_longest(ascii_lowercase, axes, titles, fillvalue=None):
        if ax is None:
            return
        ax.set_title(f"({letter}) {title or ''}".rstrip(), loc="left", fontsize=10)


def set_ticks(axis: Any, values: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Put ticks of an axis at these values only; labels are the numbers unless given."""
    axis.set_ticks(values, labels or [f"{value:g}" for value in values])
    axis.axes.minorticks_off()


def shade_phases(ax: Axes, edges: Sequence[float], *, alpha: float | None = 0.5) -> None:
    """Colour the ranges between successive edges as lazy, catapult and divergent."""
    for (left, right), colour in zip(pairwise(edges), PHASE_COLOURS.values(), strict=False):
        ax.axvspan(left, right, color=colour, lw=0, alpha=alpha)


def mean_and_error(values: npt.ArrayLike, axis: int = 0) -> tuple[Array, Array]:
    """Return the mean over an axis and its standard error.

    Examples
    --------
    >>> mean, error = mean_and_error([[1.0, 0.0], [3.0, 0.0]])
    >>> mean.tolist(), error.tolist()
    ([2.0, 0.0], [1.0, 0.0])
    """
    values = np.asarray(values)
    error = values.std(axis=axis, ddof=1) / np.sqrt(values.shape[axis])
    return values.mean(axis=axis), error


def band(ax: Axes, x: Any, low: Any, middle: Any, high: Any, **style: Any) -> None:
    """Draw a line, and a band from low to high in a lighter shade of its ``color``."""
    ax.fill_between(x, low, high, color=style["color"], alpha=0.2, lw=0)
    ax.plot(x, middle, **{"lw": 1.5} | style)


def save(figure: Figure, path: str | Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG and SVG, each time the same bytes, replacing the path's suffix."""
    path = Path(path)
    for suffix, metadata in ((".png", None), (".svg", {"Date": None})):
        with io.BytesIO() as picture, rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(picture, format=suffix[1:], dpi=dpi, metadata=metadata)
            write_whole(path.with_suffix(suffix), picture.getvalue())
