"""Iterate a step over an ensemble and observe it on the way.

A run ends member by member: one that has converged, or has left every bound, is
taken out of the work, labelled, and keeps its last state. Divergence is data; no
exception is raised and NumPy stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import IntEnum
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.presentation import long_columns, member_columns
from catapult_sim.tables import data_frame, html_table
from catapult_sim.types import Array, Observe
from catapult_sim.validation import require_count, require_observers

if TYPE_CHECKING:
    import pandas

Advance = Callable[..., tuple[Array, Array]]
Stride = Callable[..., tuple[Array, Array]]

# Catapults of width 1e12 peak at some 1e12 times their start, or 1e30 times where the
# start happens to be small; beyond this factor squares soon overflow.
ESCAPE = 1e100

# Members run in blocks: large enough that calls of NumPy outweigh what they cost, also where
# threads wait for one another between them; small enough for the cache that cores share.
# Results do not depend on it.
BLOCK_BYTES = 2**23


class Outcome(IntEnum):
    """How one member's run ended."""

    RUNNING = 0
    CONVERGED = 1
    DIVERGED = 2

    @property
    def message(self) -> str:
        """The outcome in words."""
        return {
            Outcome.RUNNING: "the steps ran out",
            Outcome.CONVERGED: "the loss fell to the tolerance",
            Outcome.DIVERGED: "the loss left every bound",
        }[self]

    def __str__(self) -> str:
        """Return the outcome as a word."""
        return self.name.lower()


