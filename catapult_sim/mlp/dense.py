"""Layers that are linear in their weights; dense ones, and how their weights are drawn.

The standard deviations at the start depend on the parametrisation.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.layers import GIVEN, Layer, Variable, Workspace
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_positive

PARAMETRIZATIONS = ("ntk", "standard", "mean-field")
RowProducts = Callable[[list[Array], list[Array]], Iterator[Array]]


class Bilinear(Layer):
    """A layer ``z = B(x, W) + b``, linear in its inputs and in its weights.

    Its parameters are the weights W, an array of some ``shape``, and if it has ``biases`` one
    for each entry of the last axis of W. That axis, the channels, comes last in z too.

    A subclass defines the products of order 0; the others follow, since coefficient k of a
    product of series is ``sum_i x_(k-i) W_i``. It may override :meth:`spread` and
    :meth:`row_products` with cheaper formulas.
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
        if order == 1 and at.along_gradient:
            self.spread(at, at.z.signals[GIVEN][0], z)
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
            np.sum(self._channels(s[order]), axis=-2, out=by_biases)

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

    def spread(self, at: Workspace, signal: Array, out: Array) -> Array:
        """Write ``J J^T`` times a signal ``(..., m, width of z)``.

        J is the Jacobian of z by this layer's parameters alone: the tangent of z along the
        gradient of the signal.
        """
        x = at.x.values[0]
        self.multiply(x, self.outer(x, signal), out)
        if self.biases:
            channels = self._channels(out)
            channels += self._channels(signal).sum(axis=-2, keepdims=True)
        return out

    def row_products(self, x: list[Array], y: list[Array]) -> RowProducts:
        """Return a function that multiplies the rows of two Jacobians, given the inputs of both.

        The row of a sample and of a signal s in its z is the gradient by this layer's
        parameters, ``sum_i x_i (outer) s_(k-i)``. The function takes the signals of x and those
        of y, highest order first, each ``(..., k, m, width of z)``, and yields arrays
        ``(..., k, m, k', m)`` which add up to the scalar products of all rows.
        """

        def products(s: list[Array], t: list[Array]) -> Iterator[Array]:
            yield _scalar_products(self._rows(x, s), self._rows(y, t))
            if self.biases:  # their input is 1, of order 0
                one, other = (self._channels(a[0][..., None, :]).sum(axis=-2) for a in (s, t))
                yield _scalar_products(one, other)

        return products

    def _rows(self, x: list[Array], s: list[Array]) -> Array:
        """Return rows by the weights, ``(..., k, m, weights)``, each sample alone in an array."""
        pairs = zip(x, s, strict=False)  # inputs that do not depend on theta have one order
        rows: Any = sum(self.outer(a[..., None, :, None, :], b[..., None, :]) for a, b in pairs)
        return np.reshape(rows, (*rows.shape[: -len(self.shape)], -1))

    def _channels(self, z: Array) -> Array:
        """Return a view with a row for each place in each sample, ``(..., places, channels)``."""
        return z.reshape(*z.shape[:-2], -1, self.shape[-1])


