"""Fully connected networks on one flat parameter vector, without autodiff.

The parameters of a network are a vector ``theta (..., P)``: layer after layer the weights
``(fan in, fan out)`` in row-major order, then the biases, if there are any. Leading axes
are an ensemble; the networks of an ensemble see the same inputs.

Curvature comes without a matrix: differentiating every line of the forward and the backward
pass along a direction in theta gives the Hessian times that direction [1]_, see
:mod:`catapult_sim.mlp.passes`.

References
----------
.. [1] B. A. Pearlmutter, *Fast exact multiplication by the Hessian*, Neural Computation 6, 147
   (1994): the R-operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.activations import ACTIVATIONS, Activation
from catapult_sim.mlp.layers import PARAMETRIZATIONS, gains, lay_out
from catapult_sim.mlp.losses import LOSSES, fraction_right
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.point import Point
from catapult_sim.randomness import draw
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_count,
    require_samples,
)

DTYPES = ("float64", "float32")


class MLP:
    r"""A multi-layer perceptron and its loss.

    A layer of gain g computes, by its parametrisation,

    ============  =====================================  ====================================
    ntk           ``z = (g / sqrt(fan in)) a W + b``     all parameters from N(0, 1)
    standard      ``z = a W + b``                        W from N(0, g^2 / fan in), b zero
    mean-field    as ntk, the last layer                 all parameters from N(0, 1)
                  ``z = (g / fan in) a W + b``
    ============  =====================================  ====================================

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs: ``[d, n, ..., k]``, at least one hidden layer.
    activation : str or Activation
        A name in :data:`catapult_sim.mlp.activations.ACTIVATIONS`, or one of your own.
    parametrization : {"ntk", "standard", "mean-field"}
    biases : bool
    loss : {"squared_error", "cross_entropy"}
        As in :mod:`catapult_sim.mlp.losses`; the latter takes probabilities for labels.
    gain : {"he", "lecun"}, float or sequence of float
        "he": the activation's own gain, 1 for the last layer. "lecun": 1. Otherwise that of
        all layers, or of each.
    zero_output : bool
        Start with the last layer at zero, and so with outputs that are zero.
    weight_decay : float
        Adds ``(weight_decay / 2) |theta|^2`` to the loss, and so to gradient and Hessian.
    dtype : {"float64", "float32"}
        Of parameters, data and all that is computed; complex theta stays complex.

    Attributes
    ----------
    size : int
        P, the number of parameters.
    layers : list of Layer
        Where the parameters of each layer lie, and the scale of its inputs.

    Raises
    ------
    InputError
        Where a width or a gain is not positive, the weight decay is negative, or a name is not
        known.

    Examples
    --------
    >>> network = MLP([1, 100, 1], activation="linear")
    >>> network
    MLP([1, 100, 1], activation='linear')
    >>> theta = network.init(rng=0, ensemble=(5,))
    >>> theta.shape, network.gradient(theta, [[1.0]], [0.0]).shape
    ((5, 200), (5, 200))
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: str | Activation = "relu",
        parametrization: str = "ntk",
        biases: bool = False,
        loss: str = "squared_error",
        gain: str | npt.ArrayLike = "he",
        zero_output: bool = False,
        weight_decay: float = 0.0,
        dtype: npt.DTypeLike = "float64",
    ) -> None:
        given = widths if np.iterable(widths) else ()
        self.widths = [require_count("each width", width, 1) for width in given]
        if len(self.widths) < 3:
            raise InputError(
                f"widths must name inputs, hidden layers and outputs, at least 3; got {widths}"
            )
        self.activation = (
            activation
            if isinstance(activation, Activation)
            else ACTIVATIONS[_known("activation", activation, ACTIVATIONS)]
        )
        self.parametrization = _known("parametrization", parametrization, PARAMETRIZATIONS)
        self.biases, self.zero_output = biases, zero_output
        self.loss_function = LOSSES[_known("loss", loss, LOSSES)]
        self.weight_decay = _not_negative("weight_decay", weight_decay)
        self.dtype = np.dtype(_known("dtype", np.dtype(dtype).name, DTYPES))
        of_layers = gains(gain, self.activation.gain, len(self.widths) - 1)
        self.layers = lay_out(self.widths, of_layers, parametrization, biases)
        self.size = self.layers[-1].biases.stop
        self._asked = {
            "activation": self.activation.name,
            "parametrization": parametrization,
            "biases": biases,
            "loss": loss,
            "gain": gain if isinstance(gain, str) else np.asarray(gain).tolist(),
            "zero_output": zero_output,
            "weight_decay": self.weight_decay,
            "dtype": self.dtype.name,
        }

    def __repr__(self) -> str:
        """Say what differs from what is usual."""
        usual = MLP.__init__.__kwdefaults__ or {}
        asked = [f", {name}={one!r}" for name, one in self._asked.items() if one != usual[name]]
        return f"MLP({self.widths}{''.join(asked)})"

    def init(self, *, rng: Rng = None, ensemble: tuple[int, ...] = ()) -> Array:
        """Draw parameters, ``(*ensemble, P)``; each member has a random stream of its own.

        The same seed gives the same network in both precisions, but for rounding.
        """
        return draw(self._draw_one, rng, ensemble)

    def _draw_one(self, rng: np.random.Generator) -> Array:
        theta = rng.normal(size=self.size)
        for layer in self.layers:
            theta[layer.weights] *= layer.deviation
            if self.parametrization == "standard":
                theta[layer.biases] = 0.0
        if self.zero_output:
            theta[self.layers[-1].weights.start :] = 0.0
        return theta.astype(self.dtype, copy=False)

    def split(self, theta: Array) -> list[tuple[Array, Array]]:
        """Return views of each layer's weights ``(..., fan in, fan out)`` and biases."""
        return [layer.split(theta) for layer in self.layers]

    # Of any theta (..., P) and data, one product at a time ---------------------------------------

    def at(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Point:
        """Return the network at one theta, for many products there; y may be left out for J."""
        inputs, targets = (self.require_inputs(X), None) if y is None else self.require_data(X, y)
        return Point(self, self.require_parameters(theta), inputs, targets)

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the outputs, ``theta (..., P), X (m, d) -> (..., m, k)``."""
        return self.forward(self.require_parameters(theta), self.require_inputs(X))[0]

    def loss(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the loss, by default ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        return Point(self, self.require_parameters(theta), *self.require_data(X, y), 1).loss

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
        return fraction_right(outputs, targets)

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
            Exact; it costs about as much as three gradients. For many directions in turn at
            one theta take :meth:`at`.

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
        parameters, along = self._together(theta, direction)
        return self.loss_hessian_product(parameters, *self.require_data(X, y), along)

    def gauss_newton_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike, direction: npt.ArrayLike
    ) -> Array:
        """Return ``J^T H_f J`` times a direction, ``H_f`` the loss's Hessian by the outputs.

        The Hessian without the curvature of the network itself and without weight decay; shapes
        and errors as in :meth:`hessian_product`.

        Examples
        --------
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.gauss_newton_product([2.0, 3.0], [[1.0]], [0.0], np.eye(2))
        array([[9., 6.],
               [6., 4.]])
        """
        parameters, along = self._together(theta, direction)
        return self.at(parameters, X, y).gauss_newton_product(along)

    def sharpness_gradient(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike, direction: npt.ArrayLike
    ) -> Array:
        """Return the gradient of ``v^T H v`` by theta, at a fixed direction v.

        At a unit eigenvector of the Hessian it is the gradient of its eigenvalue, where that is
        a single one. Exact; shapes and errors as in :meth:`hessian_product`.

        Examples
        --------
        The Hessian of ``(u v)^2 / 2`` has ``v^2`` in its corner:

        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.sharpness_gradient([2.0, 3.0], [[1.0]], [0.0], [1.0, 0.0])
        array([0., 6.])
        """
        parameters, along = self._together(theta, direction)
        return self.at(parameters, X, y).sharpness_gradient(along)

    def jacobian_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, direction: npt.ArrayLike
    ) -> Array:
        """Return J times a direction ``(..., P)``: what it does to the outputs, ``(..., m, k)``.

        Examples
        --------
        >>> MLP([1, 1, 1], activation="linear").jacobian_product([2.0, 3.0], [[1.0]], [1.0, 0.0])
        array([[3.]])
        """
        parameters, along = self._together(theta, direction)
        return self.at(parameters, X).jacobian_product(along)

    def transposed_jacobian_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, signal: npt.ArrayLike
    ) -> Array:
        """Return J^T times a signal in the outputs ``(..., m, k)``, shape ``(..., P)``.

        Examples
        --------
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.transposed_jacobian_product([2.0, 3.0], [[1.0]], [[1.0]])
        array([3., 2.])
        """
        parameters, pulled = self.require_parameters(theta), np.asarray(signal)
        leading = np.broadcast_shapes(parameters.shape[:-1], pulled.shape[:-2])
        spread = np.broadcast_to(parameters, (*leading, self.size))
        return self.at(spread, X).transposed_jacobian_product(pulled)

    def _together(self, theta: npt.ArrayLike, direction: npt.ArrayLike) -> tuple[Array, Array]:
        """Return theta spread over the leading axes of a direction, and the direction."""
        parameters, along = self.require_parameters(theta), self.require_parameters(direction)
        shape = np.broadcast_shapes(parameters.shape, along.shape)
        return np.broadcast_to(parameters, shape), along

    # What they require --------------------------------------------------------------------------

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(m, d)`` and y ``(m, k)`` that fit this network, or raise InputError."""
        inputs, targets = require_samples(X, y)
        given, required = (inputs.shape[1], targets.shape[1]), (self.widths[0], self.widths[-1])
        if given != required:
            raise InputError(
                f"this network takes {required[0]} inputs and gives {required[1]} outputs; "
                f"got data with {given[0]} and {given[1]}"
            )
        targets = self.loss_function.require(targets)
        return inputs.astype(self.dtype, copy=False), targets.astype(self.dtype, copy=False)

    def require_inputs(self, X: npt.ArrayLike) -> Array:
        """Return X ``(..., m, d)`` that fits this network, or raise InputError."""
        inputs = np.asarray(X, dtype=self.dtype)
        if inputs.ndim < 2 or inputs.shape[-1] != self.widths[0]:
            raise InputError(f"X must have shape (m, {self.widths[0]}); got shape {inputs.shape}")
        return inputs

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of this network, or raise InputError."""
        parameters = np.asarray(theta)
        if parameters.shape[-1:] != (self.size,):
            raise InputError(
                f"theta must have shape (..., {self.size}); got shape {parameters.shape}"
            )
        return (
            parameters if np.iscomplexobj(parameters) else parameters.astype(self.dtype, copy=False)
        )

    # Of clean input; X and y may have leading axes, as a minibatch for every member has.

    def forward(self, theta: Array, X: Array) -> tuple[Array, list[Array], list[Array]]:
        """Return outputs, every layer's inputs times its scale, and every hidden ``z``."""
        passes = self.passes(1)
        outputs = passes.move(theta, X)
        numbers = range(len(self.layers))
        inputs = [passes.inputs(number, 0)[0] for number in numbers]
        return outputs, inputs, [passes.z(number, 0) for number in numbers[:-1]]

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Return loss ``(...)`` and gradient ``(..., P)`` of clean input."""
        point = Point(self, theta, X, y, 1)
        return point.loss, point.gradient()

    def loss_hessian_product(self, theta: Array, X: Array, y: Array, direction: Array) -> Array:
        """Return the Hessian times a direction, ``(..., P)``, of clean input."""
        point = Point(self, self._together(theta, direction)[0], X, y, 2)
        return point.hessian_product(direction)

    def passes(self, orders: int) -> Passes:
        """Return room for this network's passes of some orders."""
        return Passes(self.layers, self.activation, self.biases, orders)


def _known(what: str, name: str, names: Any) -> str:
    if name not in names:
        raise InputError(f"{what} must be one of {', '.join(names)}; got {name!r}")
    return name


def _not_negative(what: str, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise InputError(f"{what} must be finite and at least 0; got {value}")
    return float(value)
