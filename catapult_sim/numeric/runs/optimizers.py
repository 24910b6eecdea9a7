r"""Optimisers: the displacement of the weights, from the gradient and the learning rate.

With the weights W, the gradient g and the learning rate eta, and D zero at the start::

    GradientDescent          D = -eta g(W)
    HeavyBall(beta)          D <- beta D - eta g(W)
    Nesterov(beta)           D <- beta D - eta g(W + beta D)

and ``W <- W + D``. :class:`Regularized` adds a penalty to the loss of any of them.

For developers
--------------
An optimiser is a frozen dataclass with three members, and all of them are generic arithmetic:
arrays of an ensemble ``(N, P)``, numbers and SymPy expressions pass through alike.

``memory``
    How many vectors like the weights it remembers from step to step, all zero at the start.
``point(weights, *last)``
    Where the gradient is taken: ``weights`` itself, or ahead of it.
``step(gradient, rate, *last)``
    The displacement, followed by the vectors that take the place of ``last``. The gradient may
    be overwritten, ``last`` may not: ``gradient *= rate`` saves an array, and is plain
    multiplication where the gradient is a number or an expression.

It remembers these vectors and nothing else; a count of steps is one of them. So a run can be cut
into strides, and be continued from a file. Fields that are numbers or arrays broadcast
with the ensemble; where ``step`` is called they have the shape ``(N, 1)``. A new optimiser is a
class like :class:`HeavyBall`; no other file changes.

An optimiser that needs more of the loss than its gradient is a :class:`Wrapper` of another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_at_least_zero, require_momentum, shown


class Optimizer(Protocol):
    """An optimiser as training calls it; the module's paragraph for developers explains it."""

    @property
    def memory(self) -> int:
        """How many vectors it remembers."""

    def point(self, weights: Any, *last: Any) -> Any:
        """Return where the gradient is taken."""

    def step(self, gradient: Any, rate: Any, *last: Any) -> tuple[Any, ...]:
        """Return the displacement, and the vectors to remember."""


@dataclass(frozen=True)
class GradientDescent:
    """Gradient descent: ``W <- W - eta g``.

    Examples
    --------
    >>> GradientDescent().step(2.0, 0.1)
    (-0.2,)
    """

    memory: ClassVar[int] = 0

    def point(self, weights: Any) -> Any:
        """Return where the gradient is taken: at the weights."""
        return weights

    def step(self, gradient: Any, rate: Any) -> tuple[Any]:
        """Return the displacement."""
        gradient *= -rate
        return (gradient,)


@dataclass(frozen=True)
class HeavyBall:
    """Gradient descent with Polyak's momentum: ``D <- momentum D - eta g``, ``W <- W + D``.

    Parameters
    ----------
    momentum : array_like
        In [0, 1); broadcasts with the ensemble.

    Raises
    ------
    InputError
        Where the momentum is not in [0, 1).

    Examples
    --------
    >>> HeavyBall(0.5).step(2.0, 0.1, -1.0)
    (-0.7, -0.7)
    """

    momentum: npt.ArrayLike
    memory: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not hasattr(self.momentum, "free_symbols"):  # as a SymPy symbol has
            require_momentum(self.momentum)

    def point(self, weights: Any, last: Any) -> Any:
        """Return where the gradient is taken: at the weights."""
        return weights

    def step(self, gradient: Any, rate: Any, last: Any) -> tuple[Any, Any]:
        """Return the displacement, which is remembered too."""
        gradient *= -rate
        gradient += self.momentum * last
        return gradient, gradient


@dataclass(frozen=True)
class Nesterov(HeavyBall):
    """Gradient descent with Nesterov's momentum: the gradient is taken at ``W + momentum D``.

    Examples
    --------
    >>> Nesterov(0.5).point(3.0, -1.0)
    2.5
    """

    def point(self, weights: Any, last: Any) -> Any:
        """Return where the gradient is taken: where momentum alone leads."""
        return weights + self.momentum * last


class Look(NamedTuple):
    """The gradient and Hessian that a step of N members may use, where its gradient is taken."""

    t: int  # the step's number
    members: Array  # (N,), their numbers in the ensemble, in C order
    weights: Array  # (N, P), before the step
    gradient: Callable[[], Array]  # -> (N, P)
    hessian_product: Callable[[Array], Array]  # (N, P) -> (N, P)


class Wrapper(ABC):
    """An optimiser that changes the steps of another, and may use the Hessian of the loss."""

    optimizer: Optimizer | Wrapper

    @property
    def memory(self) -> int:
        """How many vectors the optimiser remembers."""
        return self.optimizer.memory

    @property
    def resumable(self) -> bool:
        """Whether a run can be continued from these vectors alone."""
        return getattr(self.optimizer, "resumable", True)

    def point(self, weights: Any, *last: Any) -> Any:
        """Return where the gradient is taken."""
        return self.optimizer.point(weights, *last)

    @abstractmethod
    def displace(self, look: Look, rate: Array, *last: Array) -> tuple[Array, ...]:
        """Return the displacement, and the vectors to remember, as an optimiser's ``step`` does."""


