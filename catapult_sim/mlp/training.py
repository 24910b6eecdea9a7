"""Run an ensemble of networks, and measure along the way."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.requirements import require_positive
from catapult_sim.numeric.trajectory import Observe, Trajectory, iterate

__all__ = ["train"]

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

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        Where data do not fit the network, or a learning rate is not positive.

    Examples
    --------
    >>> import numpy as np
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
        return theta - rate[:, None] * gradient, loss

    return iterate(
        advance,
        network.require_parameters(theta),
        rates,
        steps=steps,
        observe=observe,
        every=every,
        tolerance=tolerance,
    )
