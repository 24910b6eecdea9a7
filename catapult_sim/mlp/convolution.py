"""Two-dimensional convolution: the same small weights at every place of an image.

A patch is what a filter sees at one place. With the patches of all places as rows, a convolution
is one matrix product; they are unfolded for a few images at a time, as many as stay in cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from catapult_sim.mlp.activations import Scale
from catapult_sim.mlp.bilinear import Bilinear
from catapult_sim.mlp.layers import Layer
from catapult_sim.mlp.parametrization import Weights
from catapult_sim.mlp.plans import Image, Pair, Shape, Weighted, require_image, require_pair
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count

PATCH_BYTES = 2**20  # of the patches that are unfolded at a time


class Frame(NamedTuple):
    """Zeros, in which the pixels of an image have places."""

    shape: tuple[int, int]
    rows: slice
    columns: slice


@dataclass(frozen=True)
class CrossCorrelation(Bilinear):
    """A layer ``z_p = sum_q x_(stride p + q - padding) W_q + b``, with x zero outside its image.

    p are places in z and q those in a filter; W is ``(height, width, channels of x, channels)``.
    """

    image: Image
    channels: int
    window: tuple[int, int]  # height and width of a filter
    stride: tuple[int, int]
    padding: tuple[int, int]
    biases: bool = False
    deviation: float = 1.0
    bias_deviation: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return *self.window, self.image[2], self.channels

    @cached_property
    def places(self) -> tuple[int, int]:
        """Height and width of z."""
        height, width = (
            (length + 2 * padding - size) // stride + 1
            for length, padding, size, stride in zip(
                self.image[:2], self.padding, self.window, self.stride, strict=True
            )
        )
        return height, width

    @property
    def multiplications(self) -> int:
        """The number of multiplications of one sample in one product."""
        return math.prod(self.places) * math.prod(self.shape)

    def outputs(self, inputs: int) -> int:
        """Return the width of z."""
        return math.prod(self.places) * self.channels

    def multiply(self, x: Array, W: Array, out: Array | None = None) -> Array:
        """Return the products of the filters with the patches of x."""
        z = self._room(out, x, W, self.outputs(x.shape[-1]))
        images, given = self._of_x(x), self._of_z(z)
        _correlate(images, self._padded, W, self.stride, given)
        return z

    def transpose(self, s: Array, W: Array, out: Array | None = None) -> Array:
        """Return the products of the filters, turned round, with the patches of s.

        Between the places of s are zeros where the stride is larger than 1.
        """
        below = self._room(out, s, W, math.prod(self.image))
        turned = W[..., ::-1, ::-1, :, :].swapaxes(-1, -2)
        _correlate(self._of_z(s), self._dilated, turned, (1, 1), self._of_x(below))
        return below

    def outer(self, x: Array, s: Array, out: Array | None = None) -> Array:
        """Return the products of the patches of x with s, summed over places and samples."""
        images, signals = self._of_x(x), self._of_z(s)
        if out is None:
            leading = np.broadcast_shapes(x.shape[:-2], s.shape[:-2])
            out = np.empty((*leading, *self.shape), np.result_type(x, s))
        for member, one, by_z in _members(out.shape[:-4], images, signals):
            total = out[member].reshape(-1, self.channels)
            total[...] = 0
            for block, patches in _patches(one, self._padded, self.window, self.stride):
                total += patches.T @ by_z[block].reshape(-1, self.channels)
        return out

    @cached_property
    def _padded(self) -> Frame:
        """Where the pixels of x are in the images that filters slide over."""
        (height, width, _), (above, left) = self.image, self.padding
        shape = height + 2 * above, width + 2 * left
        return Frame(shape, slice(above, above + height), slice(left, left + width))

    @cached_property
    def _dilated(self) -> Frame:
        """Where the places of z are in the images that the filters, turned round, slide over."""
        lengths = [n + size - 1 for n, size in zip(self.image[:2], self.window, strict=True)]
        rows, columns = (
            slice(first := size - 1 - padding, first + stride * (count - 1) + 1, stride)
            for size, padding, stride, count in zip(
                self.window, self.padding, self.stride, self.places, strict=True
            )
        )
        return Frame((lengths[0], lengths[1]), rows, columns)

    def _of_x(self, x: Array) -> Array:
        """Return a view of x as images, ``(..., m, height, width, channels)``."""
        return x.reshape(*x.shape[:-1], *self.image)

    def _of_z(self, z: Array) -> Array:
        """Return a view of z as images."""
        return z.reshape(*z.shape[:-1], *self.places, self.channels)

    def _room(self, out: Array | None, x: Array, W: Array, width: int) -> Array:
        """Return the array to write to, by default a new one."""
        if out is not None:
            return out
        leading = np.broadcast_shapes(x.shape[:-2], W.shape[:-4])
        return np.empty((*leading, x.shape[-2], width), np.result_type(x, W))


def _correlate(images: Array, frame: Frame, W: Array, stride: tuple[int, int], out: Array) -> None:
    """Write ``sum_q framed image_(stride p + q) W_q``, ``(..., m, height, width, channels)``.

    Members are multiplied one after the other, so that each has the numbers that it has alone.
    """
    for member, one, filters in _members(out.shape[:-4], images, W):
        matrix = filters.reshape(-1, filters.shape[-1])
        for block, patches in _patches(one, frame, filters.shape[:2], stride):
            np.matmul(patches, matrix, out=out[member][block].reshape(len(patches), -1))


def _members(leading: tuple[int, ...], *arrays: Array) -> Iterator[tuple[Any, ...]]:
    """Yield the index of each member, and the last four axes of the arrays there."""
    spread = [np.broadcast_to(one, (*leading, *one.shape[-4:])) for one in arrays]
    for member in np.ndindex(leading):
        yield member, *(one[member] for one in spread)


def _patches(
    images: Array, frame: Frame, size: tuple[int, ...], stride: tuple[int, int]
) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """Yield some images and rows of places at a time, and the patches there, one in each row.

    Each block is written where the one before it was.
    """
    samples, channels = len(images), images.shape[-1]
    down, across = ((n - f) // s + 1 for n, f, s in zip(frame.shape, size, stride, strict=True))
    fan_in = math.prod(size) * channels
    rows = max(1, PATCH_BYTES // (across * fan_in * images.itemsize))  # of places
    count = min(samples, max(1, rows // down))
    framed = np.zeros((count, *frame.shape, channels), images.dtype)
    unfolded = np.empty(count * min(rows, down) * across * fan_in, images.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(framed, size, axis=(1, 2))
    seen = np.moveaxis(windows[:, :: stride[0], :: stride[1]], 3, -1)
    for first in range(0, samples, count):
        some = images[first : first + count]
        framed[: len(some), frame.rows, frame.columns] = some
        for top in range(0, down, rows):
            part = seen[: len(some), top : top + rows]
            patches = unfolded[: part.size]
            np.copyto(patches.reshape(part.shape), part)
            block = slice(first, first + count), slice(top, top + rows)
            yield block, patches.reshape(-1, fan_in)


@dataclass(frozen=True, repr=False)
class Convolution(Weighted):
    """A layer of a network that weighs all patches of an image alike.

    Parameters
    ----------
    channels : int
        The number of filters, and of channels that it gives.
    size : int or (int, int)
        Height and width of a filter.
    stride : int or (int, int)
        Pixels from a place of the filter to the next.
    padding : int or (int, int)
        Zeros around the image; fewer than the size. With an odd size, stride 1 and half of the
        size, images keep height and width.

    Raises
    ------
    InputError
        Where a number is no integer, or too small.
    """

    channels: int
    size: Pair
    stride: Pair = 1
    padding: Pair = 0

    def __post_init__(self) -> None:
        require_count("channels", self.channels, 1)
        size, _, padding = self._pairs()
        if padding[0] >= size[0] or padding[1] >= size[1]:
            raise InputError(f"padding must be below the size {size}; got {padding}")

    def _pairs(self) -> list[tuple[int, int]]:
        """Return size, stride and padding, each for height and width, or raise InputError."""
        given = ("size", self.size, 1), ("stride", self.stride, 1), ("padding", self.padding, 0)
        return [require_pair(*one) for one in given]

    def build(self, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
        """Return its layers for images of a shape, and the shape of their outputs."""
        image, (size, stride, padding) = require_image("a convolution", shape), self._pairs()
        if any(n + 2 * p < f for n, p, f in zip(image, padding, size, strict=False)):
            raise InputError(
                f"a filter must fit into its image; got size {size}, padding {padding} and images "
                f"of {image[:2]}"
            )
        scale, start = weights.take(math.prod(size) * image[2])
        layer = CrossCorrelation(image, self.channels, size, stride, padding, *start)
        return [Scale(scale), layer], (*layer.places, self.channels)
