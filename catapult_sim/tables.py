"""Tables, given as columns by name: as HTML for notebooks, or as a pandas DataFrame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import not_installed

if TYPE_CHECKING:
    import pandas

Columns = Mapping[str, Sequence[Any] | Array]

ROWS = 20  # the largest number that HTML shows


def html_table(columns: Columns, caption: str = "") -> str:
    """Return columns as an HTML table: the first 20 rows, all text escaped.

    Parameters
    ----------
    columns : mapping of str to sequence
        All of one length; numbers are written with five digits.
    caption : str

    Examples
    --------
    >>> print(html_table({"claim": ["a < b"], "value": [1 / 3]}, caption="Judged"))
    <table>
    <caption>Judged</caption>
    <tr><th>claim</th><th>value</th></tr>
    <tr><td>a &lt; b</td><td>0.33333</td></tr>
    </table>
    """
    length = max(map(len, columns.values()), default=0)
    rows = list(zip(*(column[:ROWS] for column in columns.values()), strict=True))
    more = f" (the first {ROWS} of {length})" if length > ROWS else ""
    return "\n".join(
        [
            "<table>",
            *([f"<caption>{escape(caption + more)}</caption>"] if caption or more else []),
            _row("th", columns),
            *(_row("td", map(_text, row)) for row in rows),
            "</table>",
        ]
    )


def _row(tag: str, entries: Any) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(one))}</{tag}>" for one in entries) + "</tr>"


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)


def data_frame(columns: Columns) -> pandas.DataFrame:
    """Return columns as a pandas DataFrame.

    Raises
    ------
    ImportError
        Where pandas is not installed.

    Examples
    --------
    >>> data_frame({"c": [1.0, 3.0], "phase": ["lazy", "catapult"]})
         c     phase
    0  1.0      lazy
    1  3.0  catapult
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(not_installed("to_frame", "pandas")) from None
    return pandas.DataFrame(dict(columns))


def member_columns(ensemble: tuple[int, ...]) -> dict[str, Array]:
    """Return the index of each member along each axis of its ensemble, each ``(N,)``.

    Examples
    --------
    >>> member_columns((2,))
    {'member': array([0, 1])}
    >>> member_columns((2, 3))
    {'axis_0': array([0, 0, 0, 1, 1, 1]), 'axis_1': array([0, 1, 2, 0, 1, 2])}
    >>> member_columns(())  # a single run has no axes
    {}
    """
    names = ["member"] if len(ensemble) == 1 else [f"axis_{k}" for k in range(len(ensemble))]
    places = np.indices(ensemble).reshape(len(ensemble), math.prod(ensemble))
    return dict(zip(names, places, strict=True))


def long_columns(
    step: npt.NDArray[np.int64], values: Mapping[str, Array], stopped: npt.NDArray[np.int64]
) -> dict[str, Array]:
    """Return quantities of a run in long form: a row for each step of each member until its end.

    Parameters
    ----------
    step : numpy.ndarray, shape (T,)
    values : mapping of str to numpy.ndarray
        Each ``(T, ...)`` or ``(T, ..., *Q)``: a column for each entry of Q.
    stopped : numpy.ndarray, shape (...)
        The last step of each member.

    Examples
    --------
    >>> values = {"x": np.array([[1.0, 2.0], [3.0, np.nan]])}
    >>> for name, column in long_columns(np.arange(2), values, np.array([1, 0])).items():
    ...     print(name, column)
    step [0 0 1]
    member [0 1 0]
    x [1. 2. 3.]
    """
    ran = step.reshape(-1, *[1] * stopped.ndim) <= stopped
    steps = np.broadcast_to(step.reshape(-1, *[1] * stopped.ndim), ran.shape)
    rows = {"step": steps[ran]}
    for name, places in member_columns(stopped.shape).items():
        rows[name] = np.broadcast_to(places.reshape(stopped.shape), ran.shape)[ran]
    for name, array in values.items():
        for entry in np.ndindex(array.shape[ran.ndim :]):
            label = f"{name}[{', '.join(map(str, entry))}]" if entry else name
            rows[label] = array[(..., *entry)][ran]
    return rows
