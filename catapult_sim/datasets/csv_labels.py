"""The labels of a CSV file, as text: which do not fit the others, and which are no labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from catapult_sim.datasets.csv_lines import is_number
from catapult_sim.datasets.labels import FEW_CLASSES, SMALL_SPAN
from catapult_sim.types import Array

DASHES = {"-", "--", "---", ".", "..", "\N{EN DASH}", "\N{EM DASH}"}
# Numbers with commas, a percent sign, or marks between thousands: no names of classes.
WRITTEN = re.compile(
    r"[+-]?(\d+([.,'_\s]+\d+)?|\d{1,3}([.,'_\s]\d{3})+([.,]\d+)?)(e[+-]?\d+)?\s*%?", re.IGNORECASE
)
DATE = re.compile(r"\d{1,4}([-/. ])(\d{1,2}|[A-Za-z]{3,9})\1\d{1,4}(?!\d).*|\d{1,2}:\d\d(?!\d).*")


def odd_one(labels: Sequence[str], decimal: str) -> tuple[int, str] | None:
    """Return which label fits the others in no way, and why, or None.

    They are numbers, or names; a dash is no name.
    """
    numbers = {label for label in set(labels) if is_number(label, decimal)}
    others = set(labels) - numbers
    written = numbers | {label for label in others if WRITTEN.fullmatch(label)}
    if 2 * sum(label in written for label in labels) >= len(labels):
        odd, why = others, "which is not a number"
    elif written:
        odd, why = written, "a number among names"
    else:
        odd, why = others & DASHES if any(map(_has_letter, others)) else set(), ""
    return next(((n, why) for n, label in enumerate(labels) if label in odd), None)


def _has_letter(label: str) -> bool:
    return any(map(str.isalnum, label))


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
