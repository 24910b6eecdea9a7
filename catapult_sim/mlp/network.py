"""Fully connected networks on one flat parameter vector, without autodiff.

The parameters of a network are a vector ``theta (..., P)``: layer after layer the weights
``(fan in, fan out)`` in row-major order, then the biases, if there are any. Leading axes
are an ensemble; the networks of an ensemble see the same inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.mlp.losses import squared_error
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.requirements import InputError, require_count, require_samples

__all__ = ["MLP"]

Array = npt.NDArray[Any]


class MLP:
    r"""A multi-layer perceptron with squared-error loss.

    In the NTK parametrisation all parameters are drawn from N(0, 1) and a layer computes
    ``z = (gain / sqrt(fan in)) a W + b``; in the standard one the weights themselves have
    that scale, and biases start at zero. ``gain`` is sqrt(2) before a ReLU, otherwise 1.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs: ``[d, n, ..., k]``, at least one hidden layer.
    activation : {"linear", "relu", "tanh"}
    parametrization : {"ntk", "standard"}
    biases : bool

    Attributes
    ----------
    size : int
        P, the number of parameters.

    Raises
    ------
    InputError
        Where a width is not positive, or a name is not known.

    Examples
    --------
    >>> network = MLP([1, 100, 1], activation="linear")
    >>> theta = network.init(rng=0, ensemble=(5,))
    >>> theta.shape, network.gradient(theta, [[1.0]], [0.0]).shape
    ((5, 200), (5, 200))
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: str = "relu",
        parametrization: str = "ntk",
        biases: bool = False,
    ) -> None:
        self.widths = [require_count("each width", width, 1) for width in widths]
        if len(self.widths) < 3:
            raise InputError(
                f"widths must name inputs, hidden layers and outputs, at least 3; got {widths}"
            )
        self.activation = ACTIVATIONS[_known("activation", activation, ACTIVATIONS)]
        self.parametrization = _known("parametrization", parametrization, ("ntk", "standard"))
        self.biases = biases
        gains = [*[self.activation.gain] * (len(self.widths) - 2), 1.0]
        deviation: list[float] = [
            gain / fan**0.5 for gain, fan in zip(gains, self.widths, strict=False)
        ]
        unit = [1.0] * len(gains)
        ntk = parametrization == "ntk"
        self._deviations, self.scales = (unit, deviation) if ntk else (deviation, unit)
        self._layers = []
        end = 0
        for fan_in, fan_out in itertools.pairwise(self.widths):
            start, middle = end, end + fan_in * fan_out
            end = middle + fan_out * biases
            self._layers.append((slice(start, middle), slice(middle, end), (fan_in, fan_out)))
        self.size = end

    def init(self, *, rng: Rng = None, ensemble: tuple[int, ...] = ()) -> Array:
        """Draw parameters, ``(*ensemble, P)``; each member has a random stream of its own."""
        return draw(self._draw_one, rng, ensemble)

    def _draw_one(self, rng: np.random.Generator) -> Array:
        theta = rng.normal(size=self.size)
        for (weights, biases, _), deviation in zip(self._layers, self._deviations, strict=True):
            theta[weights] *= deviation
            if self.parametrization == "standard":
                theta[biases] = 0.0
        return theta

    def split(self, theta: Array) -> list[tuple[Array, Array]]:
        """Return views of each layer's weights ``(..., fan in, fan out)`` and biases."""
        leading = theta.shape[:-1]
        return [
            (theta[..., weights].reshape(*leading, *shape), theta[..., biases])
            for weights, biases, shape in self._layers
        ]

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the outputs, ``theta (..., P), X (m, d) -> (..., m, k)``."""
        return self.forward(self.require_parameters(theta), np.asarray(X, dtype=float))[0]

    def loss(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the loss ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        inputs, targets = self.require_data(X, y)
        return squared_error(self.forward(self.require_parameters(theta), inputs)[0], targets)[0]

    def gradient(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the gradient of :meth:`loss` by theta, ``(..., P)``."""
        return self.loss_and_gradient(self.require_parameters(theta), *self.require_data(X, y))[1]

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(m, d)`` and y ``(m, k)`` that fit this network, or raise InputError."""
        inputs, targets = require_samples(X, y)
        given, required = (inputs.shape[1], targets.shape[1]), (self.widths[0], self.widths[-1])
        if given != required:
            raise InputError(
                f"this network takes {required[0]} inputs and gives {required[1]} outputs; "
                f"got data with {given[0]} and {given[1]}"
            )
        return inputs, targets

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of this network, or raise InputError."""
        parameters = np.asarray(theta)
        if parameters.shape[-1:] != (self.size,):
            raise InputError(
                f"theta must have shape (..., {self.size}); got shape {parameters.shape}"
            )
        return parameters

    # The arithmetic below assumes clean input. Layer l computes z = scale * a @ W + b.

    def forward(self, theta: Array, X: Array) -> tuple[Array, list[Array], list[Array]]:
        """Return outputs, every layer's inputs ``a`` and every hidden ``z``."""
        inputs, hidden = [X], []
        for (weights, biases), scale in zip(self.split(theta), self.scales, strict=True):
            z = scale * (inputs[-1] @ weights)
            if self.biases:
                z += biases[..., None, :]
            hidden.append(z)
            inputs.append(self.activation.value(z))
        return hidden.pop(), inputs[:-1], hidden

    def backward(self, theta: Array, hidden: list[Array], signal: Array) -> list[Array]:
        """Carry a signal by the outputs, ``(..., m, k)``, back to every layer's z."""
        signals = [signal]
        layers = list(zip(self.split(theta), self.scales, strict=True))
        for z, ((weights, _), scale) in zip(hidden[::-1], layers[:0:-1], strict=True):
            carried = scale * (signals[-1] @ np.swapaxes(weights, -1, -2))
            signals.append(carried * self.activation.slope(z))
        return signals[::-1]

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Return loss ``(...)`` and gradient ``(..., P)`` of clean input."""
        outputs, inputs, hidden = self.forward(theta, X)
        loss, signal = squared_error(outputs, y)
        gradient = np.empty(np.broadcast_shapes(theta.shape, (*loss.shape, self.size)), theta.dtype)
        signals = self.backward(theta, hidden, signal)
        layers = zip(self.split(gradient), self.scales, inputs, signals, strict=True)
        for (by_weights, by_biases), scale, a, signal in layers:
            np.matmul(np.swapaxes(a, -1, -2), signal, out=by_weights)
            by_weights *= scale
            if self.biases:
                by_biases[...] = signal.sum(axis=-2)
        return loss, gradient


def _known(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise InputError(f"{what} must be one of {', '.join(names)}; got {name!r}")
    return name
