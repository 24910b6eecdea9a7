"""The Taylor expansion of a network's outputs: its passes as power series around an origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from catapult_sim.mlp.bilinear import Bilinear
from catapult_sim.mlp.layers import GIVEN
from catapult_sim.mlp.network import Network
from catapult_sim.types import Array


@dataclass(frozen=True)
class Rows:
    """Rows of a Jacobian by one layer's parameters, as the factors of outer products."""

    layer: Bilinear
    inputs: list[Array]  # (..., m, width of x), lowest order first
    signals: list[Array]  # (..., k, m, width of z), highest order first


class TaylorExpansion:
    """The Taylor polynomial of a network's outputs around an origin, at a displacement from it.

    The pass at the origin is computed once for all displacements.
    """

    def __init__(self, network: Network, origin: Array, order: int) -> None:
        self._origin, self._order = origin, order
        self._passes = network.passes(order + 1)
        self._key: tuple[Any, ...] = ()
        self._X: Array | None = None

    def outputs(self, displacement: Array, X: Array) -> Array:
        """Set the displacement ``(..., P)``, and return the polynomial's outputs there."""
        shape = (*np.broadcast_shapes(displacement.shape[:-1], X.shape[:-2]), len(self._origin))
        key = (shape, displacement.dtype)
        if key != self._key or self._X is None or not np.array_equal(self._X, X):
            self._key, self._X = key, X.copy()
            origin = self._origin.astype(displacement.dtype, copy=False)
            self._start = self._passes.move(np.broadcast_to(origin, shape), self._X)
        self._passes.aim(np.broadcast_to(displacement, shape))
        return sum((self._passes.forward(k + 1) for k in range(self._order)), start=self._start)

    def transposed_product(
        self, signal: Array, *, derivative: bool = False, out: Array | None = None
    ) -> Array:
        """Return the transpose of the Jacobian, or of its derivative, times a signal.

        The derivative is that along the displacement.
        """
        self._back(signal, derivative)
        product = np.empty(self._key[0], signal.dtype) if out is None else out
        return self._passes.gradient(self._order - 1, product, GIVEN)

    def rows(self, *, derivative: bool = False) -> list[Rows]:
        """Return the rows of the Jacobian, or of its derivative, by each layer's parameters."""
        carried = [self._unit_signals(i, derivative) for i in range(self._start.shape[-1])]
        rows = []
        for (layer, at, _), signals in zip(
            self._passes.parts, zip(*carried, strict=True), strict=True
        ):
            inputs = [x.copy() for x in at.x.values.coefficients[: self._order]]
            stacked = [np.stack(outputs, axis=-3) for outputs in zip(*signals, strict=True)]
            rows.append(Rows(layer, inputs, stacked))
        return rows

    def _unit_signals(self, i: int, derivative: bool) -> list[list[Array]]:
        """Return the signals of output i at each layer, highest order first."""
        unit = np.zeros_like(self._start)
        unit[..., i] = 1
        self._back(unit, derivative)
        orders = range(self._order)[::-1]
        return [
            [at.z.signals[GIVEN][order].copy() for order in orders]
            for _, at, _ in self._passes.parts
        ]

    def _back(self, signal: Array, derivative: bool) -> None:
        """Do the backward passes of the series ``s + t s``, or of ``s`` for the derivative.

        At ``theta_0 + t d`` the gradient of ``s . f`` is ``J^T s + t (s . H) d``. The quadratic
        model's own, ``(J + H d)^T s``, is therefore coefficient 1 of that of ``(1 + t) s . f``.
        The linear model has only order 0, which does not change along d.
        """
        last = self._order - 1
        for order in range(self._order):
            still = derivative and order == last
            self._passes.backward(order, np.zeros_like(signal) if still else signal, GIVEN)


def row_products(left: list[Rows], right: list[Rows]) -> Array:
    """Return the scalar products of the rows of two Jacobians, ``(..., m k, m k)``."""
    total: Any = 0
    for a, b in zip(left, right, strict=True):
        for term in a.layer.row_products(a.inputs, b.inputs)(a.signals, b.signals):
            total = total + term
    samples_first = np.moveaxis(total, (-4, -2), (-3, -1))
    size = samples_first.shape[-1] * samples_first.shape[-2]
    return samples_first.reshape(*samples_first.shape[:-4], size, size)
