"""Types that occur in signatures of the whole package."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rng = np.random.Generator | int | None
Observe = Mapping[str, Callable[[Any], Array]]
"""Quantities to measure along a run, by name: functions of the state."""
Progress = Callable[[int], object]
"""A function that is called now and then with how much more has been done."""
