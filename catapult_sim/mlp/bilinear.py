"""Layers that are bilinear, linear in their inputs and in their weights: their passes."""

from __future__ import annotations

import math
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np

from catapult_sim.mlp.layers import Layer, Variable, Workspace
from catapult_sim.types import Array

RowProducts = Callable[[list[Array], list[Array]], Iterator[Array]]


class Direction(NamedTuple):
    """A direction of a layer's parameters, that of its biases for each sample."""

    weights: Array  # (..., *shape)
    biases: Array | int  # (..., 1, channels)


class Bilinear(Layer):
    """A layer ``z = B(x, W) + b``, linear in its inputs and in its weights.

    Its parameters are the weights W, an array of some ``shape``, and if it has ``biases`` one
    for each entry of the last axis of W. That axis, the channels, comes last in z too.

    A subclass defines the products of order 0; the others follow, since coefficient k of a
    product of series is ``sum_i x_(k-i) W_i``. It may override :meth:`gather` with :meth:`spread`
    and :meth:`row_products` by cheaper formulas.
    """

    biases: bool
    deviation: float  # of the weights at the start
    bias_deviation: float

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""

    @abstractmethod
    def multiply(self, x: Array, W: Array, out: Array | None = None) -> Array:
        """Return ``B(x, W)``, ``(..., m, inputs) -> (..., m, outputs)``."""

    @abstractmethod
    def transpose(self, s: Array, W: Array, out: Array | None = None) -> Array:
        """Return the derivative by x of ``s . B(x, W)``, ``(..., m, inputs)``."""

    @abstractmethod
    def outer(self, x: Array, s: Array, out: Array | None = None) -> Array:
        """Return the derivative by W of ``s . B(x, W)``, summed over samples, ``(..., *shape)``."""

    @property
    def multiplications(self) -> int:
        """The number of multiplications of one sample in one product."""
        return math.prod(self.shape)

    @cached_property
    def size(self) -> int:
        """The number of its parameters."""
        return self._weights + self.biases * self.shape[-1]

    @cached_property
    def _weights(self) -> int:
        return math.prod(self.shape)

    def split(self, vector: Array) -> tuple[Array, Array]:
        """Return views of weights ``(..., *shape)`` and biases in a vector ``(..., size)``."""
        weights, biases = vector[..., : self._weights], vector[..., self._weights :]
        return weights.reshape(*vector.shape[:-1], *self.shape), biases

    def draw(self, normal: Array) -> None:
        """Turn numbers from N(0, 1), ``(size,)``, into parameters to start with, in place."""
        parts = zip(self.split(normal), (self.deviation, self.bias_deviation), strict=True)
        for part, deviation in parts:
            part[...] = deviation * part if deviation else 0.0

    # The passes, of any order -------------------------------------------------------------------

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        z, x = at.z.values[order], at.x.values.coefficients
        if order == 1 and at.gathered:
            self.spread(at, at.gathered, z)
            if at.x.depends:
                z += self.multiply(x[1], at.parameters[0][0], at.z.scratch)
            return
        weights = [W for W, _ in at.parameters]
        _multiply_series(self.multiply, x, weights, order, z, at.z)
        if self.biases and order < len(at.parameters):
            channels = self._channels(z)
            channels += at.parameters[order][1][..., None, :]

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x."""
        s, weights = at.z.signals[kind].coefficients, [W for W, _ in at.parameters]
        out = at.x.signals[kind][order]
        _multiply_series(self.transpose, s, weights, order, out, at.x)

    def gradient(self, at: Workspace, order: int, kind: str, out: Array) -> None:
        """Write one order of the gradient by the parameters, ``(..., size)``.

        It sums over samples, and so the sum over orders is the same product of taller matrices.
        """
        by_weights, by_biases = self.split(out)
        x, s = at.x.values, at.z.signals[kind]
        count = min(order + 1, len(x.coefficients))
        self.outer(x.tall(0, count), s.tall(order, count), by_weights)
        if self.biases:
            # np.sum takes up to four times as long where rows are short.
            np.einsum("...ij->...j", self._channels(s[order]), out=by_biases)

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return k signals of every sample by x, and store those by z for the kernel."""
        at.units = signals
        if not at.x.depends:
            return signals
        # All signals of all samples are the rows of one matrix.
        rows = signals.reshape(*signals.shape[:-3], -1, signals.shape[-1])
        carried = self.transpose(rows, at.parameters[0][0])
        return carried.reshape(*carried.shape[:-2], *signals.shape[-3:-1], carried.shape[-1])

    # For the kernel ------------------------------------------------------------------------------

    @property
    def row_numbers(self) -> int:
        """How many numbers :meth:`row_products` forms of each row of the Jacobian."""
        return self._weights

    def gather(self, at: Workspace, signal: Array, samples: int) -> Any:
        """Return what ``J^T`` times a signal ``(..., m, width of z)`` follows from.

        J is the Jacobian of z by this layer's parameters alone. The samples here are a group of so
        many in all, see :meth:`spread`.
        """
        biases = self._channels(signal).sum(axis=-2, keepdims=True) if self.biases else 0
        return Direction(self.outer(at.x.values[0], signal), biases)

    def spread(self, at: Workspace, gathered: list[Any], out: Array) -> Array:
        """Write J times the sum of what groups of samples gathered: the tangent of z."""
        weights, biases = (reduce(operator.add, some) for some in zip(*gathered, strict=True))
        self.multiply(at.x.values[0], weights, out)
        if self.biases:
            channels = self._channels(out)
            channels += biases
        return out

    def row_products(self, x: list[Array], y: list[Array]) -> RowProducts:
        """Return a function that multiplies the rows of two Jacobians, given the inputs of both.

        The row of a sample and of a signal s in its z is the gradient by this layer's
        parameters, ``sum_i x_i (outer) s_(k-i)``. The function takes the signals of x and those
        of y, highest order first, each ``(..., k, m, width of z)``, and yields arrays
        ``(..., k, m, k', m)`` which add up to the scalar products of all rows.
        """

        def products(s: list[Array], t: list[Array]) -> Iterator[Array]:
            yield scalar_products(self._rows(x, s), self._rows(y, t))
            if self.biases:  # their input is 1, of order 0
                one, other = (self._channels(a[0][..., None, :]).sum(axis=-2) for a in (s, t))
                yield scalar_products(one, other)

        return products

    def _rows(self, x: list[Array], s: list[Array]) -> Array:
        """Return rows by the weights, ``(..., k, m, weights)``, each sample alone in an array."""
        pairs = zip(x, s, strict=False)  # inputs that do not depend on theta have one order
        products = (self.outer(a[..., None, :, None, :], b[..., None, :]) for a, b in pairs)
        rows = reduce(operator.iadd, products)
        return rows.reshape(*rows.shape[: -len(self.shape)], -1)

    def _channels(self, z: Array) -> Array:
        """Return a view with a row for each place in each sample, ``(..., places, channels)``."""
        return z.reshape(*z.shape[:-2], -1, self.shape[-1])


def _multiply_series(
    product: Callable[[Array, Array, Array], Array],
    left: Sequence[Array],
    right: Sequence[Array],
    order: int,
    out: Array,
    like: Variable,
) -> None:
    """Write one order of a product of two series, ``sum_i left_(order - i) right_i``.

    ``out`` belongs to the variable ``like``.
    """
    pairs = [(left[order - i], W) for i, W in enumerate(right) if 0 <= order - i < len(left)]
    if not pairs:
        out[...] = 0
    for i, (a, W) in enumerate(pairs):
        if i:
            out += product(a, W, like.scratch)
        else:
            product(a, W, out)


def scalar_products(left: Array, right: Array) -> Array:
    """Return the scalar products of all rows ``(..., k, m, P)``, ``(..., k, m, k', m)``."""
    one, other = (rows.reshape(*rows.shape[:-3], -1, rows.shape[-1]) for rows in (left, right))
    products: Array = one @ other.swapaxes(-1, -2)
    return products.reshape(*products.shape[:-2], *left.shape[-3:-1], *right.shape[-3:-1])
