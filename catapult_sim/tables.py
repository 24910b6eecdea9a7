"""Tables, given as columns by name: as HTML for notebooks, or as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

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
