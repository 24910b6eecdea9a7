"""Observers: quantities to measure along a run of networks, for ``observe=``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp import kernel
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.network import Network
from catapult_sim.mlp.own_model import OwnModel
from catapult_sim.mlp.point import Place
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.numeric.curvature.directions import cosines
from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs, top_eigenpairs
from catapult_sim.numeric.scale import norm
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_instance, shown

QUANTITIES = (
    *("accuracy", "active_fraction", "alignment", "gradient_norm", "sharpness", "top_eigenvalue"),
    "weight_norm",
)
"""Methods of :class:`Observers` that training can observe by name, on the training data."""
Quantity = Callable[["Observers", Array], Array]


def _of_diverged_too(quantity: Quantity) -> Quantity:
    """Silence floating-point warnings from diverged networks."""

    @wraps(quantity)
    def silent(self: Observers, theta: Array) -> Array:
        with np.errstate(all="ignore"):
            return quantity(self, self.network.require_parameters(theta))

    return silent


class Observers:
    """Quantities of networks ``theta (..., P)`` on one data set, each ``(...)``.

    They depend on theta alone, and observing them does not change a run. NaN where a network is
    not finite.

    Parameters
    ----------
    network : Network, TaylorModel or OwnModel
    X : array_like, shape (m, d)
        Training or test data.
    y : array_like, shape (m,) or (m, k)

    Raises
    ------
    InputError
        Where the data do not fit the network.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> from catapult_sim.mlp.training import train
    >>> network, X, y = MLP([1, 50, 1], activation="tanh"), [[1.0], [2.0]], [1.0, 0.0]
    >>> see = Observers(network, X, y)
    >>> observe = {"sharpness": see.sharpness, "active": see.active_fraction}
    >>> theta = network.init(rng=0, ensemble=(3,))
    >>> run = train(network, theta, X, y, learning_rate=0.1, steps=4, observe=observe, every=2)
    >>> run.values["sharpness"].shape, bool(np.isnan(run.values["active"][1]).all())
    ((5, 3), True)
    """

    def __init__(self, network: Model[Any], X: npt.ArrayLike, y: npt.ArrayLike) -> None:
        described = "a network or a TaylorModel (an own model is observed by train and study)"
        self.network: Any = require_instance("network", network, Model, described)
        self.X, self.y = network.require_data(X, y)

    @_of_diverged_too
    def loss(self, theta: Array) -> Array:
        """Return the loss."""
        return self.network.loss(theta, self.X, self.y)

    @_of_diverged_too
    def accuracy(self, theta: Array) -> Array:
        """Return the fraction of samples that are classified correctly."""
        return self.network.accuracy(theta, self.X, self.y)

    @_of_diverged_too
    def weight_norm(self, theta: Array) -> Array:
        """Return the squared norm of all parameters, ``|theta|^2``."""
        return np.sum(np.square(theta, dtype=np.result_type(theta, float)), axis=-1)

    @_of_diverged_too
    def gradient_norm(self, theta: Array) -> Array:
        """Return the norm of the gradient of the loss."""
        return norm(self.network.gradient(theta, self.X, self.y))

    @_of_diverged_too
    def active_fraction(self, theta: Array) -> Array:
        """Return the fraction of pairs of a hidden unit and a sample with a positive input.

        Raises InputError for a Taylor model, whose units do not change, and for an own model.
        """
        if not isinstance(self.network, Network):
            raise InputError(f"active_fraction needs a network; got {shown(self.network)}")
        _, hidden = self.network.forward(theta, self.X)
        active = sum(np.sum(z > 0, axis=(-2, -1)) for z in hidden)
        units = sum(z.shape[-1] for z in hidden)
        finite = np.all([np.isfinite(z).all(axis=(-2, -1)) for z in hidden], axis=0)
        return np.where(finite, active / (len(self.X) * units), np.nan)

    @_of_diverged_too
    def top_eigenvalue(self, theta: Array) -> Array:
        """Return the largest eigenvalue of the neural tangent kernel."""
        if isinstance(self.network, TaylorModel):
            return self.network.top_eigenvalue(theta, self.X)
        if isinstance(self.network, OwnModel):
            return self.network.top_eigenvalue(theta, self.X, self.y)
        return kernel.top_eigenvalue(self.network, theta, self.X)

    @_of_diverged_too
    def gradient_outer_product(self, theta: Array) -> Array:
        """Return the average outer product of gradients by the inputs, ``(..., d, d)``.

        The mean over samples of ``J^T J``, with J the derivatives of the outputs by the inputs:
        which directions of the inputs the network looks at, the AGOP of [Zhu2024].

        Raises InputError for a Taylor model and for an own model.

        Examples
        --------
        >>> from catapult_sim.mlp.network import MLP
        >>> net = MLP([2, 1, 1], activation="linear", parametrization="standard")
        >>> Observers(net, [[1.0, 1.0]], [0.0]).gradient_outer_product([2.0, 4.0, 3.0])
        array([[ 36.,  72.],
               [ 72., 144.]])
        """
        if not isinstance(self.network, Network):
            raise InputError(f"gradient_outer_product needs a network; got {shown(self.network)}")
        members = theta.reshape(-1, theta.shape[-1])
        rows = (self.network.input_gradient(one, self.X) for one in members)
        found = [J.reshape(-1, J.shape[-1]) for J in rows]
        products = [J.T @ J / len(self.X) for J in found]
        size = self.X.shape[-1]
        return np.reshape(products, (*theta.shape[:-1], size, size))

    @_of_diverged_too
    def sharpness(self, theta: Array) -> Array:
        """Return the largest eigenvalue of the Hessian of the loss."""
        return self._each(theta, lambda point: self._top(point).values[0])

    @_of_diverged_too
    def alignment(self, theta: Array) -> Array:
        """Return ``|cos|`` of the angle between the gradient and the Hessian's top eigenvector."""

        def cosine(point: Place) -> Any:
            return abs(cosines(point.gradient(), self._top(point).vectors)[0])

        return self._each(theta, cosine)

    def _top(self, point: Place) -> Eigenpairs:
        """Return the Hessian's top eigenpair, always from the same random start."""
        return top_eigenpairs(point.hessian, rng=0)

    def _each(self, theta: Array, quantity: Callable[[Place], Any]) -> Array:
        """Return a quantity of each network; NaN where theta is not finite."""
        members = theta.reshape(-1, self.network.size)
        found, point = np.full(len(members), np.nan), None
        for number in np.flatnonzero(np.isfinite(members).all(axis=-1)):
            # The arrays of one network are used again for the next.
            if point is None:
                point = self.network.point(members[number], self.X, self.y, orders=2)
            else:
                point.move(members[number])
            found[number] = quantity(point)
        return found.reshape(theta.shape[:-1])
