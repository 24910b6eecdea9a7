"""The scale of the regulariser: learning rate plus coefficient, over batch size [Smith2021].

Networks learn by cross-entropy until their training loss is about 0.01, for the same time, learning
rate times steps, at every learning rate and batch size; at one small learning rate also with the
regulariser made explicit. The paper says that all this counts by (eps + lambda) / B while B is far
below the number of samples, so that the best learning rate is proportional to B. It trains the
same kind of network on Fashion-MNIST, on all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, Comparison, at_least, at_most, equals, measured
from catapult_sim.claims.smith2021.experiment import Recipe, quantities, trained
from catapult_sim.claims.smith2021.flow import GROUP
from catapult_sim.claims.sources import SMITH as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, jackknife, mean
from catapult_sim.types import Array


class Setting(NamedTuple):
    """The grid of learning rates and batch sizes; rates are in the units of :class:`Recipe`."""

    samples: int
    time: float  # over the number of samples, until the training loss is about 0.01
    rates: tuple[float, ...]
    sizes: tuple[int, ...]
    small: float  # the learning rate at which the regulariser is made explicit
    coefficients: tuple[float, ...]
    explicit: tuple[int, ...]  # the batch sizes with which it is
    members: int


# Times and rates were chosen on seed 100, by training losses alone.
DIGITS = Setting(256, 8.0, (1, 2, 4, 8, 16, 32), (8, 32), 2.0, (6,), (32,), 6)
CLOTHING = Setting(
    512, 32.0, (1 / 2, 1, 2, 4, 8, 16, 32), (8, 16, 32, 64), 1.0, (1, 3, 7, 15), (8, 32), 8
)
COMMON = 32  # a batch size of both
LARGEST = 8.0  # rate that is compared by eps / B: beyond it full batches too are unstable
REDUCED = (
    "256 8x8 digits, with full effort 14x14 Fashion-MNIST (512 images), and 64 hidden units "
    "instead of CIFAR-10 and a residual network"
)


def setting(bench: Bench) -> Setting:
    """Return the grid of an effort."""
    return CLOTHING if bench.clothed else DIGITS


@once
def ends(bench: Bench, size: int, rate: float, coefficient: float = 0.0) -> dict[str, Array]:
    """Return test error, training loss and mean squared batch gradient after training, ``(S,)``."""
    how = setting(bench)
    data, test = bench.images(how.samples, multiple_of=max(how.sizes))
    recipe = Recipe(size, rate, coefficient, time=how.time)
    net, theta = trained(bench, recipe, data, how.members)
    found = quantities(net, theta, data, test)
    if np.isnan(found["error"]).any():  # the labels are numbers
        raise NothingToMeasure
    with np.errstate(all="ignore"):
        training = net.loss(theta, *data)
    return {**found, "training": np.where(np.isfinite(training), training, np.inf)}


def curve(bench: Bench, quantity: str, size: int) -> Array:
    """Return a quantity at every learning rate, ``(rates, S)``."""
    return np.array([ends(bench, size, rate)[quantity] for rate in setting(bench).rates])


def explicit_curve(bench: Bench, quantity: str, size: int) -> Array:
    """Return a quantity at every coefficient, that of the plain loss first, ``(1 + L, S)``."""
    how = setting(bench)
    if size not in how.explicit:
        raise NothingToMeasure
    return np.array([ends(bench, size, how.small, c)[quantity] for c in (0.0, *how.coefficients)])


def lowest(places: Array, values: Array) -> float:
    """Return where a parabola through the smallest value and its neighbours is lowest.

    Raises
    ------
    NothingToMeasure
        Where the smallest value is the first or the last.

    Examples
    --------
    >>> lowest(np.array([0.0, 1.0, 2.0, 3.0]), np.array([6.25, 2.25, 0.25, 0.25]))
    2.5
    """
    i = int(np.argmin(values))
    if i in (0, len(values) - 1):
        raise NothingToMeasure
    left, middle, right = values[i - 1 : i + 2]
    bend = left - 2 * middle + right
    return float(places[i] + (places[i + 1] - places[i]) * (left - right) / (2 * bend or 1))


def slope(places: Array, curves: list[Array], sizes: Array) -> Measured:
    """Return the power of the batch size with which the lowest of curves ``(K, S)`` moves.

    Where a curve is flat, noise chooses the lowest place; members that agree by chance do not tell.
    Half the distance of two places is therefore an error of each.
    """

    def best(kept: Array) -> list[float]:
        return [lowest(places, values[:, kept].mean(axis=1)) for values in curves]

    weights = np.linalg.pinv(np.vander(np.log2(sizes), 2))[0]
    half = float(np.max(np.diff(places)) / 2 * np.linalg.norm(weights))
    return jackknife(lambda kept: float(weights @ best(kept)), curves[0].shape[1], half)


def proportional(bench: Bench) -> Measured:
    """Return the power of the batch size in the learning rate of the smallest test error."""
    how = setting(bench)
    curves = [curve(bench, "error", size) for size in how.sizes]
    return slope(np.log2(how.rates), curves, np.array(how.sizes))


def best_coefficient(bench: Bench) -> Measured:
    """Return that power in ``eps + lambda``, at the small rate."""
    how = setting(bench)
    if len(how.explicit) < 2:
        raise NothingToMeasure
    total = how.small + np.array([0.0, *how.coefficients])
    curves = [explicit_curve(bench, "error", size) for size in how.explicit]
    return slope(np.log2(total), curves, np.array(how.explicit))


def excess_above(bench: Bench) -> Measured:
    """Return the test error at the best rate from that of smallest training loss on, less below.

    Rates are chosen by the other members: where errors are flat, that of the smallest error itself
    is chosen by noise, whose size it does not tell.
    """
    error, training = (_of_others(curve(bench, name, COMMON)) for name in ("error", "training"))
    rows = np.arange(len(error))[:, None]
    from_there_on = rows >= training.argmin(axis=0)
    if from_there_on[0].any():  # no rate is below
        raise NothingToMeasure
    best = [
        np.where(among, error, np.inf).argmin(axis=0) for among in (from_there_on, ~from_there_on)
    ]
    above, below = (
        np.take_along_axis(curve(bench, "error", COMMON), one[None], axis=0) for one in best
    )
    return mean((above - below)[0])


def _of_others(values: Array) -> Array:
    """Return the sums of all other members, for each of ``(K, S)``."""
    return values.sum(axis=1, keepdims=True) - values


def excess_at_best(values: Array) -> Measured:
    """Return the smallest of ``(K, S)`` less the first; other members choose which that is."""
    best = np.argmin(_of_others(values)[1:], axis=0) + 1
    return mean(values[best, np.arange(values.shape[1])] - values[0])


def cells(bench: Bench, quantity: str) -> Iterator[tuple[int, float, Array]]:
    """Yield batch size, rate plus coefficient and quantity ``(S,)``, rates up to :data:`LARGEST`.

    Runs with an explicit regulariser count for what it penalises, the mean squared gradient.
    """
    how = setting(bench)
    for size in how.sizes:
        for rate in how.rates:
            if rate <= LARGEST:
                yield size, rate, ends(bench, size, rate)[quantity]
    if quantity == "penalty":
        for size in how.explicit:
            for coefficient in how.coefficients:
                found = ends(bench, size, how.small, coefficient)
                yield size, how.small + coefficient, found[quantity]


def explained(bench: Bench, quantity: str, by_ratio: bool = True) -> Measured:
    """Return how much of a quantity's variance ``(eps + lambda) / B`` explains, or eps + lambda."""
    size, total, values = zip(*cells(bench, quantity), strict=True)
    places = np.log2(total) - (np.log2(size) if by_ratio else 0.0)
    logs = np.log(values) if quantity == "penalty" else np.array(values)
    return jackknife(lambda kept: variance_between(places, logs[:, kept]), logs.shape[1])


