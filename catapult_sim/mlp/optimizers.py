r"""Stochastic gradient descent on a fixed partition, and its implicit regulariser made explicit.

The samples are dealt into m batches once. Every epoch visits each batch once, in a new random
order. To first order in the learning rate eta such training follows gradient flow on
``C + (eta / 4m) sum_k |grad C_k|^2`` [1]_; here that penalty can be added to the loss, with a
coefficient of its own.

References
----------
.. [1] S. L. Smith, B. Dherin, D. Barrett and S. De, *On the origin of implicit
   regularization in stochastic gradient descent*, arXiv:2101.12176 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.requirements import InputError, require_count

__all__ = ["Minibatches", "regularized_gradient", "sgd_epoch", "shuffled"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Minibatches:
    """A partition of the samples for every member of an ensemble, and its order in every epoch."""

    partition: npt.NDArray[np.int64]  # (..., m, B), rows of X, ascending in every batch
    orders: npt.NDArray[np.int64]  # (..., epochs, m), numbers of batches


def shuffled(
    samples: int, batch_size: int, epochs: int, *, rng: Rng = None, ensemble: tuple[int, ...] = ()
) -> Minibatches:
    """Deal samples into batches at random, and shuffle the batches for every epoch.

    Parameters
    ----------
    samples : int
        N, a multiple of the batch size.
    batch_size : int
        B.
    epochs : int
    rng : numpy.random.Generator, int or None
        A larger ensemble begins with the members of a smaller one, a longer run with the
        epochs of a shorter one.
    ensemble : tuple of int

    Raises
    ------
    InputError
        Where the batch size does not divide the number of samples.

    Examples
    --------
    >>> batches = shuffled(12, 4, 100, rng=0, ensemble=(8,))
    >>> batches.partition.shape, batches.orders.shape
    ((8, 3, 4), (8, 100, 3))
    """
    size = require_count("batch_size", batch_size, 1)
    if samples % size:
        raise InputError(f"batch_size must divide the {samples} samples; got {size}")
    shape, epochs = (samples // size, size), require_count("epochs", epochs)
    deal, order = np.random.default_rng(rng).spawn(2)

    def partition_of(rng: np.random.Generator) -> Array:
        return np.sort(rng.permutation(samples).reshape(shape), axis=-1)

    def orders_of(rng: np.random.Generator) -> Array:
        return rng.permuted(np.tile(np.arange(shape[0]), (epochs, 1)), axis=-1)

    return Minibatches(draw(partition_of, deal, ensemble), draw(orders_of, order, ensemble))


def regularized_gradient(
    network: MLP, theta: Array, X: Array, y: Array, regularizer: Array
) -> Array:
    r"""Return the gradient of ``C_k + (regularizer / 4) |grad C_k|^2``, of clean input.

    With g and H the gradient and the Hessian of ``C_k`` it is ``g + (regularizer / 2) H g``.

    Parameters
    ----------
    network : MLP
    theta : numpy.ndarray, shape (S, P)
    X : numpy.ndarray, shape (S, B, d)
        A batch for every member.
    y : numpy.ndarray, shape (S, B, k)
    regularizer : numpy.ndarray, shape (S,)

    Returns
    -------
    numpy.ndarray, shape (S, P)

    Examples
    --------
    On ``L = (u v)^2 / 2`` at (1, 1), where ``|grad L|^2 = u^2 v^2 (u^2 + v^2)``:

    >>> network, point = MLP([1, 1, 1], activation="linear"), np.ones((1, 2))
    >>> one, zero = np.ones((1, 1, 1)), np.zeros((1, 1, 1))
    >>> regularized_gradient(network, point, one, zero, np.array([0.4]))
    array([[1.6, 1.6]])
    """
    gradient = network.loss_and_gradient(theta, X, y)[1]
    # Members without a penalty are spared the product, whose overflow would reach them.
    on = regularizer > 0
    if on.any():
        product = network.loss_hessian_product(theta[on], X[on], y[on], gradient[on])
        gradient[on] += regularizer[on, None] / 2 * product
    return gradient


def sgd_epoch(
    network: MLP,
    theta: Array,
    X: Array,
    y: Array,
    rows: npt.NDArray[np.int64],
    learning_rate: Array,
    regularizer: Array,
) -> Array:
    """Return where one epoch leads, a step for every batch, of clean input.

    Parameters
    ----------
    network : MLP
    theta : numpy.ndarray, shape (S, P)
    X : numpy.ndarray, shape (N, d)
    y : numpy.ndarray, shape (N, k)
    rows : numpy.ndarray of int, shape (S, m, B)
        The samples of every batch, in the order of the epoch.
    learning_rate, regularizer : numpy.ndarray, shape (S,)

    Returns
    -------
    numpy.ndarray, shape (S, P)
    """
    for batch in np.swapaxes(rows, 0, 1):
        gradient = regularized_gradient(network, theta, X[batch], y[batch], regularizer)
        np.multiply(gradient, learning_rate[:, None], out=gradient)
        theta = np.subtract(theta, gradient, out=gradient)
    return theta
