"""Consistency of an own model: loss, gradient and products against central differences.

A wrong one is not noticed along a run: it trains, by another rule than is said, and its lambda_0
is in units of its own. Near one theta, in about 30 evaluations,

==================================  =========================================================
the loss, along its gradient        changes as fast as the gradient is long
the gradient, along a direction     changes by the Hessian times that direction
the outputs, along the gradient     change by the kernel times ``f - y``, for a squared error
the loss, of samples given twice    is what it was, and so is a signal's product with the kernel
outputs and labels                  are not of two shapes that subtract as all pairs of samples
==================================  =========================================================

The last two hold for any loss. A constant factor of the kernel is known for a squared error only:
of another loss it is the curvature by the outputs, which nothing else tells.

Refused is only what no rounding explains. A kink, a loss that is drawn anew at each call, or one
that is flat decides nothing, and neither does a method that cannot be computed here: it is told
where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from catapult_sim.numeric.scale import norm
from catapult_sim.types import Array
from catapult_sim.validation import InputError

NEAR, FAR = 1e-3, 1.0  # of the size of theta: away from kinks at the start, and to other losses
STEPS = 1 / 4, 1 / 3, 1 / 2  # powers of the rounding error: lengths of differences
ALIKE = 0.02  # relative errors that are let pass
CLEAR = 10  # times what rounding and curvature may do, a difference is one


def require_consistent(model: Any, theta: Array, X: Array, y: Array) -> None:
    """Raise InputError where an OwnModel contradicts itself near ``theta (P,)``."""
    near = _Near(model, theta, X, y)
    of_products = near.of_gradient, near.of_hessian_product, near.of_kernel_product
    faults = near.of_shapes, *of_products, near.of_mean
    for fault in faults:
        said = None
        with suppress(Exception), np.errstate(all="ignore"):
            said = fault()
        if said:
            raise InputError(said)


class _Near:
    """An own model around a theta; its faults, in a sentence each, or None."""

    def __init__(self, model: Any, theta: Array, X: Array, y: Array) -> None:
        self._model, self._X, self._y = model, X, y
        rng = np.random.default_rng(0)
        drawn = rng.standard_normal((5, theta.size)).astype(theta.dtype)
        self._random = drawn[0] / norm(drawn[0])
        self._size = _length(theta) or _length(drawn[1])
        length = self._size / theta.size**0.5
        self._theta = theta + NEAR * length * drawn[1]
        self._elsewhere = theta + FAR * length * drawn[2:]

    def of_shapes(self) -> str | None:
        """Say that f - y is of all pairs of samples, as where f is ``(m,)`` and y ``(m, 1)``."""
        outputs, labels = self._outputs(self._theta).shape, self._y.shape
        pairs = np.broadcast_shapes(outputs, labels)
        if pairs in (outputs, labels) or self._ratio(self._squares_of_pairs) is None:
            return None
        return (
            f"y must have the shape of the outputs, {outputs}; got {labels}, and in loss f - y of "
            f"shape {pairs}, all pairs of samples"
        )

    def of_gradient(self) -> str | None:
        """Say how many times as fast the loss changes along the gradient."""
        along = self._downhill if self._slope else self._random
        found = self._times(self._loss, self._slope_along(along), along, self._reach)
        if found is None:
            return None
        changes = f"along itself the loss changes {found:.2f} times as fast"
        where_zero = "it is 0 where the loss changes"
        return f"gradient must be that of loss; {changes if self._slope else where_zero}"

    def of_hessian_product(self) -> str | None:
        """Say how many times as fast the gradient changes along a random direction."""

        def product(theta: Array) -> Array:
            return self._model.point(theta, self._X, self._y).hessian_product(self._random)

        found = self._times(self._gradient, product, self._random, self._size)
        if found is None:
            return None
        return (
            "hessian_product must be the Hessian of loss times the direction; along a random one "
            f"the gradient changes {found:.2f} times as fast"
        )

    def of_kernel_product(self) -> str | None:
        """Say how many times too large the loss is, or the product with the kernel."""
        multiple = self._multiple
        if multiple is None:
            return None
        residual = self._residual(self._theta)

        def product(theta: Array) -> Array:
            return self._model.kernel_product(theta, self._X, residual) / self._slope

        found = self._times(self._outputs, product, self._downhill, self._reach)
        if found is None:
            return None
        kernel = multiple / found  # how many times (1/m) J J^T it is
        if abs(kernel - 1) < ALIKE < abs(multiple - 1):
            return (
                "loss must be (1/2m) sum |f - y|^2 for thresholds at 2 / lambda_0 to hold; it is "
                f"{multiple:.2f} times that"
            )
        return f"kernel_product must be (1/m) J J^T s; it is {kernel:.3g} times that"

    def of_mean(self) -> str | None:
        """Say that loss and kernel are not both means over samples, as seen by giving some twice.

        For a squared error it is said already by its factor.
        """
        half = len(self._X) // 2
        if not half or (self._model.has_outputs and self._multiple is not None):
            return None
        once, twice = np.arange(half), np.tile(np.arange(half), 2)
        loss = self._multiple_of(self._loss_of(once), self._loss_of(twice), self._rounding**0.5)
        shown = self._outputs(self._theta) if self._model.has_outputs else self._y
        signal = np.random.default_rng(1).standard_normal((half, *shown.shape[1:]))
        products = [self._products(one, signal) for one in (once, twice)]
        kernel = self._multiple_of(products[0], products[1], ALIKE)
        if loss == 1 and kernel not in (1, None):
            return (
                "kernel_product must be (1/m) J J^T s for m samples; of samples that are given "
                f"twice it is {kernel:.3g} times that of these samples"
            )
        if loss == 2 and kernel == 1:
            return "loss must be a mean over samples, as kernel_product is; given twice it doubles"
        return None

    def _multiple_of(self, values: Array, others: Array, error: float) -> float | None:
        """Return how many times some values others are, a whole number if nearly, or None."""
        found = np.vdot(values, others) / np.vdot(values, values)
        if not _length(others - found * values) <= error * _length(others):
            return None
        whole = round(float(found))
        return whole if abs(found - whole) <= error else float(found)

    def _loss_of(self, places: Array) -> Array:
        return self._model.point(self._theta, self._X[places], self._y[places]).loss.astype(float)

    def _products(self, places: Array, signal: Array) -> Array:
        """Return the kernel of some samples times the signal of each, at the first of them."""
        found = self._model.kernel_product(self._theta, self._X[places], signal[places])
        return found[: len(signal)].astype(float)

    @cached_property
    def _multiple(self) -> float | None:
        """The loss over ``(1/2m) sum |f - y|^2``, None where that is not one number."""
        multiple = self._ratio(self._squares)
        if multiple is None:
            return None
        # Along the gradient, too: near a minimum a small term of another kind is most of it.
        claim = self._slope_along(self._downhill, multiple)
        found = self._times(self._squares, claim, self._downhill, self._reach)
        return multiple if found is None else None

    def _ratio(self, squares: Callable[[Array], Array]) -> float | None:
        """Return the loss over squares of parameters, None where that is not one number."""
        places = (self._theta, *self._elsewhere)
        found = np.array([squares(one) for one in places])
        ratios = np.array([self._loss(one) for one in places]) / found
        apart = np.ptp(found) / found.max()
        same = np.ptp(ratios) <= self._rounding**0.5 * apart * ratios[0]
        return float(ratios[0]) if same else None

    def _times(
        self,
        function: Callable[[Array], Array],
        claimed: Callable[[Array], Array],
        along: Array,
        reach: float,
    ) -> float | None:
        """Return how many times as fast a function changes as is claimed, None if that may be 1."""
        here, claim, found = function(self._theta), claimed(self._theta), None
        for power in STEPS:
            step = reach * self._rounding**power
            ahead = (function(self._theta + step * along) - here) / step
            behind = (here - function(self._theta - step * along)) / step
            slope = (ahead + behind) / 2
            off, length = _length(slope - claim), max(_length(slope), _length(claim))
            if off <= ALIKE * length:
                return None
            moved = length * self._size / self._theta.size**0.5
            rounded = 4 * self._rounding * (_length(here) + moved) / step
            unsure = _length(ahead - behind) + rounded
            if off > max(CLEAR * unsure, 5 * ALIKE * length) and ahead.any():
                # A claim that changes within the step is of finer structure than is seen.
                if _length(claimed(self._theta + step * along) - claim) > off / CLEAR:
                    continue
                unit = claim / length
                found = np.vdot(slope / length, unit) / np.vdot(unit, unit)
        return found

    def _slope_along(self, along: Array, multiple: float = 1.0) -> Callable[[Array], Array]:
        return lambda theta: self._gradient(theta) @ along.astype(float) / multiple

    @cached_property
    def _here(self) -> Array:
        return self._gradient(self._theta)

    @cached_property
    def _slope(self) -> Array:
        """The length of the gradient."""
        return norm(self._here)

    @cached_property
    def _downhill(self) -> Array:
        return (self._here / self._slope).astype(self._theta.dtype)

    @cached_property
    def _reach(self) -> float:
        """How far the loss may change by as much as it is, at most the size of theta."""
        change = float(abs(self._loss(self._theta)) / self._slope)
        return min(change or np.inf, self._size)

    @cached_property
    def _rounding(self) -> float:
        """The rounding error of what the model computes in, seen by its digits."""
        single = np.array_equal(self._here.astype(np.float32), self._here)
        return float(np.finfo(np.float32 if single else float).eps)

    def _loss(self, theta: Array) -> Array:
        return self._model.point(theta, self._X, self._y).loss.astype(float)

    def _gradient(self, theta: Array) -> Array:
        return self._model.point(theta, self._X, self._y).gradient().astype(float)

    def _outputs(self, theta: Array) -> Array:
        return self._model.outputs_at(theta, self._X).astype(float)

    def _residual(self, theta: Array) -> Array:
        outputs = self._outputs(theta)
        return outputs - np.reshape(self._y, outputs.shape)

    def _squares(self, theta: Array) -> Array:
        return np.sum(self._residual(theta) ** 2) / (2 * len(self._X))

    def _squares_of_pairs(self, theta: Array) -> Array:
        return np.sum((self._outputs(theta) - self._y) ** 2)


def _length(values: Array) -> float:
    return float(norm(np.ravel(values)))