def variance_between(places: Array, values: Array) -> float:
    """Return the share of the variance of means of ``(K, S)`` that is between places.

    Less what the noise of S members adds. Only places with several values count.

    Raises
    ------
    NothingToMeasure
        Where values vary by no more than their noise.

    Examples
    --------
    >>> places, values = np.array([0, 0, 1, 1, 2]), np.array([1.0, 3.0, 4.0, 6.0, 99.0])
    >>> round(variance_between(places, values[:, None] + [-1.0, 0.0, 1.0]), 3)
    0.692
    """
    _, group, count = np.unique(places, return_inverse=True, return_counts=True)
    several = count[group] > 1
    group, values = group[several], values[several]
    means = values.mean(axis=1)
    # What a member has everywhere is no noise: it moves all means alike.
    apart = values - means[:, None] - values.mean(axis=0) + means.mean()
    cells, members = values.shape
    noise = np.sum(apart**2) / ((cells - 1) * (members - 1) * members)
    at_place = np.bincount(group, means) / np.maximum(np.bincount(group), 1)
    within = np.sum((means - at_place[group]) ** 2) - (cells - len(set(group))) * noise
    total = np.sum((means - means.mean()) ** 2) - (cells - 1) * noise
    if total <= 0:
        raise NothingToMeasure
    return float(1 - within / total)


COLLAPSE = "curves fall together: a quarter of what varies may be left to the batch size"
LINEAR = "a quarter leaves out square-root scaling, whose power is 1/2"
STATED: dict[str, tuple[str, Comparison]] = {
    "large": (
        f"batches of {COMMON}: the best of larger learning rates ends below the smallest one "
        "(test error, difference)",
        at_most(lambda bench: excess_at_best(curve(bench, "error", COMMON)), 0.0),
    ),
    "above": (
        f"batches of {COMMON}: the test error is smallest from the learning rate of the smallest "
        "training loss on (best from there on, less best below)",
        at_most(excess_above, 0.0),
    ),
    "explicit": (
        f"batches of {COMMON}: at a small learning rate the best explicit regulariser lowers the "
        "test error (difference)",
        at_most(lambda bench: excess_at_best(explicit_curve(bench, "error", COMMON)), 0.0),
    ),
    "error": (
        "test errors at learning rates eps and batch sizes B depend on eps / B (share of variance)",
        at_least(partial(explained, quantity="error"), 1.0, within=0.25, because=COLLAPSE),
    ),
    "penalty": (
        "mean squared batch gradients, also with an explicit regulariser, depend on "
        "(eps + lambda) / B (share of variance)",
        at_least(partial(explained, quantity="penalty"), 1.0, within=0.25, because=COLLAPSE),
    ),
    "proportional": (
        "the learning rate of the smallest test error grows in proportion to the batch size "
        "(power)",
        equals(proportional, 1.0, within=0.25, because=LINEAR),
    ),
    "error-by-rate": (
        "the share of variance of test errors that eps alone explains",
        measured(partial(explained, quantity="error", by_ratio=False)),
    ),
    "penalty-by-rate": (
        "the share of variance of mean squared batch gradients that eps + lambda alone explains",
        measured(partial(explained, quantity="penalty", by_ratio=False)),
    ),
    "coefficient": (
        "power of the batch size in the rate plus coefficient of the smallest test error",
        measured(best_coefficient),
    ),
}


def scale_claims() -> Iterator[Claim]:
    """Yield the claims on the scale of the regulariser."""
    claim = Claims(PAPER, f"{GROUP}.scale", "images", reduced=REDUCED, cost=0.5)
    for name, (text, compared) in STATED.items():
        yield claim(name, text, compared)
