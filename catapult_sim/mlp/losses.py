"""Losses of a network's outputs, each with its gradient, Hessian product and third derivative.

All are a mean over the m samples and a sum over the k outputs. Outputs are ``(..., m, k)``;
the targets are ``(m, k)``, or have leading axes too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from inspect import unwrap
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_broadcast, require_numbers

T = TypeVar("T")


class OutputHessian(Protocol):
    """The Hessian of a loss by given outputs ``(..., m, k)``, whatever the targets."""

    def product(self, direction: Array) -> Array:
        """Return the Hessian times a direction in the outputs, both ``(..., m, k)``."""

    def slope(self, direction: Array) -> Array:
        """Return the slope of that product along the same direction, ``(..., m, k)``."""


@dataclass(frozen=True)
class Loss:
    """A loss of outputs and targets.

    Attributes
    ----------
    name : str
    value_and_gradient : callable
        ``(outputs, targets) -> (loss (...), gradient by the outputs (..., m, k))``.
    hessian : callable
        ``outputs ->`` :class:`OutputHessian`.
    curvature : float
        The largest that an eigenvalue of m times that Hessian can be; gradient descent on a
        linear model is stable below ``2 / (curvature lambda)``.
    require : callable
        Return the targets, or raise InputError where the loss has no meaning for them.
    """

    name: str
    value_and_gradient: Callable[[Array, Array], tuple[Array, Array]]
    hessian: Callable[[Array], OutputHessian]
    curvature: float
    require: Callable[[Array], Array]

    def __reduce__(self) -> tuple[Callable[[str], Loss], tuple[str]]:
        """Return what workers are sent: the name, as its functions have no place of their own."""
        return _loss, (self.name,)


def _loss(name: str) -> Loss:
    return LOSSES[name]


@dataclass(frozen=True)
class Objective:
    """The function to minimise: a loss of the outputs, plus ``(weight_decay / 2) |theta|^2``."""

    loss: Loss
    weight_decay: float = 0.0


def _require_outputs(name: str, values: npt.ArrayLike) -> Array:
    """Return values of shape ``(..., m, k)``, or raise InputError."""
    array = require_numbers(name, values)
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise InputError(
            f"{name} must have shape (..., m, k) with m, k >= 1; got shape {array.shape}"
        )
    return array


def _require_fit(outputs: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[Array, Array]:
    """Return outputs and targets of the same m and k, or raise InputError."""
    found, wanted = _require_outputs("outputs", outputs), _require_outputs("targets", targets)
    if found.shape[-2:] != wanted.shape[-2:]:
        raise InputError(
            "outputs and targets must have the same m and k; "
            f"got shapes {found.shape} and {wanted.shape}"
        )
    require_broadcast(outputs=found.shape, targets=wanted.shape)
    return found, wanted


def _of_what_fits(function: Callable[[Array, Array], T]) -> Callable[[Array, Array], T]:
    """Make a function of outputs and targets refuse those that do not fit in one sentence."""

    @wraps(function)
    def checked(outputs: npt.ArrayLike, targets: npt.ArrayLike) -> T:
        with np.errstate(over="ignore", invalid="ignore"):
            return function(*_require_fit(outputs, targets))

    return checked


@_of_what_fits
def squared_error(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Return ``L = (1/2m) sum_a |f_a - y_a|^2`` and its gradient by the outputs.

    Parameters
    ----------
    outputs : numpy.ndarray, shape (..., m, k)
    targets : numpy.ndarray, shape (m, k)

    Returns
    -------
    tuple of numpy.ndarray
        Loss ``(...)``, a mean over samples and a sum over outputs; gradient ``(..., m, k)``.

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    >>> loss, gradient = squared_error(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
    >>> print(loss, gradient.ravel())
    1.25 [0.5 1. ]
    """
    residual = outputs - targets
    gradient = residual / outputs.shape[-2]
    return np.sum(residual * (0.5 * gradient), axis=(-2, -1)), gradient


