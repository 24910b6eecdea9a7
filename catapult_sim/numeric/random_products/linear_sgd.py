r"""SGD on a kernel that does not move, as random linear steps.

Where a network is wide, its outputs f on the samples follow ``f <- f - (eta/b) K C_b (f - y)``,
with K the kernel ``J J^T`` of the samples and C_b how often the batch b holds each sample. In the
coordinates ``z`` of K's eigenvectors V, of eigenvalues k, the distance from the end is taken to ::

    (1 - (eta/b) diag(k) V^T C_b V) z.

What K never moves has no coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, permutations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.random_products.exponents import RandomMatrices, lyapunov, second_moment
from catapult_sim.numeric.runs.batches import SAMPLINGS
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_count,
    require_finite,
    require_number,
    require_one_of,
    require_positive,
)

LISTED = 500  # so many batches are treated by the transfer operator


@dataclass(frozen=True)
class LinearSGD:
    r"""SGD's linear dynamics: random steps, or epochs where their batches are not independent.

    Built by :func:`linear_sgd`.
    """

    values: Array  # (p,) the kernel's positive eigenvalues
    vectors: Array  # (m, p) its eigenvectors
    learning_rate: float
    batch_size: int
    sampling: str

    __repr__ = short_repr

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return len(self.values)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self.vectors)

    @property
    def steps(self) -> int:
        """One where batches are independent, else those of an epoch."""
        return 1 if self.sampling == "replacement" else self.samples // self.batch_size

    @property
    def different(self) -> int:
        """How many different batches there are, or epochs."""
        m, b = self.samples, self.batch_size
        if self.sampling == "replacement":
            return math.comb(m + b - 1, b)
        if self.sampling == "shuffled":
            return math.factorial(self.steps)
        return math.factorial(m) // math.factorial(b) ** self.steps

    def advance(self, z: Array, rng: np.random.Generator) -> Array:
        """Return coordinates ``(N, p)`` after a step, or an epoch, with batches for each."""
        for rows in self._draws(len(z), rng):
            z = self._after(z, rows)
        return z

    def _after(self, z: Array, rows: npt.NDArray[np.int64]) -> Array:
        counts = np.zeros((len(z), self.samples))
        np.add.at(counts, (np.arange(len(z))[:, None], rows), 1.0)
        pull = (counts * (z @ self.vectors.T)) @ self.vectors
        return z - self.learning_rate / self.batch_size * self.values * pull

    def _draws(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw the batches of one advance, ``(steps, N, b)``."""
        samples, size = self.samples, self.batch_size
        if self.sampling == "replacement":
            return rng.integers(samples, size=(1, count, size))
        every = np.arange(samples)
        if self.sampling == "repartitioned":
            orders = rng.permuted(np.tile(every, (count, 1)), axis=1)
            return np.moveaxis(orders.reshape(count, -1, size), 1, 0)
        visits = rng.permuted(np.tile(np.arange(self.steps), (count, 1)), axis=1)
        return every.reshape(-1, size)[visits.T]

    def matrix(self, rows: Any) -> Array:
        """Return the step on a batch of these samples, ``(p, p)``."""
        seen = self.vectors[np.asarray(rows)]
        pull = self.values[:, None] * (seen.T @ seen)
        stepped: Array = np.eye(self.size) - self.learning_rate / self.batch_size * pull
        return stepped

    def covariance(self, C: Array) -> Array:
        """Return the mean of ``M C M^T`` over draws, ``(p, p)``.

        In closed form where batches are drawn with replacement, ``H_b = V^T C_b V / b``: ::

            E[H_b C H_b] = (1/b) (1/m) sum_i (v_i C v_i^T) v_i^T v_i + (1 - 1/b) C / m^2
        """
        if self.sampling != "replacement":
            return self.matrices().covariance(C)
        V, eta, b, m = self.vectors, self.learning_rate, self.batch_size, self.samples
        drift = eta / m * self.values
        alone = (V.T * np.einsum("ij,jk,ik->i", V, C, V)) @ V / m
        both = alone / b + (1 - 1 / b) * C / m**2
        scale = eta * self.values
        return C - drift[:, None] * C - C * drift + scale[:, None] * both * scale

    def matrices(self, memory_limit: Limit = None) -> RandomMatrices:
        """Return all batches, or all epochs, with their probabilities.

        Raises
        ------
        InputError
            Where there are so many that they exceed the memory limit.
        """
        m, b, T, count = self.samples, self.batch_size, self.steps, self.different
        require_memory(
            16 * count * self.size**2, memory_limit, "the list of all batches", "samples"
        )
        if self.sampling == "replacement":
            batches = list(combinations_with_replacement(range(m), b))
            chances = [_multinomial(batch) / m**b for batch in batches]
            return RandomMatrices(np.array(list(map(self.matrix, batches))), np.array(chances))
        epochs: Iterable[Iterable[Any]]
        if self.sampling == "repartitioned":
            epochs = _partitions(tuple(range(m)), b)
        else:
            epochs = permutations(np.arange(m).reshape(-1, b).tolist())
        products = []
        for epoch in epochs:
            product = np.eye(self.size)
            for batch in epoch:
                product = self.matrix(batch) @ product
            products.append(product)
        return RandomMatrices(np.array(products), np.full(len(products), 1 / len(products)), T)


