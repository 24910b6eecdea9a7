"""Run an ensemble in strides of several steps and in blocks, and observe it on the way.

Members end one by one: where the loss of a member has converged or diverged, its last state is
kept with that outcome, and the others go on. A divergence is a result: it raises no exception
and no warning of NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event, Lock

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.runs.trajectory import (
    ESCAPE,
    Outcome,
    Steps,
    Trajectory,
    require_every,
)
from catapult_sim.printing import counted
from catapult_sim.progress import showing
from catapult_sim.types import Array, Every, Progress, Quantities
from catapult_sim.validation import (
    ensemble_shape,
    read_only,
    require_limit,
    require_numbers,
    require_observed,
    require_reals,
)

Stride = Callable[..., tuple[Array, Array]]

# Large enough that arithmetic outweighs the overhead of NumPy's calls, between which threads wait
# for the interpreter's lock; small enough for the cache that cores share. No result depends on it.
BLOCK_BYTES = 2**23


def iterate_in_strides(
    stride: Stride,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    longest: int,
    observe: Quantities | None = None,
    every: Every = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    state_ndim: int = 1,
    resume: Trajectory | None = None,
    member_bytes: int = 0,
    threads: int = 1,
    tell: Progress | None = None,
) -> Trajectory:
    """Run an ensemble by a rule that takes several steps in one call.

    Otherwise as :func:`~catapult_sim.numeric.runs.iterate.iterate`, which is the case of one step.

    Whether a member has ended is decided from all losses of a stride at once. One that ended
    within it takes the stride again, step by step, up to there.

    Parameters
    ----------
    stride : callable
        ``stride(state (N, S), *parameters (N,), first=t, count=c)`` returns the state at
        step t + c and the losses ``(c, N)`` of steps t to t + c - 1, starting from the
        state at step t; or fewer losses, down to none, where those of the later steps are not
        measured. That of the last step must be.
        Where strides begin must not change a result.
    longest : int
        The largest ``count``.
    resume : Trajectory, optional
        Continue this run of the same ensemble from its last step. Strides begin there too.
    member_bytes : int
        The bytes that a stride takes for each member besides its state.
    threads : int
        How many blocks of members run side by side. Strides and observers are called from
        all of them.
    tell : callable, optional
        Called with the number of steps just taken, summed over members, by one thread at a time.
    state, parameters, steps, observe, every, tolerance, escape, state_ndim
        As in :func:`~catapult_sim.numeric.runs.iterate.iterate`.

    Returns
    -------
    Trajectory
        As that of :func:`~catapult_sim.numeric.runs.iterate.iterate`.
    """
    seen, observe = require_every(every), observe or {}
    tolerance, escape = require_limit("tolerance", tolerance), require_limit("escape", escape)
    members, rates, ensemble = _flatten(require_state(state), parameters, state_ndim)
    begun = 0 if resume is None else int(resume.step[-1])
    run = _begun(members, steps) if resume is None else _continued(resume, steps)
    stride = stride if tell is None else _telling(stride, tell)
    shared = _Shared(run, stride, observe, seen if observe else Steps(), longest, tolerance, escape)
    going = np.flatnonzero(run.outcome == Outcome.RUNNING)
    own_bytes = members.nbytes // max(len(members), 1)
    parts = blocks_of(going, own_bytes + member_bytes, threads)

    def run_part(part: npt.NDArray[np.int64]) -> None:
        # NumPy keeps the treatment of floating-point errors for each thread.
        with np.errstate(all="ignore"):
            shared.advance(begun, part, [rate[part] for rate in rates])

    if min(threads, len(parts)) == 1:
        for part in parts:
            run_part(part)
    else:
        on_threads(run_part, parts, threads, shared.given_up)
    shared.allocate_rest()
    return _shaped(run, ensemble)


def _telling(stride: Stride, tell: Progress) -> Stride:
    """Return a stride that tells how many steps it has taken, summed over members."""
    turn = Lock()

    def told(state: Array, *parameters: Array, first: int, count: int) -> tuple[Array, Array]:
        taken = stride(state, *parameters, first=first, count=count)
        with turn:
            tell(count * len(state))
        return taken

    return told


def require_state(state: npt.ArrayLike) -> Array:
    """Return real numbers in single precision if that is their own, else in double."""
    array = require_numbers("state", state)
    return array if array.dtype == np.float32 else require_reals("state", array)


def _begun(members: Array, steps: int) -> Trajectory:
    """Return a run before its first step, with a single axis of members."""
    count = len(members)
    return Trajectory(
        np.arange(steps + 1),
        {"loss": np.full((steps + 1, count), np.nan)},
        members.copy(),
        np.full(count, Outcome.RUNNING, dtype=np.int8),
        np.full(count, steps),
    )


def _continued(run: Trajectory, steps: int) -> Trajectory:
    """Return a run with a single axis of members, and NaN for the steps still to take."""
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
class _Shared:
    """The record and the arguments of a run, which all blocks of members share."""

    run: Trajectory
    stride: Stride
    observe: Quantities
    every: Steps
    longest: int
    tolerance: float
    escape: float
    # The first block that measures a quantity makes the array for all.
    allocation: Lock = field(default_factory=Lock)
    given_up: Event = field(default_factory=Event)  # set when an exception stops all blocks

    def length(self, t: int, last_step: int) -> int:
        """Return the steps of the stride at t: none goes beyond an observation or the last step."""
        return max(1, min(self.longest, int(min(self.every.next_after(t), last_step)) - t))

    def bounded(self, loss: Array, start: Array) -> npt.NDArray[np.bool_]:
        """Return which losses have not diverged; an infinite one has, even at the start."""
        return (loss <= self.escape * start) & (loss < np.inf)

    def finished(self, loss: Array, start: Array) -> npt.NDArray[np.bool_]:
        """Return which losses have fallen to the tolerance."""
        return (loss <= self.tolerance * start) & (loss < np.inf)

    def advance(self, t: int, active: npt.NDArray[np.int64], rates: list[Array]) -> None:
        """Run the ``active`` members from step t to their ends, and record them."""
        run, losses = self.run, self.run.values["loss"]
        current, last_step, start = run.state[active], len(run.step) - 1, losses[0, active]
        while t <= last_step and not self.given_up.is_set():
            if t in self.every:
                self._measure(t, active, current)
            count = self.length(t, last_step)
            following, loss = self.stride(current, *rates, first=t, count=count)
            if not len(loss):  # none was measured
                current, t = following, t + count
                continue
            losses[t : t + len(loss), _places(active)] = loss
            if t == 0:
                start = losses[0, active]
            going = self.bounded(loss, start) & ~self.finished(loss, start)
            if t == last_step or not going.all():
                ended = ~going.all(axis=0) | (t == last_step)
                where = np.where(going.all(axis=0), 0, np.argmin(going, axis=0))[ended]
                following = following[~ended]  # first: it frees memory before the steps below
                before = current if ended.all() else current[ended]
                self._end(t, active[ended], where, before, [rate[ended] for rate in rates])
                active, start = active[~ended], start[~ended]
                rates = [rate[~ended] for rate in rates]
            if not len(active):
                return
            current, t = following, t + count

    def _measure(self, t: int, active: npt.NDArray[np.int64], current: Array) -> None:
        values, shape = self.run.values, self.run.values["loss"].shape
        for name, quantity in self.observe.items():
            measured = require_observed(name, quantity(read_only(current)), len(current))
            with self.allocation:
                if name not in values:
                    values[name] = np.full(shape + measured.shape[1:], np.nan)
            values[name][t, active] = measured

    @np.errstate(all="ignore")
    def allocate_rest(self) -> None:
        """Record NaN for quantities that were measured at no step, as all members ended before."""
        values, shape = self.run.values, self.run.values["loss"].shape
        for name in self.observe.keys() - values.keys():
            one = np.asarray(self.observe[name](self.run.state[:1]))
            values[name] = np.full(shape + one.shape[1:], np.nan)

    def _end(
        self,
        t: int,
        members: npt.NDArray[np.int64],
        where: npt.NDArray[np.int64],
        state: Array,
        rates: list[Array],
    ) -> None:
        """Record that ``members`` ended ``where`` steps after t, given their state at t."""
        run, losses = self.run, self.run.values["loss"]
        start, final = losses[0, members], losses[t + where, members]
        run.outcome[members[~self.bounded(final, start)]] = Outcome.DIVERGED
        run.outcome[members[self.finished(final, start)]] = Outcome.CONVERGED
        run.stopped[members] = t + where
        for after in range(int(where.max(initial=0)) + 1):
            run.state[members[where == after]] = state[where == after]
            later = where > after
            losses[t + after + 1 :, members[where == after]] = np.nan
            members, where, rates = members[later], where[later], [rate[later] for rate in rates]
            if len(members):
                state, _ = self.stride(state[later], *rates, first=t + after, count=1)


def _places(active: npt.NDArray[np.int64]) -> slice | npt.NDArray[np.int64]:
    """Return consecutive indices as a slice, to which NumPy writes several times faster."""
    neighbours = len(active) and active[-1] - active[0] + 1 == len(active)
    return slice(active[0], active[-1] + 1) if neighbours else active


def _shaped(run: Trajectory, ensemble: tuple[int, ...]) -> Trajectory:
    """Return a run with the axes of its ensemble, without steps that no member has taken."""
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
    """Broadcast state and parameters to one ensemble, and flatten its axes to one."""
    trailing = state.shape[state.ndim - state_ndim :]
    rates = [require_reals("each parameter", parameter) for parameter in parameters]
    ensemble = ensemble_shape(state, rates, state_ndim)
    spread = np.broadcast_to(state, ensemble + trailing)
    members = spread.reshape(math.prod(ensemble), *trailing)
    return members, [np.broadcast_to(rate, ensemble).ravel() for rate in rates], ensemble


def run_bytes(
    state: Array,
    rates: tuple[Array, ...],
    steps: int,
    observe: Quantities,
    *,
    work: int = 0,
    threads: int = 1,
    state_ndim: int = 1,
) -> int:
    """Return the bytes of a run: its record, its states, and the blocks that run at once.

    Every member has a state at the start and one at the end; a running one also has one before
    and one after a stride, a step, and ``work`` bytes. What observers allocate is not counted.
    """
    members = math.prod(ensemble_shape(state, rates, state_ndim))
    leading = state.ndim - state_ndim
    trailing = state.shape[leading:]
    one = state[(slice(0, 1),) * leading].reshape(-1, *trailing)
    with np.errstate(all="ignore"):
        recorded = sum(
            require_observed(name, quantity(read_only(one)), len(one)).size
            for name, quantity in observe.items()
        )
    kept, held = 8 * (steps + 1) * (1 + recorded), state.itemsize * state.shape[-1]
    at_once = min(members, threads * max(1, BLOCK_BYTES // (held + work)))
    return members * (kept + 2 * held) + at_once * (3 * held + work)


def announced(
    members: int, steps: int, required: float, memory_limit: Limit, progress: Progress | bool | None
) -> AbstractContextManager[Progress | None]:
    """Return how a run tells its progress, or raise InputError where it takes too much memory."""
    require_memory(required, memory_limit, "this run", "members, steps or observed numbers")
    total = members * (steps + 1)
    return showing(progress, lambda: f"{counted(members, 'member')}, {steps} steps", total)


def blocks_of(
    going: npt.NDArray[np.int64], member_bytes: int, threads: int
) -> list[npt.NDArray[np.int64]]:
    """Split members into blocks of about equal size, equally many for each thread.

    Below half a block a second thread gains nothing.
    """
    total = len(going) * member_bytes
    blocks = -(-total // BLOCK_BYTES)
    if 2 * total > BLOCK_BYTES:
        blocks = -(-blocks // threads) * threads
    # An empty ensemble is a block too: its observers give the shapes of the record.
    return np.array_split(going, max(1, min(blocks, len(going))))


def on_threads(
    run_part: Callable[[npt.NDArray[np.int64]], None],
    parts: list[npt.NDArray[np.int64]],
    threads: int,
    given_up: Event,
) -> None:
    """Run the parts on threads; an exception in one, or while waiting, stops all."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run_part, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            given_up.set()
    for future in futures:
        future.result()
