r"""Rare catapults of SGD at any width [Gess2026].

The paper's abstract says that SGD on a shallow network in the tangent-kernel scaling makes large
spikes, which flatten the kernel, with high probability where a function of kernel, learning rate
and data is positive, and with a probability of about ``(n / eta)^(-theta / 2)``, theta explicit,
where it is negative. The text was not read; how the function and theta are found here is derived:
while a network is wide, a step on batch b takes the outputs to ``(1 - eta K_b) f``, a product of
random matrices. The function is its Lyapunov exponent. Where that is negative the product still
reaches a level R once in about ``R^theta`` tries, theta the positive root of the growth rate of
moments, ``L(theta) = 0`` [Kesten1973]; and a catapult begins where |f| reaches about
``sqrt(n / eta)``.

The kernel is that of infinite width, ``2 X X^T``; learning rates are chosen by what the derivation
says of them, and widths run over decades, in the exact closure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, partial

import numpy as np
from scipy.optimize import brentq

from catapult_sim.claims.claim import Claim, Claims, at_least, equals, measured
from catapult_sim.claims.sources import GESS as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import lyapunov, transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, share
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng

STEPS = 300
CHANGE = 0.05  # of |v|^2 / n, which is about 1 at the start: a fall by more is a catapult
TAILS = (1.3, 1.1, 0.9)  # theta at the learning rates of rare catapults
TYPICAL = 0.2  # the Lyapunov exponent at that of sure ones
SETTING = "six samples of two inputs, labels 0, one sample a batch, linear network"
REDUCED = "two inputs; the abstract does not say which data"
BLOCK = 10_000  # starts that are held at once


def samples() -> tuple[Array, Array]:
    """Return six samples of unequal norm in the plane, with labels 0."""
    angles = np.pi * np.arange(6) / 6 + 0.1
    lengths = np.linspace(0.5, 1.5, 6)[:, None]
    return lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1), np.zeros((6, 1))


def kernel() -> Array:
    """Return ``J J^T`` of the samples at infinite width."""
    X, _ = samples()
    return 2 * X @ X.T


@cache
def rate_of_tail(theta: float) -> float:
    """Return the learning rate at which catapults have this exponent: where ``L(theta) = 0``."""

    def growth(eta: float) -> float:
        return transfer(linear_sgd(kernel(), eta).matrices(), theta)

    low = high = threshold(kernel())  # theta is 2 there, and smaller beyond
    while growth(high) <= 0:
        low, high = high, 1.1 * high
    return float(brentq(growth, low, high))


@cache
def rate_of_growth(exponent: float) -> float:
    """Return the learning rate at which the Lyapunov exponent is this positive number."""

    def excess(eta: float) -> float:
        return lyapunov(linear_sgd(kernel(), eta).matrices()).value - exponent

    low = high = threshold(kernel(), growth="typical")
    while excess(high) <= 0:
        low, high = high, 1.1 * high
    return float(brentq(excess, low, high))


def falls(rng: Rng, width: int, rates: Array, starts: int, steps: int) -> Array:
    """Return by how much ``|v|^2 / n`` fell in each run, ``(rates, starts)``; NaN if it diverged.

    Networks of all learning rates have the same starts and batches.
    """
    net = LinearNet(*samples(), width=width)
    start = net.init(rng=rng, ensemble=(starts,))
    batches = require_rng(rng).integers(6, size=(starts, steps, 1))
    run = net.train(learning_rate=rates[:, None], steps=steps, state=start, batches=batches)
    fall: Array = start[:, -1, -1] - run.state[..., -1, -1]
    return fall


@once
def rare_counts(bench: Bench, power: int) -> Array:
    """Return how many networks of width ``10^power`` are catapulted at each rate of a tail."""
    rng, rates = bench.rng(f"rare catapults {power}"), np.array([*map(rate_of_tail, TAILS)])
    blocks = bench.effort.rare_starts // BLOCK
    found = [~(falls(rng, 10**power, rates, BLOCK, STEPS) <= CHANGE) for _ in range(blocks)]
    return np.sum(found, axis=(0, 2))


def slope(bench: Bench, theta: float) -> Measured:
    """Fit the power of the width with which the share of catapults falls."""
    powers, starts = bench.effort.rare_powers, bench.effort.rare_starts
    counts = np.array([rare_counts(bench, power)[TAILS.index(theta)] for power in powers])
    if np.any(counts == 0):
        raise NothingToMeasure
    found = counts / starts
    # A count of rare events has a relative error of one over its root.
    weights = np.sqrt(counts / (1 - found)) * math.log(10)
    (value, _), covariance = np.polyfit(powers, np.log10(found), 1, w=weights, cov="unscaled")
    return Measured(float(value), math.sqrt(covariance[0, 0]), int(counts.sum()))


@once
def sure_falls(bench: Bench) -> Array:
    """Return the falls at every width where products grow typically, ``(widths, starts)``."""
    rate, steps = np.array([rate_of_growth(TYPICAL)]), 4 * STEPS
    found = []
    for power in bench.effort.rare_powers:
        rng = bench.rng(f"sure catapults {power}")
        found.append(falls(rng, 10**power, rate, BLOCK // 10, steps)[0])
    return np.array(found)


def moved_share(bench: Bench) -> Measured:
    """Return the smallest share over widths of networks that left their first kernel."""
    shares = [share(~(np.abs(fall) <= CHANGE)) for fall in sure_falls(bench)]
    return min(shares, key=lambda one: one.value)


def fallen_share(bench: Bench) -> Measured:
    """Return the share of networks whose kernel fell, of all widths."""
    return share((sure_falls(bench) > CHANGE).ravel())


def threshold_over_descent(bench: Bench, growth: str) -> Measured:
    """Return a threshold of SGD in units of gradient descent's, ``2 / lambda_0``."""
    descent = 2 * len(kernel()) / np.linalg.eigvalsh(kernel())[-1]
    return Measured(threshold(kernel(), growth=growth) / descent, 0.0, 1)


def rare_claims() -> Iterator[Claim]:
    """Yield the claims on how often SGD catapults at learning rates that descent finds lazy."""
    claim = Claims(PAPER, "rare_catapults", SETTING, reduced=REDUCED)
    for theta in TAILS:
        yield claim(
            f"slope-{theta}",
            f"where theta = {theta}, the probability of a catapult falls as n^(-theta/2) (power)",
            equals(
                partial(slope, theta=theta),
                -theta / 2,
                within=0.05,
                because="the law is one of large widths; below about 10^3 the constant before the "
                "power still moves",
            ),
            cost=6,
        )
    yield claim(
        "sure",
        f"where the Lyapunov exponent is {TYPICAL}, networks leave their first kernel with high "
        f"probability: |v|^2/n changes by more than {CHANGE} (smallest share over widths)",
        at_least(
            moved_share,
            0.95,
            because="high probability: 19 of 20. Falls alone were counted first: 0.94 to 0.95 of "
            "networks; in the others |v|^2 rises and |U|^2 falls",
        ),
        cost=10,
    )
    yield claim(
        "sure.falls",
        f"the share of them in which |v|^2/n falls by more than {CHANGE}",
        measured(fallen_share),
    )
    for growth in ("mean-square", "typical"):
        yield claim(
            f"threshold.{growth}",
            f"the learning rate at which the {growth} growth of SGD begins, over 2/lambda_0",
            measured(partial(threshold_over_descent, growth=growth)),
        )


CLAIMS = tuple(rare_claims())
