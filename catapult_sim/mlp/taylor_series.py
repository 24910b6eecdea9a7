"""Series of a network along rays from one origin: what its Taylor models are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import PULLED
from catapult_sim.types import Array

Rows = list[tuple[list[Array], list[Array]]]


class Rays:
    """A network's passes on rays from an origin, computed once where the rays begin."""

    def __init__(self, network: MLP, origin: Array, order: int) -> None:
        self._origin, self._order = origin, order
        self._biases, self._layers = network.biases, len(network.layers)
        self._passes = network.passes(order + 1)
        self._key: tuple[Any, ...] = ()
        self._X: Array | None = None

    def outputs(self, displacement: Array, X: Array) -> Array:
        """Aim along a displacement ``(..., P)``, and return what the series adds up to there."""
        shape = (*np.broadcast_shapes(displacement.shape[:-1], X.shape[:-2]), len(self._origin))
        key = (shape, displacement.dtype)
        if key != self._key or self._X is None or not np.array_equal(self._X, X):
            self._key, self._X = key, X.copy()
            origin = self._origin.astype(displacement.dtype, copy=False)
            self._start = self._passes.move(np.broadcast_to(origin, shape), self._X)
        self._passes.aim(np.broadcast_to(displacement, shape))
        return sum((self._passes.forward(k + 1) for k in range(self._order)), start=self._start)

    def pull(self, signal: Array, turning: bool = False) -> Array:
        """Return the Jacobian's transpose times a signal; or, turning, that of its derivative."""
        self._back(signal, turning)
        room = np.empty(self._key[0], signal.dtype)
        return self._passes.gradient(self._order - 1, room, PULLED)

    def rows(self, turning: bool = False) -> Rows:
        """Return what every row of the Jacobian, or of its derivative, is the outer product of.

        For every layer some inputs ``(..., m, fan in)`` and signals ``(..., m k, fan out)``, to
        be multiplied pair by pair and added up.
        """
        carried = [self._unit_signals(i, turning) for i in range(self._start.shape[-1])]
        rows: Rows = []
        for number, signals in enumerate(zip(*carried, strict=True)):
            inputs = self._passes.inputs(number, self._order - 1)
            stacked = [np.stack(outputs, axis=-2) for outputs in zip(*signals, strict=True)]
            flat = [s.reshape(*s.shape[:-3], -1, s.shape[-1]) for s in stacked]
            rows.append(([self._with_ones(a, k) for k, a in enumerate(inputs)], flat))
        return rows

    def _unit_signals(self, i: int, turning: bool) -> list[list[Array]]:
        """Carry output i of every sample back; return each layer's signals, last order first."""
        unit = np.zeros_like(self._start)
        unit[..., i] = 1
        self._back(unit, turning)
        return [
            [self._passes.signal(number, k, PULLED).copy() for k in reversed(range(self._order))]
            for number in range(self._layers)
        ]

    def _back(self, signal: Array, turning: bool) -> None:
        still = np.zeros_like(signal)
        for k in range(self._order):
            self._passes.backward(k, still if turning and k == self._order - 1 else signal, PULLED)

    def _with_ones(self, inputs: Array, order: int) -> Array:
        """Return a layer's inputs, with that of its biases, which is 1 and does not move."""
        if not self._biases:
            return inputs.copy()
        ones = np.full_like(inputs[..., :1], 1 if order == 0 else 0)
        return np.concatenate([inputs, ones], axis=-1)


def gram(left: Rows, right: Rows) -> Array:
    """Return the scalar products of the rows of one matrix with those of another."""
    total = 0
    for (a, s), (b, t) in zip(left, right, strict=True):
        for inputs, signals in zip(a, s, strict=False):
            for others, their_signals in zip(b, t, strict=False):
                products = signals @ their_signals.swapaxes(-1, -2)
                total = total + _spread(inputs @ others.swapaxes(-1, -2), products) * products
    return np.asarray(total)


def _spread(gram: Array, products: Array) -> Array:
    """Repeat a Gram matrix of samples for every pair of outputs."""
    outputs = products.shape[-1] // gram.shape[-1]
    return gram.repeat(outputs, axis=-1).repeat(outputs, axis=-2)
