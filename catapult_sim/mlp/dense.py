"""Dense layers: every output is connected with every input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from catapult_sim.mlp.activations import Scale
from catapult_sim.mlp.bilinear import Bilinear, Direction, RowProducts, scalar_products
from catapult_sim.mlp.layers import Layer, Workspace
from catapult_sim.mlp.parametrization import Weights
from catapult_sim.mlp.plans import Shape, Weighted
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count


@dataclass(frozen=True)
class Affine(Bilinear):
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

    @property
    def row_numbers(self) -> int:
        """None: scalar products of rows are those of inputs times those of signals."""
        return 0

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

    def gather(self, at: Workspace, signal: Array, samples: int) -> Any:
        """Return the inputs and the signal, of as many samples as :meth:`spread` is cheaper for."""
        if samples > 2 * self.fan_in:
            return super().gather(at, signal, samples)
        return at.x.values[0], signal

    def spread(self, at: Workspace, gathered: list[Any], out: Array) -> Array:
        """Write products of inputs with those of each group (plus 1 with biases) times its signal.

        These Gram matrices are kept until theta moves. Of many samples the gradient is less work.
        """
        if isinstance(gathered[0], Direction):
            return super().spread(at, gathered, out)
        if at.kept is None:
            at.kept = [self._gram(at.x.values[0], x) for x, _ in gathered]
        for i, (gram, (_, signal)) in enumerate(zip(at.kept, gathered, strict=True)):
            if i:
                out += np.matmul(gram, signal, out=at.z.scratch)
            else:
                np.matmul(gram, signal, out=out)
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
                    yield scalar_products(signals, others) * gram[..., None, :, None, :]

        return products

    def _gram(self, x: Array, y: Array, with_bias: bool | None = None) -> Array:
        """Return the scalar products of inputs, plus 1 with biases, ``(..., m, m)``."""
        return x @ y.swapaxes(-1, -2) + (self.biases if with_bias is None else with_bias)


@dataclass(frozen=True, repr=False)
class Dense(Weighted):
    """A fully connected layer of a network: each output is a weighted sum of all inputs.

    An image is taken as the row of its numbers.

    Parameters
    ----------
    width : int
        The number of outputs.

    Raises
    ------
    InputError
        Where the width is no positive integer.
    """

    width: int

    def __post_init__(self) -> None:
        require_count("width", self.width, 1)

    def build(self, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
        """Return its layers for inputs of a shape, and the shape of their outputs."""
        fan_in = math.prod(shape)
        scale, start = weights.take(fan_in)
        return [Scale(scale), Affine(fan_in, self.width, *start)], (self.width,)
