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
TOLD = re.compile(r'"?sep=(.)"?[^\S\n]*(?:\n|$)')  # the first line that Excel knows
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
    told = TOLD.match(text)
    if told:
        return told[1]
    lines = (line for line in io.StringIO(text) if line.strip() and line.lstrip()[0] != "#")
    sample = list(islice(lines, 2))
    second = re.sub(r"\s#.*", "", sample[-1]) if sample else ""
    apart = next((one for one in "| " if _has_decimal_commas(second, one)), None)
    if apart:
        return apart
    unquoted = re.sub(r'"[^"]*"', "", second)
    found = next((one for one in SEPARATORS if one in unquoted), ",")
    return " " if found == "\t" and _has_spaces_too(unquoted) else found


def _has_decimal_commas(line: str, separator: str) -> bool:
    """Return whether all commas of a line are those of numbers between bars, or between spaces.

    Between spaces there are two of them, or only numbers: in ``1,5 kg`` the comma may separate.
    """
    values = [one.strip() for one in line.replace('"', "").split(separator) if one.strip()]
    commas = [one for one in values if "," in one]
    numbers = [is_number(one, ",") for one in values]
    surely = separator == "|" or len(commas) > 1 or all(numbers)
    right = all(re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", one, re.IGNORECASE) for one in commas)
    return bool(len(values) > 1 and commas and right and surely) and not set("\t;") & set(line)


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
    return "," if re.search(number, re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE)) else "."


def rows_of(text: str, separator: str) -> Iterator[Row]:
    """Yield the lines that have values, and comments, also those after values, by themselves."""
    told = TOLD.match(text)
    for number, values, comment in _split(text, separator):
        if any(values) and not (told and number == 1):
            yield number, values
        if comment:
            yield number, [comment]


def _apart(values: list[str]) -> tuple[list[str], str]:
    """Return the values of a line, and the comment after the last number."""
    number, mark, comment = values[-1].partition(" #") if values else ("", "", "")
    point = "," if "," in number else "."
    if mark and is_number(number, point):
        return [*values[:-1], number.strip()], f"#{comment}"
    return values, ""


def _split(text: str, separator: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield lines with their numbers, values and the comments after these."""
    lines = io.StringIO(text)
    if separator == " ":
        _require_no_sign_at_ends(text)
        yield from ((number, *_split_by_spaces(line)) for number, line in enumerate(lines, 1))
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for values in reader:
            yield reader.line_num, *_apart([value.strip() for value in values])
    except csv.Error as error:
        most, line = csv.field_size_limit(), f"line {reader.line_num}"
        if str(most) in str(error):
            raise InputError(
                f"has a value of more than {most} characters in {line}; is a quote left open?"
            ) from None
        raise InputError(f"has quotes that do not fit in {line}: {error}") from None


def _split_by_spaces(line: str) -> tuple[list[str], str]:
    """Return the values of a line, without quotes around them, and the comment at its end."""
    values, *comment = re.split(r"\s(?=#)", line.strip(), maxsplit=1)
    found = re.findall(r'"([^"]*)"(?!\S)|(\S+)', values)
    return [one or other for one, other in found], "".join(comment)


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


def without_comments(
    rows: Iterable[Row], first: Row, decimal: str, left_out: list[int]
) -> Iterator[Row]:
    """Yield lines without comments, or raise InputError where one has the values of a sample.

    Before the first sample, a number sign and a space begin a comment whatever follows. The numbers
    of the lines whose comments are left out are added to a list.
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
        else:
            left_out.append(line)


def in_words(left_out: Sequence[int]) -> str:
    """Return a clause on comments that are left out, empty where there are none.

    Examples
    --------
    >>> in_words([3]), in_words([1, 3])
    ('; a comment in line 3 is left out', '; comments in lines 1 and 3 are left out')
    """
    *some, last = [str(line) for line in left_out] or [""]
    if len(some) > 3:
        return f"; comments in {len(left_out)} lines, {some[0]} to {last}, are left out"
    if some:
        return f"; comments in lines {', '.join(some)} and {last} are left out"
    return f"; a comment in line {last} is left out" if last else ""


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
