r"""Forward, backward and gradient passes of a network, and their derivatives along a direction.

A layer computes ``z = a W + b``. Its inputs a are the last layer's ``phi(z)`` times the scale of
this layer, so that no pass touches the parameters for the sake of scales. With s the derivative
of the loss by z, primes for the next layer, and ``c = s' W'^T``,

====================  =======================  =========================
pass                  linear                   pointwise
====================  =======================  =========================
forward               ``z = a W + b``          ``a' = phi(z)``
backward              ``c = s' W'^T``          ``s = c phi'(z)``
gradient              ``dW = a^T s``           ``db = sum s``
====================  =======================  =========================

At ``theta + t v`` every quantity is a power series in t, and the same lines hold for the series:
coefficient k of a product is ``sum_i a_i w_(k-i)``. The gradient's coefficient 0 is the gradient,
coefficient 1 the Hessian times v (Pearlmutter's R-pass), coefficient 2 half of the gradient of
``v^T H v``. A pass of one order takes the lower ones as they stand, so that products with
many directions at one point pay for their own order only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from catapult_sim.mlp.activations import Activation
from catapult_sim.mlp.layers import Layer
from catapult_sim.types import Array

LOSS, PULLED = "loss", "pulled"  # signals of the loss, and others that are carried back


class Passes:
    """A network's passes at one theta, in arrays that the next theta uses again.

    Whatever a pass returns belongs to this object and changes with the next pass. There is room
    for as many orders as it is made for: one for the gradient, two for the Hessian.
    """

    def __init__(
        self, layers: Sequence[Layer], activation: Activation, biases: bool, orders: int
    ) -> None:
        self.layers, self.activation, self.biases = layers, activation, biases
        self._orders = orders
        self._flat: dict[tuple[str, int], Array] = {}
        self._arrays: dict[tuple[str, int, int], Array] = {}
        self._shape: tuple[Any, ...] = ()

    def move(self, theta: Array, X: Array) -> Array:
        """Return the outputs ``(..., m, k)`` at theta ``(..., P)`` and X ``(..., m, d)``."""
        self.leading = np.broadcast_shapes(theta.shape[:-1], X.shape[:-2])
        self.samples, self.dtype = X.shape[-2], np.result_type(theta, X)
        shape = (self.leading, self.samples, self.dtype)
        if shape != self._shape:
            self._shape, self._arrays = shape, {}
        self._parameters = [[layer.split(theta)] for layer in self.layers]
        self._X = X * self.layers[0].scale
        self._derivatives: list[list[Array | None]] = []
        self._further: list[Iterator[Array]] = []
        self._grams: dict[int, Array] = {}
        return self.forward(0)

    def aim(self, direction: Array) -> None:
        """Let theta move along a direction ``(..., P)``."""
        for series, layer in zip(self._parameters, self.layers, strict=True):
            series[1:] = [layer.split(direction)]

    # The three passes, of any order -------------------------------------------------------------

    def forward(self, order: int) -> Array:
        """Carry one order from the inputs to the outputs."""
        for number in range(len(self.layers)):
            if number:
                self._activate(number - 1, order)
            weights, biases = zip(*self._parameters[number], strict=True)
            z = self._multiply(self.inputs(number, order), weights, "z", number, order)
            if self.biases and order < len(biases):
                z += biases[order][..., None, :]
        return z

    def backward(self, order: int, signal: Array, kind: str = LOSS) -> None:
        """Carry one order of a signal from the outputs back to the z of every layer."""
        numbers = range(len(self.layers))
        self._s(kind, numbers[-1], order)[...] = signal
        for number in numbers[:0:-1]:
            signals = [self._s(kind, number, k) for k in range(order + 1)]
            weights = [W.swapaxes(-1, -2) for W, _ in self._parameters[number]]
            self._multiply(signals, weights, "c" + kind, number - 1, order)
            self._turn(kind, number - 1, order)

    def gradient(self, order: int, out: Array, kind: str = LOSS) -> Array:
        """Write one order of the gradient by theta ``(..., P)``."""
        for number, layer in enumerate(self.layers):
            by_weights, by_biases = layer.split(out)
            a, s = self._rows(kind, number, order)
            np.matmul(a.swapaxes(-1, -2), s, out=by_weights)
            if self.biases:
                np.sum(self._s(kind, number, order), axis=-2, out=by_biases)
        return out

    def kernel(self, signal: Array) -> Array:
        """Carry a signal back, and forth again as a tangent: ``J J^T`` times it.

        A step along the gradient ``a^T s`` moves z by ``a a^T s``: no direction in theta is formed.
        """
        self.backward(0, signal, PULLED)
        for number in range(len(self.layers)):
            z = self.z(number, 1)
            self.spread(number, self._s(PULLED, number, 0), z)
            if number:
                self._activate(number - 1, 1)
                (W, _), *_ = self._parameters[number]
                z += np.matmul(self._array("a", number - 1, 1), W, out=self._array("+", number, 0))
        return z

    def z(self, number: int, order: int) -> Array:
        """Return one order of what a layer computes, ``(..., m, fan out)``."""
        return self._array("z", number, order)

    def signal(self, number: int, order: int, kind: str = LOSS) -> Array:
        """Return one order of a signal carried back to a layer's z, ``(..., m, fan out)``."""
        return self._s(kind, number, order)

    def slope(self, number: int) -> Array:
        """Return the slope of a hidden layer's activation, times the next layer's scale."""
        slope = self._derivative(number, 1)
        assert slope is not None  # an activation has a value and a slope
        return slope

    def gram(self, number: int) -> Array:
        """Return the Gram matrix of a layer's inputs, ``(..., m, m)``, that of biases added."""
        if number not in self._grams:
            (a,) = self.inputs(number, 0)
            self._grams[number] = a @ a.swapaxes(-1, -2) + self.biases
        return self._grams[number]

    def spread(self, number: int, signal: Array, out: Array) -> Array:
        """Write the Gram matrix of a layer's inputs, biases among them, times a signal."""
        (a, *_) = self.inputs(number, 0)
        if self.samples <= 2 * a.shape[-1]:
            return np.matmul(self.gram(number), signal, out=out)
        np.matmul(a, a.swapaxes(-1, -2) @ signal, out=out)
        if self.biases:
            out += signal.sum(axis=-2, keepdims=True)
        return out

    # Parts of them ------------------------------------------------------------------------------

    def _activate(self, number: int, order: int) -> None:
        a = self._array("a", number, order)
        if order:
            self._compose(number, 1, order, a)
        else:
            further = self.activation.derivatives(self.z(number, 0))
            np.multiply(next(further), self.layers[number + 1].scale, out=a)
            self._further.append(further)
            self._derivatives.append([a])

    def _turn(self, kind: str, number: int, order: int) -> None:
        """Take a carried signal through the slope of the activation."""
        s = self._s(kind, number, order)
        np.multiply(self._array("c" + kind, number, order), self.slope(number), out=s)
        for lower in range(order):
            bent = self._compose(number, 2, order - lower, self._array("+", number, 0))
            if bent is not None:
                bent *= self._array("c" + kind, number, lower)
                s += bent

    def _compose(self, number: int, derivative: int, order: int, out: Array) -> Array | None:
        """Write one order of a derivative's predecessor at the series z; None if it is zero."""
        first = self._derivative(number, derivative)
        if first is None:
            return None
        np.multiply(first, self.z(number, order), out=out)
        if order == 2:
            second = self._derivative(number, derivative + 1)
            if second is not None:
                out += second * self.z(number, 1) ** 2 / 2
        return out

    def _derivative(self, number: int, order: int) -> Array | None:
        """Return a derivative of the activation times the next layer's scale."""
        reached = self._derivatives[number]
        while len(reached) <= order:
            following = next(self._further[number], None)
            scale = self.layers[number + 1].scale
            reached.append(None if following is None else following * scale)
        return reached[order]

    def _multiply(
        self, left: Sequence[Array], right: Sequence[Array], name: str, number: int, order: int
    ) -> Array:
        """Write one order of the matrix product of two series."""
        out = self._array(name, number, order)
        pairs = [(left[order - i], W) for i, W in enumerate(right) if 0 <= order - i < len(left)]
        if not pairs:
            out[...] = 0
        for i, pair in enumerate(pairs):
            if i:
                out += np.matmul(*pair, out=self._array("+", number, 0))
            else:
                np.matmul(*pair, out=out)
        return out

    def inputs(self, number: int, order: int) -> list[Array]:
        """Return a layer's inputs up to an order; those of the first layer do not move."""
        return [self._array("a", number - 1, k) for k in range(order + 1)] if number else [self._X]

    def _s(self, kind: str, number: int, order: int) -> Array:
        return self._array(kind, number, self._orders - 1 - order)  # last order first: see _rows

    def _rows(self, kind: str, number: int, order: int) -> tuple[Array, Array]:
        """Return a_0, a_1, ... one below the other, and beside them s_order, ..., s_0.

        The sum of products that the gradient is then is one product.
        """
        if number == 0:
            return self._X, self._s(kind, 0, order)
        inputs, signals = self._stack("a", number - 1), self._stack(kind, number)
        return _below(inputs[..., : order + 1, :, :]), _below(
            signals[..., self._orders - 1 - order :, :, :]
        )

    def _array(self, name: str, number: int, position: int) -> Array:
        key = (name, number, position)
        if key not in self._arrays:
            self._arrays[key] = self._stack(name, number)[..., position, :, :]
        return self._arrays[key]

    def _stack(self, name: str, number: int) -> Array:
        """Return room for all orders of a quantity of a layer's z, ``(..., orders, m, fan out)``.

        Room that is not written to takes no memory.
        """
        shape = (*self.leading, self._orders, self.samples, self.layers[number].shape[1])
        size, flat = math.prod(shape), self._flat.get((name, number))
        if flat is None or flat.size < size or flat.dtype != self.dtype:
            flat = self._flat[name, number] = np.empty(size, self.dtype)
        return flat[:size].reshape(shape)


def _below(stack: Array) -> Array:
    """Return matrices ``(..., K, m, n)`` one below the other, ``(..., K m, n)``."""
    *leading, count, rows, columns = stack.shape
    return stack.reshape(*leading, count * rows, columns)