@dataclass(frozen=True)
class SquaredErrorHessian:
    """The Hessian of :func:`squared_error` by the outputs, ``1 / m``.

    Examples
    --------
    >>> SquaredErrorHessian(np.ones((2, 1))).product(np.array([[3.0], [4.0]])).ravel()
    array([1.5, 2. ])
    """

    outputs: Array

    def product(self, direction: Array) -> Array:
        """Return the Hessian times a direction."""
        product: Array = direction / self.outputs.shape[-2]
        return product

    def slope(self, direction: Array) -> Array:
        """Return zero: the Hessian is the same everywhere."""
        return np.zeros_like(direction)


@_of_what_fits
def cross_entropy(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Return ``L = (1/m) sum_a (log sum_i exp f_ai - y_a . f_a)`` and its gradient.

    The cross-entropy of softmax probabilities p, ``-y . log p``, whose gradient is
    ``(p - y) / m``. No output is too large for it.

    Parameters
    ----------
    outputs : numpy.ndarray, shape (..., m, k)
        Logarithms of probabilities, up to a constant for each sample.
    targets : numpy.ndarray, shape (m, k)
        Probabilities, such as one-hot labels: every row adds up to 1.

    Returns
    -------
    tuple of numpy.ndarray
        As :func:`squared_error`.

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    >>> loss, gradient = cross_entropy(np.array([[0.0, np.log(3.0)]]), np.array([[1.0, 0.0]]))
    >>> print(np.exp(loss).round(6), gradient.round(6))
    4.0 [[-0.75  0.75]]
    """
    samples = outputs.shape[-2]
    shifted, top = outputs - _maximum(outputs), _largest(outputs)
    others = np.where(top, 0, np.exp(shifted))
    rest = others.sum(axis=-1, keepdims=True)
    surprise = np.log1p(rest[..., 0]) - _dot(targets, shifted)[..., 0]
    # At the top 1 is taken from p and from y: where p is nearly 1, p - y keeps its digits.
    gradient = np.where(top, -rest, others) / (1 + rest) - (targets - top)
    return np.sum(surprise / samples, axis=-1), gradient / samples


@np.errstate(over="ignore", invalid="ignore")
def softmax(outputs: npt.ArrayLike) -> Array:
    """Return the probabilities ``exp f_i / sum_j exp f_j`` of every sample.

    Examples
    --------
    >>> softmax(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """
    return _softmax(_require_outputs("outputs", outputs))


def _softmax(outputs: Array) -> Array:
    exponential = np.exp(outputs - _maximum(outputs))
    exponential /= exponential.sum(axis=-1, keepdims=True)
    return exponential


@dataclass(frozen=True)
class CrossEntropyHessian:
    """The Hessian of :func:`cross_entropy` by the outputs, ``(diag p - p p^T) / m``.

    Examples
    --------
    >>> CrossEntropyHessian(np.zeros((1, 2))).product(np.array([[1.0, 0.0]]))
    array([[ 0.25, -0.25]])
    >>> CrossEntropyHessian(np.log([[1.0, 3.0]])).slope(np.array([[4.0, 0.0]]))
    array([[ 1.5, -1.5]])
    """

    outputs: Array

    @cached_property
    def _p(self) -> Array:
        return _softmax(self.outputs)

    @cached_property
    def _top(self) -> Array:
        return _largest(self._p).astype(self._p.dtype)

    def product(self, direction: Array) -> Array:
        """Return ``p (v - p . v) / m``."""
        return self._weighted(self._centred(direction))

    def slope(self, direction: Array) -> Array:
        """Return ``p (c^2 - p . c^2) / m``, with ``c = v - p . v``."""
        return self._weighted(self._centred(self._centred(direction) ** 2))

    def _weighted(self, centred: Array) -> Array:
        centred *= self._p
        centred /= self.outputs.shape[-2]
        return centred

    def _centred(self, values: Array) -> Array:
        """Return values minus their mean over the outputs, ``v - p . v``.

        Differences to the value at the largest p are taken first. Where that p is nearly 1, what
        is left of the value there is a mean over the other outputs, and no difference of large
        numbers.
        """
        differences = values - _dot(self._top, values)
        differences -= _dot(self._p, differences)
        return differences


def _dot(left: Array, right: Array) -> Array:
    """Return the scalar products of rows, ``(..., m, 1)``; np.sum takes thrice as long."""
    product: Array = np.einsum("...i,...i->...", left, right)[..., None]
    return product


def _maximum(outputs: Array) -> Array:
    """Return the largest output of each sample, ``(..., m, 1)``; np.max takes thrice as long."""
    place = outputs.argmax(axis=-1)[..., None]
    return np.take_along_axis(outputs, place, axis=-1)


def _largest(values: Array) -> Array:
    """Return which output is the largest of its sample, of several the first."""
    largest: Array = np.arange(values.shape[-1]) == values.argmax(axis=-1)[..., None]
    return largest


@_of_what_fits
def fraction_right(outputs: Array, targets: Array) -> Array:
    """Return the fraction of samples whose largest output is at the largest target, ``(...)``.

    A single output counts as right where the nearer of two labels is the target. NaN where an
    output is not finite.

    Raises
    ------
    InputError
        Where targets do not say which answer is right: a single one of other than two values, or
        several without one that is largest.

    Examples
    --------
    >>> fraction_right(np.array([[0.2, 0.1], [0.3, 0.4]]), np.eye(2)[[0, 0]])
    array(0.5)
    >>> fraction_right(np.array([[0.2], [0.7]]), np.array([[0.0], [1.0]]))
    array(1.)
    """
    if targets.shape[-1] == 1:
        halfway = _halfway(targets)
        same = ((outputs > halfway) == (targets > halfway))[..., 0]
    else:
        same = outputs.argmax(axis=-1) == _right_answer(targets)
    return np.where(np.isfinite(outputs).all(axis=(-2, -1)), same.mean(axis=-1), np.nan)


def fraction_right_or_nan(outputs: Array, targets: Array) -> Array:
    """Return :func:`fraction_right`; NaN where the targets are numbers, none of which is right."""
    try:
        return fraction_right(outputs, targets)
    except InputError:
        return np.full(outputs.shape[:-2], np.nan)


def _halfway(targets: Array) -> float:
    """Return the number between two labels, or raise InputError where there are not two.

    Where all are -1 the other is +1, where all are 0 it is 1.
    """
    levels = np.unique(targets)
    if len(levels) == 1 and levels[0] in (-1, 0):
        levels = np.array([levels[0], 1.0])
    if len(levels) != 2:
        raise InputError(
            "accuracy of a single output needs two different labels, such as -1 and 1; got "
            f"{len(levels)}, from {levels[0]:g} to {levels[-1]:g}"
        )
    return float(levels[0] / 2 + levels[1] / 2)


def _right_answer(targets: Array) -> Array:
    """Return the number of the largest target of each sample, or raise InputError for ties."""
    if ((targets == targets.max(axis=-1, keepdims=True)).sum(axis=-1) > 1).any():
        raise InputError("accuracy needs one largest label in each row, as one-hot labels have")
    return targets.argmax(axis=-1)


def require_probabilities(targets: Array) -> Array:
    """Return targets whose rows are probabilities, or raise InputError."""
    if (targets < 0).any():
        raise InputError(f"cross-entropy needs targets of at least 0; got {targets.min():g}")
    totals = targets.sum(axis=-1)
    if not np.allclose(totals, 1, rtol=0, atol=1e-9):
        wrong = totals[np.argmax(np.abs(totals - 1))]
        raise InputError(f"cross-entropy needs targets that add up to 1; got a row with {wrong:g}")
    return targets


# Of networks, whose outputs and targets fit.
LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "squared_error",
            unwrap(squared_error),
            SquaredErrorHessian,
            1.0,
            lambda targets: targets,
        ),
        Loss(
            "cross_entropy",
            unwrap(cross_entropy),
            CrossEntropyHessian,
            0.5,
            require_probabilities,
        ),
    )
}
IN_WORDS = {"squared_error": "squared error", "cross_entropy": "cross-entropy"}
