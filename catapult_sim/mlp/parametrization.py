r"""Parametrisations: how large weights are at the start, and which scale their inputs have.

Weights of gain g with f inputs to each output (the fan in) act, by the parametrisation, as

============  =====================================  ====================================
ntk           ``z = (g / sqrt(f)) W x + b``          all parameters from N(0, 1)
standard      ``z = W x + b``                        W from N(0, g^2 / f), b zero
mean-field    as ntk, the last weights               all parameters from N(0, 1)
              ``z = (g / f) W x + b``
============  =====================================  ====================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from catapult_sim.validation import InputError, require_number, require_positive

PARAMETRIZATIONS = ("ntk", "standard", "mean-field")


class Start(NamedTuple):
    """Whether a layer has biases, and the standard deviations at the start."""

    biases: bool
    deviation: float
    bias_deviation: float


@dataclass
class Weights:
    """The scales and starts of the weights of a network, taken one after the other.

    Biases that are a number have it as standard deviation at the start.

    Examples
    --------
    >>> weights = Weights([2.0, 1.0], "mean-field", biases=True)
    >>> weights.take(4)
    (1.0, Start(biases=True, deviation=1.0, bias_deviation=1.0))
    >>> weights.take(9)
    (0.1111111111111111, Start(biases=True, deviation=1.0, bias_deviation=1.0))
    """

    gains: Sequence[float]
    parametrization: str
    biases: bool | float = False
    zero_output: bool = False
    scales: list[float] = field(default_factory=list)  # of those that are taken

    def take(self, fan_in: int) -> tuple[float, Start]:
        """Return the scale of the inputs of the next weights, and how these start."""
        number = len(self.scales)
        last, standard = number == len(self.gains) - 1, self.parametrization == "standard"
        power = 1.0 if last and self.parametrization == "mean-field" else 0.5
        unit = self.gains[number] / fan_in**power
        scale, deviation = (1.0, unit) if standard else (unit, 1.0)
        usual = 0.0 if standard else 1.0
        of_biases = usual if isinstance(self.biases, bool) else self.biases
        zero = last and self.zero_output
        self.scales.append(scale)
        start = (0.0, 0.0) if zero else (deviation, of_biases)
        return scale, Start(self.biases is not False, *start)


def gains(gain: str | npt.ArrayLike, own: Sequence[float]) -> list[float]:
    """Return the gain of the weights of every layer.

    Parameters
    ----------
    gain : {"he", "lecun"}, float or sequence of float
        "he": their own. "lecun": 1.
    own : sequence of float
        Those of the activations that follow the weights, 1 where none does.

    Raises
    ------
    InputError
        Where a name is not known, a gain is not positive, or there are too few or too many.

    Examples
    --------
    >>> gains("he", [1.5, 1.5, 1.0]), gains(2.0, [1.5, 1.0])
    ([1.5, 1.5, 1.0], [2.0, 2.0])
    """
    if isinstance(gain, str):
        if gain not in ("he", "lecun"):
            raise InputError(f"gain must be he, lecun or numbers; got {gain!r}")
        return [one if gain == "he" else 1.0 for one in own]
    given = require_positive("gain", gain)
    if given.shape not in ((), (len(own),)):
        raise InputError(f"gain must be one number or {len(own)}; got shape {given.shape}")
    return np.broadcast_to(given, len(own)).tolist()


def require_biases(given: bool | float) -> bool | float:
    """Return whether there are biases, or their standard deviation at the start."""
    if isinstance(given, (bool, np.bool_)):
        return bool(given)
    return require_number("biases", given, least=0)
