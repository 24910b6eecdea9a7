"""Draw the batches of mini-batch SGD: the samples that each step sees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.randomness import draw, require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    as_array,
    require_count,
    require_ensemble,
    require_one_of,
)

Batches = npt.NDArray[np.int64]  # (..., T, b): the samples of each step; after T steps, again

SAMPLINGS = ("shuffled", "repartitioned", "replacement")
PARTIAL = ("drop", "fill")


def minibatches(
    samples: int,
    batch_size: int,
    steps: int,
    *,
    sampling: str = "repartitioned",
    partial: str = "drop",
    rng: Rng = None,
    ensemble: tuple[int, ...] = (),
    memory_limit: Limit = None,
) -> Batches:
    """Draw the batches of a run: the samples of each step.

    Parameters
    ----------
    samples : int
        N, the number of samples.
    batch_size : int
        B, samples in a batch; at most N, unless they are drawn with replacement.
    steps : int
        How many batches to draw.
    sampling : {"repartitioned", "shuffled", "replacement"}
        "repartitioned": each epoch splits the samples anew. "shuffled": they are split once,
        and each epoch visits the same batches in a new order ([Smith2021], section 2). In both,
        every epoch visits every sample once. "replacement": every sample of every batch is drawn
        independently.
    partial : {"drop", "fill"}
        What becomes of the last batch of an epoch where B does not divide N. "drop": it is left
        out, so that every epoch misses ``N % B`` samples, by "shuffled" always the same. "fill": it
        is filled with samples of the first batch, which are seen twice in that epoch.
    rng : numpy.random.Generator, int or None
        One seed means the same batches at every learning rate and width. A longer run begins
        with the batches of a shorter one, a larger ensemble with those of a smaller one.
    ensemble : tuple of int
        Shape of an ensemble whose members each have batches of their own.
    memory_limit : float, str or None
        Memory that the batches may take: bytes, or a size such as "6GB"; by default half of what is
        free.

    Returns
    -------
    numpy.ndarray of int, shape ``(*ensemble, steps, batch_size)``
        Numbers of samples, ascending in each batch.

    Raises
    ------
    InputError
        Where a number is not a positive integer, ``batch_size`` exceeds ``samples``, a word is not
        known, or the memory limit is exceeded.

    Examples
    --------
    >>> minibatches(4, 2, steps=6, sampling="shuffled", rng=0, ensemble=(3,)).shape
    (3, 6, 2)
    >>> sorted(int(i) for i in minibatches(4, 2, steps=2, rng=1).ravel())
    [0, 1, 2, 3]
    >>> batches = minibatches(2000, 128, steps=32, partial="fill", rng=0)
    >>> len(np.unique(batches[:15])), len(np.unique(batches[:16]))
    (1920, 2000)
    """
    samples = require_count("samples", samples, 1)
    batch_size, steps = require_count("batch_size", batch_size, 1), require_count("steps", steps)
    require_one_of("sampling", sampling, SAMPLINGS)
    generator, ensemble = require_rng(rng), require_ensemble(ensemble)
    visited = steps * batch_size + samples  # an epoch that has begun is drawn to its end
    require_one_of("partial", partial, PARTIAL)
    required = 3 * 8 * math.prod(ensemble) * visited
    require_memory(required, memory_limit, "this draw of batches", "steps or members")
    if sampling == "replacement":
        shape = (steps, batch_size)
        return draw(lambda one: np.sort(one.integers(samples, size=shape)), generator, ensemble)
    if batch_size > samples:
        raise InputError(
            f"batch_size must be at most the number of samples, {samples}; got {batch_size}"
        )
    parts = samples // batch_size if partial == "drop" else -(-samples // batch_size)
    epochs = -(-steps // parts)
    if sampling == "repartitioned":
        visits = draw(lambda one: _orders(one, samples, epochs), generator, ensemble)
        rows = _dealt(visits, parts, batch_size).reshape(*ensemble, epochs * parts, batch_size)
    else:
        deal, order = generator.spawn(2)
        visits = draw(lambda one: one.permutation(samples), deal, ensemble)
        orders = draw(lambda one: _orders(one, parts, epochs), order, ensemble)
        numbers = orders.reshape(*ensemble, epochs * parts)
        rows = np.take_along_axis(_dealt(visits, parts, batch_size), numbers[..., None], axis=-2)
    return rows[..., :steps, :]


def _dealt(visits: Array, parts: int, batch_size: int) -> Array:
    """Deal samples ``(..., N)`` in their order into so many batches, ``(..., parts, B)``.

    Those that are too many are left out; where they are too few, the first come once more.
    """
    dealt = visits[..., np.arange(parts * batch_size) % visits.shape[-1]]
    return np.sort(dealt.reshape(*visits.shape[:-1], parts, batch_size))


def _orders(rng: np.random.Generator, count: int, epochs: int) -> Array:
    """Draw a permutation of ``range(count)`` for every epoch, ``(epochs, count)``."""
    return rng.permuted(np.tile(np.arange(count), (epochs, 1)), axis=-1)


def repeats(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how often a batch ``(..., b)`` holds its most frequent sample, ``(...)``.

    Examples
    --------
    >>> repeats(np.array([[0, 1, 2], [3, 1, 3]]))
    array([1, 2])
    """
    ordered, most = np.sort(rows, axis=-1), np.ones(rows.shape[:-1], dtype=np.int64)
    for count in range(1, rows.shape[-1]):
        again = (ordered[..., count:] == ordered[..., :-count]).any(axis=-1)
        if not again.any():
            break
        most[again] = count + 1
    return most


def require_batches(batches: Any, samples: int, ensemble: tuple[int, ...] = ()) -> Batches:
    """Return batches as an integer array ``(T, b)`` or ``(*ensemble, T, b)``, or raise InputError.

    Examples
    --------
    >>> require_batches([[0, 1], [2, 3]], samples=4).shape
    (2, 2)
    """
    array = as_array(batches)
    fits = array.ndim >= 2 and array.shape[:-2] in ((), ensemble)
    if not fits or array.size == 0 or array.dtype.kind not in "iu":
        shapes = dict.fromkeys(((), ensemble))
        named = " or ".join(f"({', '.join([*map(str, one), 'steps', 'size'])})" for one in shapes)
        raise InputError(
            f"batches must be a non-empty array of integers of shape {named}; "
            f"got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= samples:
        raise InputError(
            f"batches must number samples from 0 to {samples - 1}; "
            f"got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)