@dataclass(frozen=True)
class Dense(Bilinear):
    """A fully connected layer, ``z = x W + b`` with W ``(fan in, fan out)``.

    Its parameters start as normal numbers with these standard deviations.
    """

    fan_in: int
    fan_out: int
    biases: bool = False
    deviation: float = 1.0
    bias_deviation: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return self.fan_in, self.fan_out

    def outputs(self, inputs: int) -> int:
        """Return the fan out, or raise InputError where ``inputs`` is not the fan in."""
        if inputs != self.fan_in:
            raise InputError(f"a dense layer of fan in {self.fan_in} is given {inputs} numbers")
        return self.fan_out

    def multiply(self, x: Array, W: Array, out: Array | None = None) -> Array:
        """Return ``x W``."""
        return np.matmul(x, W, out=out)

    def transpose(self, s: Array, W: Array, out: Array | None = None) -> Array:
        """Return ``s W^T``."""
        return np.matmul(s, W.swapaxes(-1, -2), out=out)

    def outer(self, x: Array, s: Array, out: Array | None = None) -> Array:
        """Return ``x^T s``."""
        return np.matmul(x.swapaxes(-1, -2), s, out=out)

    def spread(self, at: Workspace, signal: Array, out: Array) -> Array:
        """Write the Gram matrix of the inputs (plus 1 with biases) times a signal."""
        x = at.x.values[0]
        if x.shape[-2] <= 2 * self.fan_in:
            if at.kept is None:
                at.kept = self._gram(x, x)
            return np.matmul(at.kept, signal, out=out)
        # Many samples: two products with the inputs are less work than one with their Gram matrix.
        np.matmul(x, x.swapaxes(-1, -2) @ signal, out=out)
        if self.biases:
            out += signal.sum(axis=-2, keepdims=True)
        return out

    def row_products(self, x: list[Array], y: list[Array]) -> RowProducts:
        """Return a function that multiplies rows: ``(x_a . y_b) (s_a . t_b)`` for samples a, b."""
        # The input of a bias is 1, of order 0.
        grams = [
            [self._gram(a, b, self.biases and i == j == 0) for j, b in enumerate(y)]
            for i, a in enumerate(x)
        ]

        def products(s: list[Array], t: list[Array]) -> Iterator[Array]:
            for row, signals in zip(grams, s, strict=False):
                for gram, others in zip(row, t, strict=False):
                    (k, m, n), (j, o, _) = signals.shape[-3:], others.shape[-3:]
                    flat = signals.reshape(*signals.shape[:-3], k * m, n)
                    across = others.reshape(*others.shape[:-3], j * o, n).swapaxes(-1, -2)
                    of_signals = flat @ across
                    of_signals = of_signals.reshape(*of_signals.shape[:-2], k, m, j, o)
                    yield of_signals * gram[..., None, :, None, :]

        return products

    def _gram(self, x: Array, y: Array, with_bias: bool | None = None) -> Array:
        """Return the scalar products of inputs, plus 1 with biases, ``(..., m, m)``."""
        return x @ y.swapaxes(-1, -2) + (self.biases if with_bias is None else with_bias)


def gains(gain: str | npt.ArrayLike, of_activation: float, count: int) -> list[float]:
    """Return the gain of every layer.

    Parameters
    ----------
    gain : {"he", "lecun"}, float or sequence of float
        "he": that of the activation, 1 for the last layer. "lecun": 1.
    of_activation : float
    count : int
        Layers.

    Raises
    ------
    InputError
        Where a name is not known, a gain is not positive, or there are too few or too many.

    Examples
    --------
    >>> gains("he", 1.5, 3), gains(2.0, 1.5, 3)
    ([1.5, 1.5, 1.0], [2.0, 2.0, 2.0])
    """
    if isinstance(gain, str):
        if gain not in ("he", "lecun"):
            raise InputError(f"gain must be he, lecun or numbers; got {gain!r}")
        return [of_activation if gain == "he" else 1.0] * (count - 1) + [1.0]
    given = require_positive("gain", gain)
    if given.shape not in ((), (count,)):
        raise InputError(f"gain must be one number or {count}; got shape {given.shape}")
    return np.broadcast_to(given, count).tolist()


def dense_layers(
    widths: Sequence[int],
    gains: Sequence[float],
    parametrization: str,
    *,
    biases: bool | float,
    zero_output: bool = False,
) -> list[tuple[float, Dense]]:
    """Return pairs of the scale of inputs and the dense layer that takes them.

    Biases that are a number have it as standard deviation at the start.

    Examples
    --------
    >>> for scale, layer in dense_layers([4, 9, 1], [2.0, 1.0], "mean-field", biases=True):
    ...     print(scale, layer)
    1.0 Dense(fan_in=4, fan_out=9, biases=True, deviation=1.0, bias_deviation=1.0)
    0.1111111111111111 Dense(fan_in=9, fan_out=1, biases=True, deviation=1.0, bias_deviation=1.0)
    """
    layers = []
    last = len(gains) - 1
    for number, ((fan_in, fan_out), gain) in enumerate(
        zip(itertools.pairwise(widths), gains, strict=True)
    ):
        unit = gain / fan_in ** (1.0 if number == last and parametrization == "mean-field" else 0.5)
        standard, zero = parametrization == "standard", zero_output and number == last
        scale, deviation = (1.0, unit) if standard else (unit, 1.0)
        usual = 0.0 if standard else 1.0
        of_biases = usual if isinstance(biases, bool) else biases
        start = (0.0, 0.0) if zero else (deviation, of_biases)
        layers.append((scale, Dense(fan_in, fan_out, biases is not False, *start)))
    return layers


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


def _scalar_products(left: Array, right: Array) -> Array:
    """Return the scalar products of all rows ``(..., k, m, P)``, ``(..., k, m, k', m)``."""
    products: Array = np.einsum("...kmp,...jnp->...kmjn", left, right)
    return products
