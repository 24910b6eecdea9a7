"""Networks of layers, fully connected ones above all: outputs, loss, derivatives.

The parameters of a network are a vector ``theta (..., P)``: those of layer after layer. Leading
axes are an ensemble; the networks of an ensemble see the same inputs.

No curvature matrix is formed: the derivative of every line of the forward and the backward pass
along a direction in theta gives the Hessian times that direction, the R-operator of
[Pearlmutter1994], see :mod:`catapult_sim.mlp.passes`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.mlp.activations import Activation, require_activation
from catapult_sim.mlp.dense import Dense
from catapult_sim.mlp.layers import Chain
from catapult_sim.mlp.losses import LOSSES, Objective
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.parametrization import PARAMETRIZATIONS, Weights, gains, require_biases
from catapult_sim.mlp.passes import Passes, SplitPasses, parts_of
from catapult_sim.mlp.plans import (
    MOST_LAYERS,
    Layers,
    Shape,
    build,
    own_gains,
    require_layers,
    written,
)
from catapult_sim.mlp.point import Point
from catapult_sim.printing import counted
from catapult_sim.randomness import draw
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_count,
    require_ensemble,
    require_flag,
    require_number,
    require_numbers,
    require_one_of,
    shown,
)

DTYPES = ("float64", "float32")


class Network(Model[Point]):
    """A network of layers, written as a list, and its loss.

    Parameters
    ----------
    inputs : int or (int, int, int)
        The numbers of each sample, d; or height, width and channels of images. Samples are rows of
        d numbers, in which the channels of an image come last, or the images themselves.
    layers : sequence of Dense, Convolution, MeanPooling, Residual, or str
        A text is the name of an activation. The numbers that the last layer gives are the outputs.
    parametrization : {"ntk", "standard", "mean-field"}
        As in :mod:`catapult_sim.mlp.parametrization`.
    biases : bool or float
        Whether weights have biases; or the standard deviation of those at the start.
    loss : {"squared_error", "cross_entropy"}
        As in :mod:`catapult_sim.mlp.losses`; the latter takes probabilities for labels.
    gain : {"he", "lecun"}, float or sequence of float
        "he": that of the activation right after the weights, 1 where none is. "lecun": 1.
        Otherwise that of all weights, or of each.
    zero_output : bool
        Start with the last weights at zero.
    weight_decay : float
        Adds ``(weight_decay / 2) |theta|^2`` to the loss, and so to gradient and Hessian.
    dtype : {"float64", "float32"}
        Of parameters, data and all that is computed; complex theta stays complex.

    Attributes
    ----------
    size : int
        P, the number of parameters.
    inputs, outputs : int
        d and k, the numbers of each sample that it takes and gives.
    layers : Chain
        What it computes, layer by layer.
    scales : list of float
        Of the inputs of weights, in their order.

    Raises
    ------
    InputError
        Where a layer does not take what the one before it gives, no layer has weights, or an
        option is not as above.

    Examples
    --------
    >>> from catapult_sim.mlp.dense import Dense
    >>> from catapult_sim.mlp.residual import Residual
    >>> network = Network(3, [Dense(9), "tanh", Residual([Dense(9), "tanh"]), Dense(2)])
    >>> network.size, network.predict(network.init(rng=0), [[0.0, 0.0, 0.0]])
    (126, array([[0., 0.]]))
    """

    def __init__(
        self,
        inputs: int | Shape,
        layers: Layers,
        *,
        parametrization: str = "ntk",
        biases: bool | float = False,
        loss: str = "squared_error",
        gain: str | npt.ArrayLike = "he",
        zero_output: bool = False,
        weight_decay: float = 0.0,
        dtype: npt.DTypeLike = "float64",
    ) -> None:
        self.input_shape, listed = _require_shape(inputs), require_layers(layers)
        self.parametrization = require_one_of("parametrization", parametrization, PARAMETRIZATIONS)
        self.biases = require_biases(biases)
        self.zero_output = require_flag("zero_output", zero_output)
        of_weights = gains(gain, own_gains(listed))
        weights = Weights(of_weights, self.parametrization, self.biases, self.zero_output)
        built, _ = build(listed, self.input_shape, weights)
        self.layers, self.scales = Chain(tuple(built)), weights.scales
        self.size, self.inputs = self.layers.size, math.prod(self.input_shape)
        if not self.size:
            raise InputError(f"layers must include one with weights; got {shown(layers)}")
        self.outputs = self.layers.outputs(self.inputs)
        loss_function = LOSSES[require_one_of("loss", loss, LOSSES)]
        decay = require_number("weight_decay", weight_decay, least=0)
        self.objective, self.dtype = Objective(loss_function, decay), _precision(dtype)
        passes = self.passes(1)
        self.numbers_per_sample = passes.numbers_per_sample
        self.working_numbers = passes.working_numbers
        shape = self.input_shape if len(self.input_shape) > 1 else self.inputs
        self._written = f"{shape}, {written(layers)}"
        self._options = {
            "parametrization": self.parametrization,
            "biases": self.biases,
            "loss": loss,
            "gain": gain if isinstance(gain, str) else np.asarray(gain).tolist(),
            "zero_output": self.zero_output,
            "weight_decay": decay,
            "dtype": self.dtype.name,
        }

    def __repr__(self) -> str:
        """Return what makes this network, with the options that are not the defaults."""
        usual = type(self).__init__.__kwdefaults__ or {}
        # By their text, as biases=0.0 is not biases=False.
        words = {name: repr(one) for name, one in self._options.items()}
        options = [f", {name}={one}" for name, one in words.items() if one != repr(usual[name])]
        return f"{type(self).__name__}({self._written}{''.join(options)})"

    def init(
        self, *, rng: Rng = None, ensemble: tuple[int, ...] = (), memory_limit: Limit = None
    ) -> Array:
        """Draw parameters, ``(*ensemble, P)``; each member has a random stream of its own.

        The same seed gives the same network in both precisions, but for rounding. Raises InputError
        where the shape is none, or the networks take more than the memory limit, which is a number
        of bytes or a size such as "6GB"; by default half of what is free.
        """
        members = math.prod(require_ensemble(ensemble))
        required = members * self.size * self.dtype.itemsize
        what = f"{counted(members, 'network')} of {self.size} parameters"
        require_memory(required, memory_limit, what, "members")
        return draw(self._draw_one, rng, ensemble)

    def _draw_one(self, rng: np.random.Generator) -> Array:
        theta = rng.normal(size=self.size)
        self.layers.draw(theta)
        return theta.astype(self.dtype, copy=False)

    def split(self, theta: Array) -> list[tuple[Array, Array]]:
        """Return views of the weights ``(..., *shape)`` and biases of each layer that has any."""
        theta = self.require_parameters(theta)
        return [layer.split(theta[..., place]) for layer, _, place in self.passes(1).parts]

    # Of any theta (..., P) and data, one product at a time ---------------------------------------

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

        >>> from catapult_sim.mlp.network import MLP
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
        >>> from catapult_sim.mlp.network import MLP
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

        >>> from catapult_sim.mlp.network import MLP
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.sharpness_gradient([2.0, 3.0], [[1.0]], [0.0], [1.0, 0.0])
        array([0., 6.])
        """
        parameters, along = self._together(theta, direction)
        return self.at(parameters, X, y).sharpness_gradient(along)

    def jacobian_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, direction: npt.ArrayLike
    ) -> Array:
        """Return J times a direction ``(..., P)``, ``(..., m, k)``.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
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
        >>> from catapult_sim.mlp.network import MLP
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.transposed_jacobian_product([2.0, 3.0], [[1.0]], [[1.0]])
        array([3., 2.])
        """
        return self.at(self._spread(theta, signal), X).transposed_jacobian_product(signal)

    def kernel_product(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, signal: npt.ArrayLike
    ) -> Array:
        """Return the tangent kernel ``(1/m) J J^T`` times a signal ``(..., m, k)``.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> MLP([1, 1, 1], activation="linear").kernel_product([2.0, 3.0], [[1.0]], [[1.0]])
        array([[13.]])
        """
        return self.at(self._spread(theta, signal), X).kernel_product(signal)

    def input_gradient(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the derivative of each output by each input, ``(..., m, k, d)``.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> MLP([2, 1, 1], activation="linear").input_gradient([2.0, 4.0, 3.0], [[1.0, 1.0]])
        array([[[4.24264069, 8.48528137]]])
        """
        parameters, inputs = self.require_parameters(theta), self.require_inputs(X)
        members = math.prod(parameters.shape[:-1])
        size = members * len(inputs) * self.outputs * self.inputs * parameters.itemsize
        require_memory(2 * size, None, "gradients by inputs", "networks, samples or outputs")
        passes = Passes(self.layers, self.inputs, 1, to_inputs=True)
        passes.move(parameters, inputs)
        return passes.by_inputs()

    def _spread(self, theta: npt.ArrayLike, signal: npt.ArrayLike) -> Array:
        """Return theta spread over the leading axes of a signal in the outputs."""
        parameters, pulled = self.require_parameters(theta), require_numbers("signal", signal)
        leading = require_broadcast(theta=parameters.shape[:-1], signal=pulled.shape[:-2])
        return np.broadcast_to(parameters, (*leading, self.size))

    def _together(self, theta: npt.ArrayLike, direction: npt.ArrayLike) -> tuple[Array, Array]:
        """Return theta spread over the leading axes of a direction, and the direction."""
        parameters, along = self.require_parameters(theta), self.require_parameters(direction)
        shape = require_broadcast(theta=parameters.shape, direction=along.shape)
        return np.broadcast_to(parameters, shape), along

    # Of checked input; X and y may have leading axes, as a minibatch for every member has --------

    def forward(self, theta: Array, X: Array) -> tuple[Array, list[Array]]:
        """Return the outputs, and the inputs of every activation."""
        passes = self.passes(1)
        return passes.move(theta, X), passes.hidden()

    def point(self, theta: Array, X: Array, y: Array | None = None, *, orders: int = 3) -> Point:
        """Return the network at one theta; 1, 2 or 3 orders for gradient, Hessian, sharpness."""
        members = math.prod(np.broadcast_shapes(theta.shape[:-1], X.shape[:-2]))
        parts = parts_of(X.shape[-2], members * self.numbers_per_sample, members * self.size)
        each = [self.passes(orders) for _ in range(parts)]
        passes = SplitPasses(each) if parts > 1 else each[0]
        return Point(passes, self.objective, theta, X, y)

    def passes(self, orders: int) -> Passes:
        """Return an object that computes this network's passes up to a number of orders."""
        return Passes(self.layers, self.inputs, orders)


class MLP(Network):
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
    biases : bool or float
        Whether layers have biases; or the standard deviation of those at the start.
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
    layers : Chain
        Scale, dense layer, activation, dense layer, and so on.
    scales : list of float
        Of the inputs of each dense layer.

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
        biases: bool | float = False,
        loss: str = "squared_error",
        gain: str | npt.ArrayLike = "he",
        zero_output: bool = False,
        weight_decay: float = 0.0,
        dtype: npt.DTypeLike = "float64",
    ) -> None:
        given = list(islice(widths if np.iterable(widths) else (), MOST_LAYERS + 1))
        if len(given) > MOST_LAYERS:
            raise InputError(f"widths must be at most {MOST_LAYERS}; got more")
        self.widths = [require_count("each width", width, 1) for width in given]
        if len(self.widths) < 3:
            raise InputError(
                "widths must name inputs, hidden layers and outputs, at least 3; "
                f"got {shown(widths)}"
            )
        self.activation = require_activation(activation)
        hidden = [one for width in self.widths[1:-1] for one in (Dense(width), self.activation)]
        super().__init__(
            self.widths[0],
            [*hidden, Dense(self.widths[-1])],
            parametrization=parametrization,
            biases=biases,
            loss=loss,
            gain=gain,
            zero_output=zero_output,
            weight_decay=weight_decay,
            dtype=dtype,
        )
        self._written = repr(self.widths)
        self._options = {"activation": self.activation.name, **self._options}


def _require_shape(inputs: Any) -> Shape:
    """Return the shape of a sample, ``(d,)`` or that of an image, or raise InputError."""
    sizes = inputs if isinstance(inputs, tuple | list) else (inputs,)
    if len(sizes) not in (1, 3):
        raise InputError(
            "inputs must be a number of inputs, or height, width and channels of images; "
            f"got {shown(inputs)}"
        )
    return tuple(require_count("inputs", size, 1) for size in sizes)


def _precision(dtype: npt.DTypeLike) -> np.dtype[np.floating]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of old names of types
            name = np.dtype(dtype).name
    except (TypeError, ValueError):  # the last of letters that are none
        name = ""
    if name not in DTYPES:
        raise InputError(f"dtype must be one of {', '.join(DTYPES)}; got {shown(dtype)}")
    return np.dtype(name)