AnyOptimizer = Optimizer | Wrapper


def displace(optimizer: AnyOptimizer, look: Look, rate: Array, *last: Array) -> tuple[Array, ...]:
    """Return the displacement, and the vectors to remember, of any optimiser."""
    if isinstance(optimizer, Wrapper):
        return optimizer.displace(look, rate, *last)
    return optimizer.step(look.gradient(), rate, *last)


@dataclass(frozen=True)
class Regularized(Wrapper):
    r"""An optimiser on the loss ``C + (coefficient / 4) |grad C|^2``, C the loss that a step sees.

    With g and H the gradient and the Hessian of C, its gradient is ``g + (coefficient / 2) H g``.
    The penalty is explicit here and implicit in mini-batches: to first order in the learning rate
    eta, SGD on shuffled batches follows gradient flow on ``C + (eta / 4m) sum_k |grad C_k|^2``
    [Smith2021].

    Parameters
    ----------
    optimizer : Optimizer or Wrapper
    coefficient : array_like
        At least 0; broadcasts with the ensemble.

    Raises
    ------
    InputError
        Where the coefficient is negative or not finite.

    Examples
    --------
    On ``L = (u v)^2 / 2`` at (1, 1), where ``|grad L|^2 = u^2 v^2 (u^2 + v^2)``:

    >>> one = np.ones((1, 2))
    >>> look = Look(0, np.arange(1), one, one.copy, lambda v: v @ np.array([[1, 2], [2, 1]]))
    >>> displace(Regularized(GradientDescent(), 0.4), look, 1.0)
    (array([[-1.6, -1.6]]),)
    """

    optimizer: AnyOptimizer
    coefficient: npt.ArrayLike

    def __post_init__(self) -> None:
        require_optimizer(self.optimizer)
        require_at_least_zero("coefficient", self.coefficient)

    def displace(self, look: Look, rate: Array, *last: Array) -> tuple[Array, ...]:
        """Return the displacement, and the vectors to remember."""
        penalised = look._replace(gradient=lambda: self._gradient(look))
        return displace(self.optimizer, penalised, rate, *last)

    def _gradient(self, look: Look) -> Array:
        gradient = look.gradient()
        half = np.broadcast_to(np.asarray(self.coefficient) / 2, (len(gradient), 1))
        on = half[:, 0] > 0
        if on.any():
            # A product may overflow where there is no penalty.
            gradient[on] += half[on] * look.hessian_product(gradient)[on]
        return gradient


def require_optimizer(optimizer: Any) -> AnyOptimizer:
    """Return the argument if it is an optimiser or a wrapper of one, else raise InputError.

    Examples
    --------
    >>> require_optimizer(HeavyBall(0.9))
    HeavyBall(momentum=0.9)
    """
    if isinstance(optimizer, type) or not hasattr(optimizer, "memory"):
        raise InputError(
            "optimizer must be one such as GradientDescent() or HeavyBall(0.9); "
            f"got {shown(optimizer)}"
        )
    checked: AnyOptimizer = optimizer
    return checked


def parameters_of(optimizer: AnyOptimizer) -> dict[str, Array]:
    """Return the numbers of an optimiser that broadcast with the ensemble, by name.

    Examples
    --------
    >>> parameters_of(Regularized(HeavyBall(0.9), [0.1, 0.2]))
    {'momentum': array(0.9), 'coefficient': array([0.1, 0.2])}
    """
    inner = parameters_of(optimizer.optimizer) if isinstance(optimizer, Wrapper) else {}
    names = [field.name for field in fields(cast(Any, optimizer))]
    own = {name: np.asarray(getattr(optimizer, name)) for name in names}
    return inner | {name: np.asarray(v, float) for name, v in own.items() if v.dtype.kind in "fiu"}


def with_parameters(optimizer: AnyOptimizer, values: Mapping[str, Array]) -> AnyOptimizer:
    """Return an optimiser with other numbers, named as in :func:`parameters_of`."""
    # Neither ``replace``, which would check what was checked, nor ``copy``: both cost as much as a
    # step of a small network.
    other: Any = object.__new__(type(optimizer))
    own = optimizer.__dict__
    other.__dict__.update(own, **{name: values[name] for name in values if name in own})
    if isinstance(optimizer, Wrapper):
        other.__dict__["optimizer"] = with_parameters(optimizer.optimizer, values)
    return other


def named(optimizer: AnyOptimizer) -> str:
    """Return the class names of an optimiser and of those it wraps.

    Examples
    --------
    >>> named(Regularized(HeavyBall(0.9), 0.1))
    'Regularized(HeavyBall)'
    """
    inner = f"({named(optimizer.optimizer)})" if isinstance(optimizer, Wrapper) else ""
    return type(optimizer).__name__ + inner
