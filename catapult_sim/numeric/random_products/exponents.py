r"""Exponents of growth of products of random matrices: typical, of any moment, of their tails.

==================== =============================================== ============================
function             method                                          for
==================== =============================================== ============================
``second_moment``    the linear map of the covariance                any size, exact
``transfer``         an operator on the directions of the plane      at most 2 rows, exact
``population``       walkers that are resampled by their growth      any size, with an error
``lyapunov``         one of the last two, at q = 0                   any size
``tail``             the root of L(theta) = 0                        any size
==================== =============================================== ============================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.sparse.linalg import ArpackNoConvergence, eigs

from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_count,
    require_instance,
    require_number,
    shown,
)

DRAWS, WALKERS, REPEATS = 400, 1000, 8  # of populations, where nothing else is asked for
LARGEST_MOMENT = 64.0  # beyond it a tail is said to be bounded


class RandomStep(Protocol):
    """A random linear step, drawn anew and independently every time."""

    @property
    def size(self) -> int:
        """The number of coordinates."""

    @property
    def steps(self) -> int:
        """How many steps of the process one draw stands for; rates are per step."""

    def advance(self, z: Array, rng: np.random.Generator) -> Array:
        """Return vectors ``(N, p)`` after one draw for each."""

    def covariance(self, C: Array) -> Array:
        """Return the mean of ``M C M^T`` over draws of M, ``(p, p)``."""


@dataclass(frozen=True)
class RandomMatrices:
    """Matrices that are drawn independently with given probabilities.

    Parameters
    ----------
    matrices : numpy.ndarray, shape (B, p, p)
    probabilities : numpy.ndarray, shape (B,)
    steps : int
        How many steps of the process a matrix stands for, such as an epoch's.

    Examples
    --------
    A step that multiplies by 2 or by 1/4: it shrinks typically, and its first moment grows.

    >>> coin = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
    >>> print(round(lyapunov(coin).value, 6), round(transfer(coin, 1.0), 6))
    -0.346574 0.117783
    """

    matrices: Array
    probabilities: Array
    steps: int = 1

    __repr__ = short_repr

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return self.matrices.shape[-1]

    def advance(self, z: Array, rng: np.random.Generator) -> Array:
        """Return vectors ``(N, p)`` after one draw for each."""
        drawn = rng.choice(len(self.matrices), size=len(z), p=self.probabilities)
        moved: Array = np.einsum("nij,nj->ni", self.matrices[drawn], z)
        return moved

    @cached_property
    def diagonals(self) -> Array | None:
        """Eigenvalues of matrices that commute, in one order, ``(B, p)``; None of others."""
        mixture = np.tensordot(np.sqrt(2 + np.arange(len(self.matrices))), self.matrices, axes=1)
        basis = np.linalg.eig(mixture)[1]
        if np.linalg.cond(basis) > 1e6:
            return None
        turned = np.linalg.solve(basis, self.matrices @ basis)
        found = np.diagonal(turned, axis1=1, axis2=2)
        rest = np.abs(turned - found[:, None] * np.eye(self.size)).max()
        return None if rest > 1e-12 * np.abs(turned).max() else np.abs(found)

    def covariance(self, C: Array) -> Array:
        """Return the mean of ``M C M^T`` over draws of M, ``(p, p)``."""
        moved = self.matrices @ C @ np.swapaxes(self.matrices, -1, -2)
        mixed: Array = np.tensordot(self.probabilities, moved, axes=1)
        return mixed


def second_moment(step: RandomStep) -> float:
    r"""Return the growth rate L(2) of the second moment per step, exactly.

    It is the logarithm of the spectral radius of ``C -> E[M C M^T]``, a linear map of covariances.

    Parameters
    ----------
    step : RandomStep
        Of p coordinates; the cost is that of the eigenvalues of a matrix of p (p + 1) / 2 rows.

    Returns
    -------
    float

    Examples
    --------
    >>> coin = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
    >>> bool(np.isclose(second_moment(coin), np.log((4 + 1 / 16) / 2)))
    True
    """
    upper = np.triu_indices(_require_step(step).size)
    images = []
    for i, j in zip(*upper, strict=True):
        C = np.zeros((step.size, step.size))
        C[i, j] = C[j, i] = 1.0
        images.append(step.covariance(C)[upper])
    return _log(float(np.abs(np.linalg.eigvals(np.array(images))).max())) / step.steps


def transfer(random: RandomMatrices, q: float, *, tolerance: float = 1e-11) -> float:
    r"""Return the growth rate L(q) of the moment q per step, for at most two coordinates.

    That of matrices which commute is in closed form, for any number of coordinates: the largest
    of ``log sum_b p_b |d_b|^q`` over their common eigenvectors. Otherwise it is the logarithm
    of the spectral radius of the operator ::

        (T h)(u) = sum_b p_b |M_b u|^q h(M_b u / |M_b u|)

    on functions of directions u. Directions of the plane up to sign are a circle, on which h is
    a trigonometric polynomial through 32, 64, 128 or 256 points, until the result moves no more.
    It is exact for even q. Where a matrix nearly maps a direction to zero, ``|M u|^q`` has all but
    a kink there, and the result is good to about ``1e-6``.

    Parameters
    ----------
    random : RandomMatrices
        Of one or two coordinates, or matrices that commute.
    q : float
        At least 0.
    tolerance : float
        Of the result.

    Returns
    -------
    float

    Raises
    ------
    InputError
        Where there are more coordinates and the matrices do not commute, or q is negative.

    Examples
    --------
    >>> pair = np.array([[[1.0, 0.5], [0.0, 1.0]], [[0.5, 0.0], [1.0, 0.5]]])
    >>> random = RandomMatrices(pair, np.array([0.5, 0.5]))
    >>> abs(transfer(random, 2.0) - second_moment(random)) < 1e-10
    True
    """
    q = _require_moment(q)
    require_instance("random", random, RandomMatrices, "RandomMatrices")
    if random.diagonals is not None:
        largest = float(random.diagonals.max())
        growth = random.probabilities @ (random.diagonals / (largest or 1.0)) ** q
        return (_log(float(growth.max())) + q * _log(largest or 1.0)) / random.steps

    largest = float(np.linalg.norm(random.matrices, 2, axis=(1, 2)).max()) or 1.0
    unit = RandomMatrices(random.matrices / largest, random.probabilities)

    def rate(nodes: int) -> float:
        return _log(float(np.abs(_leading(_operator(unit, q, nodes)[0])[0]))) + q * _log(largest)

    return _refined(rate, tolerance) / random.steps


def _refined(value: Callable[[int], float], tolerance: float, most: int = 256) -> float:
    """Return the value at the first number of nodes at which it agrees with half as many."""
    nodes, fine = 32, value(32)
    while nodes < most:
        nodes *= 2
        fine, coarse = value(nodes), fine
        if abs(fine - coarse) <= tolerance or fine == coarse:
            break
    return fine


def _operator(random: RandomMatrices, q: float, nodes: int) -> tuple[Array, Array]:
    """Return the transfer operator on so many angles, and the mean of log |M u| at each.

    The trigonometric polynomial of period pi through values at equally spaced angles takes them to
    other angles; the operator's rows are sums of its Fourier coefficients.
    """
    if random.size != 2:
        raise InputError(f"a transfer operator has at most 2 coordinates; got {random.size}")
    angles = np.pi * np.arange(nodes) / nodes
    moved = random.matrices @ np.stack([np.cos(angles), np.sin(angles)])
    growth = np.hypot(moved[:, 0], moved[:, 1])
    back = np.exp(-2j * np.arctan2(moved[:, 1], moved[:, 0]))
    waves = random.probabilities[:, None] * growth**q + 0j
    coefficients = np.empty((nodes // 2 + 1, nodes), dtype=complex)
    for order in range(len(coefficients)):
        coefficients[order] = waves.sum(axis=0)
        waves *= back
    with np.errstate(divide="ignore"):
        logs = random.probabilities @ np.log(growth)
    return np.fft.irfft(coefficients, nodes, axis=0).T, logs


def _leading(operator: Array) -> tuple[complex, Array]:
    """Return the eigenvalue of largest modulus, and its eigenvector."""
    try:
        values, vectors = eigs(operator, k=1, v0=np.ones(len(operator)))
    except ArpackNoConvergence:  # several of the same modulus
        values, vectors = np.linalg.eig(operator)
    largest = np.argmax(np.abs(values))
    return values[largest], vectors[:, largest]


def population(
    step: RandomStep,
    q: float,
    *,
    draws: int = DRAWS,
    walkers: int = WALKERS,
    repeats: int = REPEATS,
    rng: Rng = 0,
) -> Measured:
    r"""Return the growth rate L(q) of the moment q per step, from populations of walkers.

    Every walker is a direction u and draws a matrix of its own. The mean of ``|M u|^q`` over the
    walkers is the growth of a draw; then walkers are drawn anew with these weights, so
    that those which carry the moment are followed. The first fifth of the draws is left out.

    Parameters
    ----------
    step : RandomStep
    q : float
        At least 0; at 0 the Lyapunov exponent is returned, the limit of ``L(q) / q``.
    draws : int
        Draws of each walker.
    walkers : int
        In a population; the bias falls as one over their number.
    repeats : int
        Independent populations, from which the error is taken; at least 2.
    rng : numpy.random.Generator, int or None
        One seed means the same draws for every q and every learning rate.

    Returns
    -------
    Measured

    Raises
    ------
    InputError
        Where q is negative, or a count is not positive.

    Examples
    --------
    >>> coin = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
    >>> found = population(coin, 1.0)
    >>> bool(abs(found.value - transfer(coin, 1.0)) < 4 * found.error)
    True
    """
    q, step = _require_moment(q), _require_step(step)
    draws, walkers, repeats = _require_counts(draws, walkers, repeats)
    rates = [_growth(step, q, draws, walkers, child) for child in require_rng(rng).spawn(repeats)]
    return mean(np.array(rates) / step.steps)


def _growth(
    step: RandomStep, q: float, draws: int, walkers: int, rng: np.random.Generator
) -> float:
    """Return the growth rate per draw in one population."""
    u = rng.normal(size=(walkers, step.size))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    choices = rng.spawn(1)[0]  # so that the matrices are the same at every q
    logs = []
    for _ in range(draws):
        u = step.advance(u, rng)
        lengths = np.linalg.norm(u, axis=1)
        if not lengths.any():
            return -math.inf
        u /= np.where(lengths > 0, lengths, 1.0)[:, None]
        if q == 0:
            logs.append(np.mean(np.log(lengths[lengths > 0])))
            continue
        weights = (lengths / lengths.max()) ** q
        logs.append(math.log(weights.mean()) + q * math.log(lengths.max()))
        u = u[_resampled(weights, choices.random())]
    return float(np.mean(logs[draws // 5 :]))


def _resampled(weights: Array, shift: float) -> npt.NDArray[np.int64]:
    """Draw members in proportion to weights, at equally spaced places of their sum."""
    shares = np.cumsum(weights)
    places = (np.arange(len(weights)) + shift) / len(weights) * shares[-1]
    return np.minimum(np.searchsorted(shares, places), len(weights) - 1)


def lyapunov(
    step: RandomStep,
    *,
    draws: int = DRAWS,
    walkers: int = WALKERS,
    repeats: int = REPEATS,
    rng: Rng = 0,
) -> Measured:
    """Return the Lyapunov exponent per step: how products grow typically.

    Parameters
    ----------
    step : RandomStep
        :class:`RandomMatrices` of at most two coordinates are treated by the transfer operator,
        without an error; others by :func:`population`.
    draws, walkers, repeats, rng
        As in :func:`population`.

    Returns
    -------
    Measured

    Examples
    --------
    >>> flips = RandomMatrices(np.array([[[0.0, 3.0], [1.0, 0.0]]]), np.array([1.0]))
    >>> print(round(lyapunov(flips).value, 6), round(np.log(3) / 2, 6))
    0.549306 0.549306
    """
    if not _is_exact(_require_step(step)):
        return population(step, 0.0, draws=draws, walkers=walkers, repeats=repeats, rng=rng)
    assert isinstance(step, RandomMatrices)
    if step.diagonals is not None:
        with np.errstate(divide="ignore"):
            logs = step.probabilities @ np.log(step.diagonals)
        return Measured(float(logs.max()) / step.steps, 0.0, 1)

    def typical(nodes: int) -> float:
        operator, logs = _operator(step, 0.0, nodes)
        invariant = _leading(operator.T)[1].real
        return float(invariant @ logs / invariant.sum())

    return Measured(_refined(typical, 1e-11) / step.steps, 0.0, 1)


def tail(
    step: RandomStep,
    *,
    draws: int = DRAWS,
    walkers: int = WALKERS,
    repeats: int = REPEATS,
    rng: Rng = 0,
) -> Measured:
    r"""Return the exponent theta of the tail ``P(max_t |z_t| > R) ~ R^-theta``.

    The positive root of ``L(theta) = 0``: infinite where no moment grows, zero where products
    grow typically.

    Parameters
    ----------
    step : RandomStep
    draws, walkers, repeats, rng
        As in :func:`population`, for steps of more than two coordinates.

    Returns
    -------
    Measured

    Examples
    --------
    The step ``2 or 1/4``: ``2^theta + 4^-theta = 2`` at ``2^theta = (1 + sqrt 5) / 2``.

    >>> coin = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
    >>> bool(np.isclose(tail(coin).value, np.log2((1 + np.sqrt(5)) / 2)))
    True
    """
    if _is_exact(_require_step(step)):
        assert isinstance(step, RandomMatrices)
        return Measured(_root(partial(transfer, step), lyapunov(step).value), 0.0, 1)
    draws, walkers, repeats = _require_counts(draws, walkers, repeats)
    roots = []
    for seed in require_rng(rng).integers(2**63, size=repeats):

        def rate(q: float, seed: int = int(seed)) -> float:
            return _growth(step, q, draws, walkers, np.random.default_rng(seed))

        roots.append(_root(rate, rate(0.0)))
    return mean(roots)


def _root(rate: Callable[[float], float], typical: float) -> float:
    """Return the positive root of a convex function that is 0 and falls at 0."""
    if typical >= 0:
        return 0.0
    high = 0.5
    while rate(high) <= 0:
        high *= 2
        if high > LARGEST_MOMENT:
            return math.inf
    low = high / 2
    while rate(low) > 0:
        low /= 2
        if low < 1e-6:
            return 0.0
    return float(brentq(rate, low, high, xtol=1e-12, rtol=1e-12))


def _is_exact(step: RandomStep) -> bool:
    return isinstance(step, RandomMatrices) and (step.size <= 2 or step.diagonals is not None)


def _require_step(step: RandomStep) -> RandomStep:
    if not all(hasattr(step, name) for name in ("size", "steps", "advance", "covariance")):
        raise InputError(
            "step must be RandomMatrices, or have their size, steps, advance and covariance; "
            f"got {shown(step)}"
        )
    return step


def _require_counts(draws: int, walkers: int, repeats: int) -> tuple[int, int, int]:
    return (
        require_count("draws", draws, 2),
        require_count("walkers", walkers, 2),
        require_count("repeats", repeats, 2),
    )


def _require_moment(q: float) -> float:
    return float(require_at_least_zero("q", require_number("q", q)))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