@dataclass(frozen=True)
class Trajectory:
    """What was observed along a run of an ensemble of shape ``(...)``.

    Examples
    --------
    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None]), 0.5 * x[:, 0] ** 2
    >>> iterate(descend, [1.0], [0.5, 3.0, 9.0], steps=80)
    Trajectory of an ensemble (3,), steps 0 to 80: 2 running, 1 diverged
      last loss 3.42e-49 to 7e+100
      loss (81, 3), state (3, 1)
    """

    step: npt.NDArray[np.int64]  # (T,)
    values: dict[str, Array]  # each (T, ...) or (T, ..., *Q), NaN where not measured
    state: Array  # (..., S): where each member stopped
    outcome: npt.NDArray[np.int8]  # (...), an Outcome each
    stopped: npt.NDArray[np.int64]  # (...), the step of each member's last loss
    average: Array | None = None  # (..., S), that of each member's states, where one was asked for

    def __repr__(self) -> str:
        """Return shapes, how many members ended how, and the range of their last losses."""
        ends = [f"{n} {one}" for one in Outcome if (n := int((self.outcome == one).sum()))]
        low, high = (f.reduce(final(self), None, initial=np.nan) for f in (np.fmin, np.fmax))
        arrays = self.values | {"state": self.state}
        return (
            f"Trajectory of an ensemble {self.outcome.shape}, steps 0 to {self.step[-1]}: "
            f"{', '.join(ends)}\n  last loss {low:.3g} to {high:.3g}\n  "
            + ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        )

    def _repr_html_(self) -> str:
        """Return a table of the members: how each ended, and its losses."""
        losses = {"first": self.values["loss"][0], "peak": peak(self), "last": final(self)}
        columns = {
            **member_columns(self.outcome.shape),
            "outcome": np.array([str(one) for one in Outcome])[self.outcome.ravel()],
            "stopped at": self.stopped.ravel(),
            **{f"{name} loss": loss.ravel() for name, loss in losses.items()},
        }
        return html_table(columns, f"Trajectory, steps 0 to {self.step[-1]}")

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame in long form: a row for each step of each member it made.

        Its columns are ``step``, the place of the member in the ensemble, and every quantity.
        """
        return data_frame(long_columns(self.step, self.values, self.stopped))


def iterate(
    advance: Advance,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    state_ndim: int = 1,
) -> Trajectory:
    """Apply ``advance`` up to ``steps`` times to every member of an ensemble.

    Parameters
    ----------
    advance : callable
        ``advance(state (N, S), *parameters (N,)) -> (next state (N, S), loss (N,))``,
        with the loss of the state that was given.
    state : array_like, shape (..., S)
        Where the members start.
    *parameters : array_like
        What stays fixed along a run, such as learning rates. Their shapes and that
        of the state's leading axes broadcast to the shape of the ensemble.
    steps : int
        How many updates; losses are recorded at steps 0 to ``steps``.
    observe : mapping of str to callable
        Quantities ``state (N, S) -> (N, ...)`` measured at multiples of ``every``.
    tolerance : float
        A member has converged when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.
    state_ndim : int
        How many trailing axes make up one member's state.

    Returns
    -------
    Trajectory
        With the key ``"loss"`` and those of ``observe``.

    Examples
    --------
    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None]), 0.5 * x[:, 0] ** 2
    >>> run = iterate(descend, [1.0], [0.5, 3.0], steps=2)
    >>> print(run.values["loss"])
    [[0.5     0.5    ]
     [0.125   2.     ]
     [0.03125 8.     ]]
    """

    def stride(state: Array, *rates: Array, first: int, count: int) -> tuple[Array, Array]:
        following, loss = advance(state, *rates)
        return following, loss[None]

    return iterate_in_strides(
        stride,
        state,
        *parameters,
        steps=steps,
        longest=1,
        observe=observe,
        every=every,
        tolerance=tolerance,
        escape=escape,
        state_ndim=state_ndim,
    )


def iterate_in_strides(
    stride: Stride,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    longest: int,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    state_ndim: int = 1,
    resume: Trajectory | None = None,
    member_bytes: int = 0,
    threads: int = 1,
) -> Trajectory:
    """Do what :func:`iterate` does, with a rule that takes several steps in one call.

    The losses of a stride are judged together. A member that ended within it takes the
    stride again, step by step, up to where it ended.

    Parameters
    ----------
    stride : callable
        ``stride(state (N, S), *parameters (N,), first=t, count=c)`` returns the state at
        step t + c and the losses ``(c, N)`` of steps t to t + c - 1, starting from the
        state at step t; or fewer losses, where those of the later steps are not measured.
        Where strides begin must not change a result.
    longest : int
        The largest ``count``.
    resume : Trajectory, optional
        Continue this run of the same ensemble from its last step. Strides begin there too.
    member_bytes : int
        What a stride works on for each member, besides its state.
    threads : int
        How many blocks of members run side by side. Strides and observers are called from
        all of them.
    state, parameters, steps, observe, every, tolerance, escape, state_ndim
        As in :func:`iterate`.

    Returns
    -------
    Trajectory
        As that of :func:`iterate`.
    """
    steps, every = require_count("steps", steps), require_count("every", every, 1)
    observe = require_observers(observe)
    members, rates, ensemble = _flatten(_floats(state), parameters, state_ndim)
    begun = 0 if resume is None else int(resume.step[-1])
    run = _begun(members, steps) if resume is None else _continued(resume, steps)
    plan = _Plan(stride, observe, every if observe else steps + 1, longest, tolerance, escape)
    going = np.flatnonzero(run.outcome == Outcome.RUNNING)
    parts = _parts(going, _bytes_of_one(members) + member_bytes, threads)

    def run_part(part: npt.NDArray[np.int64]) -> None:
        # What NumPy may be silent about is told to each thread by itself.
        with np.errstate(all="ignore"):
            _run(plan, run, begun, part, [rate[part] for rate in rates])

    if min(threads, len(parts)) == 1:
        for part in parts:
            run_part(part)
    else:
        _side_by_side(run_part, parts, threads, plan.given_up)
    return _shaped(run, ensemble)


def _parts(
    going: npt.NDArray[np.int64], member_bytes: int, threads: int
) -> list[npt.NDArray[np.int64]]:
    """Split members into blocks of about one size, as many for every thread.

    What fits into half a block one thread does as soon as two.
    """
    total = len(going) * member_bytes
    blocks = -(-total // BLOCK_BYTES)
    if 2 * total > BLOCK_BYTES:
        blocks = -(-blocks // threads) * threads
    # An empty ensemble is a block too: its observers say what they would have measured.
    return np.array_split(going, max(1, min(blocks, len(going))))


def _side_by_side(
    run_part: Callable[[npt.NDArray[np.int64]], None],
    parts: list[npt.NDArray[np.int64]],
    threads: int,
    given_up: Event,
) -> None:
    """Run the parts on threads; what ends one of them, or the wait for them, ends all."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run_part, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            given_up.set()
    for future in futures:
        future.result()


