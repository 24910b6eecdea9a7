"""Types that occur in signatures of the whole package."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator | int | None
Quantities = Mapping[str, Callable[[Any], Array]]
"""Quantities to measure along a run, by name: functions of the state."""
Observe = Quantities | Sequence[str] | str
"""Quantities, or the names of some that a training knows."""
Every = int | Sequence[int] | npt.NDArray[np.integer]
"""At which steps to measure: multiples of a period, or a list of steps."""
Progress = Callable[[int], object]
"""A function that is called now and then with how much more has been done."""
