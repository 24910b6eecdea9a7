"""Six samples in the plane, whose products of SGD's steps have exponents to any digit.

The kernel is that of infinite width, ``2 X X^T``; learning rates are chosen by what the derivation
says of them, and widths run over decades, in the exact closure.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq

from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import lyapunov, transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng

STEPS = 300
CHANGE = 0.05  # of |v|^2 / n, which is about 1 at the start: a fall by more is a catapult
TAILS = (1.3, 1.1, 0.9)  # theta at the learning rates of rare catapults


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


def line(x: Array, y: Array, errors: Array) -> tuple[float, float]:
    """Return the slope of a line through points with errors, and its error."""
    (slope, _), covariance = np.polyfit(x, y, 1, w=1 / errors, cov="unscaled")
    return float(slope), float(np.sqrt(covariance[0, 0]))
