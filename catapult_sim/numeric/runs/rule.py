"""Run any training: the protocol of a rule, and the function that runs an ensemble by it.

For developers
--------------
A training checks its input, makes a :class:`Rule` of it, and calls :func:`run`. Memory limits,
threads, strides, observers, averages, progress and checkpoints then work for it as for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit
from catapult_sim.numeric.runs.averages import Average, require_average
from catapult_sim.numeric.runs.batches import Batches, require_batches
from catapult_sim.numeric.runs.blas_threads import threads_for, threads_of_members
from catapult_sim.numeric.runs.checkpoint import Checkpoint, fingerprint, resumable
from catapult_sim.numeric.runs.optimizers import (
    AnyOptimizer,
    named,
    parameters_of,
    require_optimizer,
    with_parameters,
)
from catapult_sim.numeric.runs.strides import announced, iterate_in_strides, run_bytes
from catapult_sim.numeric.runs.trajectory import Trajectory, require_every
from catapult_sim.printing import short_repr
from catapult_sim.types import Array, Every, Progress, Quantities
from catapult_sim.validation import InputError, ensemble_shape, require_at_least_zero, require_count

Schedule = Callable[[int], Any] | npt.ArrayLike

SMALL_BYTES = 2**20  # of a member up to which one thread steps about as fast as two


@dataclass(frozen=True)
class Method:
    """The options of a training: optimiser, steps, batches, schedule and average."""

    optimizer: AnyOptimizer
    steps: int
    batches: Batches | None = None  # (T, b), or (*members of the start, T, b)
    factors: Array | None = None  # (steps,), of the learning rates
    average: Average | None = None

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        optimizer: Any,
        steps: int,
        batches: npt.ArrayLike | None,
        schedule: Schedule | None,
        average: Any,
        *,
        samples: int,
        ensemble: tuple[int, ...],
    ) -> Method:
        """Return the options, checked against the data and the shape of the ensemble."""
        steps = require_count("steps", steps)
        return cls(
            require_optimizer(optimizer),
            steps,
            None if batches is None else require_batches(batches, samples, ensemble),
            None if schedule is None else _factors(schedule, steps),
            None if average is None else require_average(average),
        )

    @cached_property
    def numbers(self) -> dict[str, Array]:
        """The numbers of the optimiser that broadcast with the ensemble, by name."""
        return parameters_of(self.optimizer)

    def rate(self, t: int, rate: Array) -> Array:
        """Return the learning rates of step t."""
        return rate if self.factors is None else rate * self.factors[t]

    def rows(self, t: int | npt.NDArray[np.int64], starts: Array) -> npt.NDArray[np.int64] | None:
        """Return the samples of step t, ``(b,)`` or ``(N, b)``; None for all.

        Of several steps ``(c,)``, those of each come first: ``(c, b)`` or ``(c, N, b)``.
        """
        if self.batches is None:
            return None
        now = np.asarray(t) % self.batches.shape[-2]
        if self.batches.ndim == 2:
            return self.batches[now]
        own = self.batches.reshape(-1, *self.batches.shape[-2:])
        return own[starts.astype(np.int64), now[..., None]]

    def of_batch(self, values: Array, t: int, starts: Array) -> Array:
        """Return that of step t of a value for each batch ``(..., T)``: a number or ``(N,)``."""
        now: Array = values[..., t % values.shape[-1]]
        return now if now.ndim == 0 else now.ravel()[starts.astype(np.int64)]

    def optimizer_of(self, values: tuple[Array, ...], dtype: Any) -> AnyOptimizer:
        """Return the optimiser with the numbers ``(N,)`` of a block of members."""
        if not values:
            return self.optimizer
        columns = (value.astype(dtype)[:, None] for value in values)
        return with_parameters(self.optimizer, dict(zip(self.numbers, columns, strict=True)))

    def fingerprints(self, t: int) -> dict[str, str]:
        """Return fingerprints of all that the first t steps depend on, except numbers."""
        arrays = {
            "batches": () if self.batches is None else self.batches[..., :t, :],
            "schedule": () if self.factors is None else self.factors[:t],
        }
        found = {name: fingerprint(array) for name, array in arrays.items()}
        return found | {"optimizer": named(self.optimizer), "average": str(self.average)}


def _factors(schedule: Schedule, steps: int) -> Array:
    given = [schedule(t) for t in range(steps)] if callable(schedule) else schedule
    factors = require_at_least_zero("the factors of schedule", given)
    if factors.shape != (steps,):
        raise InputError(f"schedule must give {steps} factors, one a step; got {factors.shape}")
    return factors


@dataclass(frozen=True)
class Averaged:
    """Functions of states: the averaged weights that a state contains, and their loss."""

    weights: Callable[[Array], Array]  # (..., S) -> the averaged weights
    loss: Callable[[Array], Array]  # (N, S) -> (N,), their loss


class Block(NamedTuple):
    """Members that take their steps together; each array is ``(N,)``."""

    rate: Array  # learning rates
    members: Array  # their indices in the ensemble, in C order
    starts: Array  # the indices of the weights they started from
    numbers: tuple[Array, ...]  # those of the model and the optimiser that broadcast


class Rule(Protocol):
    """The steps of an ensemble: all that :func:`run` needs of a model and its optimiser."""

    @property
    def method(self) -> Method:
        """Its options."""

    @property
    def average(self) -> Averaged | None:
        """The averaged weights as functions of states; None without an average."""

    @property
    def least_peak(self) -> Callable[[Array], Array] | None:
        """A lower bound of the largest loss so far, of states; None where every loss is known."""

    @property
    def longest(self) -> int:
        """The largest number of steps in one stride."""

    @property
    def work(self) -> int:
        """The bytes that a member takes in a stride besides its states, for the size of blocks."""

    @property
    def bytes(self) -> int:
        """The most bytes that a member takes besides its states, for the memory limit."""

    def start(self, weights: Array) -> Array:
        """Return the states ``(..., S)`` at given weights, before the first step."""

    def stride(self, state: Array, block: Block, first: int, count: int) -> tuple[Array, Array]:
        """Take ``count`` steps from step ``first`` on; return the next state and the losses.

        State ``(N, S)`` and losses ``(c, N)`` as in
        :func:`~catapult_sim.numeric.runs.strides.iterate_in_strides`.
        """

    def weights(self, state: Array) -> Array:
        """Return the weights in states, for observers and for the result of a run."""


def run(
    rule: Rule,
    weights: Array,
    leading: tuple[int, ...],
    numbers: Mapping[str, Array],
    *,
    problem: Callable[[], dict[str, str]],
    observe: Quantities,
    every: Every,
    checkpoint: Checkpoint | None,
    progress: Progress | bool | None,
    memory_limit: Limit,
    **ends: Any,
) -> Trajectory:
    """Run an ensemble by a rule.

    Parameters
    ----------
    rule : Rule
    weights : numpy.ndarray, shape (*leading, ...)
        Where the members start.
    leading : tuple of int
    numbers : mapping of str to numpy.ndarray
        The learning rates first, then what the model has that broadcasts with the ensemble; those
        of the optimiser are added.
    problem : callable
        Returns fingerprints of the model and its data by name, for a checkpoint.
    observe, every, checkpoint, progress, memory_limit
        As :func:`~catapult_sim.mlp.training.train` has them, the quantities as functions.
    **ends
        Its ``tolerance`` and ``escape``.

    Returns
    -------
    Trajectory
        Its states are weights.

    Raises
    ------
    InputError
        Where the run exceeds the memory limit, or an option is not as required.
    """
    if checkpoint is not None and not getattr(rule.method.optimizer, "resumable", True):
        raise InputError(
            "checkpoint requires an optimiser that remembers nothing but vectors of weights; "
            f"got {named(rule.method.optimizer)}"
        )
    start, steps = rule.start(weights), rule.method.steps
    named_numbers = {**numbers, **rule.method.numbers}
    rate, *others = named_numbers.values()
    starts = np.arange(math.prod(leading)).reshape(leading)
    ensemble = ensemble_shape(start, list(named_numbers.values()))
    members = np.arange(math.prod(ensemble)).reshape(ensemble)
    parameters = (rate, members, starts, *others)
    seen, measured = _on_states(rule, observe), require_every(every)
    most = threads_of_members()  # in memory; there may be more when the run begins
    required = run_bytes(start, parameters, steps, seen, work=rule.bytes, threads=most)

    def stride(state: Array, *arrays: Array, first: int, count: int) -> tuple[Array, Array]:
        rate, members, starts, *others = arrays
        return rule.stride(state, Block(rate, members, starts, tuple(others)), first, count)

    def to(last: int, before: Trajectory | None, tell: Progress | None) -> Trajectory:
        with threads_for(members.size, small=rule.bytes <= SMALL_BYTES) as side_by_side:
            return iterate_in_strides(
                stride,
                start,
                *parameters,
                steps=last,
                longest=rule.longest,
                observe=seen,
                every=every,
                resume=before,
                member_bytes=rule.work,
                threads=min(side_by_side, most),
                tell=tell,
                **ends,
            )

    def fingerprints(t: int) -> dict[str, str]:
        arrays = {**named_numbers, "start": weights}
        found = {name: fingerprint(array) for name, array in arrays.items()} | problem()
        others = {"every": str(measured)} | {name: str(ends[name]) for name in ends}
        return found | rule.method.fingerprints(t) | others

    with announced(members.size, steps, required, memory_limit, progress) as tell:
        if checkpoint is None:
            return _of_weights(rule, to(steps, None, tell))
        run_to = partial(to, tell=tell)
        return _of_weights(rule, resumable(run_to, steps, checkpoint, measured, fingerprints))


def _on_states(rule: Rule, observe: Quantities) -> dict[str, Callable[[Any], Array]]:
    """Turn observers of weights into observers of states, and of the average if there is one."""
    seen: dict[str, Callable[[Any], Array]] = {
        name: partial(_of, rule.weights, quantity) for name, quantity in observe.items()
    }
    if rule.average is None:
        return seen
    seen["average_loss"] = rule.average.loss
    for name, quantity in observe.items():
        seen[f"average_{name}"] = partial(_of, rule.average.weights, quantity)
    return seen


def _of(part: Callable[[Any], Array], quantity: Callable[[Any], Array], state: Array) -> Array:
    return quantity(part(state))


def _of_weights(rule: Rule, found: Trajectory) -> Trajectory:
    """Return a run of states as one of weights."""
    with np.errstate(all="ignore"):  # of diverged members too
        average = None if rule.average is None else rule.average.weights(found.state)
        least = None if rule.least_peak is None else rule.least_peak(found.state)
        weights = rule.weights(found.state)
        return replace(found, state=weights, average=average, least_peak=least)
