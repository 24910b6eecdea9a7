"""Layers that apply one function to every number: activations and scales."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from catapult_sim.mlp.activations import Activation
from catapult_sim.mlp.layers import Layer, Workspace
from catapult_sim.types import Array


@dataclass(frozen=True)
class Scale(Layer):
    """A layer ``z = factor x``."""

    factor: float

    def outputs(self, inputs: int) -> int:
        """Return the width of z, that of x."""
        return inputs

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        np.multiply(at.x.values[order], self.factor, out=at.z.values[order])

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x."""
        np.multiply(at.z.signals[kind][order], self.factor, out=at.x.signals[kind][order])

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        return signals * self.factor


@dataclass(frozen=True)
class Pointwise(Layer):
    """A layer ``z = scale phi(x)``, phi an activation.

    The scale belongs to the weights of the next layer; applied here, it costs nothing.
    """

    activation: Activation
    scale: float = 1.0

    def outputs(self, inputs: int) -> int:
        """Return the width of z, that of x."""
        return inputs

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        z = at.z.values[order]
        if order:
            self._compose(at, 1, order, z)
        else:
            derivatives = self.activation.derivatives(at.x.values[0])
            np.multiply(next(derivatives), self.scale, out=z)
            at.kept = _Derivatives(derivatives, self.scale)

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x, the series of ``s phi'(x)``."""
        s, out = at.z.signals[kind], at.x.signals[kind][order]
        np.multiply(s[order], at.kept[1], out=out)
        for lower in range(order):
            bent = self._compose(at, 2, order - lower, at.x.scratch)
            if bent is not None:
                bent *= s[lower]
                out += bent

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        carried: Array = signals * at.kept[1][..., None, :]
        return carried

    def _compose(self, at: Workspace, derivative: int, order: int, out: Array) -> Array | None:
        """Write one order, 1 or 2, of the series of f at x, f' the given derivative of phi.

        ``f(x + t x_1 + t^2 x_2)`` has the coefficients ``f' x_1`` and ``f' x_2 + f'' x_1^2 / 2``.
        None where f' is zero.
        """
        x, first = at.x.values, at.kept[derivative]
        if first is None:
            return None
        np.multiply(first, x[order], out=out)
        if order == 2:
            second = at.kept[derivative + 1]
            if second is not None:
                out += second * x[1] ** 2 / 2
        return out


class _Derivatives:
    """The derivatives of an activation at one point, times a scale, computed on demand."""

    def __init__(self, further: Iterator[Array], scale: float) -> None:
        self._further, self._scale = further, scale
        self._reached: list[Array | None] = []

    def __getitem__(self, order: int) -> Array | None:
        """Return the derivative of an order of at least 1; None where it is zero everywhere."""
        while len(self._reached) < order:
            following = next(self._further, None)
            self._reached.append(None if following is None else following * self._scale)
        return self._reached[order - 1]
