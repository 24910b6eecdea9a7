"""Random draws for ensembles: what a member gets depends on the seed and its number alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rng", "draw"]

Array = npt.NDArray[Any]
Rng = np.random.Generator | int | None


def draw(one: Callable[[np.random.Generator], Array], rng: Rng, ensemble: tuple[int, ...]) -> Array:
    """Stack ``one(generator)`` of shape ``(S,)`` into ``(*ensemble, S)``.

    Members draw from generators spawned one by one, so that a larger ensemble begins
    with the members of a smaller one.
    """
    generator = np.random.default_rng(rng)
    if not ensemble:
        return one(generator)
    members = np.stack([one(child) for child in generator.spawn(math.prod(ensemble))])
    return members.reshape(*ensemble, *members.shape[1:])
