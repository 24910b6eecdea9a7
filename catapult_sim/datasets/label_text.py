"""Labels as text, from any source: which are missing, and which do not fit the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from catapult_sim.datasets.csv_lines import MISSING, is_number

DASHES = {"-", "--", "---", ".", "..", "\N{EN DASH}", "\N{EM DASH}"}
# Numbers with commas, a percent sign, or marks between thousands: no names of classes.
WRITTEN = re.compile(
    r"[+-]?(\d+([.,'_\s]+\d+)?|\d{1,3}([.,'_\s]\d{3})+([.,]\d+)?)(e[+-]?\d+)?\s*%?", re.IGNORECASE
)
AS_NAMES = "say labels='classes' where all are names"


def missing_one(labels: Sequence[str]) -> int | None:
    """Return which label is missing, or None; a dash is, among letters and digits."""
    levels = set(labels)
    blank = {one for one in levels if one.lower() in MISSING}
    if any(character.isalnum() for one in levels for character in one):
        blank |= levels & DASHES
    return next((n for n, label in enumerate(labels) if label in blank), None)


def odd_one(labels: Sequence[str], decimal: str) -> tuple[int, str] | None:
    """Return which label is a number among names or the other way round, and why, or None."""
    levels = set(labels)
    numbers = {label for label in levels if is_number(label, decimal)}
    written = numbers | {label for label in levels if WRITTEN.fullmatch(label)}
    odd, why = written, "a number among names"
    if 2 * sum(label in written for label in labels) >= len(labels):
        odd, why = levels - numbers, "which is not a number"
    return next(((n, why) for n, label in enumerate(labels) if label in odd), None)
