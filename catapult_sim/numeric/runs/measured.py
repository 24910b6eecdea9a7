"""A number with its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.scale import scaled
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_count,
    require_function,
    require_limit,
    require_reals,
    require_result,
)

SHOWN = 100


@dataclass(frozen=True)
class Measured:
    """A measured value, its standard error, and how many members it rests on.

    ``at_least`` marks a lower bound: the search ended before the value was met. ``at_most`` marks
    an upper one: the search began beyond it. Both together, of different members, bound nothing.
    ``seeds`` are the values of up to :data:`SHOWN` members, if the value is their mean.
    ``systematic`` is the part of the error that all members share, such as half a bracket: it is
    at most so large, and more members do not lower it.

    Examples
    --------
    >>> print(Measured(3.9981, 0.0042, 8), Measured(2.0, 0.0, 1), Measured(30.0, 0.5, 4, True))
    3.998(4) 2 >= 30.0(5)
    >>> print(Measured(1.0, 0.0, 4, at_most=True), Measured(9.0, 2.0, 4, True, True))
    <= 1 ~ 9(2)
    >>> print(Measured(0.000187252, 0.0007, 8))
    0.0002 +- 0.0007
    """

    value: float
    error: float
    n: int
    at_least: bool = False
    at_most: bool = False
    seeds: tuple[float, ...] = field(default=(), compare=False, repr=False)
    systematic: float = 0.0

    def __str__(self) -> str:
        """Print the error in units of the last digit shown; "no number" for NaN."""
        if math.isnan(self.value):
            return "no number"
        return SIGNS[self.at_least, self.at_most] + _with_error(self.value, self.error)


class NothingToMeasure(Exception):
    """Raised by a measurement where the data or the runs leave nothing to measure."""


SIGNS = {(False, False): "", (True, False): ">= ", (False, True): "<= ", (True, True): "~ "}


def _with_error(value: float, error: float) -> str:
    if not (math.isfinite(value) and math.isfinite(error)) or error == 0:
        return f"{value:.6g}"
    digits = -math.floor(math.log10(float(f"{error:.0e}")))
    if error < 1e-4 * abs(value) or not 1e-3 <= max(abs(value), error) < 1e6:
        return f"{round(value, digits) + 0.0:.6g} +- {error:.1g}"
    digits = max(0, digits)
    return f"{value:.{digits}f}({float(f'{error:.0e}') * 10**digits:.0f})"


@np.errstate(over="ignore", invalid="ignore")
def mean(values: npt.ArrayLike, systematic: float = 0.0) -> Measured:
    """Return the mean of members; the error combines their standard error and a systematic one.

    Parameters
    ----------
    values : array_like, shape (S,)
        One value per member, S >= 1; the error of a single one is NaN.
    systematic : float
        An uncertainty shared by all members, such as a bracket's half width.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0]))
    2.0(6)
    """
    given, systematic = require_reals("values", values), require_limit("systematic", systematic)
    if not given.size:
        raise InputError("values must be of at least 1 member; got none")
    members, exponent = scaled(given.ravel())
    spread = members.std(ddof=1) / math.sqrt(members.size) if members.size > 1 else math.nan
    average, error = np.ldexp([members.mean(), spread], exponent).tolist()
    seeds = tuple(given.ravel().tolist()) if members.size <= SHOWN else ()
    whole = math.hypot(error, systematic)
    return Measured(average, whole, members.size, seeds=seeds, systematic=float(systematic))


def share(hits: npt.ArrayLike) -> Measured:
    """Return the fraction of hits; the error counts one more of each outcome.

    So the error is positive even where all members agree.

    Parameters
    ----------
    hits : array_like of bool, shape (S,) or (S, ...)
        One row per member, S >= 1. Values that are not independent, such as the learning
        rates of a seed, lie along the trailing axes, and are averaged first.

    Examples
    --------
    >>> print(share([True] * 8))
    1.0(1)
    >>> print(share([[True, True], [True, False], [False, False]]))
    0.5(3)
    """
    rows = require_reals("hits", hits)
    if not rows.ndim or not rows.size:
        raise InputError(f"hits must have shape (S, ...) with S >= 1; got {rows.shape}")
    members = rows.reshape(len(rows), -1).mean(axis=1)
    spread = np.append(members, [0.0, 1.0]).std()
    return Measured(float(members.mean()), float(spread / math.sqrt(len(members))), len(members))


def jackknife(
    statistic: Callable[[Array], float], members: int, systematic: float = 0.0
) -> Measured:
    """Return a statistic of all members, its error from leaving out one member at a time.

    Parameters
    ----------
    statistic : callable
        ``kept (members,) of bool -> number``, of the members that are kept.
    members : int
        At least 2; the error of a single one is NaN.
    systematic : float
        Part of the error that all members share, such as half a spacing; not negative.

    Examples
    --------
    >>> heights = np.array([1.0, 2.0, 3.0])
    >>> print(jackknife(lambda kept: heights[kept].mean(), 3), mean(heights))
    2.0(6) 2.0(6)
    """
    require_function("statistic", statistic, "of which members are kept")
    everyone = np.arange(require_count("members", members, 1, 10**6))
    shared = float(require_limit("systematic", systematic))
    value = float(require_result("statistic", statistic(np.full(members, True))))
    if members < 2:
        return Measured(value, math.nan, members)
    without, exponent = scaled([statistic(everyone != one) for one in everyone])
    spread = math.sqrt(members - 1) * np.std(without)
    error = math.hypot(float(np.ldexp(spread, exponent[0])), shared)
    return Measured(value, error, members, systematic=shared)


@np.errstate(divide="ignore", invalid="ignore")
def ratio(numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> Measured:
    """Return the ratio of two means over the same members, with the jackknife's error.

    Parameters
    ----------
    numerators, denominators : array_like, shape (S,)
        One value of each per member, S >= 1; the error of a single one is NaN.

    Examples
    --------
    >>> print(ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]))
    0.5
    """
    above, below = (
        require_reals("numerators", numerators),
        require_reals("denominators", denominators),
    )
    if above.ndim != 1 or above.shape != below.shape or not above.size:
        raise InputError(
            "numerators and denominators must have the same shape (S,) with S >= 1; "
            f"got {above.shape} and {below.shape}"
        )
    return jackknife(lambda kept: above[kept].sum() / below[kept].sum(), len(above))
