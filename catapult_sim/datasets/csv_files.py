"""CSV files as people have them: a table of numbers, with a label in every line.

Between values there are commas, semicolons, tabs, vertical bars or spaces; where it is not commas,
numbers may have decimal commas. Quotes are read by the standard library; its Sniffer is not asked,
because it takes decimal commas for separators.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np

from catapult_sim.datasets.dataset import Samples
from catapult_sim.datasets.labels import could_be_classes
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import InputError

SEPARATORS = ("\t", ";", ",", "|", " ")
MISSING = {"", "?", "na", "n/a", "nan", "null"}
LABEL_NAMES = {"label", "labels", "class", "target", "y"}
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Row = tuple[int, list[str]]  # the number of a line, as an editor counts, and its values


def read_csv(source: str, content: bytes, label_column: str | None = None) -> Samples:
    """Return the samples of a table, or raise InputError.

    Parameters
    ----------
    source : str
    content : bytes
    label_column : str, optional
        "first", "last", the number of a column counted from 1, or its name in the header. By
        default the column that is called label, class, target or y; else the only one that has
        names; else the last.
    """
    text = _text(content)
    separator = _separator(text)
    point = _decimal(text, separator)
    rows = _rows(text, separator)
    first = list(islice(rows, 3))
    if first and all(values[-1] == "" for _, values in first):
        first, rows = list(_shorter(first)), _shorter(rows)
    names = first.pop(0)[1] if _begins_with_header(first, point) else []
    if not first:
        raise InputError("has no lines of numbers")
    names = names or _header_in_comment(text, separator, first[0][1])
    table = _Table(names, first, point)
    table.choose(label_column)
    with showing(None, f"lines of {source}", text.count("\n")) as tell:
        table.fill(_told(chain(first, rows), tell))
    return table.samples(source)


def _told(rows: Iterable[Row], tell: Progress | None) -> Iterator[Row]:
    """Yield lines, and tell a bar of each."""
    for row in rows:
        yield row
        if tell is not None:
            tell(1)


# Lines ----------------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    """Return the text of a file with line ends of one kind, or raise InputError."""
    encoding = MARKS.get(content[:2], "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise InputError("is neither text nor an archive of numpy.savez nor an IDX file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _separator(text: str) -> str:
    """Return what stands between values: that of the second line, which is no header."""
    lines = (line for line in io.StringIO(text) if line.strip() and line[0] != "#")
    sample = list(islice(lines, 2))
    told = re.fullmatch(r'"?sep=(.)"?\s*', sample[0]) if sample else None
    unquoted = re.sub(r'"[^"]*"|\s#.*', "", sample[-1]) if sample else ""
    return told[1] if told else next((one for one in SEPARATORS if one in unquoted), ",")


def _decimal(text: str, separator: str) -> str:
    """Return the decimal mark: a comma where it separates no values and a number has one."""
    if separator == ",":
        return "."
    edge = r"\s" if separator == " " else rf"{re.escape(separator)}\n"
    number = rf'(?:^|[{edge}])\s*"?[+-]?\d+,\d+(?:[eE][+-]?\d+)?"?\s*(?:[{edge}]|$)'
    return "," if re.search(number, text) else "."


def _rows(text: str, separator: str) -> Iterator[Row]:
    """Yield the lines that have values, without comments."""
    for number, values in _split(text, separator):
        stripped = _without_comment([value.strip() for value in values])
        if any(stripped) and not stripped[0].startswith(("#", "sep=")):
            yield number, stripped


def _without_comment(values: list[str]) -> list[str]:
    """Return the values of a line without a comment after the last number."""
    number, mark, _ = values[-1].partition(" #") if values else ("", "", "")
    point = "," if "," in number else "."
    return [*values[:-1], number.strip()] if mark and _is_number(number, point) else values


def _split(text: str, separator: str) -> Iterator[Row]:
    lines = io.StringIO(text)
    if separator == " ":
        for number, line in enumerate(lines, 1):
            yield number, re.split(r"\s#", line, maxsplit=1)[0].split()
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        raise InputError(f"has quotes that do not fit in line {reader.line_num}: {error}") from None


def _shorter(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield lines without the empty value after a separator at their ends."""
    yield from ((number, values[:-1] if values[-1] == "" else values) for number, values in rows)


def _begins_with_header(rows: Sequence[Row], decimal: str) -> bool:
    """Return whether the first of two lines names the columns.

    It has names only, or beside them numbers that count columns, and a name stands above a number.
    """
    if not rows:
        return False
    head = rows[0][1]
    words = [not _is_number(value, decimal) and value.lower() not in MISSING for value in head]
    counted = [int(value) for value in head if value.isdecimal()]
    counts = counted == list(range(len(counted))) or counted == list(range(1, len(counted) + 1))
    if all(words) or len(rows) < 2:
        return all(words)
    above = any(
        word and _is_number(value, decimal) for word, value in zip(words, rows[1][1], strict=False)
    )
    blank = sum(value == "" for value in head)
    return above and counts and sum(words) + len(counted) + blank == len(head)


def _header_in_comment(text: str, separator: str, first: list[str]) -> list[str]:
    """Return the names in a first line that is a comment, as numpy.savetxt writes them, or none."""
    line = text.partition("\n")[0]
    names = next(_rows(line.lstrip("# "), separator), (1, []))[1] if line[:1] == "#" else []
    return names if len(names) == len(first) and not any(_is_number(n, ".") for n in names) else []


