"""Rows of a scan: what runs came to at each learning rate, of all seeds together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from catapult_sim.sweeps.record import Line

Row = dict[str, Any]

# The entries of a result of which each quantity is the ratio; the others are their own.
RATIOS = {
    "loss": ("last_loss", "first_loss"),
    "peak": ("peak_loss", "first_loss"),
    "curvature": ("last_eigenvalue", "first_eigenvalue"),
    "sharpness": ("sharpness", "first_eigenvalue"),
    "average_loss": ("average_loss", "first_loss"),
}


def rows_of(lines: Iterable[Line], names: Iterable[str]) -> list[Row]:
    """Return the runs at each learning rate: their phases, and each quantity by seed.

    Parameters
    ----------
    lines : iterable of Line
        Cells with ``c`` and ``seed``, results with ``phase`` and the losses of
        :func:`~catapult_sim.experiments.phase_cells.phase_of`.
    names : iterable of str
        Quantities: those of :data:`RATIOS`, or entries of the results.

    Examples
    --------
    >>> found = {"phase": "lazy", "peak_loss": 2.0, "first_loss": 2.0}
    >>> rows_of([Line("0a", "f/1", {"c": 1.0, "seed": 0}, found)], ["peak"])
    [{'c': 1.0, 'phases': ['lazy'], 'peak': [1.0]}]
    """
    ordered = sorted(lines, key=lambda line: (line.cell["c"], line.cell["seed"]))
    return [
        {
            "c": c,
            "phases": [line.result["phase"] for line in group],
            **{name: [value_of(line.result, name) for line in group] for name in names},
        }
        for c, lines_at_c in groupby(ordered, key=lambda line: line.cell["c"])
        if (group := list(lines_at_c))
    ]


def value_of(result: Mapping[str, Any], name: str) -> float | None:
    """Return a quantity of a run; None where it is not finite."""
    if name not in RATIOS:
        return result[name]
    above, below = (result[entry] for entry in RATIOS[name])
    return None if above is None or not below else above / below


def counts_of(phases: list[str]) -> str:
    """Return phases of several seeds in words.

    Examples
    --------
    >>> counts_of(["lazy"]), counts_of(["lazy", "catapult", "lazy"])
    ('1 lazy', '2 lazy, 1 catapult')
    """
    return ", ".join(f"{phases.count(one)} {one}" for one in dict.fromkeys(phases))


def mean_of(row: Row, name: str) -> float | None:
    """Return the mean of a quantity over seeds; None where one diverges."""
    if "divergent" in row["phases"] or None in row[name]:
        return None
    return float(np.mean(row[name]))
