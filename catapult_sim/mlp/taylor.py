r"""The Taylor models of a network, linear and quadratic, and how they train.

With J and H the first and the second derivative of the outputs at the origin theta_0, and
``d = theta - theta_0``,

=========  =================================================  ==========================
order      outputs                                            Jacobian
=========  =================================================  ==========================
1          ``f_0 + J d``: the network in its lazy limit       J
2          ``f_0 + J d + (1/2) d^T H d``: it can catapult     ``J + H d``
=========  =================================================  ==========================

Both are sums of coefficients of the network's passes at ``theta_0 + t d``, which are power series
in t, see :class:`TaylorExpansion`. No Jacobian is built. ReLU has no curvature: its quadratic model
keeps the units that are active at the origin [Zhu2022].

A step of gradient descent changes the kernel ``K = (1/m) J J^T`` of a quadratic model exactly by

    ``K' = K - (eta / m) (G J^T + J G^T) + (eta^2 / m) G G^T``,  ``G_a = H_a grad L``

where row a of G is the Hessian of output a times the gradient of the loss. (In the
normalisation of [Zhu2022], whose loss is a sum, there is no ``1/m``. The update printed there,
``K' = K - (eta/4) (4 G J^T - eta G G^T)``, is neither symmetric nor true.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.bilinear import Bilinear
from catapult_sim.mlp.layers import GIVEN
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.network import Network
from catapult_sim.mlp.point import SILENT, Place, of_diverged_too
from catapult_sim.numeric.curvature.eigenpairs import largest_eigenvalue
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_instance, shown


class TaylorModel(Model["TaylorPoint"]):
    """The Taylor polynomial of a network's outputs around a point, as a model to train.

    It has the network's parameters, loss and weight decay, and trains as the network does. Its
    derivatives are exact.

    Parameters
    ----------
    network : Network
    theta : array_like, shape (P,)
        The origin. It is copied.
    order : {1, 2}
        1 for the linear model, 2 for the quadratic one.

    Attributes
    ----------
    origin : numpy.ndarray, shape (P,)

    Raises
    ------
    InputError
        Where the origin does not fit the network, or the order is neither 1 nor 2.

    Examples
    --------
    At ``c = eta lambda_0 = 3`` the linear model diverges; the quadratic one is, for a linear
    network with one hidden layer, the network itself, and is caught:

    >>> from catapult_sim.mlp.network import MLP
    >>> from catapult_sim.mlp.training import train
    >>> network, X, y = MLP([1, 100, 1], activation="linear"), [[1.0]], [0.0]
    >>> theta = network.init(rng=0)
    >>> for order in (1, 2):
    ...     model = TaylorModel(network, theta, order=order)
    ...     rate = 3 / model.top_eigenvalue(theta, X)
    ...     run = train(model, theta, X, y, learning_rate=rate, steps=40)
    ...     print(order, bool(run.values["loss"][-1] < run.values["loss"][0]))
    1 False
    2 True

    Around ``u = v = 1`` the network ``u v`` is ``1 + (u - 1) + (v - 1)`` to first order:

    >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0], order=1)
    >>> model.predict([2.0, 3.0], [[1.0]])
    array([[4.]])
    """

    def __init__(self, network: Network, theta: npt.ArrayLike, *, order: int = 2) -> None:
        require_instance("network", network, Network, "a network, such as MLP([2, 3, 1])")
        origin = network.require_parameters(theta)
        if origin.ndim != 1:
            raise InputError(f"theta must have shape ({network.size},); got shape {origin.shape}")
        if not isinstance(order, int | np.integer) or order not in (1, 2):
            raise InputError(f"order must be 1 or 2; got {shown(order)}")
        self.network, self.order, self.origin = network, int(order), origin.copy()
        self.size, self.inputs, self.outputs = network.size, network.inputs, network.outputs
        self.input_shape = network.input_shape
        self.objective, self.dtype = network.objective, network.dtype
        self.numbers_per_sample = network.numbers_per_sample
        self.working_numbers = network.working_numbers

    def __repr__(self) -> str:
        """Return the network and the order."""
        return f"TaylorModel({self.network!r}, theta, order={self.order})"

    @SILENT
    def kernel(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the model's tangent kernel ``(1/m) J J^T`` at theta, ``(..., m k, m k)``.

        Rows as those of :func:`catapult_sim.mlp.kernel.ntk`, with which it agrees at the origin.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0])
        >>> model.kernel([[1.0, 1.0], [2.0, 3.0]], [[1.0]]).ravel()
        array([ 2., 13.])
        """
        inputs = self.require_inputs(X)
        rows = self._rows(self.require_parameters(theta) - self.origin, inputs)
        return row_products(rows, rows) / inputs.shape[-2]

    @SILENT
    def top_eigenvalue(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the largest eigenvalue of :meth:`kernel`, ``(...)``; NaN after a divergence."""
        return largest_eigenvalue(self.kernel(theta, X))

    @SILENT
    def kernel_terms(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[Array, Array]:
        """Return ``A = (1/m) G J^T`` and ``B = (1/m) G G^T``, each ``(..., m k, m k)``.

        Row a of G is the Hessian of output a times the gradient of the loss at theta, and
        gradient descent takes the kernel K to ``K - eta (A + A^T) + eta^2 B`` exactly.

        Examples
        --------
        One sample has ``A = 4 L``, ``B = 2 L K``, so that with ``f = 6`` and ``K = 13``
        ([Lewkowycz2020], equation 2 at n = 1)
        ``K' = K + eta f^2 (eta K - 4)``:

        >>> from catapult_sim.mlp.network import MLP
        >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0])
        >>> A, B = model.kernel_terms([2.0, 3.0], [[1.0]], [0.0])
        >>> A.item() == 2 * 6**2, B.item() == 6**2 * 13
        (True, True)
        """
        parameters, (inputs, targets) = self.require_parameters(theta), self.require_data(X, y)
        _, gradient = self.loss_and_gradient(parameters, inputs, targets)
        rows = self._rows(parameters - self.origin, inputs)
        moved = self._rows(gradient, inputs, derivative=True)
        samples = inputs.shape[-2]
        return row_products(moved, rows) / samples, row_products(moved, moved) / samples

    def point(
        self, theta: Array, X: Array, y: Array | None = None, *, orders: int = 3
    ) -> TaylorPoint:
        """Return the model at one theta; it has room for all orders, whatever ``orders`` is."""
        return TaylorPoint(self, theta, X, y)

    def expansion(self) -> TaylorExpansion:
        """Return an object that computes the network's expansion around the origin."""
        return TaylorExpansion(self.network, self.origin, self.order)

    def _rows(self, displacement: Array, X: Array, *, derivative: bool = False) -> list[Rows]:
        expansion = self.expansion()
        expansion.outputs(displacement, X)
        return expansion.rows(derivative=derivative)


