r"""The validity of the modified loss: epochs are short, m eps lambda is small [Smith2021].

One weight and m parabolas, ``h_k (w - c_k)^2 / 2``, in shuffled order. When batch k has its turn,
each other one is still to come with the same chance t, uniform in [0, 1], and independently given
t. So the mean epoch is linear, with

``E[w_m] = prod_k (1 - eps h_k) w_0 + eps sum_k h_k c_k int_0^1 prod_(j != k) (1 - t eps h_j) dt``

for any number of batches. The regulariser moves the minimum by ``eps sum_k h_k^2 c_k / (2 m
lambda)``, where lambda is the mean curvature and ``sum_k h_k c_k = 0``. SGD rests on average at a
fraction of that. With many batches and ``tau = m eps lambda`` it is ``2 / tau - 2 / (e^tau - 1)``:
1 - tau / 6 in short epochs, and 2 / tau in long ones, of which SGD forgets the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from scipy.optimize import brentq

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.smith2021.flow import GROUP
from catapult_sim.claims.smith2021.minima import APART, CURVATURES
from catapult_sim.claims.sources import DERIVED
from catapult_sim.claims.sources import SMITH as PAPER
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array

BATCHES = (16, 32, 64, 128)
START, SHORT = 3.0, 1e-4  # a weight, and a step so small that all these epochs are short
EPOCHS = (0.1, 1.0, 3.0, 10.0)  # m eps lambda


def parabolas(m: int) -> tuple[Array, Array]:
    """Return curvatures and centres of m batches, two kinds in equal number, ``(m,)`` each."""
    return np.tile(CURVATURES, m // 2), np.tile(np.array(APART, dtype=float), m // 2)


def epoch(m: int, step_size: float) -> tuple[float, float]:
    """Return slope and offset of the mean over all orders of an epoch, ``w -> slope w + offset``.

    Examples
    --------
    Two batches, the mean over both orders written out:

    >>> (a, b), (x, y), h = CURVATURES, APART, 0.1
    >>> one = (1 - h * b) * h * a * x + h * b * y
    >>> other = (1 - h * a) * h * b * y + h * a * x
    >>> bool(np.isclose(epoch(2, h)[1], (one + other) / 2, rtol=1e-14))
    True
    """
    h, c = parabolas(m)
    nodes, weights = np.polynomial.legendre.leggauss(m // 2 + 1)  # exact for these polynomials
    left = 1 - step_size * h * (nodes[:, None] + 1) / 2
    after = weights / 2 @ (left.prod(axis=1)[:, None] / left)
    return float(np.prod(1 - step_size * h)), float(step_size * np.sum(h * c * after))


def modified(m: int, step_size: float, regularizer: float = 1.0) -> tuple[float, float]:
    """Return curvature and minimum of the modified loss; of the loss for a regulariser of 0."""
    h, c = parabolas(m)
    bent = h + regularizer * step_size * h**2 / 2
    return float(bent.mean()), float(np.sum(bent * c) / bent.sum())


def flow_error(m: int, step_size: float) -> float:
    """Return how far the modified flow is from the mean epoch."""
    slope, offset = epoch(m, step_size)
    curvature, lowest = modified(m, step_size)
    followed = lowest + (START - lowest) * np.exp(-curvature * m * step_size)
    return float(abs(slope * START + offset - followed))


def power_of_batches(bench: Bench) -> Measured:
    """Fit the power of the number of batches in the error of the modified flow."""
    return convergence_order(
        np.array(BATCHES, dtype=float), np.array([flow_error(m, SHORT) for m in BATCHES])
    )


def fraction(m: int, length: float) -> float:
    """Return how far SGD rests from the minimum of the loss, over how far it is predicted to."""
    step_size = length / (m * CURVATURES.mean())
    slope, offset = epoch(m, step_size)
    _, before = modified(m, step_size, 0.0)
    _, after = modified(m, step_size)
    return (offset / (1 - slope) - before) / (after - before)


def predicted(length: float) -> float:
    """Return that fraction with many batches."""
    return 2 / length - 2 / np.expm1(length)


def gap(bench: Bench) -> Measured:
    """Return the largest difference of the fraction from that with many batches."""
    gaps = [abs(fraction(max(BATCHES), length) - predicted(length)) for length in EPOCHS]
    return Measured(float(max(gaps)), 0.0, len(gaps))


def at(bench: Bench, length: float) -> Measured:
    """Return the fraction at the largest number of batches."""
    return Measured(fraction(max(BATCHES), length), 0.0, 1)


def half(bench: Bench) -> Measured:
    """Return the length of an epoch at which half of the regulariser is left."""
    return Measured(brentq(lambda tau: fraction(max(BATCHES), tau) - 0.5, 0.1, 10.0), 0.0, 1)


def validity_claims() -> Iterator[Claim]:
    """Yield the claims on how long an epoch may be."""
    claim = Claims(DERIVED, f"{GROUP}.validity", "parabolas, shuffled", "theorem", cost=0.05)
    yield claim(
        "batches",
        "the modified flow misses a mean epoch of m batches at most by the power 3 of m (slope)",
        at_most(power_of_batches, 3.0, within=0.1),
        says=PAPER,
    )
    yield claim(
        "short",
        "at m eps lambda = 0.1 SGD rests where the regulariser moves the minimum (fraction)",
        equals(
            partial(at, length=0.1),
            1.0,
            within=0.1,
            because="small: corrections are of the order of m eps lambda",
        ),
        says=PAPER,
    )
    yield claim(
        "fraction",
        "SGD rests at a fraction 2 / tau - 2 / (exp(tau) - 1) of the way, tau = m eps lambda "
        "(largest difference)",
        equals(gap, 0.0, within=0.1, because="corrections of the order of tau / m"),
    )
    yield claim(
        "half",
        "half of the way is left at the root of that formula (m eps lambda)",
        equals(half, lambda bench: brentq(lambda tau: predicted(tau) - 0.5, 0.1, 10.0), within=0.2),
    )
