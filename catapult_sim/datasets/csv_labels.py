"""The last column of a CSV file: whether it has names of rows or a header, and no labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from catapult_sim.datasets.labels import FEW_CLASSES, SMALL_SPAN
from catapult_sim.types import Array

DATE = re.compile(r"\d{1,4}([-/. ])(\d{1,2}|[A-Za-z]{3,9})\1\d{1,4}(?!\d).*|\d{1,2}:\d\d(?!\d).*")


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