def linear_sgd(
    kernel: npt.ArrayLike,
    learning_rate: float,
    batch_size: int = 1,
    *,
    sampling: str = "replacement",
) -> LinearSGD:
    """Return the random steps of SGD on a kernel that does not move.

    Parameters
    ----------
    kernel : array_like, shape (m, m)
        ``J J^T`` of the samples: m times the kernel whose top eigenvalue is that of the loss.
    learning_rate : float
    batch_size : int
        Where samples are drawn without replacement it divides m.
    sampling : {"replacement", "repartitioned", "shuffled"}
        As in :func:`~catapult_sim.numeric.runs.batches.minibatches`; "shuffled" visits the batches
        of neighbouring samples, each once an epoch, in a new order.

    Returns
    -------
    LinearSGD

    Raises
    ------
    InputError
        Where the kernel is not a symmetric matrix, positive semidefinite and not zero, or the
        batches do not fit.

    Examples
    --------
    Two orthogonal samples, one a batch: full-batch descent is stable below ``eta = 4``, SGD in the
    mean square below 2, and typically below the root of ``|1 - eta| = 1``, 2 also.

    >>> sgd = linear_sgd(np.eye(2), learning_rate=1.5)
    >>> bool(np.isclose(second_moment(sgd), np.log((1 + 0.5**2) / 2)))
    True
    """
    K = require_finite("kernel", kernel)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or not K.size or not np.allclose(K, K.T):
        raise InputError(f"kernel must be a symmetric matrix, one row a sample; got {K.shape}")
    values, vectors = np.linalg.eigh(K)
    least = values[-1] * len(K) * np.finfo(float).eps
    if values[-1] <= 0 or values[0] < -max(least, 1e-10 * values[-1]):
        raise InputError(
            "kernel must be positive semidefinite and not zero; "
            f"got eigenvalues from {values[0]:.3g} to {values[-1]:.3g}"
        )
    require_one_of("sampling", sampling, SAMPLINGS)
    size = require_count("batch_size", batch_size, 1)
    if sampling != "replacement" and len(K) % size:
        raise InputError(
            f"batch_size must divide the number of samples, {len(K)}, where they are drawn without "
            f"replacement; got {size}"
        )
    seen = values > least
    rate = float(require_positive("learning_rate", require_number("learning_rate", learning_rate)))
    return LinearSGD(values[seen], vectors[:, seen], rate, size, sampling)


def threshold(
    kernel: npt.ArrayLike,
    batch_size: int = 1,
    *,
    growth: str = "mean-square",
    sampling: str = "replacement",
    rng: Rng = 0,
) -> float:
    """Return the lowest learning rate at which SGD on a kernel begins to grow.

    Parameters
    ----------
    kernel : array_like, shape (m, m)
    batch_size : int
    growth : {"mean-square", "typical"}
        Of the second moment, L(2) = 0; or of almost every run, where the Lyapunov exponent is 0.
    sampling : {"replacement", "repartitioned", "shuffled"}
    rng : numpy.random.Generator, int or None
        Of the Lyapunov exponent where that is sampled: beyond two coordinates or 500 batches.

    Returns
    -------
    float

    Raises
    ------
    InputError
        As :func:`linear_sgd`, or where the word is not known.

    Examples
    --------
    One sample is its own batch: both are ``2 / K``.

    >>> print(round(threshold([[4.0]]), 9), round(threshold([[4.0]], growth="typical"), 9))
    0.5 0.5
    """
    require_one_of("growth", growth, ("mean-square", "typical"))
    seed = int(require_rng(rng).integers(2**63))
    unit = 1 / linear_sgd(kernel, 1.0, batch_size, sampling=sampling).values[-1]

    def rate(scaled: float) -> float:
        sgd = linear_sgd(kernel, scaled * unit, batch_size, sampling=sampling)
        if growth == "mean-square":
            return second_moment(sgd)
        few = sgd.size <= 2 and sgd.different <= LISTED
        return lyapunov(sgd.matrices() if few else sgd, rng=seed).value

    # A batch's kernel has no eigenvalue above that of all samples: below 1 nothing grows.
    low = high = 1.0
    while rate(high) <= 0:
        low, high = high, 1.1 * high
    return float(unit * brentq(rate, low, high, xtol=1e-12))


def _multinomial(batch: tuple[int, ...]) -> int:
    """Return in how many orders a batch can be drawn."""
    ways = math.factorial(len(batch))
    for sample in set(batch):
        ways //= math.factorial(batch.count(sample))
    return ways


def _partitions(samples: tuple[int, ...], size: int) -> list[list[tuple[int, ...]]]:
    """Return all ways to deal samples into batches one after another."""
    if not samples:
        return [[]]
    return [
        [batch, *rest]
        for batch in combinations(samples, size)
        for rest in _partitions(tuple(i for i in samples if i not in batch), size)
    ]