@of_diverged_too
class TaylorPoint(Place):
    """A Taylor model at one theta, X and y: the counterpart of :class:`Point`.

    Its passes at the origin are computed once for all theta.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0])
    >>> point = model.at([2.0, 3.0], [[1.0]], [0.0])
    >>> print(point.loss, point.gradient(), point.hessian @ np.array([1.0, 0.0]))
    18.0 [18. 12.] [ 9. 12.]
    """

    def __init__(self, model: TaylorModel, theta: Array, X: Array, y: Array | None = None) -> None:
        self._model, self._objective, self._X, self._y = model, model.network.objective, X, y
        self._here = model.expansion()
        # For Hessian products: each expansion keeps its own passes at the origin.
        self._along, self._complex = model.expansion(), model.expansion()
        self.move(theta)

    def move(self, theta: Array, X: Array | None = None, y: Array | None = None) -> Self:
        """Go to another theta, and to other samples if given."""
        if X is not None:
            self._X, self._y = X, y
        self._displacement = theta - self._model.origin
        self._arrive(theta, self._here.outputs(self._displacement, self._X))
        return self

    def gradient(self, out: Array | None = None) -> Array:
        """Return the gradient of the loss by theta, ``(..., P)``."""
        gradient = self._here.transposed_product(self._evaluated()[1], out=out)
        return self._with_decay(gradient, self._theta)

    def hessian_product(self, direction: npt.ArrayLike) -> Array:
        """Return the Hessian of the loss times a direction ``(..., P)``, ``(..., P)``.

        With J the Jacobian of the polynomial f, J' its derivative along the direction v and s
        the gradient of the loss by the outputs, it is ``J^T (H_f J v) + J'^T s``.
        """
        along = np.broadcast_to(self._model.require_parameters(direction), self._theta.shape)
        # f is at most quadratic: the imaginary part of f(theta + i v) is J v, for v of any size.
        tangent = self._complex.outputs(self._displacement + 1j * along, self._X).imag
        product = self._here.transposed_product(self._loss_hessian.product(tangent))
        self._along.outputs(along, self._X)  # J is at most linear: J' is that at the origin
        product += self._along.transposed_product(self._evaluated()[1], derivative=True)
        return self._with_decay(product, along)


