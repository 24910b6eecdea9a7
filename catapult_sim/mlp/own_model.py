"""An own model: any object with a loss, a gradient, and products with Hessian and kernel.

Four methods are enough, of a single ``theta (P,)`` and of samples as the model takes them:

=============================================  ===================================================
``loss(theta, X, y)``                          a number, the mean over samples
``gradient(theta, X, y)``                      its gradient by theta, ``(P,)``
``hessian_product(theta, X, y, direction)``    its Hessian times a direction, ``(P,)``
``kernel_product(theta, X, signal)``           ``(1/m) J J^T`` times a signal of the shape of the
                                               outputs, J their Jacobian
=============================================  ===================================================

They return NumPy arrays or numbers. Two more are optional. ``predict(theta, X)`` returns the
outputs: accuracy needs it, and without it the outputs are taken to have the shape of y.
``init(rng=seed)`` draws a start. The kernel is that of the
squared error ``(1/2m) sum |f - y|^2``; for another loss multiply it by the largest second
derivative by the outputs, 1/2 for cross-entropy, and ``2 / lambda`` is the threshold again.

Whether the methods belong together is checked once, at the first theta and samples, in about 30
evaluations; what contradicts is refused with its factor, see :mod:`~catapult_sim.mlp.consistency`.

The methods are called by one thread at a time, so that they may change what the model holds.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.consistency import require_consistent
from catapult_sim.mlp.losses import LOSSES, Objective
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.point import Place
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.operators import symmetric_operator
from catapult_sim.types import Array
from catapult_sim.validation import InputError, as_array, require_numbers, require_result, shown

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


class Plugged(Protocol):
    """What an object needs to be trained, studied and judged as a model."""

    def loss(self, theta: Array, X: Array, y: Array, /) -> Any:
        """Return the loss."""

    def gradient(self, theta: Array, X: Array, y: Array, /) -> Any:
        """Return the gradient of the loss."""

    def hessian_product(self, theta: Array, X: Array, y: Array, direction: Array, /) -> Any:
        """Return the Hessian of the loss times a direction."""

    def kernel_product(self, theta: Array, X: Array, signal: Array, /) -> Any:
        """Return the tangent kernel times a signal in the outputs."""


METHODS = ("loss", "gradient", "hessian_product", "kernel_product")


def as_model(network: Any, theta: npt.ArrayLike, X: npt.ArrayLike) -> Model[Any]:
    """Return a network or Taylor model as it is, and another object as a model of size P.

    Parameters
    ----------
    network : Model, or an object with the four methods
    theta : array_like, shape (..., P)
        Parameters of it, which tell their number and their precision.
    X : array_like, shape (m, ...)
        Samples that it takes.

    Raises
    ------
    InputError
        Where a method is missing.

    Examples
    --------
    >>> class Line:
    ...     def loss(self, theta, X, y):
    ...         return np.mean((X @ theta - y) ** 2) / 2
    ...     def gradient(self, theta, X, y):
    ...         return X.T @ (X @ theta - y) / len(X)
    ...     def hessian_product(self, theta, X, y, direction):
    ...         return X.T @ (X @ direction) / len(X)
    ...     def kernel_product(self, theta, X, signal):
    ...         return X @ (X.T @ signal) / len(X)
    >>> as_model(Line(), [0.0, 0.0], np.eye(2)).top_eigenvalue([0.0, 0.0], np.eye(2), [1.0, 0.0])
    array(0.5)
    """
    require_model(network)
    return network if isinstance(network, Model) else OwnModel(network, theta, X)


def require_model(network: Any) -> None:
    """Raise InputError where an object is no model, for lack of a method or as it is a class."""
    if isinstance(network, Model):
        return
    missing = [name for name in METHODS if not callable(getattr(network, name, None))]
    if missing or isinstance(network, type):
        raise InputError(
            f"network must be a network, a TaylorModel, or an object with the methods "
            f"{', '.join(METHODS)}; got {shown(network)}"
            + (f" without {missing[0]}" if missing else ", a class and not an object of it")
        )


class OwnModel(Model["OwnPlace"]):
    """An object with the four methods, as whatever trains and observes models sees it."""

    inputs = outputs = 0  # of any shape
    input_shape = (0,)

    def __init__(self, model: Plugged, theta: npt.ArrayLike, X: npt.ArrayLike) -> None:
        parameters, self.axes = require_numbers("theta", theta), _samples("X", X).ndim
        if parameters.ndim == 0 or not parameters.size:
            raise InputError(f"theta must have shape (..., P); got shape {parameters.shape}")
        single = getattr(theta, "dtype", None) == np.float32
        self.model, self.size = model, parameters.shape[-1]
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self._unchecked: Array | None = parameters.reshape(-1, self.size)[0]
        self.objective = Objective(LOSSES["squared_error"])  # whose curvature is 1
        # What the methods allocate is not known.
        self.numbers_per_sample, self.working_numbers = 1, 0
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        """Return how the object is written, or the name of its class."""
        kind = type(self.model)
        return kind.__name__ if kind.__repr__ is object.__repr__ else shown(self.model)

    def __getstate__(self) -> dict[str, Any]:
        """Return what workers are sent: all but the lock."""
        return {name: value for name, value in vars(self).items() if name != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was sent, and a lock of this process."""
        vars(self).update(state, _turn=threading.Lock())

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return samples as arrays, in any shape and type of numbers, or raise InputError.

        With the first samples that it meets, the model is checked at the first theta.
        """
        inputs, targets = _samples("X", X), _samples("y", y)
        if len(inputs) != len(targets):
            raise InputError(
                f"X and y must have a row for each sample; got {len(inputs)} and {len(targets)}"
            )
        theta, self._unchecked = self._unchecked, None
        if theta is not None:
            require_consistent(self, theta.real.astype(self.dtype), inputs, targets)
        return inputs, targets

    def require_inputs(self, X: npt.ArrayLike) -> Array:
        """Return samples as an array, in any shape and type of numbers, or raise InputError."""
        return _samples("X", X)

    def point(self, theta: Array, X: Array, y: Array | None = None, *, orders: int = 3) -> OwnPlace:
        """Return the model at parameters ``(..., P)``."""
        return OwnPlace(self, theta, X, y)

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the outputs ``(..., m, k)``; raise InputError where the object has no predict."""
        if not self.has_outputs:
            raise InputError(f"accuracy needs a method predict(theta, X) of {shown(self.model)}")
        parameters, inputs = self.require_parameters(theta), self.require_inputs(X)
        found = [
            np.reshape(self.outputs_at(one, inputs), (len(inputs), -1))
            for one in parameters.reshape(-1, self.size)
        ]
        return np.reshape(found, (*parameters.shape[:-1], *found[0].shape))

    def accuracy(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the fraction of samples that are classified correctly, ``(...)``."""
        inputs, targets = self.require_data(X, y)
        return super().accuracy(theta, inputs, targets.reshape(len(targets), -1))

    def top_eigenvalue(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the top eigenvalue of the kernel, ``(...)``, found by products with it."""
        parameters, (inputs, targets) = self.require_parameters(theta), self.require_data(X, y)
        members = parameters.reshape(-1, self.size)
        known = self.has_outputs and len(members)
        shape = self.outputs_at(members[0], inputs).shape if known else targets.shape
        found = [self._top(one, inputs, shape) for one in members]
        return np.reshape(found, parameters.shape[:-1])

    @property
    def has_outputs(self) -> bool:
        """Whether the object has the method predict."""
        return callable(getattr(self.model, "predict", None))

    def outputs_at(self, theta: Array, X: Array) -> Array:
        """Return what predict gives at a single theta, in its own shape."""
        return self._call("predict", theta, X)

    def kernel_product(self, theta: Array, X: Array, signal: Array) -> Array:
        """Return the kernel at a single theta times a signal in the shape of the outputs."""
        given = signal.astype(self.dtype, copy=False)
        return self._result("kernel_product", signal.shape, theta, X, given)

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of this model, or raise InputError."""
        parameters = super().require_parameters(theta)
        if np.iscomplexobj(parameters):
            raise InputError("theta of a model of your own must be real; got complex numbers")
        return parameters

    def _top(self, theta: Array, X: Array, shape: tuple[int, ...]) -> float:
        if not np.isfinite(theta).all():
            return np.nan

        def product(signal: Array) -> Array:
            return self.kernel_product(theta, X, signal.reshape(shape)).ravel()

        kernel = symmetric_operator(product, int(np.prod(shape)), self.dtype)
        return float(top_eigenpairs(kernel, tolerance=TOLERANCE[self.dtype.name], rng=0).values[0])

    def _result(self, name: str, shape: tuple[int, ...], theta: Array, *others: Array) -> Array:
        """Return what a method gives as an array of a shape, or raise InputError."""
        found = require_result(name, self._call(name, theta, *others), *shape)
        return np.array(found, self.dtype)

    def _call(self, name: str, theta: Array, *others: Array) -> Any:
        """Return what a method gives as an array, calling it in one thread at a time."""
        with self._turn, np.errstate(all="ignore"):
            found = getattr(self.model, name)(theta.copy(), *others)
            try:
                return np.asarray(found)
            except (TypeError, RuntimeError) as error:  # of a tensor with gradient or on a GPU
                raise InputError(f"{name} must return a NumPy array; {error}") from None


TOLERANCE = {"float64": 1e-8, "float32": 1e-4}  # of the kernel's eigenpair, whose value is better


def _samples(name: str, values: npt.ArrayLike) -> Array:
    array = as_array(values)
    if array.ndim == 0 or not array.size or array.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers of shape (m, ...); got {shown(values)}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite; got a value that is not")
    return array


class OwnPlace(Place):
    """An own model at parameters ``(..., P)``: its methods, called member by member."""

    def __init__(self, model: OwnModel, theta: Array, X: Array, y: Array | None) -> None:
        self._model, self._X, self._y = model, X, y
        self.move(theta)

    def move(self, theta: Array, X: Array | None = None, y: Array | None = None) -> Self:
        """Go to other parameters, and to other samples if given."""
        if X is not None:
            self._X, self._y = X, y
        self._theta = theta
        return self

    @property
    def loss(self) -> Array:
        """The loss, ``(...)``."""
        return self._of_each("loss", ())

    def gradient(self, out: Array | None = None) -> Array:
        """Return the gradient of the loss by theta, ``(..., P)``."""
        found = self._of_each("gradient", (self._model.size,))
        if out is None:
            return found
        out[...] = found
        return out

    def hessian_product(self, direction: npt.ArrayLike) -> Array:
        """Return the Hessian of the loss times a direction ``(..., P)``, ``(..., P)``."""
        along = self._model.require_parameters(direction)
        return self._of_each("hessian_product", (self._model.size,), along)

    @property
    def hessian(self) -> LinearOperator:
        """The Hessian of the loss at a single theta, ``(P, P)``."""
        return symmetric_operator(self.hessian_product, self._model.size, self._model.dtype)

    def _of_each(self, name: str, shape: tuple[int, ...], *along: Array) -> Array:
        """Return what a method gives of each member, ``(..., *shape)``."""
        leading = self._theta.shape[:-1]
        found = np.empty((*leading, *shape), self._model.dtype)
        for member in np.ndindex(leading):
            vectors = (np.broadcast_to(one, self._theta.shape)[member].copy() for one in along)
            samples = (self._of(member, self._X), self._of(member, self._targets))
            found[member] = self._model._result(
                name, shape, self._theta[member], *samples, *vectors
            )
        return found

    def _of(self, member: tuple[int, ...], samples: Array) -> Array:
        """Return the samples of a member: those of all, or its own minibatch."""
        return samples if self._X.ndim == self._model.axes else samples[member]
