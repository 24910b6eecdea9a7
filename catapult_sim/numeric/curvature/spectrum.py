"""The spectrum of a symmetric operator, estimated with random vectors: trace and density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.curvature.krylov import Krylov, orthonormal_rows, split
from catapult_sim.numeric.curvature.operators import Operator, Product, require_operator
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.scale import scaled
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import require_count, require_number, require_reals

SIGN = 10.0  # bytes that each random sign takes when it is drawn

# A standard error from fewer probes could be small by chance.
LEAST_PROBES = 8


@np.errstate(over="ignore", invalid="ignore")
def trace(
    operator: Operator, *, probes: int = 20, size: int | None = None, rng: Rng = None
) -> Measured:
    """Estimate the trace of a symmetric operator, with a standard error.

    Hutch++ ([Meyer2021], algorithm 1): ``probes`` products approximate the range of the large
    eigenvalues, as many compute the trace within it exactly, and as many again estimate the rest
    from independent random signs, whose spread is the error.

    Parameters
    ----------
    operator : array_like, LinearOperator, sparse array or callable
        As in :func:`~catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs`.
    probes : int
        At least 8, each of three products. The trace is exact where P is at most ``3 probes``.
    size : int, optional
        P, for a callable.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Measured
        Unbiased; error 0 where exact. NaN where a product was not finite.

    Raises
    ------
    InputError
        Where the operator or ``probes`` is not as required, or memory does not suffice.

    Examples
    --------
    >>> D = 1 / np.arange(1.0, 1001.0) ** 2
    >>> found = trace(lambda v: D * v, size=1000, rng=0)
    >>> print(found, "of", D.sum().round(4))
    1.643(2) of 1.6439
    """
    product, length, dtype = require_operator(operator, size)
    count, rng = require_count("probes", probes, LEAST_PROBES), require_rng(rng)
    # Signs, their products and the frame are held at once; below, the frame is the unit matrix.
    held = (SIGN + 16.0) * min(count, length) * length
    require_memory(held, None, f"a trace of {count} probes", "probes")
    if length <= 3 * count:
        return Measured(_trace_within(product, np.eye(length, dtype=dtype)), 0.0, length)
    sketch = np.stack([product(probe) for probe in _signs(rng, count, length, dtype)])
    frame = orthonormal_rows(sketch, rng)
    others = _signs(rng, count, length, dtype)
    for probe in others:
        split(probe, frame)
    beyond = mean([_quadratic_form(product, probe) for probe in others])
    return Measured(_trace_within(product, frame) + beyond.value, beyond.error, count)


def _trace_within(product: Product, frame: Array) -> float:
    return float(sum(_quadratic_form(product, row) for row in frame))


def _quadratic_form(product: Product, vector: Array) -> float:
    """Return ``v . A v``, of which no term overflows or vanishes before the sum does."""
    image, exponent = scaled(product(vector).astype(float))
    return float(np.ldexp(vector @ image, exponent[0]))


def _signs(rng: np.random.Generator, count: int, size: int, dtype: np.dtype[Any]) -> Array:
    return (2 * rng.integers(0, 2, (count, size), dtype=np.int8) - 1).astype(dtype)


@dataclass(frozen=True)
class SpectralDensity:
    """A quadrature of the distribution of eigenvalues, for each of S random vectors.

    Normalised as a probability: the weights of each vector add up to 1, and P times a mean
    is a sum over eigenvalues.
    """

    nodes: Array  # (S, n), ascending; NaN after a divergence
    weights: Array  # (S, n); 0 for nodes that were not needed
    size: int  # P
    products: int

    __repr__ = short_repr

    @np.errstate(over="ignore", invalid="ignore")
    def moment(self, power: int) -> Measured:
        """Return the mean of ``eigenvalue ** power`` over the spectrum.

        Unbiased for powers up to 2 n - 1, where the quadrature of each vector is exact.
        Raises InputError where the power is no integer of at least 0.
        """
        require_count("power", power)
        return mean(np.sum(self.weights * self.nodes**power, axis=-1))

    @np.errstate(over="ignore", invalid="ignore")
    def density(self, x: npt.ArrayLike, deviation: float) -> Array:
        """Return the density at x ``(...)``, smoothed by a Gaussian of that standard deviation.

        Raises InputError where x are no numbers, or the deviation is not positive.
        """
        sigma = require_number("deviation", deviation, above=0.0)
        distance = (require_reals("x", x)[..., None, None] - self.nodes) / sigma
        bumps = np.exp(-(distance**2) / 2) / (sigma * math.sqrt(2 * math.pi))
        return np.sum(self.weights * bumps, axis=(-2, -1)) / len(self.nodes)


@np.errstate(over="ignore", invalid="ignore")
def spectral_density(
    operator: Operator,
    *,
    nodes: int = 50,
    probes: int = 8,
    size: int | None = None,
    rng: Rng = None,
) -> SpectralDensity:
    """Estimate the distribution of the eigenvalues of a symmetric operator.

    Stochastic Lanczos quadrature [Ubaru2017]: for a random unit vector v the eigenvalues of n
    Lanczos steps, weighted by the squared first entries of their vectors, integrate polynomials of
    degree 2 n - 1 exactly against the spectral measure of v, whose mean is that of the operator.

    Parameters
    ----------
    operator, size, rng
        As in :func:`trace`.
    nodes : int
        n, the products and nodes for each vector; at most P are used.
    probes : int
        S, the number of random vectors.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    InputError
        Where the operator, ``nodes`` or ``probes`` is not as required.

    Examples
    --------
    Half of the eigenvalues are 1, half are 3.

    >>> D = np.repeat([1.0, 3.0], 500)
    >>> found = spectral_density(lambda v: D * v, nodes=10, probes=4, size=1000, rng=0)
    >>> found.nodes[0, :2].round(9), found.products
    (array([1., 3.]), 8)
    >>> print(found.moment(1))  # signs make it exact where the operator is diagonal
    2
    """
    product, length, dtype = require_operator(operator, size)
    count = min(require_count("nodes", nodes, 1), length)
    rng = require_rng(rng)
    rows = require_count("probes", probes, 1)
    spaces = 8.0 * length * (2 * count + 8)  # of two probes, and vectors on the way
    held = rows * (SIGN * length + 16.0 * count) + spaces
    require_memory(held, None, f"a density of {rows} probes", "probes")
    places = np.empty((rows, count))
    weights, products = np.empty_like(places), 0
    for row, probe in enumerate(_signs(rng, len(places), length, dtype)):
        space = Krylov(product, probe[None] / math.sqrt(length), count)
        places[row], weights[row] = _quadrature(space, count)
        products += space.products
    return SpectralDensity(places, weights, length, products)


def _quadrature(space: Krylov, count: int) -> tuple[Array, Array]:
    """Return nodes and weights ``(count,)``; where fewer suffice, the last have weight 0."""
    while space.count < count and len(space.pending):
        if not space.expand():
            return np.full(count, np.nan), np.full(count, np.nan)
    values, modes = space.ritz()
    rest = count - space.count
    values = np.pad(space.unscaled(values), (0, rest), mode="edge")
    return values, np.pad(modes[0] ** 2, (0, rest))
