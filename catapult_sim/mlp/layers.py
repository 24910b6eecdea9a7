"""Where the layers of a network lie in its parameters, and how their weights are scaled."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_positive

PARAMETRIZATIONS = ("ntk", "standard", "mean-field")


@dataclass(frozen=True)
class Layer:
    """Where a layer's parameters lie in theta, and how its weights are scaled."""

    weights: slice
    biases: slice
    shape: tuple[int, int]  # fan in, fan out
    scale: float  # of its inputs
    deviation: float  # of its weights at the start

    def split(self, vector: Array) -> tuple[Array, Array]:
        """Return views of the weights ``(..., fan in, fan out)`` and biases in a vector."""
        weights = vector[..., self.weights].reshape(*vector.shape[:-1], *self.shape)
        return weights, vector[..., self.biases]


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


def lay_out(
    widths: Sequence[int], gains: Sequence[float], parametrization: str, biases: bool
) -> list[Layer]:
    """Lay the layers of a network one after the other, weights before biases.

    Examples
    --------
    >>> for layer in lay_out([4, 9, 1], [2.0, 1.0], "mean-field", biases=True):
    ...     print(layer.weights, layer.biases, layer.scale, layer.deviation)
    slice(0, 36, None) slice(36, 45, None) 1.0 1.0
    slice(45, 54, None) slice(54, 55, None) 0.1111111111111111 1.0
    """
    layers: list[Layer] = []
    end = 0
    for (fan_in, fan_out), gain in zip(itertools.pairwise(widths), gains, strict=True):
        start, middle = end, end + fan_in * fan_out
        end = middle + fan_out * biases
        last = len(layers) == len(gains) - 1
        unit = gain / fan_in ** (1.0 if last and parametrization == "mean-field" else 0.5)
        scale, deviation = (1.0, unit) if parametrization == "standard" else (unit, 1.0)
        layers.append(
            Layer(slice(start, middle), slice(middle, end), (fan_in, fan_out), scale, deviation)
        )
    return layers
