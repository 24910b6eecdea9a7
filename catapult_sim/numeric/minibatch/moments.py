r"""Moments of SGD on quadratic minibatch losses: mean and variance, exact or from samples.

The model of :mod:`catapult_sim.symbolic.minibatch`: along one eigenvector of the
Hessian every step pulls an iterate towards the minimum c of a batch,
``x <- x - a (x - c)``, with ``a = eta h``, and c of mean zero and variance one. The iterate, the
previous one and the average form one linear system, driven by c. Its mean and covariance are
propagated step by step, for any schedule, with momentum, for batches that are independent or drawn
without replacement. Eigenvectors, learning rates and starts are an ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.minibatch.process import (
    MET,
    NEWEST,
    Process,
    require_process,
    require_rates,
)
from catapult_sim.numeric.runs.averages import IterateAverage
from catapult_sim.printing import short_repr
from catapult_sim.randomness import draw
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_broadcast,
    require_ensemble,
    require_finite,
)


@dataclass(frozen=True)
class Moments:
    """Mean and variance at steps 0 to T of an ensemble of shape ``(...)``."""

    mean: Array  # (T + 1, ...)
    variance: Array  # (T + 1, ...), in units of that of c
    average_mean: Array  # (T + 1, ...), of the average; of the iterates where there is none
    average_variance: Array  # (T + 1, ...)

    __repr__ = short_repr


@dataclass(frozen=True)
class Samples:
    """Sampled runs: iterates and their averages at steps 0 to T."""

    iterates: Array  # (T + 1, *S, ...)
    averages: Array  # (T + 1, *S, ...)

    __repr__ = short_repr


def propagate(
    rates: npt.ArrayLike,
    *,
    start: npt.ArrayLike = 0.0,
    variance: npt.ArrayLike = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
    batches: int | None = None,
    average: IterateAverage | None = None,
    memory_limit: Limit = None,
) -> Moments:
    r"""Return mean and variance of iterates and averages at every step, exactly.

    Parameters
    ----------
    rates : array_like, shape (T, ...)
        ``a = eta h`` of every step: a schedule, times the curvatures of an ensemble.
    start, variance : array_like
        Mean and variance of the first iterate; they broadcast against ``(...)``.
    momentum : float
    nesterov : bool
        The gradient is taken ahead.
    batches : int, optional
        Number of batches in an epoch, each visited once, in a new order every epoch; their minima
        are a fixed set of variance one. By default every c is drawn independently.
    average : EMA, SWA, Window or TwoPoint, optional
    memory_limit : float, str or None
        Memory that the moments may take: bytes, or a size such as "6GB"; by default half of what is
        free.

    Returns
    -------
    Moments

    Raises
    ------
    InputError
        Where a rate is negative or not below the threshold of stability, there are fewer than
        two batches, another option is invalid, or the memory limit is exceeded.

    Notes
    -----
    A step costs O(K^2) per member, K = 4 for EMA and SWA, and two more than the number of
    iterates that a window or a pair of points spans.

    Examples
    --------
    Started far from the minimum, iterates approach it until noise dominates.

    >>> from catapult_sim.numeric.runs.averages import Window
    >>> run = propagate(np.full(200, 0.5), start=10.0, average=Window(50))
    >>> print(run.variance[-1].round(9), run.average_variance[-1].round(9))  # V = a / (2 - a)
    0.333333333 0.019466667
    """
    process = require_process(momentum, nesterov, batches, average)
    schedule, begin = _schedule(rates, process), require_finite("start", start)
    spread = require_at_least_zero("variance", variance)
    sizes = {"rates": schedule.shape[1:], "start": begin.shape, "variance": spread.shape}
    members, kept = require_broadcast(**sizes), 4 * (len(schedule) + 1)
    held = 4 * process.size * (process.size + 1)
    require_memory(
        8 * math.prod(members) * (kept + held), memory_limit, "this run", "members or steps"
    )
    mean = np.empty((*members, process.size))
    covariance = np.empty((*members, process.size, process.size))
    mean[...], covariance[...] = begin[..., None], spread[..., None, None]
    mean[..., MET] = covariance[..., MET, :] = covariance[..., MET] = 0
    found = np.empty((4, len(schedule) + 1, *members))
    found[:, 0] = _observed(mean, covariance, process.readout(0))
    for t, rate in enumerate(schedule):
        mean = process.advance(mean, rate, t)
        for _ in range(2):  # from the left and from the right
            covariance = np.swapaxes(process.advance(covariance, rate[..., None], t), -1, -2)
        kick = process.kick(rate, t)
        covariance += kick[..., :, None] * kick[..., None, :]
        found[:, t + 1] = _observed(mean, covariance, process.readout(t + 1))
    return Moments(*found)


def _schedule(rates: npt.ArrayLike, process: Process) -> Array:
    """Return the rates of every step ``(T, ...)``, or raise InputError."""
    schedule = require_rates(rates, process)
    if not schedule.ndim:
        raise InputError(f"rates must have shape (T, ...); got {schedule.shape}")
    return schedule


def _observed(mean: Array, covariance: Array, readout: Array) -> tuple[Array, ...]:
    return (
        mean[..., NEWEST],
        covariance[..., NEWEST, NEWEST],
        mean @ readout,
        covariance @ readout @ readout,
    )


def sample(
    rates: npt.ArrayLike,
    *,
    start: npt.ArrayLike = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
    batches: int | None = None,
    average: IterateAverage | None = None,
    rng: Rng = None,
    ensemble: tuple[int, ...] = (),
    memory_limit: Limit = None,
) -> Samples:
    """Return sampled runs, whose mean and variance :func:`propagate` computes exactly.

    Parameters
    ----------
    rates, start, momentum, nesterov, batches, average
        As in :func:`propagate`. The minima are Gaussian; those of a fixed set of batches are
        drawn once for every run, and scaled to mean zero and variance one.
    rng : numpy.random.Generator, int or None
    ensemble : tuple of int
        How many runs; a larger ensemble begins with the runs of a smaller one.
    memory_limit : float, str or None
        Memory that the samples may take: bytes, or a size such as "6GB"; by default half of what is
        free.

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        As :func:`propagate`.

    Examples
    --------
    >>> runs = sample(np.full(100, 0.5), rng=0, ensemble=(2000,))
    >>> bool(abs(runs.iterates[-1].var() - 1 / 3) < 0.03)
    True
    """
    process = require_process(momentum, nesterov, batches, average)
    schedule, begin = _schedule(rates, process), require_finite("start", start)
    leading = require_broadcast(rates=schedule.shape[1:], start=begin.shape)
    shape, ensemble = (len(schedule), *leading), require_ensemble(ensemble)
    runs = math.prod((*ensemble, *leading))
    # Minima, iterates and averages; iterates and averages again, as they become an array.
    require_memory(
        8 * runs * 5 * (len(schedule) + 1), memory_limit, "this ensemble", "members or steps"
    )
    minima = draw(_minima(shape, process.batches), rng, ensemble)
    minima = np.moveaxis(minima, len(ensemble), 0)
    x = before = np.broadcast_to(begin, minima.shape[1:])
    iterates = [x]
    averages = [x]
    memory = () if average is None else average.begin(x)
    for t, (rate, c) in enumerate(zip(schedule, minima, strict=True)):
        x, before = process.pull(x, before, c, rate), x
        iterates.append(x)
        if average is not None:
            memory = average.advance(memory, x, t)
            averages.append(average.value(memory))
    every = np.stack(iterates)
    return Samples(every, every if average is None else np.stack(averages))


def _minima(shape: tuple[int, ...], batches: int | None) -> Callable[..., Array]:
    """Return a function ``rng -> minima (T, ...)`` that draws one minimum for each step."""
    if batches is None:
        return lambda rng: rng.normal(size=shape)
    epochs = -(-shape[0] // batches)

    def shuffled(rng: np.random.Generator) -> Array:
        centres = rng.normal(size=(batches, *shape[1:]))
        centres -= centres.mean(axis=0)
        centres /= centres.std(axis=0)
        orders = rng.permuted(np.broadcast_to(centres, (epochs, *centres.shape)), axis=1)
        return orders.reshape(epochs * batches, *shape[1:])[: shape[0]]

    return shuffled
