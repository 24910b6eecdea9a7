"""A problem on which SGD catapults rarely: inputs with labels 0, and learning rates.

The kernel is that of infinite width, ``2 X X^T``, and batches are of one sample, drawn with
replacement. Learning rates are chosen by what the derivation says of them, and networks of any
width are trained in the exact closure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
from scipy.optimize import brentq

from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import population, transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng

CHANGE = 0.05  # of |v|^2 / n, which is about 1 at the start: a fall by more is a catapult
MANY = {"draws": 1000, "walkers": 1000, "repeats": 4}  # for a moment beyond the plane


@dataclass(frozen=True, eq=False)
class Problem:
    """Inputs with labels 0, the exponents theta of rare catapults, and at which widths."""

    name: str  # of its random streams
    inputs: Callable[[], Array]  # () -> (m, d)
    tails: tuple[float, ...]  # theta at the learning rates of rare catapults
    steps: int  # after which hardly a network is still to be catapulted
    powers: tuple[int, ...] = ()  # of ten, the widths; empty for those of the effort
    part: int = 1  # one in so many of the effort's networks is trained

    @cached_property
    def X(self) -> Array:
        """The inputs, ``(m, d)``."""
        return self.inputs()

    @cached_property
    def kernel(self) -> Array:
        """``J J^T`` of the samples at infinite width, ``(m, m)``."""
        return 2 * self.X @ self.X.T

    @cached_property
    def planar(self) -> bool:
        """Whether the inputs span a plane or less, where growth rates are known to rounding."""
        return linear_sgd(self.kernel, 1.0).size <= 2

    def growth(self, eta: float, q: float) -> float:
        """Return the growth rate L(q) of the moment q, beyond the plane to about 1e-4."""
        sgd = linear_sgd(self.kernel, eta)
        if self.planar:
            return transfer(sgd.matrices(), q)
        return population(sgd, q, **MANY).value

    def falls(self, rng: Rng, width: int, rates: Array, starts: int, steps: int) -> Array:
        """Return by how much ``|v|^2 / n`` fell in each run; NaN if it diverged.

        ``(rates, starts)``. Networks of all learning rates have the same starts and batches.
        """
        samples = len(self.X)
        net = LinearNet(self.X, np.zeros((samples, 1)), width=width)
        start = net.init(rng=rng, ensemble=(starts,))
        batches = require_rng(rng).integers(samples, size=(starts, steps, 1))
        run = net.train(learning_rate=rates[:, None], steps=steps, state=start, batches=batches)
        fall: Array = start[:, -1, -1] - run.state[..., -1, -1]
        return fall


@cache
def rate_of_tail(problem: Problem, theta: float) -> float:
    """Return the learning rate at which catapults have this exponent: ``L(theta) = 0``."""
    growth = cache(partial(problem.growth, q=theta))
    low = high = threshold(problem.kernel)  # theta is 2 there, and smaller beyond
    while growth(high) <= 0:
        low, high = high, 1.1 * high
    precision = 2e-12 if problem.planar else 1e-4 * low
    return float(brentq(growth, low, high, xtol=precision))


def line(x: Array, y: Array, errors: Array) -> tuple[float, float]:
    """Return the slope of a line through points with errors, and its error."""
    (slope, _), covariance = np.polyfit(x, y, 1, w=1 / errors, cov="unscaled")
    return float(slope), float(np.sqrt(covariance[0, 0]))
