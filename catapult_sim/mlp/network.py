"""Fully connected networks on one flat parameter vector, without autodiff.

The parameters are layer after layer the weights ``(fan in, fan out)`` in row-major order, then
the biases, if there are any. Its passes are those of :mod:`catapult_sim.mlp.layered`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.activations import ACTIVATIONS, Activation
from catapult_sim.mlp.dense import PARAMETRIZATIONS, dense_layers, gains
from catapult_sim.mlp.layered import Network, known
from catapult_sim.mlp.layers import Layer
from catapult_sim.mlp.pointwise import Pointwise, Scale
from catapult_sim.validation import InputError, require_count


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
            else ACTIVATIONS[known("activation", activation, ACTIVATIONS)]
        )
        self.parametrization = known("parametrization", parametrization, PARAMETRIZATIONS)
        self.biases, self.zero_output = biases, zero_output
        of_layers = gains(gain, self.activation.gain, len(self.widths) - 1)
        placed = dense_layers(
            self.widths, of_layers, parametrization, biases=biases, zero_output=zero_output
        )
        self.scales = [scale for scale, _ in placed]
        chain: list[Layer] = []
        for scale, layer in placed:
            chain += [Pointwise(self.activation, scale) if chain else Scale(scale), layer]
        self._assemble(self.widths[0], chain, loss, weight_decay, dtype)
        self._options = {
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
        """Return the widths and the options that are not the defaults."""
        usual = MLP.__init__.__kwdefaults__ or {}
        options = [f", {name}={one!r}" for name, one in self._options.items() if one != usual[name]]
        return f"MLP({self.widths}{''.join(options)})"
