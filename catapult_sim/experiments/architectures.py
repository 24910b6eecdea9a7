"""Architectures of the networks that are compared: dense, residual and convolutional ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catapult_sim.datasets.images import pooled
from catapult_sim.mlp.convolution import Convolution
from catapult_sim.mlp.dense import Dense
from catapult_sim.mlp.network import Network
from catapult_sim.mlp.plans import Layers, Plan, Shape
from catapult_sim.mlp.residual import Residual
from catapult_sim.numeric.runs.measured import NothingToMeasure
from catapult_sim.printing import counted
from catapult_sim.types import Array

SCALED = {"global": "", "pixel": ", every pixel scaled by itself", "raw": ", raw pixels"}
LARGE = 16  # pixels of a side
Inside = list[Plan | str]


def _dense_layers(activation: str, depth: int, width: int) -> Inside:
    return [Dense(width), activation] * depth


def _residual(activation: str, depth: int, width: int, scale: float = 1.0) -> Inside:
    """Return a dense layer and blocks with their activations first, as wide residual nets have."""
    block = Residual([activation, Dense(width), activation, Dense(width)], scale)
    return [Dense(width), *[block] * depth, activation]


def _scaled_residual(activation: str, depth: int, width: int) -> Inside:
    return _residual(activation, depth, width, scale=depth**-0.5)


def _convolutional(activation: str, depth: int, width: int) -> Inside:
    """Return convolutions of 3 x 3, with strides of 2 from the second on."""
    first, other = Convolution(width, 3, padding=1), Convolution(width, 3, stride=2, padding=1)
    return [one for layer in [first, *[other] * (depth - 1)] for one in (layer, activation)]


@dataclass(frozen=True)
class Kind:
    """A kind of network: its layers but the last, and what its depth counts."""

    inside: Callable[[str, int, int], Inside]  # of activation, depth, width
    unit: str
    images: bool = False  # whether it takes images, not rows of numbers
    apart: str = ""  # what tells it from another kind of the same unit


KINDS = {
    "dense": Kind(_dense_layers, "hidden layer"),
    "residual": Kind(_residual, "residual block"),
    "scaled-residual": Kind(_scaled_residual, "residual block", apart=", branches scaled"),
    "convolutional": Kind(_convolutional, "convolution", images=True),
}


@dataclass(frozen=True)
class Architecture:
    """A network but for its width, that of its hidden layers or the channels of its images.

    Examples
    --------
    >>> Architecture("relu", 2).network(64, 10, width=128)
    Network(64, [Dense(128), 'relu', Dense(128), 'relu', Dense(10)])
    >>> Architecture("tanh", 2, kind="scaled-residual").name
    'tanh, 2 residual blocks, branches scaled'
    """

    activation: str
    depth: int
    inputs: str = "global"  # how they are scaled
    kind: str = "dense"  # a name in KINDS

    @property
    def name(self) -> str:
        """The architecture in words."""
        kind = KINDS[self.kind]
        layers = f"{self.activation}, {counted(self.depth, kind.unit)}{kind.apart}"
        return layers + SCALED[self.inputs]

    @property
    def id(self) -> str:
        """The architecture in the id of a claim."""
        kind = "" if self.kind == "dense" else f"-{self.kind}"
        return f"{self.activation}{kind}-{self.depth}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The end of an id that tells how inputs are scaled."""
        return "" if self.inputs == "global" else f"-{self.inputs}"

    def network(self, inputs: int, outputs: int, width: int, **options: Any) -> Network:
        """Return the network of a width, with options of :class:`Network`.

        Raises
        ------
        NothingToMeasure
            Where it takes images, and the inputs are none.
        """
        kind = KINDS[self.kind]
        layers: Layers = [*kind.inside(self.activation, self.depth, width), Dense(outputs)]
        return Network(square(inputs) if kind.images else inputs, layers, **options)


def square(inputs: int) -> Shape:
    """Return height, width and channels of a square grey image of so many pixels.

    Examples
    --------
    >>> square(784)
    (28, 28, 1)
    """
    side = math.isqrt(inputs)
    if side**2 != inputs:
        raise NothingToMeasure
    return side, side, 1


def halved(X: Array) -> Array:
    """Return large images as means of 2 x 2 pixels, and all other inputs as they are.

    Parameters
    ----------
    X : ndarray, shape (m, d)
        Square grey images have d = side^2; those of an even side above 16 are large.

    Examples
    --------
    >>> import numpy as np
    >>> halved(np.ones((5, 784))).shape, halved(np.ones((5, 64))).shape
    ((5, 196), (5, 64))
    """
    side = math.isqrt(X.shape[1])
    if side**2 != X.shape[1] or side <= LARGE or side % 2:
        return X
    return pooled(X.reshape(len(X), side, side), 2).reshape(len(X), -1)
