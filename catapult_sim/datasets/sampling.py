"""Sampling: draw some of the samples of a data set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import UNREADABLE, InputError, require_count


def subset(
    X: npt.ArrayLike, y: npt.ArrayLike, samples: int, *, rng: Rng = None
) -> tuple[Array, Array]:
    """Draw ``samples`` rows without replacement, each with its label.

    Raises
    ------
    InputError
        Where ``X`` and ``y`` differ in length, or have fewer rows than ``samples``.

    Examples
    --------
    >>> X, y = subset([[1], [2], [3]], [10, 20, 30], 2, rng=0)
    >>> len(X), set(y) <= {10, 20, 30}
    (2, True)
    """
    inputs, labels = require_rows(X, y)
    require_count("samples", samples, 1)
    if samples > len(inputs):
        raise InputError(
            f"samples must be at most {len(inputs)}, the size of the data; got {samples}"
        )
    chosen = require_rng(rng).choice(len(inputs), samples, replace=False)
    return inputs[chosen], labels[chosen]


HELD_OUT = 2000  # samples to judge by, at most
Pair = tuple[Array, Array]


def divided(
    X: npt.ArrayLike, y: npt.ArrayLike, samples: int, *, seed: int = 0
) -> tuple[Pair, Pair]:
    """Draw samples to train on by a seed, and others to judge by, at most 2000.

    The commands draw theirs so: ``--samples`` and ``--seed`` are these two.

    Parameters
    ----------
    X, y : array_like, shape (m, ...)
    samples : int
        To train on, at most m.
    seed : int

    Returns
    -------
    (X, y), (X, y)
        The samples to train on, and the others.

    Raises
    ------
    InputError
        Where ``X`` and ``y`` differ in length, or have fewer rows than ``samples``, or the seed is
        negative.

    Examples
    --------
    >>> seen, others = divided(np.eye(5), np.arange(5), 3, seed=0)
    >>> sorted([*seen[1].tolist(), *others[1].tolist()])
    [0, 1, 2, 3, 4]
    """
    inputs, labels = require_rows(X, y)
    rng = np.random.default_rng([require_count("seed", seed), *b"samples"])
    places = np.arange(len(inputs))
    chosen = subset(places, places, samples, rng=rng)[0]
    others = np.random.default_rng(0).permutation(np.delete(places, chosen))[:HELD_OUT]
    return (inputs[chosen], labels[chosen]), (inputs[others], labels[others])


def require_rows(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Return arrays with one row for each sample, or raise InputError."""
    try:
        inputs, labels = np.asarray(X), np.asarray(y)
    except UNREADABLE:
        raise InputError("X and y must be arrays, with rows of one length; one is not") from None
    if not inputs.ndim or inputs.shape[:1] != labels.shape[:1]:
        raise InputError(
            f"X and y must have one row for each sample; got shapes {inputs.shape} and "
            f"{labels.shape}"
        )
    return inputs, labels
