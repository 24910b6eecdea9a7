r"""Integrate a flow to machine precision, and compare flows with discrete iterates.

A flow follows one of the fields of :mod:`~catapult_sim.numeric.flows.fields`; time is the step size
times the number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from catapult_sim.numeric.flows.fields import Field
from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count

_RELATIVE_TOLERANCE = 1e-13  # SciPy accepts nothing below 100 machine epsilons


def flow(field: Field, start: npt.ArrayLike, times: npt.ArrayLike) -> Array:
    """Integrate a field to machine precision.

    Parameters
    ----------
    field : callable
        ``(P,) -> (P,)``.
    start : array_like, shape (P,)
        Real or complex weights at ``times[0]``.
    times : array_like, shape (T,)
        Increasing or decreasing.

    Returns
    -------
    ndarray, shape (T, P)
        NaN from the time on at which the flow has diverged.

    Notes
    -----
    Eighth order with relative tolerance 1e-13, restarted at each time, since an
    interpolated value would be less accurate than the steps (SciPy's DOP853).

    Examples
    --------
    >>> print(flow(lambda w: w**2, [1.0], [0.0, 0.5, 2.0]).ravel())
    [ 1.  2. nan]
    """
    state = np.asarray(start) + 0.0
    if state.ndim != 1:
        raise InputError(f"start must have shape (P,); got {state.shape}")
    instants = np.asarray(times, dtype=float)
    path = np.full((len(instants), len(state)), np.nan, dtype=state.dtype)
    path[0] = state
    with np.errstate(all="ignore"):
        for i, span in enumerate(pairwise(instants), start=1):
            # SciPy's search for a first step would not end.
            if not np.isfinite(field(state)).all():
                break
            tolerance = _RELATIVE_TOLERANCE * np.abs(state).max()
            leg = solve_ivp(
                lambda _, weights: field(weights),
                span,
                state,
                method="DOP853",
                rtol=_RELATIVE_TOLERANCE,
                atol=tolerance,
            )
            if not leg.success:
                break
            path[i] = state = leg.y[:, -1]
    return path


@dataclass(frozen=True)
class Comparison:
    """Iterates and flows from the same start, at times ``0, duration, ..., steps * duration``."""

    time: Array  # (T,)
    iterates: Array  # (T, P)
    flows: dict[str, Array]  # each (T, P), NaN where a flow has diverged
    errors: dict[str, Array]  # each (T,): |flow - iterate|

    __repr__ = short_repr


def compare(
    step: Field, fields: Mapping[str, Field], start: npt.ArrayLike, *, duration: float, steps: int
) -> Comparison:
    """Compare discrete iterates with the flows of some fields, at equal times.

    Parameters
    ----------
    step : callable
        One update of the weights, ``(P,) -> (P,)``: a step or a mean epoch.
    fields : mapping of str to callable
        The fields by name.
    start : array_like, shape (P,)
        The initial weights of iterates and flows.
    duration : float
        The time of one update: the step size, for an epoch times the number of batches.
    steps : int
        How many updates.

    Examples
    --------
    >>> halve = lambda w: w - 0.5 * w
    >>> run = compare(halve, {"gradient": lambda w: -w}, [1.0], duration=0.5, steps=2)
    >>> print(run.time, run.errors["gradient"].round(3))
    [0.  0.5 1. ] [0.    0.107 0.118]
    """
    time = np.arange(require_count("steps", steps) + 1) * float(duration)
    iterates = _iterates(step, np.asarray(start) + 0.0, steps)
    flows = {name: flow(field, start, time) for name, field in fields.items()}
    with np.errstate(all="ignore"):
        errors = {name: np.linalg.norm(path - iterates, axis=-1) for name, path in flows.items()}
    return Comparison(time, iterates, flows, errors)


def _iterates(step: Field, start: Array, steps: int) -> Array:
    path = [start]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            path.append(step(path[-1]))
    return np.stack(path)
