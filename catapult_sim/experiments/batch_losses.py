r"""Losses of fixed batches along lines through a training trajectory.

[Sandler2023] follows the loss of one batch while a network trains on others: along the gradient
step on the batch, along the line to a later iterate, from one iterate to the next. Batches have
leading axes where every network has its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import Network
from catapult_sim.numeric.scale import norm, scaled
from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_finite,
    require_instance,
    require_reals,
    shown,
)

Data = tuple[npt.ArrayLike, npt.ArrayLike]  # X and y


def _require(
    network: Network, theta: Array, **data: Data
) -> tuple[Array, list[tuple[Array, Array]]]:
    """Return theta and pairs of X and y that fit a network, or raise InputError."""
    require_instance("network", network, Network, "a network, such as MLP([2, 3, 1])")
    for name, pair in data.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"{name} must be inputs and labels, (X, y); got {shown(pair)}")
    checked = [network.require_batches(X, y) for X, y in data.values()]
    return _require_vectors(network, "theta", theta), checked


def _require_vectors(network: Network, name: str, values: Array) -> Array:
    """Return vectors ``(..., P)`` in the network's precision, or raise InputError."""
    vectors = require_reals(name, values).astype(network.dtype)
    if vectors.shape[-1:] != (network.size,):
        raise InputError(f"{name} must have shape (..., {network.size}); got shape {vectors.shape}")
    return vectors


def loss_along(
    network: Network,
    theta: Array,
    direction: Array,
    positions: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
) -> Array:
    """Return the loss at ``theta + s direction`` for every position s.

    Parameters
    ----------
    network : Network
    theta, direction : numpy.ndarray, shape (..., P)
        A negative gradient, with learning rates as positions, or the way to another iterate.
    positions : array_like, shape (n,) or (n, ...)
    X : array_like, shape (B, d) or (..., B, d)
    y : array_like, shape (B,), (B, k) or (..., B, k)

    Returns
    -------
    numpy.ndarray, shape (n, ...)
        Infinite or NaN where outputs overflow.

    Raises
    ------
    InputError
        Where X or y are not finite numbers, or shapes do not fit the network or each other.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network, theta = MLP([1, 1, 1], activation="linear"), np.array([1.0, 1.0])
    >>> loss_along(network, theta, -theta, [0, 1], np.array([[1.0]]), np.array([[0.0]]))
    array([0.5, 0. ])
    """
    start, ((inputs, targets),) = _require(network, theta, data=(X, y))
    way = _require_vectors(network, "direction", direction)
    places = require_reals("positions", positions)
    leading = {"theta": start.shape[:-1], "direction": way.shape[:-1], "X": inputs.shape[:-2]}
    require_broadcast(positions=places.shape, **leading)
    with np.errstate(all="ignore"):
        points = start + places[..., None] * way
        outputs = network.forward(points, inputs)[0]
        return network.loss_function.value_and_gradient(outputs, targets)[0]


@dataclass(frozen=True)
class QuadraticFit:
    """Parabolas through losses along lines, of an ensemble of shape ``(...)``."""

    curvature: Array  # (...), the second derivative
    minimum: Array  # (...), the position of the vertex; NaN where the parabola opens downwards
    lowest: Array  # (...), the loss at the vertex
    goodness: Array  # (...), R^2: the share of the losses' variance that the parabola explains

    __repr__ = short_repr


