"""Memory: sizes in words, what may be taken, and a refusal before more than that is taken."""

from __future__ import annotations

import math
import re
from typing import Any

import psutil

from catapult_sim.validation import InputError, require_limit, shown

Limit = float | str | None
"""Bytes that may be taken, or a size such as "6GB"; None for half of what is free at the call."""

SMALL = 2**26  # bytes that any system has
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
SIZE = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*(?:([kmgtpe]?)(i?)b?)", re.IGNORECASE)


def require_memory(
    required: float, limit: Limit, what: str, less: str, option: str = "memory_limit"
) -> None:
    """Raise InputError where ``what`` takes more bytes than are allowed.

    Parameters
    ----------
    required : float
        Bytes.
    limit : float, str or None
        As a user gave it.
    what, less : str
        What takes them, and of what to take less.
    option : str
        The name of the limit, as the user writes it.
    """
    if limit is None and required < SMALL:
        return  # to ask the system takes longer than many a small computation
    allowed = allowed_bytes(limit, option)
    if required > allowed:
        raise InputError(
            f"{what} requires {in_words(required)} of memory; {option} allows "
            f"{in_words(allowed)}: raise it, or take fewer {less}"
        )


def allowed_bytes(limit: Limit, option: str = "memory_limit") -> float:
    """Return the bytes that a limit allows, by default half of what is free now.

    Raises
    ------
    InputError
        Where the limit is no positive size.

    Examples
    --------
    >>> allowed_bytes("6GB"), allowed_bytes("1.5 GiB"), allowed_bytes(1000)
    (6000000000.0, 1610612736.0, 1000.0)
    """
    if limit is None:
        return psutil.virtual_memory().available / 2
    size = _size(limit)
    if not size > 0:
        raise InputError(f"{option} must be a positive size, such as 6GB; got {shown(limit)}")
    return size


def _size(limit: Any) -> float:
    """Return a size in bytes; NaN for what is none."""
    if not isinstance(limit, str):
        try:
            return require_limit("limit", limit)
        except InputError:
            return math.nan
    found = SIZE.fullmatch(limit.strip())
    if found is None:
        return math.inf if limit == "inf" else math.nan
    digits, exponent, prefix, binary = found.groups(default="")
    base = 1024.0 if binary else 1000.0
    return float(digits + exponent) * base ** " kmgtpe".index(prefix.lower() or " ")


def in_words(size: float) -> str:
    """Return a number of bytes to three digits in a unit that fits.

    Examples
    --------
    >>> in_words(4.41e9), in_words(800), in_words(1e33)
    ('4.41 GB', '800 B', '1e+15 EB')
    """
    power = min(len(UNITS) - 1, int(math.log(max(size, 1), 1000) + 1e-9)) if size < math.inf else 6
    return f"{size / 1000**power:.3g} {UNITS[power]}"