@dataclass(frozen=True)
class Rows:
    """Rows of a Jacobian by one layer's parameters, as the factors of outer products."""

    layer: Bilinear
    inputs: list[Array]  # (..., m, width of x), lowest order first
    signals: list[Array]  # (..., k, m, width of z), highest order first


class TaylorExpansion:
    """The Taylor polynomial of a network's outputs around an origin, at a displacement from it.

    The pass at the origin is computed once for all displacements.
    """

    def __init__(self, network: Network, origin: Array, order: int) -> None:
        self._origin, self._order = origin, order
        self._passes = network.passes(order + 1)
        self._key: tuple[Any, ...] = ()
        self._X: Array | None = None

    def outputs(self, displacement: Array, X: Array) -> Array:
        """Set the displacement ``(..., P)``, and return the polynomial's outputs there."""
        shape = (*np.broadcast_shapes(displacement.shape[:-1], X.shape[:-2]), len(self._origin))
        key = (shape, displacement.dtype)
        if key != self._key or self._X is None or not np.array_equal(self._X, X):
            self._key, self._X = key, X.copy()
            origin = self._origin.astype(displacement.dtype, copy=False)
            self._start = self._passes.move(np.broadcast_to(origin, shape), self._X)
        self._passes.aim(np.broadcast_to(displacement, shape))
        return sum((self._passes.forward(k + 1) for k in range(self._order)), start=self._start)

    def transposed_product(
        self, signal: Array, *, derivative: bool = False, out: Array | None = None
    ) -> Array:
        """Return the transpose of the Jacobian, or of its derivative, times a signal.

        The derivative is that along the displacement.
        """
        self._back(signal, derivative)
        product = np.empty(self._key[0], signal.dtype) if out is None else out
        return self._passes.gradient(self._order - 1, product, GIVEN)

    def rows(self, *, derivative: bool = False) -> list[Rows]:
        """Return the rows of the Jacobian, or of its derivative, by each layer's parameters."""
        carried = [self._unit_signals(i, derivative) for i in range(self._start.shape[-1])]
        rows = []
        for (layer, at, _), signals in zip(
            self._passes.parts, zip(*carried, strict=True), strict=True
        ):
            inputs = [x.copy() for x in at.x.values.coefficients[: self._order]]
            stacked = [np.stack(outputs, axis=-3) for outputs in zip(*signals, strict=True)]
            rows.append(Rows(layer, inputs, stacked))
        return rows

    def _unit_signals(self, i: int, derivative: bool) -> list[list[Array]]:
        """Return the signals of output i at each layer, highest order first."""
        unit = np.zeros_like(self._start)
        unit[..., i] = 1
        self._back(unit, derivative)
        orders = range(self._order)[::-1]
        return [
            [at.z.signals[GIVEN][order].copy() for order in orders]
            for _, at, _ in self._passes.parts
        ]

    def _back(self, signal: Array, derivative: bool) -> None:
        """Do the backward passes of the series ``s + t s``, or of ``s`` for the derivative.

        At ``theta_0 + t d`` the gradient of ``s . f`` is ``J^T s + t (s . H) d``. The quadratic
        model's own, ``(J + H d)^T s``, is therefore coefficient 1 of that of ``(1 + t) s . f``.
        The linear model has only order 0, which does not change along d.
        """
        last = self._order - 1
        for order in range(self._order):
            still = derivative and order == last
            self._passes.backward(order, np.zeros_like(signal) if still else signal, GIVEN)


def row_products(left: list[Rows], right: list[Rows]) -> Array:
    """Return the scalar products of the rows of two Jacobians, ``(..., m k, m k)``."""
    total: Any = 0
    for a, b in zip(left, right, strict=True):
        for term in a.layer.row_products(a.inputs, b.inputs)(a.signals, b.signals):
            total = total + term
    samples_first = np.moveaxis(total, (-4, -2), (-3, -1))
    size = samples_first.shape[-1] * samples_first.shape[-2]
    return samples_first.reshape(*samples_first.shape[:-4], size, size)
