"""Six samples in the plane, whose products of SGD's steps have exponents to any digit."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq

from catapult_sim.claims.gess2026.problem import Problem
from catapult_sim.numeric.random_products.exponents import lyapunov
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.types import Array

STEPS = 300
TAILS = (1.3, 1.1, 0.9)  # theta at the learning rates of rare catapults


def samples() -> tuple[Array, Array]:
    """Return six samples of unequal norm in the plane, with labels 0."""
    angles = np.pi * np.arange(6) / 6 + 0.1
    lengths = np.linspace(0.5, 1.5, 6)[:, None]
    return lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1), np.zeros((6, 1))


SIX = Problem("rare catapults", lambda: samples()[0], TAILS, STEPS)


@cache
def rate_of_growth(exponent: float) -> float:
    """Return the learning rate at which the Lyapunov exponent is this positive number."""

    @cache
    def excess(eta: float) -> float:
        return lyapunov(linear_sgd(SIX.kernel, eta).matrices()).value - exponent

    low = high = threshold(SIX.kernel, growth="typical")
    while excess(high) <= 0:
        low, high = high, 1.1 * high
    return float(brentq(excess, low, high))
