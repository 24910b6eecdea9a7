"""Lines of a CSV file: what stands between values, what is a comment, and what is a number.

Between values there are commas, semicolons, tabs, vertical bars or spaces; where it is not commas,
numbers may have decimal commas. Quotes are read by the standard library; its Sniffer is not asked,
because it takes decimal commas for separators.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from catapult_sim.validation import InputError

SEPARATORS = ("\t", ";", ",", "|", " ")
MISSING = {"", "?", "na", "n/a", "n.a.", "nan", "-nan", "null", "<na>", "#n/a", "#na", "#n/a n/a"}
MISSING |= {"#div/0!", "#name?", "#null!", "#num!", "#ref!", "#value!"}
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Row = tuple[int, list[str]]  # the number of a line, as an editor counts, and its values


def text_of(content: bytes) -> str:
    """Return the text of a file with line ends of one kind, or raise InputError."""
    encoding = MARKS.get(content[:2], "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise InputError("is neither text nor an archive of numpy.savez nor an IDX file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def separator_of(text: str) -> str:
    """Return what stands between values: that of the second line, which is no header."""
    lines = (line for line in io.StringIO(text) if line.strip() and line[0] != "#")
    sample = list(islice(lines, 2))
    told = re.fullmatch(r'"?sep=(.)"?\s*', sample[0]) if sample else None
    if told:
        return told[1]
    unquoted = re.sub(r'"[^"]*"|\s#.*', "", sample[-1]) if sample else ""
    found = next((one for one in SEPARATORS if one in unquoted), ",")
    return " " if found == "\t" and _has_spaces_too(unquoted) else found


def _has_spaces_too(line: str) -> bool:
    """Return whether spaces stand between values as tabs do, and not within a name."""
    values = [value.strip() for value in line.split("\t")]
    words = [one for one in line.split() if not is_number(one, ".") and not is_number(one, ",")]
    wide = len(words) == 1 and "  " in " ".join(values)
    return all(values) and any(" " in value for value in values) and (not words or wide)


def decimal_of(text: str, separator: str) -> str:
    """Return the decimal mark: a comma where it separates no values and a number has one."""
    if separator == ",":
        return "."
    edge = r"\s" if separator == " " else rf"{re.escape(separator)}\n"
    number = rf'(?:^|[{edge}])\s*"?[+-]?\d+,\d+(?:[eE][+-]?\d+)?"?\s*(?:[{edge}]|$)'
    return "," if re.search(number, text) else "."


def rows_of(text: str, separator: str) -> Iterator[Row]:
    """Yield the lines that have values, also those that are comments."""
    for number, values in _split(text, separator):
        stripped = _without_comment([value.strip() for value in values])
        if any(stripped) and not stripped[0].startswith("sep="):
            yield number, stripped


def _without_comment(values: list[str]) -> list[str]:
    """Return the values of a line without a comment after the last number."""
    number, mark, _ = values[-1].partition(" #") if values else ("", "", "")
    point = "," if "," in number else "."
    return [*values[:-1], number.strip()] if mark and is_number(number, point) else values


def _split(text: str, separator: str) -> Iterator[Row]:
    lines = io.StringIO(text)
    if separator == " ":
        _require_no_sign_at_ends(text)
        yield from ((number, _split_by_spaces(line)) for number, line in enumerate(lines, 1))
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        most, line = csv.field_size_limit(), f"line {reader.line_num}"
        if str(most) in str(error):
            raise InputError(
                f"has a value of more than {most} characters in {line}; is a quote left open?"
            ) from None
        raise InputError(f"has quotes that do not fit in {line}: {error}") from None


def _split_by_spaces(line: str) -> list[str]:
    """Return the values of a line, without quotes around them and without a comment at its end."""
    values = re.split(r"\s#", line.strip(), maxsplit=1)[0]
    return [one or other for one, other in re.findall(r'"([^"]*)"(?!\S)|(\S+)', values)]


def _require_no_sign_at_ends(text: str) -> None:
    """Raise InputError where a word with a number sign ends lines, a comment or a label."""
    lines = (line for line in io.StringIO(text) if re.match(r"\s*[^#\s]", line))
    if all(ends := [re.fullmatch(r".*\s#\S+\s*", line) for line in islice(lines, 3)]) and ends:
        raise InputError(
            "has lines that end in a word with #, a comment or a label: delete it, or write commas "
            "between values"
        )


def without_last(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield lines without the empty value after a separator at their ends."""
    yield from ((number, values[:-1] if values[-1] == "" else values) for number, values in rows)


# Comments -------------------------------------------------------------------------------------


def is_comment(row: Row) -> bool:
    """Return whether a line begins with a number sign, and not with a mark such as #N/A."""
    return row[1][0].startswith("#") and row[1][0].lower() not in MISSING


def without_comments(rows: Iterable[Row], first: Row, decimal: str) -> Iterator[Row]:
    """Yield lines without comments, or raise InputError where one has the values of a sample.

    Before the first sample, a number sign and a space begin a comment whatever follows.
    """
    for row in rows:
        line, values = row
        if not is_comment(row):
            yield row
        elif (line > first[0] or values[0][1:2].strip()) and _has_sample(row, first, decimal):
            raise InputError(
                f"begins line {line} with #, as comments do, but it has the values of a sample: "
                "delete the line, or the #"
            )


def _has_sample(comment: Row, first: Row, decimal: str) -> bool:
    """Return whether a comment has the values of a sample: numbers, and few words."""
    bare = [comment[1][0].lstrip("# ").strip('"'), *comment[1][1:]]
    width = len(first[1])
    fits = len(bare) == width or (not bare[0] and len(bare) == width + 1)
    has_number = any(is_number(value, decimal) for value in bare)
    return fits and has_number and _words(bare, decimal) <= max(1, _words(first[1], decimal))


def _words(values: Sequence[str], decimal: str) -> int:
    return sum(value.lower() not in MISSING and not is_number(value, decimal) for value in values)


# Numbers --------------------------------------------------------------------------------------


def number(value: str, decimal: str) -> float:
    """Return a number, or raise ValueError."""
    if "_" in value or (decimal == "," and "." in value):
        raise ValueError
    return float(value.replace(",", ".") if decimal == "," else value)


def is_number(value: str, decimal: str) -> bool:
    """Return whether a value is a number, which may be infinite."""
    try:
        number(value, decimal)
    except ValueError:
        return False
    return True


def is_held(value: str, decimal: str) -> bool:
    """Return whether floats hold a number: finite, and no whole number that they would round."""
    held = number(value, decimal)
    whole = re.fullmatch(r"[+-]?[0-9]+", value)
    return math.isfinite(held) and (whole is None or Decimal(value) == Decimal(held))
