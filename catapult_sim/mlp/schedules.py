"""Learning-rate schedules: factors of the base rate, functions of the step.

Each takes a step, or an array of them, and returns the factor. Pass one to
:func:`~catapult_sim.mlp.training.train` with its numbers filled in, or a product of several::

    schedule=lambda t: warm_up(t, steps=10) * cosine(t, steps=1000)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import require_count, require_finite, require_number


def step_decay(t: npt.ArrayLike, *, factor: float, every: int) -> Array:
    """Return ``factor`` to the number of whole multiples of ``every`` in t.

    >>> step_decay(np.arange(6), factor=0.1, every=3)
    array([1. , 1. , 1. , 0.1, 0.1, 0.1])
    """
    times = require_finite("t", t) // require_count("every", every, 1)
    with np.errstate(over="ignore", divide="ignore"):
        return np.asarray(require_number("factor", factor, least=0) ** times)


def cosine(t: npt.ArrayLike, *, steps: int) -> Array:
    """Return a factor that falls from 1 to 0 along half a period, ``(1 + cos(pi t / steps)) / 2``.

    [Loshchilov2017], eq. (5), without restarts.

    >>> cosine([0, 5, 10], steps=10)
    array([1. , 0.5, 0. ])
    """
    return (1 + np.cos(np.pi * require_finite("t", t) / require_count("steps", steps, 1))) / 2


def warm_up(t: npt.ArrayLike, *, steps: int) -> Array:
    """Return a factor that rises linearly to 1, ``min((t + 1) / steps, 1)``.

    >>> warm_up(np.arange(4), steps=2)
    array([0.5, 1. , 1. , 1. ])
    """
    return np.minimum((require_finite("t", t) + 1) / require_count("steps", steps, 1), 1.0)
