"""Dense layers, and the standard deviations of their weights in each parametrisation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.layers import Bilinear, RowProducts, Workspace
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_positive

PARAMETRIZATIONS = ("ntk", "standard", "mean-field")


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
    biases: bool,
    zero_output: bool = False,
) -> list[tuple[float, Dense]]:
    """Return pairs of the scale of inputs and the dense layer that takes them.

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
        start = (0.0, 0.0) if zero else (deviation, 0.0 if standard else 1.0)
        layers.append((scale, Dense(fan_in, fan_out, biases, *start)))
    return layers
