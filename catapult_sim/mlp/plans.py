"""Plans of layers: layers as users list them, before the shape of their inputs is known."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, cast

from catapult_sim.mlp.activations import Activation, Pointwise, Scale, require_activation
from catapult_sim.mlp.layers import Layer
from catapult_sim.mlp.parametrization import Weights
from catapult_sim.validation import InputError, require_count, shown

Shape = tuple[int, ...]
"""The shape of one sample: a width, or height, width and channels of an image."""
Image = tuple[int, int, int]
"""Height, width and channels."""
Pair = int | tuple[int, int]
"""A number for height and width, or one for each."""


class Plan(ABC):
    """A layer of a network, which takes its shape from the layer before it."""

    def __repr__(self) -> str:
        """Return the layer as users write it, without what is left at its default."""
        given = [(one, getattr(self, one.name)) for one in fields(cast(Any, self))]
        words = [
            repr(value) if one.default is MISSING or not number else f"{one.name}={value!r}"
            for number, (one, value) in enumerate(given)
            if value != one.default
        ]
        return f"{type(self).__name__}({', '.join(words)})"

    def gains(self, following: float) -> list[float]:
        """Return the gain of each of its weights, given that of the activation after it."""
        return []

    @abstractmethod
    def build(self, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
        """Return its layers for inputs of a shape, and the shape of their outputs."""


class Weighted(Plan):
    """The plan of a layer with weights."""

    def gains(self, following: float) -> list[float]:
        """Return the gain of its weights, that of the activation after it."""
        return [following]


Listed = Plan | Layer | Activation
"""What a list of layers holds; a layer that is no plan fits one shape and has its own start."""
Layers = Sequence[Plan | Layer | Activation | str]
"""Layers as users list them."""


MOST_LAYERS = 10_000  # to build so many takes a second


def require_layers(layers: Any) -> list[Listed]:
    """Return the layers of a list, with activations for their names, or raise InputError."""
    if not isinstance(layers, list | tuple) or not layers:
        raise InputError(
            "layers must be a list of at least one layer, such as [Dense(100), 'relu', Dense(1)]; "
            f"got {shown(layers)}"
        )
    if len(layers) > 2 * MOST_LAYERS:
        raise InputError(f"layers must be at most {2 * MOST_LAYERS}; got {len(layers)}")
    return [_require_layer(one) for one in layers]


def _require_layer(layer: Any) -> Listed:
    if isinstance(layer, Plan | Layer):
        return layer
    if isinstance(layer, str | Activation):
        return require_activation(layer)
    raise InputError(
        "each layer must be one such as Dense(10), or the name of an activation; "
        f"got {shown(layer)}"
    )


def written(layers: Layers) -> str:
    """Return layers as users list them, activations by their names."""
    return str([one.name if isinstance(one, Activation) else one for one in layers])


def own_gains(layers: Sequence[Listed]) -> list[float]:
    """Return the gain of each of the weights in a list: that of an activation right after them.

    Examples
    --------
    >>> from catapult_sim.mlp.dense import Dense
    >>> own_gains(require_layers([Dense(8), "tanh", Dense(2)]))
    [1.0, 1.0]
    """
    following = [*layers[1:], None]
    gains = (next_one.gain if isinstance(next_one, Activation) else 1.0 for next_one in following)
    return [
        gain
        for layer, after in zip(layers, gains, strict=True)
        if isinstance(layer, Plan)
        for gain in layer.gains(after)
    ]


def build(layers: Sequence[Listed], shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
    """Return the layers of a list for inputs of a shape, and the shape of their outputs."""
    built: list[Layer] = []
    for layer in layers:
        new, shape = _build_one(layer, shape, weights)
        for one in new:
            last = built[-1] if built else None
            if isinstance(last, Pointwise) and isinstance(one, Scale):
                built[-1] = replace(last, scale=last.scale * one.factor)
            else:
                built.append(one)
    return built, shape


def _build_one(layer: Listed, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
    if isinstance(layer, Plan):
        return layer.build(shape, weights)
    if isinstance(layer, Activation):
        return [Pointwise(layer)], shape
    inputs = math.prod(shape)
    outputs = layer.outputs(inputs)
    return [layer], shape if outputs == inputs else (outputs,)


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
