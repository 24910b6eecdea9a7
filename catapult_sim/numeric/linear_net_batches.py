"""Which samples each step of mini-batch SGD sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.ensemble import Rng
from catapult_sim.numeric.linear_net_data import PrincipalData
from catapult_sim.numeric.requirements import InputError, require_count

__all__ = ["Batches", "batch_gradient", "minibatches", "require_batches"]

Array = npt.NDArray[Any]
Batches = npt.NDArray[np.int64]  # (T, b): the samples of each step; after T steps, again


def minibatches(
    samples: int, size: int, steps: int, *, rng: Rng = None, reshuffle: bool = True
) -> Batches:
    """Draw the batches of a run: every epoch visits every sample once.

    Parameters
    ----------
    samples : int
        m, the number of samples.
    size : int
        Samples in a batch; a divisor of m.
    steps : int
        How many batches to draw.
    rng : numpy.random.Generator, int or None
        One seed means the same batches at every learning rate, width and ensemble.
    reshuffle : bool
        If true, each epoch partitions the samples anew; otherwise one partition is drawn
        once and only the order of its batches changes from epoch to epoch.

    Returns
    -------
    numpy.ndarray, shape (steps, size)
        Numbers of samples.

    Raises
    ------
    InputError
        Where a number is not a positive integer, or ``size`` does not divide ``samples``.

    References
    ----------
    .. [1] S. L. Smith et al., *On the origin of implicit regularization in stochastic
       gradient descent*, ICLR 2021, arXiv:2101.12176, section 2: the fixed partition.

    Examples
    --------
    >>> minibatches(4, 2, steps=4, rng=0, reshuffle=False).shape
    (4, 2)
    >>> sorted(int(i) for i in minibatches(4, 2, steps=2, rng=1).ravel())
    [0, 1, 2, 3]
    """
    samples = require_count("samples", samples, 1)
    size, steps = require_count("size", size, 1), require_count("steps", steps)
    if samples % size:
        raise InputError(f"size must divide the number of samples, {samples}; got {size}")
    generator, parts = np.random.default_rng(rng), samples // size
    partition = generator.permutation(samples)
    epochs = []
    for _ in range(-(-steps // parts)):
        if reshuffle:
            partition = generator.permutation(samples)
        epochs.append(generator.permutation(partition.reshape(parts, size)))
    return np.concatenate([np.empty((0, size), dtype=np.int64), *epochs])[:steps]


def require_batches(batches: Any, samples: int) -> Batches:
    """Return batches as an integer array ``(T, b)``, or raise InputError."""
    array = np.asarray(batches)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "iu":
        raise InputError(
            "batches must be a non-empty array of integers of shape (steps, size); "
            f"got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= samples:
        raise InputError(
            f"batches must number samples from 0 to {samples - 1}; "
            f"got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)


def batch_gradient(data: PrincipalData, batches: Batches | None, residual: Array, t: int) -> Array:
    """Return the gradient with respect to F of the loss that step t sees, ``(..., q, k)``.

    Without batches that is ``S e``. The samples of a batch have the errors
    ``sqrt(m) P e - unseen``, in its rows.
    """
    if batches is None:
        return data.scales[:, None] * residual
    batch = batches[t % len(batches)]
    left = np.sqrt(len(data.left)) * data.left[batch]
    return data.scales[:, None] * (left.T @ (left @ residual - data.unseen[batch])) / len(batch)
