"""Activations, each with its first derivative and its gain."""

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
    ``1 / sqrt(fan in)``, which keeps signals of unit size through deep networks.
    """

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    gain: float


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("linear", lambda z: z, np.ones_like, 1.0),
        Activation("relu", lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype), 2**0.5),
        Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0),
    )
}
