r"""SGD on quadratic minibatch losses: mean and covariance exactly, without sampling, and sampled.

The model of :mod:`catapult_sim.symbolic.minibatch_quadratic`: along one eigenvector of the
Hessian every step pulls an iterate towards the minimum c of a batch,
``x <- x - a (x - c)``, with ``a = eta h``, and c of mean zero and variance one. Iterates, the
iterate before, and averages are one linear system, driven by c. Its mean and covariance are
propagated step by step, through any schedule, with momentum, with batches drawn anew or
without replacement. Eigenvectors, learning rates and starts are an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.averages import EMA, SWA, IterateAverage, TwoPoint, Window
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.linear_net_stability import largest_stable_rate
from catapult_sim.numeric.requirements import InputError, require_count

__all__ = [
    "Moments",
    "Samples",
    "equivalent_rate",
    "propagate",
    "sample",
    "stationary_variance",
]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Moments:
    """Mean and variance at steps 0 to T of an ensemble of shape ``(...)``."""

    mean: Array  # (T + 1, ...)
    variance: Array  # (T + 1, ...), in units of that of c
    average_mean: Array  # (T + 1, ...), of the average; of the iterates where there is none
    average_variance: Array  # (T + 1, ...)


@dataclass(frozen=True)
class Samples:
    """Sampled runs: iterates and their averages at steps 0 to T."""

    iterates: Array  # (T + 1, *S, ...)
    averages: Array  # (T + 1, *S, ...)


# The joint state: the average, the sum of the c that an epoch has met, the last iterates from the
# newest on.
AVERAGE, MET, NEWEST, BEFORE = range(4)


@dataclass(frozen=True)
class _Process:
    """How the joint state ``(..., K)`` moves."""

    momentum: float
    nesterov: bool
    batches: int | None
    average: IterateAverage | None

    @property
    def size(self) -> int:
        """K."""
        lagged = isinstance(self.average, Window | TwoPoint)
        return NEWEST + max(2, self.average.length if lagged else 0)  # type: ignore[union-attr]

    def pull(self, x: Array, before: Array, c: Array | float, rate: Array) -> Array:
        """Return the next iterate."""
        ahead = x + self.momentum * (x - before)
        return ahead - rate * ((ahead if self.nesterov else x) - c)

    def advance(self, state: Array, rate: Array, t: int) -> Array:
        """Return the expected next state; it is linear in the state."""
        # What is left of an epoch adds up to minus what it has met.
        expected = -state[..., MET] / self._left(t)
        newest = self.pull(state[..., NEWEST], state[..., BEFORE], expected, rate)
        following = np.empty_like(state)
        following[..., MET] = state[..., MET] + expected
        following[..., NEWEST] = newest
        following[..., BEFORE:] = state[..., NEWEST:-1]
        take = self._take(t)
        following[..., AVERAGE] = (1 - take) * state[..., AVERAGE] + take * newest
        return following

    def kick(self, rate: Array, t: int) -> Array:
        """Return what the unexpected part of c, in units of its deviation, adds to the state."""
        surprise = np.zeros((*rate.shape, self.size))
        surprise[..., NEWEST] = rate
        surprise[..., AVERAGE] = rate * self._take(t)
        if self.batches is None:
            return surprise
        surprise[..., MET] = 1
        met = t % self.batches
        return surprise * np.sqrt(1 - met / ((self.batches - 1) * (self.batches - met)))

    def readout(self, t: int) -> Array:
        """Return the average at step t as a combination of the state, ``(K,)``."""
        combination = np.zeros(self.size)
        if isinstance(self.average, Window | TwoPoint):
            held = min(t + 1, self.average.length)
            combination[NEWEST : NEWEST + held] = self.average.value(tuple(np.eye(held)))
        else:
            combination[AVERAGE] = 1
        return combination

    def _left(self, t: int) -> float:
        return np.inf if self.batches is None else self.batches - t % self.batches

    def _take(self, t: int) -> float:
        return self.average.take(t) if isinstance(self.average, EMA | SWA) else 1.0


def propagate(
    rates: npt.ArrayLike,
    *,
    start: npt.ArrayLike = 0.0,
    variance: npt.ArrayLike = 0.0,
    momentum: float = 0.0,
    nesterov: bool = False,
    batches: int | None = None,
    average: IterateAverage | None = None,
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
        How many batches an epoch visits, each once, in an order of its own; the variance of
        their minima, a fixed set, is one. By default every c is drawn anew.
    average : EMA, SWA, Window or TwoPoint, optional

    Returns
    -------
    Moments

    Raises
    ------
    InputError
        Where a rate is negative or at the threshold of stability or beyond, there are fewer
        than two batches, or something else is not what it must be.

    Notes
    -----
    A step costs O(K^2) per member, K = 4 for EMA and SWA, and two more than the number of
    iterates that a window or a pair of points spans.

    Examples
    --------
    From far away, iterates and their mean approach the minimum; then noise keeps them.

    >>> run = propagate(np.full(200, 0.5), start=10.0, average=Window(50))
    >>> print(run.variance[-1].round(9), run.average_variance[-1].round(9))  # V = a / (2 - a)
    0.333333333 0.019466667
    """
    process = _process(momentum, nesterov, batches, average)
    schedule = _stable(rates, process)
    members = np.broadcast_shapes(schedule.shape[1:], np.shape(start), np.shape(variance))
    mean = np.empty((*members, process.size))
    covariance = np.empty((*members, process.size, process.size))
    mean[...] = np.asarray(start, dtype=float)[..., None]
    covariance[...] = np.asarray(variance, dtype=float)[..., None, None]
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
) -> Samples:
    """Return sampled runs of what :func:`propagate` computes exactly.

    Parameters
    ----------
    rates, start, momentum, nesterov, batches, average
        As in :func:`propagate`. The minima are Gaussian; those of a fixed set of batches are
        drawn once for every run, and scaled to mean zero and variance one.
    rng : numpy.random.Generator, int or None
    ensemble : tuple of int
        How many runs; a larger ensemble begins with the runs of a smaller one.

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
    process = _process(momentum, nesterov, batches, average)
    schedule = _stable(rates, process)
    shape = (len(schedule), *np.broadcast_shapes(schedule.shape[1:], np.shape(start)))
    minima = draw(_minima(shape, batches), rng, ensemble)
    minima = np.moveaxis(minima, len(ensemble), 0)
    x = before = np.broadcast_to(np.asarray(start, float), minima.shape[1:])
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
    """Return what draws the minimum that each step meets, ``(T, ...)``."""
    if batches is None:
        return lambda rng: rng.normal(size=shape)
    epochs = -(-shape[0] // batches)

    def shuffled(rng: np.random.Generator) -> Array:
        centres = rng.normal(size=(batches, *shape[1:]))
        centres -= centres.mean(axis=0)
        centres /= centres.std(axis=0)
        orders = rng.permuted(np.broadcast_to(centres, (epochs, *centres.shape)), axis=1)
        return orders.reshape(-1, *shape[1:])[: shape[0]]

    return shuffled


def stationary_variance(
    rates: npt.ArrayLike,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    batches: int | None = None,
    average: EMA | Window | TwoPoint | None = None,
) -> Array:
    """Evaluate the closed forms: the variance that iterates or averages settle at.

    Parameters
    ----------
    rates : array_like
        ``a = eta h``.
    momentum, nesterov, batches, average
        As in :func:`propagate`, one of them at a time; with batches, at the ends of epochs.

    Returns
    -------
    numpy.ndarray
        To the last digits also at small rates, as the forms are evaluated to 50.

    Raises
    ------
    InputError
        Where :func:`propagate` does, a rate is zero, or two options are combined.

    Examples
    --------
    >>> print(stationary_variance([0.5, 1.0]))
    [0.33333333 1.        ]
    >>> print(equivalent_rate(stationary_variance(0.1, average=TwoPoint(1000))))  # 2 a / (4 - a)
    0.05128205128205128
    """
    import sympy as sp

    if (momentum != 0) + (batches is not None) + (average is not None) > 1:
        raise InputError("closed forms take one of momentum, batches and average; got several")
    process = _process(momentum, nesterov, batches, average)
    array = _stable(rates, process)
    if not (array > 0).all():
        raise InputError("rates must be positive: what does not move does not settle; got 0")
    rate, symbol, value, form = _closed_form(process)
    form = form.subs(symbol, sp.Integer(value) if isinstance(value, int) else sp.Float(value, 50))
    values = [float(form.subs(rate, sp.Float(float(a), 50))) for a in array.flat]
    return np.array(values).reshape(array.shape)


def _closed_form(process: _Process) -> tuple[Any, Any, float, Any]:
    """Return the symbol of the rate, the symbol and value of the option, and the variance."""
    from catapult_sim.symbolic import minibatch_quadratic as derived

    match process.average:
        case EMA(decay=decay):
            return derived.a, derived.gamma, decay, derived.ema_variance()
        case Window(size=size):
            return derived.a, derived.k, size, derived.swa_variance()
        case TwoPoint(gap=gap):
            return derived.a, derived.g, gap, derived.two_point_variance()
        case SWA():
            raise InputError("the mean of all iterates does not settle; average must not be SWA")
    if process.batches is not None:
        return derived.a, derived.m, process.batches, derived.shuffled_variance()
    form = derived.nesterov_variance if process.nesterov else derived.heavy_ball_variance
    return derived.a, derived.beta, process.momentum, form()


def equivalent_rate(variance: npt.ArrayLike) -> Array:
    """Return the constant a whose iterates have that variance, ``2 V / (1 + V)``."""
    values = np.asarray(variance, dtype=float)
    return 2 * values / (1 + values)


def _process(
    momentum: float, nesterov: bool, batches: int | None, average: IterateAverage | None
) -> _Process:
    if batches is not None:
        require_count("batches", batches, 2)
    if average is not None and not isinstance(average, IterateAverage):
        raise InputError(
            f"average must be EMA(...), SWA(...), Window(...), TwoPoint(...) or None; "
            f"got {average!r}"
        )
    return _Process(momentum, nesterov, batches, average)


def _stable(rates: npt.ArrayLike, process: _Process) -> Array:
    array = np.asarray(rates, dtype=float)
    limit = float(largest_stable_rate(1.0, momentum=process.momentum, nesterov=process.nesterov))
    inside = (array >= 0) & (array < limit)
    if not inside.all():
        raise InputError(
            f"rates must be at least 0 and below {limit:g}, where deviations begin to grow at "
            f"every step and the variance has no bound; got {array[~inside].flat[0]:g}"
        )
    return array