# Numbers --------------------------------------------------------------------------------------


def _number(value: str, decimal: str) -> float:
    """Return a number, or raise ValueError."""
    if "_" in value or (decimal == "," and "." in value):
        raise ValueError
    return float(value.replace(",", ".") if decimal == "," else value)


def _is_number(value: str, decimal: str) -> bool:
    try:
        _number(value, decimal)
    except ValueError:
        return False
    return True


class _Table:
    """The inputs and labels of a file, line by line."""

    def __init__(self, names: list[str], first: Sequence[Row], decimal: str) -> None:
        self._names, self._first, self._decimal = names, first[0], decimal
        # Numbers of the rows, which pandas and R write without a name, are left out.
        self._kept = [n for n in range(len(first[0][1])) if n or not names or names[0]]
        self._texts = [n for n in self._kept if not any(self._is_number(row, n) for row in first)]
        self._at, self._sure = self._kept[-1], False  # where the labels are
        self._lines: list[int] = []
        self._inputs, self._labels = array("d"), list[str]()

    def _is_number(self, row: Row, column: int) -> bool:
        return column < len(row[1]) and _is_number(row[1][column], self._decimal)

    def choose(self, asked: str | None) -> None:
        """Choose the column of the labels, or raise InputError."""
        if len(self._kept) < 2:
            raise InputError(
                f"has one value in line {self._first[0]}; needed are inputs and a label, with "
                "commas, semicolons, tabs or spaces between them"
            )
        named = [n for n in self._kept if self._name(n).lower() in LABEL_NAMES]
        likely = named or self._texts
        if asked is not None:
            self._at, self._sure = self._asked(asked), True
        elif len(named) > 1:
            called = " and ".join(map(self._called, named))
            raise InputError(
                f"has labels in {called}; say which, as by label_column={self._name(named[0])!r}"
            )
        elif len(likely) == 1:
            self._at, self._sure = likely[0], True

    @property
    def _columns(self) -> list[int]:
        """The columns of the inputs."""
        return [n for n in self._kept if n != self._at]

    def _asked(self, column: str) -> int:
        known = {"first": self._kept[0], "last": self._kept[-1]}
        known |= {str(n + 1): n for n in self._kept}
        known |= {name: n for n, name in enumerate(self._names) if n in self._kept}
        if column not in known:
            held = ", ".join(filter(None, self._names[:10])) or "no names"
            raise InputError(
                f"must have the label column that is asked for: first, last, a number up to "
                f"{len(self._first[1])}, or a name of its header ({held}); got {column!r}"
            )
        return known[column]

    def fill(self, rows: Iterable[Row]) -> None:
        """Read all lines, or raise InputError at the first that is wrong."""
        width, at, inputs = len(self._first[1]), self._at, self._columns
        for line, values in rows:
            if len(values) != width:
                raise InputError(
                    f"has {len(values)} values in line {line}, and {width} in line {self._first[0]}"
                )
            if values[at].lower() in MISSING:
                raise self._refusal(line, at, values[at])
            self._lines.append(line)
            self._labels.append(values[at])
            try:
                self._inputs.extend([_number(values[n], self._decimal) for n in inputs])
            except ValueError:
                wrong = next(n for n in inputs if not _is_number(values[n], self._decimal))
                raise self._refusal(line, wrong, values[wrong]) from None

    def _refusal(self, line: int, column: int, value: str) -> InputError:
        place = f"line {line}, {self._called(column)}"
        if value.lower() in MISSING:
            return InputError(f"has no value in {place}: fill it in, or delete the line")
        why = "which is not a number"
        if self._decimal == "," and "." in value:
            why = "a decimal point, and decimal commas elsewhere"
        return InputError(f"has {value!r} in {place}, {why}")

    def _name(self, column: int) -> str:
        return self._names[column] if column < len(self._names) else ""

    def _called(self, column: int) -> str:
        name = self._name(column)
        return f"column {column + 1} ({name})" if name else f"column {column + 1}"

    def samples(self, source: str) -> Samples:
        """Return the table as inputs and labels, or raise InputError where both ends could be."""
        X = np.frombuffer(self._inputs).reshape(len(self._lines), -1)
        self._require_finite(X, self._columns)
        try:
            y = np.array([_number(label, self._decimal) for label in self._labels])
        except ValueError:
            return Samples(X, np.array(self._labels), source, self._called(self._at))
        self._require_finite(y[:, None], [self._at])
        where = self._called(self._at)
        if not self._sure and could_be_classes(X[:, 0]) and not could_be_classes(y):
            first = self._called(self._columns[0])
            if (y != y[0]).any():
                raise InputError(
                    f"has numbers that could be classes in {first} and others in {where}, the "
                    "last: say label_column='first', or label_column='last'"
                )
            X, y, where = np.column_stack([X[:, 1:], y]), X[:, 0], first
        return Samples(X, y, source, where)

    def _require_finite(self, values: Array, columns: list[int]) -> None:
        """Raise InputError at the first value that is infinite or NaN."""
        for row, column in np.argwhere(~np.isfinite(values))[:1]:
            value = "infinity" if np.isinf(values[row, column]) else ""
            raise self._refusal(self._lines[row], columns[column], value)
