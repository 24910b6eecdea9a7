"""The header of a CSV file, and names of its rows: whether they are there, and what they name.

R writes no name above the names of rows; its header is one short.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from catapult_sim.datasets.csv_lines import MISSING, Row, is_number, rows_of
from catapult_sim.datasets.labels import FEW_CLASSES, SMALL_SPAN
from catapult_sim.printing import counted
from catapult_sim.types import Array
from catapult_sim.validation import InputError, shown

LABEL_NAMES = {"label", "labels", "class", "target", "y"}
LETTERS_FOR_DIGITS = str.maketrans("OoIl", "0011")
DATE = re.compile(r"\d{1,4}([-/. ])(\d{1,2}|[A-Za-z]{3,9})\1\d{1,4}(?!\d).*|\d{1,2}:\d\d(?!\d).*")


def names_columns(head: Sequence[str], below: Sequence[str], decimal: str) -> bool:
    """Return whether a first line names the columns: by words, or by words and numbers.

    Numbers may be names where a word says that it is above the labels; else only those that count
    columns, with a word above a number.
    """
    words = [not is_number(value, decimal) and value.lower() not in MISSING for value in head]
    names = [_is_name(value, decimal) for value in head]
    pairs = zip(names, below, strict=False)
    above = [name for name, value in pairs if is_number(value, decimal)]
    if all(words):
        return above != [False]  # a number with a typing error, and a class
    numbers = [value for value in head if is_number(value, decimal)]
    blank = {""} if numbers else MISSING  # Na is sodium, beside other names
    empty = sum(value.lower() in blank for value in head)
    if not any(names) or sum(names) + len(numbers) + empty < len(head):
        return False
    # A y above words may be the answer yes.
    surely = LABEL_NAMES if any(above) else LABEL_NAMES - {"y"}
    return any(value.lower() in surely for value in head) or (any(above) and _count(numbers))


def _is_name(value: str, decimal: str) -> bool:
    """Return whether a value is a word: x1, but neither 1x nor x1.5, which are typing errors."""
    typed = is_number(value.translate(LETTERS_FOR_DIGITS), decimal)
    like_number = typed or re.match(rf"[\W_]*\d|\w?\d*{re.escape(decimal)}\d", value)
    missing = value.lower() in MISSING | {"none"}
    return not missing and not like_number and bool(re.search(r"[^\W\d]", value))


def _count(values: Sequence[str]) -> bool:
    """Return whether values count from 0 or 1 on."""
    digits = [int(value) if value.isdecimal() and len(value) < 10 else -1 for value in values]
    return any(digits == list(range(start, start + len(values))) for start in (0, 1))


def header_in_comment(text: str, separator: str, first: list[str], decimal: str) -> list[str]:
    """Return the names in a first line that is a comment, as numpy.savetxt writes them, or none."""
    line = text.partition("\n")[0]
    names = next(rows_of(line.lstrip("# "), separator), (1, []))[1] if line[:1] == "#" else []
    return names if len(names) == len(first) and names_columns(names, first, decimal) else []


def fitted(names: list[str], line: int, rows: Sequence[Row]) -> list[str]:
    """Return a name for each column, an empty one above names of rows, or raise InputError."""
    width = len(rows[0][1])
    while len(names) > width and not names[-1]:
        names = names[:-1]
    if not names or len(names) == width:
        return names
    if len(names) == width - 1 and _are_names_of_rows([values[0] for _, values in rows]):
        return ["", *names]
    raise misfit(names, line, rows[0])


def dropped(asked: str, names: Sequence[str], width: int) -> list[int]:
    """Return the columns of so many that a text names, with commas between them.

    A column has a number counted from 1, and a name where there is a header.

    Raises
    ------
    InputError
        Where there is no such column.
    """
    known = {str(n + 1): [n] for n in range(width)}
    known |= {name: [n for n in range(width) if names[n] == name] for name in names if name}
    text = asked if isinstance(asked, str) else ""
    wanted = [text] if text in known else [one.strip() for one in text.split(",")]
    for one in wanted:
        if one not in known:
            raise InputError(
                f"must have the columns that are left out: {_nearest(one, names, width)}; "
                f"got {shown(one if text else asked)}"
            )
    return sorted({n for one in wanted for n in known[one]})


def _nearest(asked: str, names: Sequence[str], width: int) -> str:
    """Return the name that was meant, most likely, or in words which there are."""
    small = {name.lower(): name for name in names if name}
    near = difflib.get_close_matches(asked.lower(), small, 1)
    if near:
        return f"the nearest is {small[near[0]]}"
    held = ", ".join(list(small.values())[:10]) or "no names"
    return f"numbers up to {width}, or names of the header ({held})"


def misfit(names: Sequence[str], line: int, first: Row) -> InputError:
    """Return the refusal of a header that has not a name for each column."""
    given, needed = counted(len(names), "name"), counted(len(first[1]), "value")
    return InputError(f"has a header of {given} in line {line}, but {needed} in line {first[0]}")


def named(rows: Iterable[Row], refusal: InputError) -> Iterator[Row]:
    """Yield lines, and raise the refusal where they turn out to begin with no names of rows."""
    begun = []
    for row in rows:
        begun.append(row[1][0])
        yield row
    if not _are_names_of_rows(begun):
        raise refusal


def _are_names_of_rows(values: Sequence[str]) -> bool:
    """Return whether values are all different and text, or count from 0 or 1 on."""
    texts = not any(is_number(value, ".") or value.lower() in MISSING for value in values)
    return _count(values) or (texts and len(set(values)) == len(values))


def are_of_rows(labels: Sequence[str], last: bool) -> bool:
    """Return whether texts are dates, or so many different ones that they are names of rows.

    Two samples may be of two classes where these come last.
    """
    found, samples = len(set(labels)), len(labels)
    differ = found > max(FEW_CLASSES, samples / 2) or found == samples > 2 * last
    return differ or DATE.fullmatch(labels[0]) is not None


def may_begin_with_header(X: Array, labels: Sequence[str]) -> bool:
    """Return whether the first of some samples looks like names of columns.

    It has a class of its own: y without an n, or one beside ascending whole numbers, such as years,
    beyond those of all other samples, which have fractions or are smaller than 100.
    """
    first, others = X[0], X[1:]
    if not len(others) or labels[0] in labels[1:]:
        return False
    if labels[0].lower() == "y":
        return not {"n", "no"} & set(map(str.lower, labels))
    ascend = (first == np.floor(first)).all() and (np.diff(first) > 0).all()
    beyond = ((first > others.max(axis=0)) | (first < others.min(axis=0))).all()
    fractions = others != np.floor(others)
    real = len(first) > 1 and fractions.any(axis=0).all() and fractions.any(axis=1).all()
    large = first[0] >= SMALL_SPAN and (fractions.any() or others.max() < SMALL_SPAN)
    return bool(ascend and beyond and (real or large))
