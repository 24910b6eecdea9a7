"""Randomness of ensembles: the draws of a member depend on the seed and its number alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from catapult_sim.types import Array, Rng
from catapult_sim.validation import InputError, is_integer, require_ensemble, shown

SOURCES = (np.random.Generator, np.random.BitGenerator, np.random.SeedSequence)


def draw(one: Callable[[np.random.Generator], Array], rng: Rng, ensemble: tuple[int, ...]) -> Array:
    """Stack ``one(generator)`` of shape ``(S,)`` into ``(*ensemble, S)``.

    Members draw from generators spawned one by one, so that a larger ensemble begins
    with the members of a smaller one.
    """
    generator, ensemble = require_rng(rng), require_ensemble(ensemble)
    if not ensemble:
        return one(generator)
    (first,) = generator.spawn(1)
    drawn = one(first)
    members = np.empty((math.prod(ensemble), *drawn.shape), drawn.dtype)
    members[0] = drawn
    for member in members[1:]:
        (child,) = generator.spawn(1)  # all at once, they would take a kilobyte each
        member[...] = one(child)
    return members.reshape(*ensemble, *members.shape[1:])


def require_rng(rng: Rng) -> np.random.Generator:
    """Return a generator: the one given, that of a seed, or a fresh one; or raise InputError.

    Examples
    --------
    >>> int(require_rng(0).integers(100)) == int(np.random.default_rng(0).integers(100))
    True
    """
    try:
        seeds = isinstance(rng, list | tuple | np.ndarray) and all(map(is_integer, rng))
        if not (rng is None or is_integer(rng) or seeds or isinstance(rng, SOURCES)):
            raise TypeError  # of others NumPy makes a generator, or dies in recursion
        return np.random.default_rng(int(rng) if isinstance(rng, np.integer) else rng)
    except (TypeError, ValueError):
        raise InputError(
            f"rng must be a numpy.random.Generator, a seed of at least 0, or None; got {shown(rng)}"
        ) from None
