r"""Gradient descent in all its forms, as one rule on flat parameter vectors.

With the last step D, at rest at the start, a step is ::

    D <- momentum D - rate (g + (regularizer / 2) H g)        W <- W + D

where g and H are the gradient and the Hessian of the loss of the samples that the step sees, at
W, or with Nesterov's method at ``W + momentum D``. The regulariser makes explicit what
mini-batches do implicitly: to first order in the learning rate eta, SGD on shuffled batches
follows gradient flow on ``C + (eta / 4m) sum_k |grad C_k|^2`` [1]_.

References
----------
.. [1] S. L. Smith, B. Dherin, D. Barrett and S. De, *On the origin of implicit
   regularization in stochastic gradient descent*, arXiv:2101.12176 (2021).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.taylor import AnyPoint, Model, point_of
from catapult_sim.numeric.runs.batches import Batches
from catapult_sim.numeric.runs.trajectory import BLOCK_BYTES, Trajectory
from catapult_sim.types import Array, Observe


@dataclass(frozen=True)
class Descent:
    """The rule. Its state is W, ``(N, P)``, or with momentum ``[W, D]``, ``(N, 2P)``."""

    network: Model
    X: Array  # (m, d)
    y: Array  # (m, k)
    steps: int
    moving: bool = False  # whether there is momentum
    nesterov: bool = False
    factors: Array | None = None  # (steps,) that the schedule multiplies the rates with
    batches: Batches | None = None  # (T, b), or (members of theta, T, b)
    _points: threading.local = field(default_factory=threading.local)

    def start(self, theta: Array) -> Array:
        """Return the state of parameters at rest, ``(..., P)`` or ``(..., 2P)``."""
        return np.concatenate([theta, np.zeros_like(theta)], axis=-1) if self.moving else theta

    def theta(self, state: Array) -> Array:
        """Return the parameters of a state, ``(..., P)``."""
        return state[..., : self.network.size]

    def observers(self, observe: Observe) -> dict[str, Callable[[Any], Array]]:
        """Let quantities of parameters be measured on states."""
        return {name: composed(quantity, self.theta) for name, quantity in observe.items()}

    def of_parameters(self, run: Trajectory) -> Trajectory:
        """Return a run of states as one of parameters."""
        return replace(run, state=self.theta(run.state))

    def stride(
        self,
        state: Array,
        rate: Array,
        momentum: Array,
        regularizer: Array,
        stream: Array,
        *,
        first: int,
        count: int,
    ) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the loss of all samples before them."""
        seen_by_step = self._step_sees_loss and first < self.steps
        loss = None if seen_by_step else self.loss(self.theta(state))
        for t in range(first, min(first + count, self.steps)):
            members = stream.astype(np.int64)
            state, seen = self.step(t, state, rate, momentum, regularizer, members)
        return state, (seen if loss is None else loss)[None]

    @property
    def _step_sees_loss(self) -> bool:
        return self.batches is None and not self.nesterov

    def loss(self, theta: Array) -> Array:
        """Return the loss of all samples, ``(N,)``, of as many members at once as stay in cache."""
        at_once = max(1, BLOCK_BYTES // self.work(len(self.X)))
        parts = [theta[first : first + at_once] for first in range(0, len(theta) or 1, at_once)]
        return np.concatenate([self._at("all", part, self.X, self.y).loss for part in parts])

    @property
    def batch_size(self) -> int:
        """How many samples a step sees."""
        return len(self.X) if self.batches is None else self.batches.shape[-1]

    def work(self, samples: int) -> int:
        """Return the bytes that a member is at work on, beside its states.

        They are its layers' inputs, outputs, slopes and signals, and a gradient that is no step.
        """
        layers = samples * self.network.numbers_per_sample
        return (layers + self.moving * self.network.size) * self.X.itemsize

    def _at(self, place: str, theta: Array, X: Array, y: Array) -> AnyPoint:
        """Move one of this thread's points, which keep their arrays, here."""
        point: AnyPoint | None = getattr(self._points, place, None)
        if point is None:
            point = point_of(self.network, theta, X, y)
            setattr(self._points, place, point)
            return point
        return point.move(theta, X, y)

    def step(
        self,
        t: int,
        state: Array,
        rate: Array,
        momentum: Array,
        regularizer: Array,
        members: npt.NDArray[np.int64],
    ) -> tuple[Array, Array]:
        """Return the next state, and the loss that the gradient was taken of."""
        theta, last = self.theta(state), state[..., self.network.size :]
        beta = momentum.astype(theta.dtype)[:, None]
        point = theta + beta * last if self.nesterov else theta
        seen = self._at("seen", point, *self._samples(t, members))
        loss, step = seen.loss, regularized_gradient(seen, regularizer)
        np.multiply(step, self._rate(t, rate).astype(theta.dtype)[:, None], out=step)
        if not self.moving:
            return np.subtract(theta, step, out=step), loss
        following = np.empty_like(state)
        moved, step_taken = self.theta(following), following[..., self.network.size :]
        np.subtract(np.multiply(beta, last, out=step_taken), step, out=step_taken)
        np.add(theta, step_taken, out=moved)
        return following, loss

    def _rate(self, t: int, rate: Array) -> Array:
        return rate if self.factors is None else rate * self.factors[t]

    def _samples(self, t: int, members: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        """Return the samples of a step, ``(m, d)``, or ``(N, b, d)`` where members have theirs."""
        if self.batches is None:
            return self.X, self.y
        batch = self.batches[..., t % self.batches.shape[-2], :]
        rows = batch if batch.ndim == 1 else batch[members]
        return self.X[rows], self.y[rows]


def composed(
    quantity: Callable[[Any], Array], part: Callable[[Any], Array]
) -> Callable[[Any], Array]:
    """Return a quantity of a part of what is given."""
    return lambda whole: quantity(part(whole))


def regularized_gradient(point: AnyPoint, regularizer: Array) -> Array:
    r"""Return the gradient of ``C + (regularizer / 4) |grad C|^2``, C the loss at a point.

    With g and H the gradient and the Hessian of C it is ``g + (regularizer / 2) H g``.

    Parameters
    ----------
    point : Point or TaylorPoint
        Of an ensemble ``(N,)``.
    regularizer : numpy.ndarray, shape (N,)

    Returns
    -------
    numpy.ndarray, shape (N, P)

    Examples
    --------
    On ``L = (u v)^2 / 2`` at (1, 1), where ``|grad L|^2 = u^2 v^2 (u^2 + v^2)``:

    >>> from catapult_sim.mlp.network import MLP
    >>> point = MLP([1, 1, 1], activation="linear").at(np.ones((1, 2)), [[1.0]], [0.0])
    >>> regularized_gradient(point, np.array([0.4]))
    array([[1.6, 1.6]])
    """
    gradient = point.gradient()
    on = regularizer > 0
    if on.any():
        # A product may overflow where there is no penalty.
        product = point.hessian_product(gradient)[on]
        gradient[on] += (regularizer[on, None] / 2).astype(gradient.dtype) * product
    return gradient
