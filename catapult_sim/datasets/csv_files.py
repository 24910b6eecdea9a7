"""CSV files as people have them: a table of numbers, with a label in every line."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.datasets.csv_header import (
    LABEL_NAMES,
    are_of_rows,
    dropped,
    fitted,
    header_in_comment,
    may_begin_with_header,
    misfit,
    named,
    names_columns,
)
from catapult_sim.datasets.csv_lines import (
    MISSING,
    Row,
    decimal_of,
    in_words,
    is_comment,
    is_held,
    is_number,
    number,
    rows_of,
    separator_of,
    text_of,
    without_comments,
    without_last,
)
from catapult_sim.datasets.dataset import Samples
from catapult_sim.datasets.label_text import AS_NAMES, DASHES, missing_one, odd_one
from catapult_sim.datasets.labels import could_be_classes
from catapult_sim.printing import counted
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import EXACT, InputError, shown


def read_csv(
    source: str, content: bytes, label_column: str | None = None, drop: str | None = None
) -> Samples:
    """Return the samples of a table, or raise InputError.

    Parameters
    ----------
    source : str
    content : bytes
    label_column : str, optional
        "first", "last", the number of a column counted from 1, or its name in the header. By
        default the column that is called label, class, target or y; else the only one that has
        names; else the last.
    drop : str, optional
        Columns to leave out, by numbers or names, with commas between them.
    """
    text = text_of(content)
    separator = separator_of(text)
    point = decimal_of(text, separator)
    rows = rows_of(text, separator)
    first = list(islice((row for row in rows_of(text, separator) if not is_comment(row)), 3))
    if first and all(values[-1] == "" for _, values in first):
        first, rows = list(without_last(first)), without_last(rows)
    header, names = (0, list[str]()) if not _begins_with_header(first, point) else first.pop(0)
    if not first:
        raise InputError("has no lines of numbers")
    if not names:
        names = header_in_comment(text, separator, first[0][1], point)
        header = min(len(names), 1)  # in the first line
    columns = fitted(names, header, first)
    table = _Table(columns, first, point)
    if drop is not None:
        table.drop(drop)
    table.choose(label_column)
    left_out = list[int]()
    below = (row for row in rows if row[0] != header)
    samples = without_comments(below, first[0], point, left_out)
    if len(columns) > len(names):
        samples = named(samples, misfit(names, header, first[0]))
    with showing(None, f"lines of {source}", text.count("\n")) as tell:
        table.fill(samples, tell)
    found = table.samples(source)
    return replace(found, note=found.note + in_words(left_out))


def _begins_with_header(rows: Sequence[Row], decimal: str) -> bool:
    below = rows[1][1] if len(rows) > 1 else []
    return bool(rows) and names_columns(rows[0][1], below, decimal)


class _Table:
    """The inputs and labels of a file, line by line."""

    def __init__(self, names: list[str], first: Sequence[Row], decimal: str) -> None:
        self._names, self._first, self._decimal = names, first[0], decimal
        # Names of the rows, above which pandas and R write none, are left out.
        self._kept = [n for n in range(len(first[0][1])) if n or not names or names[0]]
        self._texts = [n for n in self._kept if not any(self._is_number(row, n) for row in first)]
        self._dropped = list[int]()
        self._at, self._said = self._kept[-1], False  # where the labels are
        self._lines: list[int] = []
        self._inputs, self._labels = array("d"), list[str]()

    def _is_number(self, row: Row, column: int) -> bool:
        return column < len(row[1]) and is_number(row[1][column], self._decimal)

    def drop(self, asked: str) -> None:
        """Leave out the columns that are asked for, or raise InputError."""
        self._dropped = dropped(asked, self._names, len(self._first[1]))
        self._kept = [n for n in self._kept if n not in self._dropped]
        self._texts = [n for n in self._texts if n in self._kept]
        self._at = (self._kept or [0])[-1]

    def choose(self, asked: str | None) -> None:
        """Choose the column of the labels, or raise InputError."""
        if len(self._kept) < 2:
            besides = " besides the name of the row" if len(self._first[1]) > 1 else ""
            if self._dropped:
                raise InputError(
                    f"has {counted(len(self._kept), 'column')} besides those left out; needed are "
                    "inputs and a label"
                )
            raise InputError(
                f"has one value in line {self._first[0]}{besides}; needed are inputs and a label, "
                "with commas, semicolons, tabs or spaces between them"
            )
        named = [n for n in self._kept if self._name(n).lower() in LABEL_NAMES]
        if asked is not None:
            self._at, self._said = self._asked(asked), True
        elif len(named) > 1:
            called = " and ".join(map(self._called, named))
            raise InputError(
                f"has labels in {called}; say which, as by label_column={self._name(named[0])!r}"
            )
        elif named:
            self._at, self._said = named[0], True
        elif len(self._texts) == 1:
            self._at = self._texts[0]

    @property
    def _columns(self) -> list[int]:
        """The columns of the inputs."""
        return [n for n in self._kept if n != self._at]

    def _asked(self, column: str) -> int:
        known = {"first": self._kept[0], "last": self._kept[-1]}
        known |= {str(n + 1): n for n in self._kept}
        known |= {name: n for n, name in enumerate(self._names) if n in self._kept}
        if not isinstance(column, str) or column not in known:
            names = [self._name(n) for n in self._kept[:10]]
            held = ", ".join(filter(None, names)) or "no names"
            raise InputError(
                f"must have the label column that is asked for: first, last, a number up to "
                f"{len(self._first[1])}, or a name of its header ({held}); got {shown(column)}"
            )
        return known[column]

    def fill(self, rows: Iterable[Row], tell: Progress | None) -> None:
        """Read all lines, or raise InputError at the first that is wrong."""
        width, at, inputs = len(self._first[1]), self._at, self._columns
        for line, values in rows:
            if len(values) != width:
                raise InputError(
                    f"has {counted(len(values), 'value')} in line {line}, and {width} in line "
                    f"{self._first[0]}"
                )
            if values[at].lower() in MISSING:
                raise self._refusal(line, at, values[at])
            self._lines.append(line)
            self._labels.append(values[at])
            self._inputs.extend(self._row(line, values, inputs))
            if tell is not None:
                tell(1)

    def _row(self, line: int, values: Sequence[str], columns: Sequence[int]) -> list[float]:
        """Return the numbers in some columns of a line, or raise InputError."""
        try:
            found = [number(values[n], self._decimal) for n in columns]
        except ValueError:
            found = [np.nan]
        if sum(map(abs, found)) < EXACT:
            return found
        return [self._number(line, n, values[n]) for n in columns]

    def _number(self, line: int, column: int, value: str) -> float:
        """Return the number that a value is and floats hold, or raise InputError."""
        if value.lower() in MISSING | DASHES or not is_number(value, self._decimal):
            raise self._refusal(line, column, value)
        found = number(value, self._decimal)
        if not np.isfinite(found):
            raise self._refusal(line, column, value, "which is not between -1.8e308 and 1.8e308")
        if not is_held(value, self._decimal):
            why = f"a whole number beyond {EXACT}, from where floats do not hold each"
            raise self._refusal(line, column, value, why)
        return found

    def _refusal(
        self, line: int, column: int, value: str, why: str = "which is not a number"
    ) -> InputError:
        place = f"line {line}, {self._called(column)}"
        if value.lower() in MISSING | DASHES:
            return InputError(f"has no value in {place}: fill it in, or delete the line")
        if self._decimal == "," and "." in value:
            why = "a decimal point, and decimal commas elsewhere"
        if column in self._texts and column != self._at:
            why += f"; leave the column out by drop={self._asked_as(column)!r}"
        return InputError(f"has {shown(value)} in {place}, {why}")

    def _name(self, column: int) -> str:
        return self._names[column] if column < len(self._names) else ""

    def _asked_as(self, column: int) -> str:
        return self._name(column) or str(column + 1)

    def _called(self, column: int) -> str:
        name = self._name(column)
        return f"column {column + 1} ({name})" if name else f"column {column + 1}"

    # What was found -----------------------------------------------------------------------

    def samples(self, source: str) -> Samples:
        """Return the table as inputs and labels, or raise InputError where both ends could be."""
        X = np.frombuffer(self._inputs).reshape(len(self._lines), -1)
        name = self._name(self._at)
        if name and name in self._labels:
            raise InputError(
                f"has {name!r} above the labels and as the label of line "
                f"{self._lines[self._labels.index(name)]}: write a header of other words above it"
            )
        mixed = self._mixed(X)
        if mixed or self._have_names(X):
            return replace(self._understood(X, np.array(self._labels), source), mixed=mixed)
        labels = zip(self._lines, self._labels, strict=True)
        y = np.array([self._number(line, self._at, label) for line, label in labels])
        if not self._said and could_be_classes(X[:, 0]) and not could_be_classes(y):
            first = self._columns[0]
            if (y != y[0]).any():
                raise InputError(
                    f"has numbers that could be classes in {self._called(first)} and others in "
                    f"{self._called(self._at)}, the last: say label_column='first', or "
                    "label_column='last'"
                )
            self._at, X, y = first, np.column_stack([X[:, 1:], y]), X[:, 0]
        return self._understood(X, y, source)

    def _mixed(self, X: Array) -> str:
        """Return why labels are numbers and names, or an empty text; raise InputError for gaps."""
        missing = missing_one(self._labels)
        if missing is not None:
            raise self._refusal(self._lines[missing], self._at, self._labels[missing])
        odd = odd_one(self._labels, self._decimal)
        if odd is None:
            return ""
        place, why = odd
        refusal = self._refusal(self._lines[place], self._at, self._labels[place], why)
        if self._may_begin_with_header(X):
            raise refusal
        return f"{refusal}; {AS_NAMES}"

    def _may_begin_with_header(self, X: Array) -> bool:
        return not self._names and may_begin_with_header(X, self._labels)

    def _have_names(self, X: Array) -> bool:
        """Return whether labels are names, or raise InputError where these are of rows."""
        if is_number(self._labels[0], self._decimal):
            return False
        last = self._at == self._kept[-1]
        if not self._said and are_of_rows(self._labels, last):
            raise InputError(
                f"has what look like names or dates of rows in {self._called(self._at)}, not "
                f"labels: leave the column out by drop={self._asked_as(self._at)!r}, or name it as "
                "the label column"
            )
        if self._may_begin_with_header(X):
            raise InputError(
                f"begins in line {self._lines[0]} with a header of numbers or with a sample: write "
                "a header of words, such as x1, in its place or above it"
            )
        return True

    def _understood(self, X: Array, y: npt.NDArray[Any], source: str) -> Samples:
        """Return samples, with a note on columns of names and numbers of the rows."""
        of_rows = 0 not in [*self._kept, *self._dropped]
        note = "; column 1 has names of rows and is left out" * of_rows
        if self._dropped:
            note += f"; without {', '.join(map(self._called, self._dropped))}"
        counts = [n for n, column in zip(self._columns, X.T, strict=True) if _counts(column)]
        for called in map(self._called, counts):
            note += f"; {called} counts the samples and is an input"
        return Samples(X, y, source, self._called(self._at), note=note)


def _counts(column: Array) -> bool:
    """Return whether numbers count from 0 or 1 on, as those of rows do."""
    return bool(column[0] in (0, 1) and len(column) > 2 and (np.diff(column) == 1).all())
