"""Epochs of minibatch steps, averaged exactly over all equally likely orders of the batches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    read_only,
    require_count,
    require_function,
    require_integers,
    require_number,
    require_one_of,
    require_result,
)

Gradients = Callable[[Array], Array]  # weights (..., P) -> batch gradients (..., m, P)

_MOST_BATCHES = 7  # of which all draws are listed

SAMPLINGS = ("shuffled", "reversed_pair", "replacement")


def draws(sampling: str, batches: int) -> npt.NDArray[np.int64]:
    """List all equally likely sequences of batches in an epoch.

    Parameters
    ----------
    sampling : {"shuffled", "reversed_pair", "replacement"}
        As in :func:`catapult_sim.symbolic.backward_error.modified_field`.
    batches : int
        m, the number of batches.

    Returns
    -------
    ndarray of int, shape (D, m)
        ``m!``, 2 or ``m**m`` rows of batch numbers 0, ..., m - 1.

    Raises
    ------
    InputError
        Where the sampling is not known, or more than 7 batches have too many sequences to list.

    Examples
    --------
    >>> print(draws("reversed_pair", 3))
    [[0 1 2]
     [2 1 0]]
    >>> [len(draws(sampling, 4)) for sampling in ("shuffled", "replacement")]
    [24, 256]
    """
    require_one_of("sampling", sampling, SAMPLINGS)
    numbers = range(require_count("batches", batches, 1))
    if sampling == "reversed_pair":
        require_memory(2 * 8 * batches, None, "a pair of sequences", "batches")
        return np.stack([np.arange(batches), np.arange(batches)[::-1]])
    if batches > _MOST_BATCHES:
        raise InputError(
            f"all draws can be listed for up to {_MOST_BATCHES} batches; got {batches}"
        )
    every = permutations(numbers) if sampling == "shuffled" else product(numbers, repeat=batches)
    return np.array(list(every))


def mean_epoch(
    gradients: Gradients, sequences: npt.NDArray[np.int64]
) -> Callable[[Array, float], Array]:
    """Return the mean, over the sequences, of the weights after an epoch.

    Parameters
    ----------
    gradients : callable
        Batch gradients ``(..., m, P)`` at weights ``(..., P)``.
    sequences : ndarray of int, shape (D, K)
        The batches of K steps, one sequence per row: all sequences (:func:`draws`) or a sample.

    Returns
    -------
    callable
        ``epoch(weights (..., P), step_size)``, of shape ``(..., P)``.

    Raises
    ------
    InputError
        Where there is no function or no sequence, or a batch of a sequence has no gradient.

    Examples
    --------
    >>> pull = lambda w: np.stack([w - 1, w + 1], axis=-2)
    >>> mean_epoch(pull, draws("shuffled", 2))(np.array([3.0]), 0.5)
    array([0.75])
    """
    require_function("gradients", gradients, "of weights (..., P)")
    orders = require_integers("sequences", sequences)
    if orders.ndim != 2 or not orders.size:
        raise InputError(f"sequences must have shape (D, K); got {orders.shape}")
    every = np.arange(len(orders))

    def epoch(weights: Array, step_size: float) -> Array:
        rate = require_number("step_size", step_size)
        now = np.repeat(np.asarray(weights)[..., None, :], len(orders), axis=-2)
        for batch in orders.T:
            now = now - rate * _batches(gradients, now, orders)[..., every, batch, :]
        mean: Array = now.mean(axis=-2)
        return mean

    return epoch


def _batches(gradients: Gradients, weights: Array, orders: npt.NDArray[np.int64]) -> Array:
    """Return batch gradients ``(..., m, P)``, or raise InputError where there are too few."""
    *leading, size = weights.shape
    found = require_result("gradients", gradients(read_only(weights)), *leading, None, size)
    if found.shape[-2] <= orders.max():
        raise InputError(
            f"sequences must be of the {found.shape[-2]} batches of gradients, from 0; "
            f"got batch {orders.max()}"
        )
    return found