def _floats(state: npt.ArrayLike) -> Array:
    """Return a state as it is in single precision, else in double."""
    array = np.asarray(state)
    return array if array.dtype == np.float32 else np.asarray(array, dtype=float)


def _bytes_of_one(members: Array) -> int:
    return members.nbytes // max(len(members), 1)


def _begun(members: Array, steps: int) -> Trajectory:
    """Return a run before its first step, its members in a row."""
    count = len(members)
    return Trajectory(
        np.arange(steps + 1),
        {"loss": np.full((steps + 1, count), np.nan)},
        members.copy(),
        np.full(count, Outcome.RUNNING, dtype=np.int8),
        np.full(count, steps),
    )


def _continued(run: Trajectory, steps: int) -> Trajectory:
    """Lay the members of a run in a row again, with room for all steps."""
    count, leading = run.outcome.size, run.outcome.ndim

    def longer(values: Array) -> Array:
        room = np.full((steps + 1 - len(values), count, *values.shape[1 + leading :]), np.nan)
        return np.concatenate([values.reshape(len(values), *room.shape[1:]), room])

    return Trajectory(
        np.arange(steps + 1),
        {name: longer(values) for name, values in run.values.items()},
        run.state.reshape(count, *run.state.shape[leading:]).copy(),
        run.outcome.flatten(),
        run.stopped.flatten(),
    )


@dataclass(frozen=True)
class _Plan:
    """What is done to every block of members."""

    stride: Stride
    observe: Observe
    every: int
    longest: int
    tolerance: float
    escape: float
    room: Lock = field(default_factory=Lock)  # who makes some for a quantity
    given_up: Event = field(default_factory=Event)  # whether no part shall go on

    def length(self, t: int, last_step: int) -> int:
        """How many steps to take at once: no observation may fall within, the last is alone."""
        return max(1, min(self.longest, self.every - t % self.every, last_step - t))

    def bounded(self, loss: Array, start: Array) -> npt.NDArray[np.bool_]:
        """Tell which losses have not diverged; one that is infinite has, even at the start."""
        return (loss <= self.escape * start) & (loss < np.inf)

    def finished(self, loss: Array, start: Array) -> npt.NDArray[np.bool_]:
        """Tell which losses have come down to the tolerance."""
        return (loss <= self.tolerance * start) & (loss < np.inf)


def _run(
    plan: _Plan, run: Trajectory, t: int, active: npt.NDArray[np.int64], rates: list[Array]
) -> None:
    """Run the ``active`` members from step t to their ends, and write what happens into ``run``."""
    current, last_step = run.state[active], len(run.step) - 1
    while t <= last_step and not plan.given_up.is_set():
        if t % plan.every == 0:
            _measure(plan, run, t, active, current)
        count = plan.length(t, last_step)
        following, loss = plan.stride(current, *rates, first=t, count=count)
        run.values["loss"][t : t + len(loss), _places(active)] = loss
        start = run.values["loss"][0, active]
        going = plan.bounded(loss, start) & ~plan.finished(loss, start)
        if t == last_step or not going.all():
            ended = ~going.all(axis=0) | (t == last_step)
            where = np.where(going.all(axis=0), 0, np.argmin(going, axis=0))[ended]
            following = following[~ended]  # first, for states may be large
            before = current if ended.all() else current[ended]
            _end(plan, run, t, active[ended], where, before, [rate[ended] for rate in rates])
            active, rates = active[~ended], [rate[~ended] for rate in rates]
        if not len(active):
            return
        current, t = following, t + count


