"""Epochs of minibatch steps, averaged exactly over all equally likely orders of the batches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError

Gradients = Callable[[Array], Array]  # weights (..., P) -> batch gradients (..., m, P)

_MOST_DRAWS = 1_000_000


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

    Examples
    --------
    >>> print(draws("reversed_pair", 3))
    [[0 1 2]
     [2 1 0]]
    >>> [len(draws(sampling, 4)) for sampling in ("shuffled", "replacement")]
    [24, 256]
    """
    numbers = range(batches)
    if sampling == "reversed_pair":
        return np.array([numbers, numbers[::-1]])
    if sampling not in ("shuffled", "replacement"):
        raise InputError(
            f"sampling must be one of shuffled, reversed_pair, replacement; got {sampling!r}"
        )
    if batches**batches > _MOST_DRAWS:
        raise InputError(f"all draws can be listed for up to 7 batches; got {batches}")
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

    Examples
    --------
    >>> pull = lambda w: np.stack([w - 1, w + 1], axis=-2)
    >>> mean_epoch(pull, draws("shuffled", 2))(np.array([3.0]), 0.5)
    array([0.75])
    """
    every = np.arange(len(sequences))

    def epoch(weights: Array, step_size: float) -> Array:
        now = np.repeat(weights[..., None, :], len(sequences), axis=-2)
        for batch in sequences.T:
            now = now - step_size * gradients(now)[..., every, batch, :]
        mean: Array = now.mean(axis=-2)
        return mean

    return epoch