def quadratic_fit(positions: npt.ArrayLike, losses: npt.ArrayLike) -> QuadraticFit:
    """Fit parabolas by least squares.

    Parameters
    ----------
    positions : array_like, shape (n,) or (n, ...)
        At least three different ones in each line.
    losses : array_like, shape (n, ...)

    Returns
    -------
    QuadraticFit

    Raises
    ------
    InputError
        Where there are fewer than three positions, or the losses are not as many.

    Examples
    --------
    >>> s = np.linspace(0, 1, 5)
    >>> fit = quadratic_fit(s, 2 + (s - 0.25) ** 2)
    >>> print(fit.curvature.round(9), fit.minimum.round(9), fit.goodness.round(9))
    2.0 0.25 1.0
    """
    heights, places = require_reals("losses", losses), require_finite("positions", positions)
    if not places.ndim or (np.count_nonzero(np.diff(np.sort(places, 0), axis=0), 0) < 2).any():
        raise InputError(
            f"a quadratic fit needs at least 3 different positions; got {shown(positions)}"
        )
    if heights.shape[:1] != places.shape[:1] or heights.ndim < places.ndim:
        raise InputError(
            f"losses must have shape (n, ...) for n positions; got shape {heights.shape} and "
            f"positions of shape {places.shape}"
        )
    places = places.reshape(places.shape + (1,) * (heights.ndim - places.ndim))
    scale = np.abs(places).max(axis=0)
    finite = np.isfinite(heights).all(axis=0)
    # Lines first, their points last.
    powers = np.moveaxis(np.stack([(places / scale) ** n for n in range(3)]), (0, 1), (-1, -2))
    numbers, exponent = scaled(np.where(finite, heights, np.nan), axis=0)
    values, unit = np.moveaxis(numbers, 0, -1), exponent[0]
    coefficients = (np.linalg.pinv(powers) @ values[..., None])[..., 0]
    residual = values - (powers @ coefficients[..., None])[..., 0]
    level, slope, bend = np.moveaxis(coefficients, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        vertex = np.where(bend > 0, -slope / (2 * bend), np.nan)
        goodness = 1 - np.sum(residual**2, axis=-1) / (values.var(axis=-1) * len(heights))
        curvature = np.ldexp(2 * bend / scale, unit) / scale
        minimum = np.ldexp(level + slope * vertex / 2, unit)
    return QuadraticFit(curvature, vertex * scale, minimum, goodness)


def concave_share(losses: npt.ArrayLike) -> Array:
    """Return the share of negative second differences along lines of evenly spaced points.

    Parameters
    ----------
    losses : array_like, shape (n, ...), n >= 3

    Returns
    -------
    numpy.ndarray, shape (...)
        Zero where the loss is convex along the line; NaN where it is not finite.

    Raises
    ------
    InputError
        Where there are fewer than three points.

    Examples
    --------
    >>> print(concave_share([0.0, 1.0, 4.0, 9.0]), concave_share([0.0, 2.0, 1.0, 2.0]))
    0.0 0.5
    """
    heights = require_reals("losses", losses)
    if not heights.ndim or len(heights) < 3:
        raise InputError(f"losses must have shape (n, ...), n >= 3; got shape {heights.shape}")
    with np.errstate(invalid="ignore"):
        bends = np.diff(heights, 2, axis=0)
    return np.where(np.isfinite(heights).all(axis=0), (bends < 0).mean(axis=0), np.nan)


@dataclass(frozen=True)
class OneStep:
    """Losses before and after one gradient step on a batch, shape ``(...)`` each."""

    rate: Array  # the learning rate tried after which the loss on the batch is lowest
    batch_before: Array
    batch_after: Array
    others_before: Array
    others_after: Array

    __repr__ = short_repr


def one_step(
    network: Network,
    theta: Array,
    batch: Data,
    others: Data,
    rates: npt.ArrayLike,
) -> OneStep:
    """Take a gradient step on a batch, at the learning rate that lowers its loss most.

    Parameters
    ----------
    network : Network
    theta : numpy.ndarray, shape (..., P)
    batch, others : tuple of array_like
        X and y of the batch, and of other data whose loss is measured too.
    rates : array_like, shape (n,)
        The learning rates to try.

    Returns
    -------
    OneStep

    Raises
    ------
    InputError
        As :func:`loss_along`.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network, theta = MLP([1, 1, 1], activation="linear"), np.array([1.0, 1.0])
    >>> batch, others = ((np.ones((1, 1)), np.array([[y]])) for y in (0.0, 1.0))
    >>> step = one_step(network, theta, batch, others, [0.5, 1.0])
    >>> print(step.rate, step.batch_before, step.batch_after, step.others_after)
    1.0 0.5 0.0 0.5
    """
    theta, (batch, others) = _require(network, theta, batch=batch, others=others)
    tried = require_finite("rates", rates)
    if tried.ndim != 1 or not tried.size:
        raise InputError(f"rates must be a row of at least one number; got shape {tried.shape}")
    before, gradient = network.loss_and_gradient(theta, *batch)
    positions = tried.reshape(-1, *[1] * (theta.ndim - 1))  # the same for every network
    losses = loss_along(network, theta, -gradient, positions, *batch)
    best = np.argmin(np.where(np.isfinite(losses), losses, np.inf), axis=0)
    after = np.take_along_axis(losses, best[None], axis=0)[0]
    at = np.stack([np.zeros_like(tried[best]), tried[best]])
    others_before, others_after = loss_along(network, theta, -gradient, at, *others)
    return OneStep(tried[best], before, after, others_before, others_after)


def alignment(network: Network, theta: Array, batch: Data, everything: Data) -> tuple[Array, Array]:
    """Compare the gradient on a batch with the gradient on all data.

    Returns
    -------
    tuple of numpy.ndarray, shape (...)
        The cosine of the angle between them, and the norm of the batch gradient in units of
        the full one.

    Raises
    ------
    InputError
        As :func:`loss_along`.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network, theta = MLP([1, 1, 1], activation="linear"), np.array([1.0, 1.0])
    >>> batch = np.ones((1, 1)), np.zeros((1, 1))
    >>> everything = np.ones((2, 1)), np.array([[0.0], [0.5]])
    >>> cosine, ratio = alignment(network, theta, batch, everything)
    >>> print(cosine.round(9), ratio.round(9))
    1.0 1.333333333
    """
    theta, checked = _require(network, theta, batch=batch, everything=everything)
    of_batch, of_all = (network.loss_and_gradient(theta, *data)[1] for data in checked)
    norms = norm(of_batch), norm(of_all)
    with np.errstate(divide="ignore", invalid="ignore"):
        directions = of_batch / norms[0][..., None], of_all / norms[1][..., None]
        return np.sum(directions[0] * directions[1], axis=-1), norms[0] / norms[1]
