"""Fully connected networks on one flat parameter vector, without autodiff.

The parameters of a network are a vector ``theta (..., P)``: layer after layer the weights
``(fan in, fan out)`` in row-major order, then the biases, if there are any. Leading axes
are an ensemble; the networks of an ensemble see the same inputs.

Curvature comes without a matrix: differentiating every line of the forward and the backward
pass along a direction in theta gives the Hessian times that direction [1]_.

References
----------
.. [1] B. A. Pearlmutter, *Fast exact multiplication by the Hessian*, Neural Computation 6, 147
   (1994): the R-operator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.mlp.losses import LOSSES
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.requirements import InputError, require_count, require_samples

__all__ = ["MLP"]

Array = npt.NDArray[Any]


class MLP:
    r"""A multi-layer perceptron and its loss.

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
    loss : {"squared_error", "cross_entropy"}
        As in :mod:`catapult_sim.mlp.losses`; the latter takes probabilities for labels.

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
        loss: str = "squared_error",
    ) -> None:
        self.widths = [require_count("each width", width, 1) for width in widths]
        if len(self.widths) < 3:
            raise InputError(
                f"widths must name inputs, hidden layers and outputs, at least 3; got {widths}"
            )
        self.activation = ACTIVATIONS[_known("activation", activation, ACTIVATIONS)]
        self.parametrization = _known("parametrization", parametrization, ("ntk", "standard"))
        self.biases = biases
        self.loss_function = LOSSES[_known("loss", loss, LOSSES)]
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
        """Return the loss, by default ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        inputs, targets = self.require_data(X, y)
        outputs = self.forward(self.require_parameters(theta), inputs)[0]
        return self.loss_function.value_and_gradient(outputs, targets)[0]

    def accuracy(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the fraction of samples whose largest output is at the largest label, ``(...)``.

        A single output counts as right where its sign is the label's. NaN where an output is
        not finite.

        Examples
        --------
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.accuracy([[1.0, 1.0], [1.0, -1.0]], [[-1.0], [2.0], [3.0]], [-1, 1, -1])
        array([0.66666667, 0.33333333])
        """
        inputs, targets = self.require_data(X, y)
        outputs = self.forward(self.require_parameters(theta), inputs)[0]
        right = (_chosen(outputs) == _chosen(targets)).mean(axis=-1)
        return np.where(np.isfinite(outputs).all(axis=(-2, -1)), right, np.nan)

    def gradient(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the gradient of :meth:`loss` by theta, ``(..., P)``."""
        return self.loss_and_gradient(self.require_parameters(theta), *self.require_data(X, y))[1]

    def hessian_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike, direction: npt.ArrayLike
    ) -> Array:
        """Return the Hessian of :meth:`loss` by theta times a direction.

        Parameters
        ----------
        theta : array_like, shape (..., P)
        X : array_like, shape (m, d)
        y : array_like, shape (m,) or (m, k)
        direction : array_like, shape (..., P)
            Its leading axes broadcast against those of theta.

        Returns
        -------
        numpy.ndarray, shape (..., P)
            Exact; it costs about as much as three gradients.

        Raises
        ------
        InputError
            Where data, parameters or direction do not fit the network.

        Examples
        --------
        For ``f = u v`` and ``L = f^2 / 2`` the Hessian is ``((v^2, 2uv), (2uv, u^2))``.

        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.hessian_product([2.0, 3.0], [[1.0]], [0.0], np.eye(2))
        array([[ 9., 12.],
               [12.,  4.]])
        """
        parameters, along = self.require_parameters(theta), self.require_parameters(direction)
        return self.loss_hessian_product(parameters, *self.require_data(X, y), along)

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(m, d)`` and y ``(m, k)`` that fit this network, or raise InputError."""
        inputs, targets = require_samples(X, y)
        given, required = (inputs.shape[1], targets.shape[1]), (self.widths[0], self.widths[-1])
        if given != required:
            raise InputError(
                f"this network takes {required[0]} inputs and gives {required[1]} outputs; "
                f"got data with {given[0]} and {given[1]}"
            )
        return inputs, self.loss_function.require(targets)

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of this network, or raise InputError."""
        parameters = np.asarray(theta)
        if parameters.shape[-1:] != (self.size,):
            raise InputError(
                f"theta must have shape (..., {self.size}); got shape {parameters.shape}"
            )
        return parameters

    # The arithmetic below assumes clean input. Layer l computes z = scale * a @ W + b, and X and
    # y may have leading axes, as minibatches of their own for every member do. What a
    # direction (V, c) in (W, b) does to a quantity, its tangent, is computed beside it.

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

    def forward_tangent(
        self, theta: Array, direction: Array, inputs: list[Array], hidden: list[Array]
    ) -> tuple[Array, list[Array | None], list[Array]]:
        """Return the tangents of what :meth:`forward` returned; None for X, which stays."""
        tangents: list[Array | None] = [None]
        hidden_tangents: list[Array] = []
        layers = zip(self.split(theta), self.split(direction), self.scales, inputs, strict=True)
        for (weights, _), (along, along_biases), scale, a in layers:
            z_tangent = scale * (a @ along)
            if hidden_tangents:
                slope = self.activation.slope(hidden[len(hidden_tangents) - 1])
                tangents.append(slope * hidden_tangents[-1])
                z_tangent += scale * (tangents[-1] @ weights)
            if self.biases:
                z_tangent += along_biases[..., None, :]
            hidden_tangents.append(z_tangent)
        return hidden_tangents.pop(), tangents, hidden_tangents

    def backward(self, theta: Array, hidden: list[Array], signal: Array) -> list[Array]:
        """Carry a signal by the outputs, ``(..., m, k)``, back to every layer's z."""
        signals = [signal]
        layers = list(zip(self.split(theta), self.scales, strict=True))
        for z, ((weights, _), scale) in zip(hidden[::-1], layers[:0:-1], strict=True):
            carried = scale * (signals[-1] @ np.swapaxes(weights, -1, -2))
            signals.append(carried * self.activation.slope(z))
        return signals[::-1]

    def backward_tangent(
        self,
        theta: Array,
        direction: Array,
        hidden: list[Array],
        hidden_tangents: list[Array],
        signal: Array,
        signal_tangent: Array,
    ) -> tuple[list[Array], list[Array]]:
        """Return what :meth:`backward` returns, and the tangents of it."""
        signals, tangents = [signal], [signal_tangent]
        layers = list(zip(self.split(theta), self.split(direction), self.scales, strict=True))
        zs = zip(hidden[::-1], hidden_tangents[::-1], strict=True)
        for (z, z_tangent), ((weights, _), (along, _), scale) in zip(
            zs, layers[:0:-1], strict=True
        ):
            carried = scale * (signals[-1] @ np.swapaxes(weights, -1, -2))
            carried_tangent = scale * (
                tangents[-1] @ np.swapaxes(weights, -1, -2)
                + signals[-1] @ np.swapaxes(along, -1, -2)
            )
            slope, bend = self.activation.slope(z), self.activation.bend(z)
            signals.append(carried * slope)
            tangents.append(carried_tangent * slope + carried * bend * z_tangent)
        return signals[::-1], tangents[::-1]

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Return loss ``(...)`` and gradient ``(..., P)`` of clean input."""
        outputs, inputs, hidden = self.forward(theta, X)
        loss, signal = self.loss_function.value_and_gradient(outputs, y)
        gradient = np.empty(np.broadcast_shapes(theta.shape, (*loss.shape, self.size)), theta.dtype)
        signals = self.backward(theta, hidden, signal)
        layers = zip(self.split(gradient), self.scales, inputs, signals, strict=True)
        for (by_weights, by_biases), scale, a, signal in layers:
            np.matmul(np.swapaxes(a, -1, -2), signal, out=by_weights)
            by_weights *= scale
            if self.biases:
                by_biases[...] = signal.sum(axis=-2)
        return loss, gradient

    def loss_hessian_product(self, theta: Array, X: Array, y: Array, direction: Array) -> Array:
        """Return the Hessian times a direction, ``(..., P)``, of clean input."""
        outputs, inputs, hidden = self.forward(theta, X)
        tangent, inputs_tangents, hidden_tangents = self.forward_tangent(
            theta, direction, inputs, hidden
        )
        _, signal = self.loss_function.value_and_gradient(outputs, y)
        signal_tangent = self.loss_function.hessian_product(outputs, y, tangent)
        signals, signals_tangents = self.backward_tangent(
            theta, direction, hidden, hidden_tangents, signal, signal_tangent
        )
        product = np.empty((*signal_tangent.shape[:-2], self.size), theta.dtype)
        layers = zip(
            self.split(product),
            self.scales,
            inputs,
            inputs_tangents,
            signals,
            signals_tangents,
            strict=True,
        )
        for (by_weights, by_biases), scale, a, a_tangent, signal, signal_tangent in layers:
            np.matmul(np.swapaxes(a, -1, -2), signal_tangent, out=by_weights)
            if a_tangent is not None:
                by_weights += np.swapaxes(a_tangent, -1, -2) @ signal
            by_weights *= scale
            if self.biases:
                by_biases[...] = signal_tangent.sum(axis=-2)
        return product


def _chosen(outputs: Array) -> Array:
    """Return the number of the largest output, or whether a single one is positive."""
    chosen: Array = outputs[..., 0] > 0 if outputs.shape[-1] == 1 else outputs.argmax(axis=-1)
    return chosen


def _known(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise InputError(f"{what} must be one of {', '.join(names)}; got {name!r}")
    return name
