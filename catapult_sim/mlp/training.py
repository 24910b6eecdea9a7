"""Run an ensemble of networks, and measure along the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.optimizers import sgd_epoch, shuffled
from catapult_sim.numeric.ensemble import Rng
from catapult_sim.numeric.requirements import InputError, require_positive
from catapult_sim.numeric.trajectory import ESCAPE, Observe, Trajectory, iterate

__all__ = ["train", "train_sgd"]

Array = npt.NDArray[Any]


def train(
    network: MLP,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: int,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
) -> Trajectory:
    """Train by full-batch gradient descent, many members at once.

    Parameters
    ----------
    network : MLP
    theta : array_like, shape (..., P)
        Where to start.
    X : array_like, shape (m, d)
    y : array_like, shape (m,) or (m, k)
    learning_rate : array_like
        Broadcasts against the leading axes of theta; together they are the ensemble.
    steps : int
    observe : mapping of str to callable, optional
        Quantities ``theta (N, P) -> (N,)`` to measure besides the loss.
    every : int
        Measure at multiples of this step.
    tolerance : float
        A member is finished when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        Where data do not fit the network, or a learning rate is not positive.

    Examples
    --------
    >>> network = MLP([1, 1000, 1], activation="tanh")
    >>> theta = network.init(rng=0, ensemble=(3,))
    >>> rates = np.array([[0.1], [0.5]])
    >>> train(network, theta, [[1.0]], [1.0], learning_rate=rates, steps=5).values["loss"].shape
    (6, 2, 3)
    """
    inputs, targets = network.require_data(X, y)
    rates = require_positive("learning_rate", learning_rate)

    def advance(theta: Array, rate: Array) -> tuple[Array, Array]:
        loss, gradient = network.loss_and_gradient(theta, inputs, targets)
        np.multiply(gradient, rate[:, None], out=gradient)
        return np.subtract(theta, gradient, out=gradient), loss

    return iterate(
        advance,
        network.require_parameters(theta),
        rates,
        steps=steps,
        observe=observe,
        every=every,
        tolerance=tolerance,
        escape=escape,
    )


def train_sgd(
    network: MLP,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    batch_size: int,
    epochs: int,
    regularizer: npt.ArrayLike = 0.0,
    rng: Rng = None,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
) -> Trajectory:
    r"""Train by stochastic gradient descent on shuffled batches, many members at once.

    The samples are dealt into batches once, and the batches are reshuffled every epoch. With a
    regulariser the loss of a batch is ``C_k + (regularizer / 4) |grad C_k|^2``, whose mean is
    the loss that SGD with ``learning_rate = regularizer`` follows implicitly (Smith et al. 2021).

    Parameters
    ----------
    network : MLP
    theta : array_like, shape (..., P)
        Where to start. Each of its members has a partition and orders of its own, the same at
        every learning rate and regulariser.
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, k)
    learning_rate, regularizer : array_like
        Broadcast against the leading axes of theta; together they are the ensemble.
    batch_size : int
        Divides N. At N, training is :func:`train`, bit for bit.
    epochs : int
    rng : numpy.random.Generator, int or None
        Draws the partitions and the orders.
    observe, every, tolerance, escape
        As in :func:`train`.

    Returns
    -------
    Trajectory
        Its steps are epochs, its loss is that of all samples, without the regulariser.

    Raises
    ------
    InputError
        Where data do not fit the network, a learning rate is not positive, a regulariser is
        negative, or the batch size does not divide the number of samples.

    Examples
    --------
    >>> network = MLP([1, 100, 1], activation="tanh")
    >>> theta, X, y = network.init(rng=0, ensemble=(3,)), [[1.0], [2.0]], [1.0, 0.0]
    >>> rates = np.array([[0.1], [0.5]])
    >>> run = train_sgd(network, theta, X, y, learning_rate=rates, batch_size=1, epochs=5, rng=0)
    >>> run.values["loss"].shape
    (6, 2, 3)
    """
    inputs, targets = network.require_data(X, y)
    start = network.require_parameters(theta)
    rates = require_positive("learning_rate", learning_rate)
    members = np.arange(start[..., 0].size).reshape(start.shape[:-1])
    batches = shuffled(len(inputs), batch_size, epochs, rng=rng, ensemble=(members.size,))

    # Iteration meets members block by block: their state has to tell the epoch they are in.
    def advance(state: Array, rate: Array, penalty: Array, member: Array) -> tuple[Array, Array]:
        theta, epoch, stream = state[:, :-1], int(state[0, -1]), member.astype(int)
        outputs, *_ = network.forward(theta, inputs)
        loss, _ = network.loss_function.value_and_gradient(outputs, targets)
        if epoch < epochs:
            order = batches.orders[stream, epoch]
            rows = batches.partition[stream[:, None], order]
            theta = sgd_epoch(network, theta, inputs, targets, rows, rate, penalty)
        return np.column_stack([theta, np.full(len(theta), epoch + 1.0)]), loss

    run = iterate(
        advance,
        np.concatenate([start, np.zeros((*start.shape[:-1], 1))], axis=-1),
        rates,
        _require_regularizer(regularizer),
        members,
        steps=epochs,
        observe={name: _of_parameters(quantity) for name, quantity in (observe or {}).items()},
        every=every,
        tolerance=tolerance,
        escape=escape,
    )
    return replace(run, state=run.state[..., :-1])


def _of_parameters(quantity: Callable[[Any], Array]) -> Callable[[Any], Array]:
    return lambda state: quantity(state[:, :-1])


def _require_regularizer(values: npt.ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    if not (np.isfinite(array) & (array >= 0)).all():
        wrong = array[~(np.isfinite(array) & (array >= 0))].flat[0]
        raise InputError(f"regularizer must be finite and at least 0; got {wrong:g}")
    return array