def _places(active: npt.NDArray[np.int64]) -> slice | npt.NDArray[np.int64]:
    """Name neighbours by a slice, which NumPy writes to several times faster."""
    neighbours = len(active) and active[-1] - active[0] + 1 == len(active)
    return slice(active[0], active[-1] + 1) if neighbours else active


def _measure(
    plan: _Plan, run: Trajectory, t: int, active: npt.NDArray[np.int64], current: Array
) -> None:
    shape = run.values["loss"].shape
    for name, quantity in plan.observe.items():
        measured = np.asarray(quantity(current))
        with plan.room:
            if name not in run.values:
                run.values[name] = np.full(shape + measured.shape[1:], np.nan)
        run.values[name][t, active] = measured


def _end(
    plan: _Plan,
    run: Trajectory,
    t: int,
    members: npt.NDArray[np.int64],
    where: npt.NDArray[np.int64],
    state: Array,
    rates: list[Array],
) -> None:
    """Write how the ``members`` ended ``where`` steps after ``t``, from their state at t."""
    start = run.values["loss"][0, members]
    final = run.values["loss"][t + where, members]
    run.outcome[members[~plan.bounded(final, start)]] = Outcome.DIVERGED
    run.outcome[members[plan.finished(final, start)]] = Outcome.CONVERGED
    run.stopped[members] = t + where
    for after in range(int(where.max(initial=0)) + 1):
        run.state[members[where == after]] = state[where == after]
        later = where > after
        run.values["loss"][t + after + 1 :, members[where == after]] = np.nan
        members, where, rates = members[later], where[later], [rate[later] for rate in rates]
        if len(members):
            state, _ = plan.stride(state[later], *rates, first=t + after, count=1)


def _shaped(run: Trajectory, ensemble: tuple[int, ...]) -> Trajectory:
    """Give a run in a row the shape of its ensemble; cut what comes after the last member."""
    length = run.stopped.max(initial=0) + 1
    return Trajectory(
        run.step[:length],
        {
            name: array[:length].reshape(length, *ensemble, *array.shape[2:])
            for name, array in run.values.items()
        },
        run.state.reshape(*ensemble, *run.state.shape[1:]),
        run.outcome.reshape(ensemble),
        run.stopped.reshape(ensemble),
    )


def _flatten(
    state: Array, parameters: tuple[npt.ArrayLike, ...], state_ndim: int
) -> tuple[Array, list[Array], tuple[int, ...]]:
    """Broadcast state and parameters to one ensemble and lay its members in a row."""
    trailing = state.shape[state.ndim - state_ndim :]
    rates = [np.asarray(parameter, dtype=float) for parameter in parameters]
    ensemble = ensemble_shape(state, rates, state_ndim)
    members = np.broadcast_to(state, ensemble + trailing).reshape(-1, *trailing)
    return members, [np.broadcast_to(rate, ensemble).ravel() for rate in rates], ensemble


def ensemble_shape(
    state: Array, parameters: Sequence[Array], state_ndim: int = 1
) -> tuple[int, ...]:
    """Return what the leading axes of a state and the shapes of parameters broadcast to."""
    leading = state.shape[: state.ndim - state_ndim]
    return np.broadcast_shapes(leading, *(parameter.shape for parameter in parameters))


def peak(run: Trajectory, name: str = "loss") -> Array:
    """Return the largest measured value of a quantity, ``(...)``."""
    largest: Array = np.fmax.reduce(run.values[name], axis=0)
    return largest


def final(run: Trajectory, name: str = "loss") -> Array:
    """Return a quantity at the step where each member stopped, ``(...)``."""
    return np.take_along_axis(run.values[name], run.stopped[None], axis=0)[0]
