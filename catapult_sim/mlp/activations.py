"""Activations, each with its first and second derivative and its gain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIVATIONS", "Activation"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Activation:
    """A pointwise nonlinearity.

    ``gain`` is the standard deviation of the weights that feed it, in units of
    ``1 / sqrt(fan in)``, which keeps signals of unit size through deep networks. At the kink
    of a ReLU its derivatives are those of the left.

    Examples
    --------
    >>> tanh, z = ACTIVATIONS["tanh"], np.log([3.0])
    >>> print(tanh.value(z), tanh.slope(z), tanh.bend(z))
    [0.8] [0.36] [-0.576]
    """

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    bend: Callable[[Array], Array]
    gain: float


def _tanh_bend(z: Array) -> Array:
    value = np.tanh(z)
    bend: Array = -2 * value * (1 - value**2)
    return bend


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("linear", lambda z: z, np.ones_like, np.zeros_like, 1.0),
        Activation(
            "relu",
            lambda z: np.maximum(z, 0),
            lambda z: (z > 0).astype(z.dtype),
            np.zeros_like,
            2**0.5,
        ),
        Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, _tanh_bend, 1.0),
    )
}
