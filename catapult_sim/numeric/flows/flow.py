r"""Integrate a flow to machine precision, and compare flows with discrete iterates.

A flow follows one of the fields of :mod:`~catapult_sim.numeric.flows.fields`; time is the step size
times the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.flows.fields import Field
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import (
    InputError,
    read_only,
    require_count,
    require_finite,
    require_function,
    require_number,
    require_numbers,
    require_result,
    shown,
)

_RELATIVE_TOLERANCE = 1e-13  # SciPy accepts nothing below 100 machine epsilons

# Of the field, from one time to the next: seconds, also where the integrator refuses its steps.
MOST_EVALUATIONS = 100_000


def flow(
    field: Field,
    start: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    tolerance: float = _RELATIVE_TOLERANCE,
    progress: Progress | bool | None = None,
) -> Array:
    """Integrate a field, by default to machine precision.

    Parameters
    ----------
    field : callable
        ``(P,) -> (P,)``.
    start : array_like, shape (P,)
        Real or complex weights at ``times[0]``.
    times : array_like, shape (T,)
        Increasing or decreasing.
    tolerance : float
        The largest error of a step of the integration, relative to the largest weight; not below
        1e-13.
    progress : callable, bool or None
        A function that is called with the number of evaluations of the field just made. By default
        a bar appears after two seconds on a terminal or in a notebook; False: never.

    Returns
    -------
    ndarray, shape (T, P)
        NaN from the time on at which the flow has diverged.

    Raises
    ------
    InputError
        Where the start or the times are not finite, the field does not return ``(P,)`` numbers, or
        100 000 evaluations of it do not lead from one time to the next.

    Notes
    -----
    Eighth order, restarted at each time, since an interpolated value would be less accurate than
    the steps (SciPy's DOP853).

    Examples
    --------
    >>> print(flow(lambda w: w**2, [1.0], [0.0, 0.5, 2.0]).ravel())
    [ 1.  2. nan]
    """
    velocity, state, instants = _field(field), require_start(start), require_finite("times", times)
    accuracy = max(require_number("tolerance", tolerance, above=0), _RELATIVE_TOLERANCE)
    if instants.ndim != 1 or not instants.size:
        raise InputError(f"times must have shape (T,) with T >= 1; got {instants.shape}")
    path = np.full((len(instants), len(state)), np.nan, dtype=state.dtype)
    path[0] = state
    with np.errstate(all="ignore"), showing(progress, "evaluations") as tell:
        for i, span in enumerate(pairwise(instants.tolist()), start=1):
            state = _after(_bounded(velocity, *span, tell), state, *span, accuracy)
            if not np.isfinite(state).all():
                break
            path[i] = state
    return path


def require_start(start: npt.ArrayLike) -> Array:
    """Return real or complex weights ``(P,)``, or raise InputError."""
    given = require_numbers("start", start)
    if given.ndim != 1 or not given.size:
        raise InputError(f"start must have shape (P,) with P >= 1; got {given.shape}")
    if not np.isfinite(given).all():
        raise InputError(f"start must be finite; got {shown(start)}")
    return given + 0.0


def _field(field: Field) -> Field:
    """Return a field that cannot write to the weights, and raises InputError for what is none."""
    require_function("field", field, "of weights (P,)")

    def velocity(weights: Array) -> Array:
        return require_result("field", field(read_only(weights)), *weights.shape)

    return velocity


def _bounded(
    velocity: Field, now: float, later: float, tell: Progress | None
) -> Callable[[float, Array], Array]:
    """Return a field at a time and weights that raises InputError after too many evaluations."""
    evaluation = count(1)

    def bounded(time: float, weights: Array) -> Array:
        if next(evaluation) > MOST_EVALUATIONS:
            raise InputError(
                f"times must be near enough for {MOST_EVALUATIONS} evaluations of the field from "
                f"one to the next; got {now:g} and {later:g}, of which these reach {time:g}"
            )
        if tell is not None:
            tell(1)
        return velocity(weights)

    return bounded


def _after(
    velocity: Callable[[float, Array], Array],
    state: Array,
    now: float,
    later: float,
    accuracy: float,
) -> Array:
    """Return the state at a later time, NaN where the flow has diverged."""
    from scipy.integrate import DOP853  # it loads much of SciPy, for which every start would wait

    first = velocity(now, state)
    if not np.isfinite(first).all():  # SciPy's search for a first step would not end
        return np.full_like(state, np.nan)
    size = np.abs(state).max() or np.abs(first).max() * abs(later - now)
    if not size:  # at rest
        return state
    options = {"rtol": accuracy, "atol": max(accuracy * size, np.finfo(float).tiny)}
    solver = DOP853(velocity, now, state, later, **options)
    while solver.status == "running":
        solver.step()
    return solver.y if solver.status == "finished" else np.full_like(state, np.nan)


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

    Raises
    ------
    InputError
        As :func:`flow`, or where the duration is negative.

    Examples
    --------
    >>> halve = lambda w: w - 0.5 * w
    >>> run = compare(halve, {"gradient": lambda w: -w}, [1.0], duration=0.5, steps=2)
    >>> print(run.time, run.errors["gradient"].round(3))
    [0.  0.5 1. ] [0.    0.107 0.118]
    """
    require_function("step", step, "of weights (P,)")
    if not isinstance(fields, Mapping):
        raise InputError(f"fields must map names to fields; got {shown(fields)}")
    state, count = require_start(start), require_count("steps", steps)
    kept = 8 * len(state) * (1 + len(fields)) * (count + 1)
    require_memory(kept, None, "the path", "times")
    time = np.arange(count + 1) * require_number("duration", duration, least=0)
    iterates = _iterates(step, state, count)
    flows = {name: flow(field, state, time) for name, field in fields.items()}
    with np.errstate(all="ignore"):
        errors = {name: np.linalg.norm(path - iterates, axis=-1) for name, path in flows.items()}
    return Comparison(time, iterates, flows, errors)


def _iterates(step: Field, start: Array, steps: int) -> Array:
    path = [start]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            path.append(require_result("step", step(read_only(path[-1])), *start.shape))
    return np.stack(path)
