"""Attractors of a derived map: periods and Lyapunov exponents of its orbits.

The Lyapunov exponent is the mean growth of the logarithm of a small deviation. The
deviation obeys the map's Jacobian, which SymPy derives from the rule
(:meth:`catapult_sim.symbolic.Update.linearised`); a period is the first step at which the
orbit is back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.runs.iterate import parameter_names, parameters_of, require_rule
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_count,
    require_finite,
    require_number,
)

if TYPE_CHECKING:
    from catapult_sim.symbolic import Update
    from catapult_sim.symbolic.voices.in_place import Bind


# Orbits run in blocks whose states stay in a core's cache; results do not depend on it.
BLOCK = 8192

# Steps after which a deviation is scaled back to length one, before it can overflow.
BURST = 20


@dataclass(frozen=True)
class Attractor:
    """The attractors of orbits from an ensemble of shape ``(...)``."""

    period: npt.NDArray[np.int64]  # (...), 0 where none was found or the orbit left
    exponent: Array  # (...), Lyapunov exponent per step; NaN where the orbit left
    state: Array  # (..., S), a point of the orbit; NaN where it left

    __repr__ = short_repr


def attractor(
    rule: Update,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    transient: int = 2000,
    steps: int = 2000,
    longest: int = 64,
    tolerance: float = 1e-8,
    progress: Progress | bool | None = None,
    **named: npt.ArrayLike,
) -> Attractor:
    """Find the period of the orbits' attractors and their largest Lyapunov exponent.

    Parameters
    ----------
    rule : Update
        Such as :func:`~catapult_sim.symbolic.linear_net.balanced_map`, or what
        :meth:`Update.descent <catapult_sim.symbolic.Update.descent>` returns.
    state : array_like, shape (..., S)
        The initial states.
    *parameters, **named : array_like
        The rule's parameters, in order or by name; ``learning_rate`` is another word for ``eta``.
        With the leading axes of the state they broadcast to ``(...)``.
    transient : int
        Steps before anything is measured.
    steps : int
        Steps over which the exponent is averaged.
    longest : int
        The longest period that is looked for.
    tolerance : float
        An orbit has returned when no variable differs by more than this.
    progress : callable, bool or None
        A function that is called with the number of orbits just finished. By default a bar appears
        after two seconds on a terminal or in a notebook; False: never.

    Returns
    -------
    Attractor
        The deviation starts along the first variable. Its exponent is the largest,
        unless the Jacobian never turns this direction into the fastest one: so it is
        the exponent along an invariant line that holds the direction. At the minima of
        ``residual_map``, which form a line, it is 0.

    Raises
    ------
    InputError
        If the state or the parameters do not fit the rule or each other, or a count or
        the tolerance is not positive.

    Examples
    --------
    The balanced network below and above the doublings at ``Y = 1`` and ``sqrt(5) - 1``, and
    at ``Y = 2``, where it triples an angle:

    >>> from catapult_sim.symbolic import linear_net
    >>> found = attractor(linear_net.balanced_map(), [0.3], Y=[0.9, 1.1, 1.25, 2.0])
    >>> found.period
    array([1, 2, 4, 0])
    >>> bool(abs(found.exponent[-1] - np.log(3)) < 0.05)
    True
    """
    from catapult_sim.symbolic.voices import in_place

    rule = require_rule(rule).entrywise()
    orbits, rates, shape = _orbits(rule, state, parameters_of(rule, parameters, named))
    counts = (require_count("transient", transient), require_count("steps", steps, 1))
    longest = require_count("longest", longest, 1)
    tolerance = require_number("tolerance", tolerance, above=0)
    bind = in_place.in_place(rule.linearised())
    found = Attractor(
        np.zeros(orbits.shape[1], np.int64),
        np.full(orbits.shape[1], np.nan),
        np.full(orbits.T.shape, np.nan),
    )
    with showing(progress, "orbits", orbits.shape[1]) as tell, np.errstate(all="ignore"):
        for first in range(0, orbits.shape[1], BLOCK):
            block = np.arange(first, min(first + BLOCK, orbits.shape[1]))
            tangent = np.zeros((len(orbits), block.size))
            tangent[0] = 1
            start = np.concatenate([orbits[:, block], tangent])
            kept, end, growth = _grow(bind, start, rates[:, block], counts)
            kept = block[kept]
            found.exponent[kept] = growth / steps
            found.state[kept] = end[: len(orbits)].T
            found.period[kept] = _period(bind, end, rates[:, kept], longest, tolerance)
            if tell is not None:
                tell(block.size)
    return Attractor(
        found.period.reshape(shape),
        found.exponent.reshape(shape),
        found.state.reshape(*shape, len(orbits)),
    )


def _orbits(
    rule: Update, state: npt.ArrayLike, parameters: tuple[npt.ArrayLike, ...]
) -> tuple[Array, Array, tuple[int, ...]]:
    """Return the ensemble's states ``(S, N)`` and parameters ``(P, N)``, and its shape."""
    start, variables = require_finite("state", state), len(rule.state)
    if start.shape[-1:] != (variables,):
        raise InputError(
            f"{rule.name} requires a state of shape (..., {variables}); got shape {start.shape}"
        )
    named = zip(parameter_names(rule), parameters, strict=True)
    rates = {name: require_finite(name, values) for name, values in named}
    sizes = {name: values.shape for name, values in rates.items()}
    shape = require_broadcast(state=start.shape[:-1], **sizes)
    count = math.prod(shape)
    require_memory(8 * count * (3 * variables + len(rates) + 2), None, "this ensemble", "members")
    row = np.broadcast_to(start, (*shape, start.shape[-1])).reshape(count, start.shape[-1]).T
    rows = [np.broadcast_to(rate, shape).reshape(count) for rate in rates.values()]
    return row, np.array(rows).reshape(len(rows), count), shape


def _grow(
    bind: Bind, state: Array, rates: Array, counts: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], Array, Array]:
    """Iterate orbits and deviations; return which stay finite, their ends, and log growth."""
    size, kept, growth = len(state) // 2, np.arange(state.shape[1]), np.zeros(state.shape[1])
    for measured, count in enumerate(counts):
        for done in range(0, count, BURST):
            state = _advance(bind, state, rates, min(BURST, count - done))
            length = np.sqrt(np.sum(state[size:] ** 2, axis=0))
            growth = growth + np.log(length) if measured else growth
            # A deviation that vanished remains zero: its exponent is minus infinity.
            state[size:] /= np.where(length > 0, length, 1)
            stays = np.isfinite(state).all(axis=0)
            if not stays.all():
                kept, growth = kept[stays], growth[stays]
                state, rates = (np.compress(stays, a, axis=1) for a in (state, rates))
    return kept, state, growth


def _period(bind: Bind, state: Array, rates: Array, longest: int, tolerance: float) -> Array:
    """Return the first step at which each orbit is back, or 0."""
    size = len(state) // 2
    reference, period = state[:size].copy(), np.zeros(state.shape[1], np.int64)
    for step in range(1, longest + 1):
        state = _advance(bind, state, rates, 1)
        back = (np.abs(state[:size] - reference) <= tolerance).all(axis=0)
        period[back & (period == 0)] = step
    return period


def _advance(bind: Bind, state: Array, rates: Array, steps: int) -> Array:
    """Return the state some steps of the linearised map later; ``state`` is overwritten."""
    following = np.empty_like(state)
    # Two buffers take turns, so that no step has to copy its result.
    programs = bind(state, rates, following), bind(following, rates, state)
    for step in range(steps):
        for operation in programs[step % 2]:
            operation()
    return following if steps % 2 else state
