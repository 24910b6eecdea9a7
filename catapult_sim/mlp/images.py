"""Images as samples: a row of numbers, height by width by channels, channels last."""

from __future__ import annotations

from typing import Any

from catapult_sim.mlp.plans import Shape
from catapult_sim.validation import InputError, require_count, shown

Image = tuple[int, int, int]
"""Height, width and channels."""
Pair = int | tuple[int, int]
"""A number for height and width, or one for each."""


def require_pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Return a number for height and one for width, given one or two, or raise InputError."""
    numbers = value if isinstance(value, tuple | list) else (value, value)
    if len(numbers) != 2:
        raise InputError(
            f"{name} must be an integer, or two for height and width; got {shown(value)}"
        )
    height, width = (require_count(name, number, least) for number in numbers)
    return height, width


def require_image(what: str, shape: Shape) -> Image:
    """Return the shape of an image, or raise InputError where samples are none."""
    if len(shape) != 3:
        raise InputError(
            f"{what} needs images, and is given {shape[0]} numbers of each sample; a network takes "
            "images where its inputs are height, width and channels, such as (8, 8, 1)"
        )
    height, width, channels = shape
    return height, width, channels
