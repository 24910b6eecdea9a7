r"""The linear and the quadratic model of a network around a point, and how they train.

With J and H the first and the second derivative of the outputs at the origin theta_0, and
``d = theta - theta_0``,

=========  =================================================  ==========================
order      outputs                                            Jacobian
=========  =================================================  ==========================
1          ``f_0 + J d``: the network in its lazy limit       J
2          ``f_0 + J d + (1/2) d^T H d``: it can catapult     ``J + H d``
=========  =================================================  ==========================

All of it is found in the network's passes at ``theta_0 + t d`` as series in t: the outputs are
the coefficients up to the order, added up. And where s is carried back to give the gradient
``J^T s``, the series ``s + t s`` has the coefficient ``J^T s + (s . H) d``, the gradient of the
quadratic model. No Jacobian is built. ReLU does not bend: its quadratic model keeps the units
that are active at the origin [1]_.

A step of gradient descent changes the kernel ``K = (1/m) J J^T`` of a quadratic model exactly by

    ``K' = K - (eta / m) (G J^T + J G^T) + (eta^2 / m) G G^T``,  ``G_a = H_a grad L``

where row a of G is the Hessian of output a times the gradient of the loss. (In the
normalisation of [1]_, whose loss is a sum, there is no ``1/m``. The update printed there,
``K' = K - (eta/4) (4 G J^T - eta G G^T)``, is neither symmetric nor true.)

References
----------
.. [1] L. Zhu, C. Liu, A. Radhakrishnan and M. Belkin, *Quadratic models for understanding
   catapult dynamics of neural networks*, arXiv:2205.11787 (2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.losses import fraction_right
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import PULLED, Passes
from catapult_sim.numeric.curvature import largest_eigenvalue
from catapult_sim.numeric.requirements import InputError

__all__ = ["Model", "TaylorModel"]

Array = npt.NDArray[Any]
Rows = list[tuple[list[Array], list[Array]]]


class TaylorModel:
    """The Taylor polynomial of a network's outputs around a point, in the place of a network.

    It has the network's parameters, loss and weight decay, and trains as the network does. Its
    derivatives are exact. The network's pass at the origin is kept as long as samples and
    number of members stay the same; so every thread needs a model of its own.

    Parameters
    ----------
    network : MLP
    theta : array_like, shape (P,)
        The origin. It is copied.
    order : {1, 2}
        1 for the linear model, 2 for the quadratic one.

    Attributes
    ----------
    origin : numpy.ndarray, shape (P,)
    size : int
        P, the number of parameters.
    widths : list of int
        Those of the network.

    Raises
    ------
    InputError
        Where the origin does not fit the network, or the order is neither 1 nor 2.

    Examples
    --------
    At ``c = eta lambda_0 = 3`` the linear model diverges; the quadratic one is, for a linear
    network with one hidden layer, the network itself, and is caught:

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
    """

    def __init__(self, network: MLP, theta: npt.ArrayLike, *, order: int = 2) -> None:
        origin = network.require_parameters(theta)
        if origin.ndim != 1:
            raise InputError(f"theta must have shape ({network.size},); got shape {origin.shape}")
        if order not in (1, 2):
            raise InputError(f"order must be 1 or 2; got {order!r}")
        self.network, self.order, self.origin = network, int(order), origin.copy()
        self.size, self.widths = network.size, network.widths
        self._rays = _Rays(network, self.origin)
        self._complex_rays = _Rays(network, self.origin.astype(np.result_type(origin, 1j)))

    # Of any theta (..., P) and data --------------------------------------------------------------

    def require_data(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Return X ``(m, d)`` and y ``(m, k)`` that fit the network, or raise InputError."""
        return self.network.require_data(X, y)

    def require_parameters(self, theta: npt.ArrayLike) -> Array:
        """Return theta ``(..., P)`` as an array of the network, or raise InputError."""
        return self.network.require_parameters(theta)

    def predict(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the outputs, ``theta (..., P), X (m, d) -> (..., m, k)``.

        Examples
        --------
        Around ``u = v = 1`` the network ``u v`` is ``1 + (u - 1) + (v - 1)`` to first order:

        >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0], order=1)
        >>> model.predict([2.0, 3.0], [[1.0]])
        array([[4.]])
        """
        return self._outputs(self.require_parameters(theta), self.network.require_inputs(X))

    def loss(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the loss, ``(...)``."""
        parameters, (inputs, targets) = self.require_parameters(theta), self.require_data(X, y)
        outputs = self._outputs(parameters, inputs)
        return self._with_decay(self._evaluate(outputs, targets)[0], parameters)

    def accuracy(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the fraction of samples that are labelled right, ``(...)``, as a network's."""
        inputs, targets = self.require_data(X, y)
        return fraction_right(self.predict(theta, inputs), targets)

    def gradient(self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return the gradient of :meth:`loss` by theta, ``(..., P)``."""
        return self.loss_and_gradient(self.require_parameters(theta), *self.require_data(X, y))[1]

    def kernel(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the model's tangent kernel ``(1/m) J J^T`` at theta, ``(..., m k, m k)``.

        Rows as those of :func:`catapult_sim.mlp.kernel.ntk`, with which it agrees at the origin.

        Examples
        --------
        >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0])
        >>> model.kernel([[1.0, 1.0], [2.0, 3.0]], [[1.0]]).ravel()
        array([ 2., 13.])
        """
        inputs = self.network.require_inputs(X)
        rows = self._rows(self.require_parameters(theta) - self.origin, inputs)
        return _gram(rows, rows) / inputs.shape[-2]

    @np.errstate(over="ignore", invalid="ignore")
    def top_eigenvalue(self, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
        """Return the largest eigenvalue of :meth:`kernel`, ``(...)``; NaN after a divergence."""
        return largest_eigenvalue(self.kernel(theta, X))

    def kernel_terms(
        self, theta: npt.ArrayLike, X: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[Array, Array]:
        """Return ``A = (1/m) G J^T`` and ``B = (1/m) G G^T``, each ``(..., m k, m k)``.

        Row a of G is the Hessian of output a times the gradient of the loss at theta, and
        gradient descent takes the kernel K to ``K - eta (A + A^T) + eta^2 B`` exactly.

        Examples
        --------
        One sample has ``A = 4 L``, ``B = 2 L K``, so that with ``f = 6`` and ``K = 13``
        (Lewkowycz et al. 2020, equation 2 at n = 1)
        ``K' = K + eta f^2 (eta K - 4)``:

        >>> model = TaylorModel(MLP([1, 1, 1], activation="linear"), [1.0, 1.0])
        >>> A, B = model.kernel_terms([2.0, 3.0], [[1.0]], [0.0])
        >>> A.item() == 2 * 6**2, B.item() == 6**2 * 13
        (True, True)
        """
        parameters, (inputs, targets) = self.require_parameters(theta), self.require_data(X, y)
        _, gradient = self.loss_and_gradient(parameters, inputs, targets)
        rows = self._rows(parameters - self.origin, inputs)
        moved = self._rows(gradient, inputs, turning=True)
        samples = inputs.shape[-2]
        return _gram(moved, rows) / samples, _gram(moved, moved) / samples

    # Of clean input; X and y may have leading axes, as a minibatch for every member has ----------

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Return loss ``(...)`` and gradient ``(..., P)`` of clean input."""
        loss, signal = self._evaluate(self._outputs(theta, X), y)
        gradient = self._rays_of(theta).pull(signal, self.order)
        if self.network.weight_decay:
            gradient += self.network.weight_decay * theta
        return self._with_decay(loss, theta), gradient

    def loss_hessian_product(self, theta: Array, X: Array, y: Array, direction: Array) -> Array:
        """Return the Hessian of the loss times a direction, ``(..., P)``, of clean input."""
        theta, along = np.broadcast_arrays(theta, direction)
        # A polynomial's derivative is the imaginary part, to the last bit, of any size of step.
        tangent = self._outputs(theta + 1j * along, X).imag
        outputs = self._outputs(theta, X)
        signal = self._evaluate(outputs, y)[1]
        curved = self.network.loss_function.hessian_product(outputs, y, tangent)
        product = self._rays.pull(curved, self.order)
        self._rays.outputs(along, X, self.order)
        product += self._rays.pull(signal, self.order, turning=True)
        return product + self.network.weight_decay * along

    def _outputs(self, theta: Array, X: Array) -> Array:
        """Return the outputs, and leave the passes on their way from the origin to theta."""
        return self._rays_of(theta).outputs(theta - self.origin, X, self.order)

    def _rays_of(self, theta: Array) -> _Rays:
        return self._complex_rays if np.iscomplexobj(theta) else self._rays

    def _evaluate(self, outputs: Array, y: Array) -> tuple[Array, Array]:
        return self.network.loss_function.value_and_gradient(outputs, y)

    def _with_decay(self, loss: Array, theta: Array) -> Array:
        return loss + self.network.weight_decay / 2 * np.sum(theta**2, axis=-1)

    def _rows(self, displacement: Array, X: Array, turning: bool = False) -> Rows:
        self._rays.outputs(displacement, X, self.order)
        return self._rays.rows(self.order, turning)


Model = MLP | TaylorModel  # what can be trained, and watched while it is


class _Rays:
    """A network's passes on rays from one origin, which are computed once where they begin."""

    def __init__(self, network: MLP, origin: Array) -> None:
        self._origin, self._biases = origin, network.biases
        self._passes = Passes(network.layers, network.activation, network.biases)
        self._shape: tuple[int, ...] = ()
        self._X: Array | None = None

    def outputs(self, displacement: Array, X: Array, order: int) -> Array:
        """Aim along a displacement ``(..., P)``, and return what the series adds up to there."""
        shape = (*np.broadcast_shapes(displacement.shape[:-1], X.shape[:-2]), len(self._origin))
        if shape != self._shape or self._X is None or not np.array_equal(self._X, X):
            self._shape, self._X = shape, X.copy()
            self._start = self._passes.move(np.broadcast_to(self._origin, shape), self._X)
        self._passes.aim(np.broadcast_to(displacement, shape))
        return sum((self._passes.forward(k + 1) for k in range(order)), start=self._start)

    def pull(self, signal: Array, order: int, turning: bool = False) -> Array:
        """Return the Jacobian's transpose times a signal; or, turning, that of its derivative."""
        self._back(signal, order, turning)
        return self._passes.gradient(order - 1, np.empty(self._shape, signal.dtype), PULLED)

    def rows(self, order: int, turning: bool = False) -> Rows:
        """Return what every row of the Jacobian, or of its derivative, is the outer product of.

        For every layer some inputs ``(..., m, fan in)`` and signals ``(..., m k, fan out)``, to
        be multiplied pair by pair and added up.
        """
        carried = [self._unit_signals(i, order, turning) for i in range(self._start.shape[-1])]
        rows: Rows = []
        for number, signals in enumerate(zip(*carried, strict=True)):
            inputs = self._passes.inputs(number, order - 1)
            stacked = [np.stack(outputs, axis=-2) for outputs in zip(*signals, strict=True)]
            flat = [s.reshape(*s.shape[:-3], -1, s.shape[-1]) for s in stacked]
            rows.append(([self._with_ones(a, k) for k, a in enumerate(inputs)], flat))
        return rows

    def _unit_signals(self, i: int, order: int, turning: bool) -> list[list[Array]]:
        """Carry output i of every sample back; return each layer's signals, last order first."""
        unit = np.zeros_like(self._start)
        unit[..., i] = 1
        self._back(unit, order, turning)
        return [
            [self._passes.signal(number, k, PULLED).copy() for k in reversed(range(order))]
            for number in range(len(self._passes.layers))
        ]

    def _back(self, signal: Array, order: int, turning: bool) -> None:
        still = np.zeros_like(signal)
        for k in range(order):
            self._passes.backward(k, still if turning and k == order - 1 else signal, PULLED)

    def _with_ones(self, inputs: Array, order: int) -> Array:
        """Return a layer's inputs, with that of its biases, which is 1 and does not move."""
        if not self._biases:
            return inputs.copy()
        ones = np.full_like(inputs[..., :1], 1 if order == 0 else 0)
        return np.concatenate([inputs, ones], axis=-1)


def _gram(left: Rows, right: Rows) -> Array:
    """Return the scalar products of the rows of one matrix with those of another."""
    total = 0
    for (a, s), (b, t) in zip(left, right, strict=True):
        for inputs, signals in zip(a, s, strict=False):
            for others, their_signals in zip(b, t, strict=False):
                products = signals @ their_signals.swapaxes(-1, -2)
                total = total + _spread(inputs @ others.swapaxes(-1, -2), products) * products
    return np.asarray(total)


def _spread(gram: Array, products: Array) -> Array:
    """Repeat a Gram matrix of samples for every pair of outputs."""
    outputs = products.shape[-1] // gram.shape[-1]
    return gram.repeat(outputs, axis=-1).repeat(outputs, axis=-2)
