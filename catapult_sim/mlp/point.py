"""A network at one point theta: loss, gradient and products with curvature matrices there."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import isfunction
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.layers import GIVEN, LOSS
from catapult_sim.mlp.losses import Objective
from catapult_sim.mlp.passes import Passes, SplitPasses
from catapult_sim.numeric.curvature.operators import symmetric_operator
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_numbers

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


T = TypeVar("T")
SILENT = np.errstate(over="ignore", invalid="ignore")


def of_diverged_too(place: type[T]) -> type[T]:
    """Silence the warnings of NumPy, of networks that are not finite, in the methods of a class."""
    for name, method in list(vars(place).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(place, name, SILENT(method))
    return place


class Place(ABC):
    """A network or a Taylor model at one theta: its outputs, its loss and the derivatives."""

    _objective: Objective
    _y: Array | None

    @abstractmethod
    def move(self, theta: Array, X: Array | None = None, y: Array | None = None) -> Self:
        """Go to another theta, and to other samples if given."""

    @abstractmethod
    def gradient(self, out: Array | None = None) -> Array:
        """Return the gradient of the loss by theta, ``(..., P)``."""

    @abstractmethod
    def hessian_product(self, direction: npt.ArrayLike) -> Array:
        """Return the Hessian of the loss times a direction ``(..., P)``, ``(..., P)``."""

    @property
    def hessian(self) -> LinearOperator:
        """The Hessian of the loss at a single theta, ``(P, P)``."""
        return self._operator(self.hessian_product, self._theta.shape[-1:])

    def _arrive(self, theta: Array, outputs: Array) -> None:
        """Set theta ``(..., P)`` and its outputs, and discard the loss of the last theta."""
        self._theta, self._outputs = theta, outputs
        self._evaluation: tuple[Array, Array] | None = None
        self._loss_hessian = self._objective.loss.hessian(outputs)

    @property
    def outputs(self) -> Array:
        """The outputs, ``(..., m, k)``."""
        return self._outputs.copy()

    @property
    def loss(self) -> Array:
        """The loss with its weight decay, ``(...)``."""
        loss, _ = self._evaluated()
        decay = self._objective.weight_decay
        return loss + decay / 2 * _square_sum(self._theta) if decay else loss

    @property
    def _targets(self) -> Array:
        if self._y is None:
            raise InputError("the loss of a network needs labels y; got a point without them")
        return self._y

    @SILENT
    def _evaluated(self) -> tuple[Array, Array]:
        """Return the loss without weight decay, and its gradient by the outputs."""
        if self._evaluation is None:
            loss = self._objective.loss.value_and_gradient
            self._evaluation = loss(self._outputs, self._targets)
        return self._evaluation

    def _with_decay(self, product: Array, vector: Array) -> Array:
        if self._objective.weight_decay:
            product += self._objective.weight_decay * vector
        return product

    def _operator(
        self, product: Callable[[Array], Array], shape: tuple[int, ...]
    ) -> LinearOperator:
        leading = self._outputs.shape[:-2]
        if leading:
            raise InputError(f"an operator is of one network; got an ensemble of shape {leading}")

        def multiply(vector: Array) -> Array:
            return product(vector.reshape(shape)).ravel()

        return symmetric_operator(multiply, math.prod(shape), self._outputs.dtype)


@of_diverged_too
class Point(Place):
    """Loss, gradient and curvature products of a network at one theta, X and y.

    Made by the network's ``at``. The forward and the backward pass are computed once; a product
    with a direction costs the passes of its tangents only. The arrays of passes are used again at
    the next theta, and results are copies.

    Theta ``(..., P)`` itself is not copied: after a change in place, :meth:`move` here again.
    Directions and signals broadcast to the leading axes of the point, those of theta and X.

    The operators are SciPy's, of a single network, and follow the point where it moves.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> point = MLP([1, 1, 1], activation="linear").at([2.0, 3.0], [[1.0]], [0.0])
    >>> print(point.loss, point.gradient(), point.hessian @ np.array([1.0, 0.0]))
    18.0 [18. 12.] [ 9. 12.]
    >>> point.move(np.array([1.0, 1.0])).gradient()
    array([1., 1.])
    """

    def __init__(
        self,
        passes: Passes | SplitPasses,
        objective: Objective,
        theta: Array,
        X: Array,
        y: Array | None = None,
    ) -> None:
        self._passes, self._objective, self._X, self._y = passes, objective, X, y
        self.move(theta)

    def move(self, theta: npt.ArrayLike, X: Array | None = None, y: Array | None = None) -> Self:
        """Go to another theta, and to other samples ``X (..., m, d)``, ``y (..., m, k)`` if given.

        Samples are taken as they are, in the form that the network's ``require_data`` returns.
        """
        if X is not None:
            self._X, self._y = X, y
        parameters = require_parameters(theta, self._passes.size, self._X.dtype)
        self._arrive(parameters, self._passes.move(parameters, self._X))
        return self

    def gradient(self, out: Array | None = None) -> Array:
        """Return the gradient of the loss by theta, ``(..., P)``."""
        signal = None if self._passes.is_back() else self._evaluated()[1]
        gradient = self._passes.gradient(0, self._room(out), LOSS, signal)
        return self._with_decay(gradient, self._theta)

    def hessian_product(self, direction: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the Hessian of the loss times a direction ``(..., P)``, ``(..., P)``."""
        along = self._aim(direction)
        self._backward()
        signal = self._loss_hessian.product(self._passes.forward(1))
        return self._with_decay(self._passes.gradient(1, self._room(out), LOSS, signal), along)

    def sharpness_gradient(self, direction: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the gradient of ``v^T H v`` by theta at fixed v, ``(..., P)``.

        At a unit eigenvector of the Hessian that is the gradient of its eigenvalue.
        """
        self._aim(direction)
        self._backward()
        tangent = self._passes.forward(1)
        self._passes.backward(1, self._loss_hessian.product(tangent))
        signal = self._loss_hessian.slope(tangent) / 2
        signal += self._loss_hessian.product(self._passes.forward(2))
        gradient = self._passes.gradient(2, self._room(out), LOSS, signal)
        gradient *= 2
        return gradient

    def gauss_newton_product(self, direction: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return ``J^T H_f J`` times a direction, ``H_f`` the loss's Hessian by the outputs.

        Weight decay has no part in it.
        """
        self._aim(direction)
        signal = self._loss_hessian.product(self._passes.forward(1))
        return self._passes.gradient(0, self._room(out), GIVEN, signal)

    def jacobian_product(self, direction: npt.ArrayLike) -> Array:
        """Return J times a direction ``(..., P)``: the tangent of the outputs, ``(..., m, k)``."""
        self._aim(direction)
        return self._passes.forward(1).copy()

    def transposed_jacobian_product(self, signal: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return J^T times a signal in the outputs ``(..., m, k)``, ``(..., P)``."""
        return self._passes.gradient(0, self._room(out), GIVEN, self._require_signal(signal))

    def kernel_product(self, signal: npt.ArrayLike) -> Array:
        """Return ``(1/m) J J^T`` times a signal in the outputs ``(..., m, k)``."""
        moved = self._passes.kernel(self._require_signal(signal))
        return moved / self._passes.samples

    @property
    def gauss_newton(self) -> LinearOperator:
        """The Gauss-Newton matrix of a single network, ``(P, P)``."""
        return self._operator(self.gauss_newton_product, (self._passes.size,))

    @property
    def kernel(self) -> LinearOperator:
        """The neural tangent kernel of a single network, ``(m k, m k)``."""
        return self._operator(self.kernel_product, self._outputs.shape[-2:])

    # Shared by the products ----------------------------------------------------------------------

    def _backward(self) -> None:
        """Do the backward pass of the loss, once at each theta."""
        if not self._passes.is_back():
            self._passes.backward(0, self._evaluated()[1])

    def _aim(self, direction: npt.ArrayLike) -> Array:
        along = self._require("direction", direction, (self._passes.size,))
        self._passes.aim(along)
        return along

    def _require_signal(self, signal: npt.ArrayLike) -> Array:
        return self._require("signal", signal, self._outputs.shape[-2:])

    def _require(self, what: str, values: npt.ArrayLike, trailing: tuple[int, ...]) -> Array:
        """Return values in the point's precision, broadcast to its leading axes."""
        shape, array = (*self._passes.leading, *trailing), require_numbers(what, values)
        try:
            spread = np.broadcast_to(array, shape)
        except ValueError:
            fits = False
        else:
            fits = array.shape[-len(trailing) :] == trailing
        if not fits:
            raise InputError(
                f"{what} must have shape {trailing}, or with leading axes that broadcast to "
                f"{shape}; got shape {array.shape}"
            )
        if np.iscomplexobj(array) and not np.issubdtype(self._passes.dtype, np.complexfloating):
            raise InputError(f"{what} must be real where theta is; got {array.dtype}")
        return spread.astype(self._passes.dtype, copy=False)

    def _room(self, out: Array | None) -> Array:
        shape = (*self._passes.leading, self._passes.size)
        return np.empty(shape, self._passes.dtype) if out is None else out


@SILENT
def _square_sum(theta: Array) -> Array:
    return np.sum(theta**2, axis=-1)


def require_parameters(theta: npt.ArrayLike, size: int, dtype: npt.DTypeLike) -> Array:
    """Return theta ``(..., P)`` in a precision, unless it is complex, or raise InputError."""
    parameters = require_numbers("theta", theta)
    if parameters.shape[-1:] != (size,):
        raise InputError(f"theta must have shape (..., {size}); got shape {parameters.shape}")
    return parameters if np.iscomplexobj(parameters) else parameters.astype(dtype, copy=False)
