"""Titles of figures: which network was trained, on which data, for how long, from which seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from catapult_sim.commands.options import OF_AN_MLP
from catapult_sim.experiments.bench import Effort
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell

SHAPE = ("depth", "width", "scale", "c", "momentum", "batch_size", *OF_AN_MLP, "decay_to")


def title(cells: Sequence[Cell], *, apart: Collection[str] = ()) -> str:
    """Return the title of a figure of cells; what differs between them is left to its axes.

    Parameters
    ----------
    cells : sequence of dict
        At least one; all on the same data.
    apart : collection of str
        Entries that are left to the axes, too.

    Examples
    --------
    >>> cell = {"model": "linear", "width": 512, "scale": 1.0, "c": 3.0, "seed": 0}
    >>> cell |= {"data": "digits", "samples": 32, "steps": 300}
    >>> print(title([cell, cell | {"seed": 1}], apart=["c"]))
    linear network, width 512, scale 1; 32 samples of handwritten digits; 300 steps, seeds 0 to 1
    """
    values = {name: _different(cells, name) for name in (*SHAPE, "activation")}
    shared = {name: one[0] for name, one in values.items() if len(one) == 1 and name not in apart}
    kind = f"{shared.get('activation', cells[0]['model'])} network"
    shape = [f"{name.replace('_', ' ')} {_brief(shared[name])}" for name in SHAPE if name in shared]
    data = f"{cells[0]['samples']} samples of {_data(cells[0]['data'])}"
    lengths = sorted(_different(cells, "steps"))
    steps = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 2 else " or ".join(map(str, lengths))
    how = f"{steps} steps, {_seeds(_different(cells, 'seed'))}"
    return f"{', '.join([kind, *shape])}; {data}; {how}"


def verification_title(effort: Effort, seed: int, data: str | None = None) -> str:
    """Return the title of the figure of ``catapult-sim verify``."""
    return (
        f"one sample: {counted(effort.starts, 'start')}; networks: {effort.samples} samples of "
        f"{_data(data)}, {counted(effort.members, 'start')}, at most {effort.steps} steps; "
        f"effort {effort.name}, seed {seed}"
    )


def _data(data: str | None) -> str:
    """Return the name of data in a title: that of the file, without its folder."""
    return "handwritten digits" if data is None or data == "digits" else Path(data).name


def _seeds(numbers: Sequence[int]) -> str:
    """Return a seed, or the range of several.

    Examples
    --------
    >>> _seeds([3]), _seeds(range(8))
    ('seed 3', 'seeds 0 to 7')
    """
    return f"seed {numbers[0]}" if len(numbers) == 1 else f"seeds {min(numbers)} to {max(numbers)}"


def _brief(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _different(cells: Sequence[Cell], name: str) -> list[Any]:
    """Return the different values of an entry, in the order in which they occur."""
    return list(dict.fromkeys(cell[name] for cell in cells if name in cell))
