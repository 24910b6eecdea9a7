"""Mean pooling: images become smaller, each pixel the mean of a block of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catapult_sim.mlp.layers import Layer, Workspace
from catapult_sim.mlp.parametrization import Weights
from catapult_sim.mlp.plans import Image, Pair, Plan, Shape, require_image, require_pair
from catapult_sim.types import Array
from catapult_sim.validation import InputError


@dataclass(frozen=True)
class BlockMean(Layer):
    """A layer whose z are the means of x over blocks of pixels."""

    image: Image
    block: tuple[int, int]

    @property
    def places(self) -> tuple[int, int]:
        """Height and width of z."""
        return self.image[0] // self.block[0], self.image[1] // self.block[1]

    def outputs(self, inputs: int) -> int:
        """Return the width of z."""
        return math.prod(self.places) * self.image[2]

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        (height, width), (high, wide) = self.places, self.block
        x, z = at.x.values[order], at.z.values[order]
        blocks = x.reshape(*x.shape[:-1], height, high, width, wide, -1)
        blocks.mean(axis=(-4, -2), out=z.reshape(*z.shape[:-1], height, width, -1))

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x."""
        self._spread(at.z.signals[kind][order], at.x.signals[kind][order])

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        below = np.empty((*signals.shape[:-1], math.prod(self.image)), signals.dtype)
        self._spread(signals, below)
        return below

    def _spread(self, signal: Array, out: Array) -> None:
        """Write the signals at x, which the pixels of a block have in equal parts."""
        (height, width), (high, wide) = self.places, self.block
        share = signal.reshape(*signal.shape[:-1], height, 1, width, 1, -1) / (high * wide)
        out.reshape(*out.shape[:-1], height, high, width, wide, -1)[...] = share


@dataclass(frozen=True, repr=False)
class MeanPooling(Plan):
    """A layer of a network that averages blocks of pixels, in each channel.

    Parameters
    ----------
    size : int or (int, int), optional
        Height and width of a block, which divide those of the image. By default a block is the
        whole image, and a width of as many numbers as there were channels is left.

    Raises
    ------
    InputError
        Where the size is no positive integer, or two.
    """

    size: Pair | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            require_pair("size", self.size, 1)

    def build(self, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
        """Return its layer for images of a shape, and the shape of its outputs."""
        image = require_image("mean pooling", shape)
        size = image[:2] if self.size is None else require_pair("size", self.size, 1)
        if image[0] % size[0] or image[1] % size[1]:
            raise InputError(
                f"the size of mean pooling must divide height and width of its images; got {size} "
                f"for {image[:2]}"
            )
        layer = BlockMean(image, size)
        return [layer], image[2:] if self.size is None else (*layer.places, image[2])
