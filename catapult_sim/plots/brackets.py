"""Brackets of a boundary, one of each seed, as points with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.boundary import known_ends

Row = dict[str, Any]
Rows = Sequence[Row]


def seed_centres(row: Row) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the centre of each seed's bracket, or its one known end, and which are open above."""
    lower, upper = np.array(row["brackets"], dtype=float).T
    floor, ceiling = known_ends(lower, upper)
    return (floor + ceiling) / 2, np.isnan(upper)


def mean_and_spread(row: Row) -> tuple[float, float]:
    """Return mean and standard deviation over seeds, NaN if none is known.

    The deviation is at least half the mean width of a bracket.
    """
    floor, ceiling = known_ends(*np.array(row["brackets"], dtype=float).T)
    centres = (floor + ceiling) / 2
    known = centres[~np.isnan(centres)]
    if not known.size:
        return np.nan, np.nan
    half_width = np.nan_to_num(ceiling - floor).mean() / 2
    return float(known.mean()), float(max(known.std(), half_width))
