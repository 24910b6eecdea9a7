"""What networks and their Taylor models share: parameters theta, outputs, a loss, its gradient."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.losses import Loss, Objective, fraction_right
from catapult_sim.mlp.point import Place, require_parameters
from catapult_sim.printing import counted
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_finite, require_samples

P = TypeVar("P", bound=Place)


class Model(ABC, Generic[P]):
    """A differentiable function of parameters ``theta (..., P)`` and of samples, with a loss.

    Attributes
    ----------
    size : int
        P, the number of parameters.
    inputs, outputs : int
        d and k, the numbers of each sample that it takes and gives.
    input_shape : tuple of int
        ``(d,)``, or height, width and channels of images; samples may be given in this shape.
    objective : Objective
        The loss and its weight decay.
    dtype : numpy.dtype
    numbers_per_sample : int
        How many numbers its passes keep of each sample while a gradient is computed.
    working_numbers : int
        How many more formulas allocate meanwhile, at most.
    """

    size: int
    inputs: int
    outputs: int
    input_shape: tuple[int, ...]
    objective: Objective
    dtype: np.dtype[np.floating]
    numbers_per_sample: int
    working_numbers: int

    @property
    def loss_function(self) -> Loss:
        """The loss of the outputs."""
        return self.objective.loss

    @property
    def weight_decay(self) -> float:
        """The factor of ``|theta|^2 / 2`` in the loss."""
        return self.objective.weight_decay

    # Of any theta (..., P) and data --------------------------------------------------------------

    def at(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> P:
        """Return the model at one theta, for many products there; only the loss needs y."""
        inputs, targets = (self.require_inputs(X), None) if y is None else self.require_data(X, y)
        return self.point(self.require_parameters(theta), inputs, targets)

    def along(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, *, orders: int = 3
    ) -> Callable[[Array], P]:
        """Return a function of theta that gives the model there: for many theta of one run.

        The model that it returned before goes along to the next theta, with its arrays; a Taylor
        model then computes its passes at the origin once. Threads have one each.

        Parameters
        ----------
        X : array_like, shape (m, d)
        y : array_like, shape (m,) or (m, k), optional
            Only the loss needs labels.
        orders : {1, 2, 3}
            1, 2 or 3 for gradient, Hessian and the gradient of the sharpness.

        Raises
        ------
        InputError
            Where the data do not fit this network.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> at = MLP([1, 1, 1], activation="linear").along([[1.0]], [0.0])
        >>> [float(at(np.array(theta)).loss) for theta in ([1.0, 1.0], [2.0, 3.0])]
        [0.5, 18.0]
        """
        inputs, targets = (self.require_inputs(X), None) if y is None else self.require_data(X, y)
        kept = threading.local()

        def at(theta: Array) -> P:
            if hasattr(kept, "place"):
                return kept.place.move(theta)
            kept.place = self.point(self.require_parameters(theta), inputs, targets, orders=orders)
            return kept.place

        return at

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the outputs, ``theta (..., P), X (m, d) -> (..., m, k)``."""
        parameters, inputs = self.require_parameters(theta), self.require_inputs(X)
        return self.point(parameters, inputs, orders=1).outputs

    def loss(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the loss, by default ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        return self.point(self.require_parameters(theta), *self.require_data(X, y), orders=1).loss

    def accuracy(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the fraction of samples whose largest output is at the largest label, ``(...)``.

        A single output counts as right where the nearer of two labels is the sample's. NaN where
        an output is not finite.

        Raises
        ------
        InputError
            Where labels do not say which answer is right, such as a single one of many values.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> network = MLP([1, 1, 1], activation="linear")
        >>> network.accuracy([[1.0, 1.0], [1.0, -1.0]], [[-1.0], [2.0], [3.0]], [-1, 1, -1])
        array([0.66666667, 0.33333333])
        """
        inputs, targets = self.require_data(X, y)
        return fraction_right(self.predict(theta, inputs), targets)

    def gradient(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the gradient of :meth:`loss` by theta, ``(..., P)``."""
        return self.loss_and_gradient(self.require_parameters(theta), *self.require_data(X, y))[1]

    # What they require --------------------------------------------------------------------------

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(m, d)`` and y ``(m, k)`` that fit this network, or raise InputError."""
        inputs, targets = require_samples(self._flattened(X), y)
        given, required = (inputs.shape[1], targets.shape[1]), (self.inputs, self.outputs)
        if given != required:
            raise InputError(
                f"this network takes {counted(required[0], 'input')} and gives "
                f"{counted(required[1], 'output')}; "
                f"got data with {given[0]} and {given[1]}{_hint(targets, self.outputs)}"
            )
        targets = self.loss_function.require(targets)
        return inputs.astype(self.dtype, copy=False), targets.astype(self.dtype, copy=False)

    def require_batches(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(..., m, d)`` and y ``(..., m, k)`` that fit it, or raise InputError.

        Leading axes are for networks that have batches of their own. A label for each sample,
        ``(..., m)``, becomes ``(..., m, 1)``.
        """
        inputs, targets = self.require_inputs(X), require_finite("y", y)
        if targets.shape == inputs.shape[:-1]:
            targets = targets[..., None]
        if targets.shape != (*inputs.shape[:-1], self.outputs):
            raise InputError(
                f"y must have shape (..., m, {self.outputs}) where X has {inputs.shape}; got shape "
                f"{targets.shape}{_hint(targets, self.outputs)}"
            )
        return inputs, self.loss_function.require(targets).astype(self.dtype, copy=False)

    def require_inputs(self, X: npt.ArrayLike) -> Array:
        """Return X ``(..., m, d)`` that fits this network, or raise InputError."""
        inputs = require_finite("X", self._flattened(X))
        if inputs.ndim < 2 or inputs.shape[-1] != self.inputs or not inputs.size:
            least = "" if inputs.size else " with m >= 1"
            raise InputError(
                f"X must have shape (m, {self.inputs}){least}; got shape {inputs.shape}"
            )
        return inputs.astype(self.dtype, copy=False)

    def _flattened(self, X: npt.ArrayLike) -> npt.ArrayLike:
        """Return images as rows of their numbers, samples of any other kind as they are."""
        if len(self.input_shape) == 1:
            return X
        images = require_finite("X", X)
        rows = images.shape[-3:] != self.input_shape
        return images if rows else images.reshape(*images.shape[:-3], self.inputs)

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of this network, or raise InputError."""
        return require_parameters(theta, self.size, self.dtype)

    # Of checked input; X and y may have leading axes, as a minibatch for every member has --------

    @abstractmethod
    def point(self, theta: Array, X: Array, y: Array | None = None, *, orders: int = 3) -> P:
        """Return the model at one theta; 1, 2 or 3 orders for gradient, Hessian, sharpness."""

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Return loss ``(...)`` and gradient ``(..., P)`` of checked input."""
        point = self.point(theta, X, y, orders=1)
        return point.loss, point.gradient()

    def loss_hessian_product(self, theta: Array, X: Array, y: Array, direction: Array) -> Array:
        """Return the Hessian of the loss times a direction, ``(..., P)``, of checked input."""
        theta, along = np.broadcast_arrays(theta, direction)
        return self.point(theta, X, y, orders=2).hessian_product(along)


def _hint(targets: Array, outputs: int) -> str:
    """Return how class numbers become as many labels as there are outputs, where they are such."""
    are_classes = (
        targets.shape[-1:] == (1,)
        and np.isin(targets, np.arange(outputs)).all()
        and len(np.unique(targets)) > 1
    )
    return f" (datasets.one_hot(y, {outputs}) makes labels of class numbers)" * bool(are_classes)
