"""The canvas of all figures: without a window, and alike whatever a user's Matplotlib is set to."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from textwrap import fill
from typing import Any

from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.validation import InputError, require_instance, shown


def _import_matplotlib() -> None:
    """Import Matplotlib, also where the environment names a backend that is not installed.

    A notebook names its own backend to every program that it starts. No backend is loaded here,
    as pyplot is never imported.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if named is not None:
        os.environ["MPLBACKEND"] = named
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = named


_import_matplotlib()

from matplotlib import font_manager, rc_context, style  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import Colormap, ListedColormap, LogNorm, is_color_like  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402


def house_style() -> AbstractContextManager[Any]:
    """Return a context in which Matplotlib has its default style, not that of the user."""
    return style.context("default")


def panels(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any
) -> tuple[Figure, Any]:
    """Return a figure, its size in inches, and its axes; options are those of ``subplots``."""
    with house_style():
        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def new_axes() -> Axes:
    """Return the axes of a new figure."""
    axes: Axes = panels(size=(6.4, 4.8))[1]
    return axes


def require_axes(ax: Axes | None) -> Axes:
    """Return the axes that are given, those of a new figure for None, or raise InputError."""
    return new_axes() if ax is None else require_instance("ax", ax, Axes, "axes of Matplotlib")


def require_rows(name: str, rows: Any, *entries: str) -> list[dict[str, Any]]:
    """Return the rows of a table, mappings with given entries, or raise InputError.

    Examples
    --------
    >>> require_rows("rows", [{"c": 1.0}], "c")
    [{'c': 1.0}]
    """
    listed: list[Any] = list(rows) if isinstance(rows, Sequence) else [None]
    if not all(isinstance(row, Mapping) and set(entries) <= set(row) for row in listed):
        raise InputError(
            f"{name} must be a list of mappings with {', '.join(entries)}; got {shown(rows)}"
        )
    return listed


def entitle(figure: Figure, title: str) -> None:
    r"""Write a title in as many lines as it needs to fit; it is not read as a formula.

    Letters that the font does not have, as may be in names of files, are escaped.

    Examples
    --------
    >>> figure, _ = panels(size=(4, 3))
    >>> entitle(figure, "a title of many words, too many for one line, " * 2 + "with $x$")
    >>> figure.get_suptitle().count("\n") > 0, figure.get_suptitle()[-3:]
    (True, '$x$')
    """
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    has = (bool(font.get_char_index(ord(letter))) for letter in title)
    title = "".join(x if known else ascii(x)[1:-1] for x, known in zip(title, has, strict=True))
    text = figure.suptitle("", fontsize=9, parse_math=False)
    for letters in range(int(15 * figure.get_figwidth()), 1, -1):
        text.set_text(fill(title, letters))
        if text.get_window_extent().width < 0.92 * figure.bbox.width:
            return


def colour_map(colours: Sequence[str]) -> Colormap:
    """Return a map from 0, 1, 2, ... to these colours."""
    return ListedColormap(list(colours))


def require_colours(name: str, given: Any, count: int) -> list[str] | None:
    """Return so many colours, or None for None, or raise InputError."""
    if given is None:
        return None
    found = list(given) if isinstance(given, Sequence) else []
    if len(found) != count or not all(map(is_color_like, found)):
        raise InputError(f"{name} must be {count} colours of Matplotlib; got {shown(given)}")
    return found


def log_shades(low: float, high: float) -> LogNorm:
    """Return the shades of numbers by their logarithm, from the lightest to the darkest."""
    return LogNorm(low, high)


def save(figure: Figure, path: str | Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG and SVG, each time the same bytes, replacing the path's suffix."""
    path = Path(path)
    unsaid: dict[str, dict[str, Any]] = {".png": {"Software": None}}
    unsaid[".svg"] = {"Creator": None, "Date": None}
    for suffix, metadata in unsaid.items():
        with io.BytesIO() as picture, house_style(), rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(picture, format=suffix[1:], dpi=dpi, metadata=metadata)
            write_whole(path.with_suffix(suffix), picture.getvalue())
