r"""The surface of a loss: its value and derivatives as functions of weights ``(P,)``.

Flows beyond stability need more of a loss than its gradient: Hessian products, and the gradient of
the sharpness, a third derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, Self

import numpy as np

from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs, top_eigenpairs
from catapult_sim.types import Array
from catapult_sim.validation import InputError, read_only, require_function, require_result, shown

Product = Callable[[Array, Array], Array]


class Place(Protocol):
    """A model at one point of its weights, as ``MLP.at`` returns it."""

    @property
    def loss(self) -> Any:
        """The loss."""

    def gradient(self) -> Array:
        """Return the gradient of the loss, ``(P,)``."""

    def hessian_product(self, direction: Array) -> Array:
        """Return the Hessian times a direction ``(P,)``."""


class Surface:
    r"""A loss and its derivatives, checked wherever they are asked for.

    Parameters
    ----------
    loss : callable
        ``weights (P,) -> float``.
    gradient : callable
        ``(P,) -> (P,)``.
    hessian_product : callable
        ``(weights (P,), direction (P,)) -> (P,)``.
    sharpness_gradient : callable, optional
        ``(weights (P,), v (P,)) -> (P,)``, the gradient of ``v^T H v`` by the weights at fixed v.
        By default it comes from differences of Hessian products, good to about nine digits.

    Raises
    ------
    InputError
        Where one of these is no function; later, where one returns other than numbers of its shape.

    Examples
    --------
    >>> loss = lambda w: np.sum(w**4) / 4
    >>> surface = Surface(loss, lambda w: w**3, lambda w, v: 3 * w**2 * v)
    >>> print(surface.third(np.array([1.0, 2.0]), *np.eye(2)[[1, 1]]).round(6))
    [ 0. 12.]
    """

    def __init__(
        self,
        loss: Callable[[Array], Any],
        gradient: Callable[[Array], Array],
        hessian_product: Product,
        sharpness_gradient: Product | None = None,
    ) -> None:
        self._loss = require_function("loss", loss, "of weights (P,)")
        self._gradient = require_function("gradient", gradient, "of weights (P,)")
        described = "of weights (P,) and a direction (P,)"
        self._product = require_function("hessian_product", hessian_product, described)
        self._sharpness_gradient = sharpness_gradient
        if sharpness_gradient is not None:
            require_function("sharpness_gradient", sharpness_gradient, described)

    @classmethod
    def of(cls, at: Callable[[Array], Place]) -> Self:
        """Return the surface of a model that has everything at one point of its weights.

        Parameters
        ----------
        at : callable
            ``weights (P,) -> point`` with ``loss``, ``gradient()``, ``hessian_product(v)`` and, if
            it has one, ``sharpness_gradient(v)``, such as ``lambda w: network.at(w, X, y)``.

        Examples
        --------
        >>> import catapult_sim as cs
        >>> network = cs.MLP([1, 1, 1], activation="linear")
        >>> surface = Surface.of(lambda w: network.at(w, [[1.0]], [0.0]))
        >>> print(surface.gradient(np.array([2.0, 3.0])))
        [18. 12.]
        """
        require_function("at", at, "of weights (P,) that returns a point")
        last: list[tuple[Array, Place]] = []

        def there(weights: Array) -> Any:
            """Return the point, once for all that is asked for at the same weights."""
            if not last or not np.array_equal(last[0][0], weights):
                copied = weights.copy()
                last[:] = [(copied, _require_point(at(read_only(copied))))]
            return last[0][1]

        return cls(
            lambda w: there(w).loss,
            lambda w: there(w).gradient(),
            lambda w, v: there(w).hessian_product(v),
            lambda w, v: there(w).sharpness_gradient(v),
        )

    def loss(self, weights: Array) -> float:
        """Return the loss at weights ``(P,)``."""
        return float(_real("loss", self._loss(read_only(weights))))

    def gradient(self, weights: Array) -> Array:
        """Return the gradient at weights ``(P,)``."""
        return _real("gradient", self._gradient(read_only(weights)), *weights.shape)

    def hessian_product(self, weights: Array, direction: Array) -> Array:
        """Return the Hessian at weights ``(P,)`` times a direction ``(P,)``."""
        product = self._product(read_only(weights), read_only(direction))
        return _real("hessian_product", product, *weights.shape)

    def third(self, weights: Array, u: Array, v: Array) -> Array:
        """Return the gradient of ``u^T H v`` by the weights at fixed unit vectors u and v."""
        if self._sharpness_gradient is None:
            step = np.cbrt(np.finfo(float).eps) * max(1.0, float(np.abs(weights).max()))
            ahead, behind = (self.hessian_product(weights + s * step * u, v) for s in (1, -1))
            return (ahead - behind) / (2 * step)
        if u is v:
            return self._along(weights, v)
        return (self._along(weights, u + v) - self._along(weights, u - v)) / 4

    def _along(self, weights: Array, v: Array) -> Array:
        assert self._sharpness_gradient is not None
        found = self._sharpness_gradient(read_only(weights), read_only(v))
        return _real("sharpness_gradient", found, *weights.shape)

    def top_eigenpairs(self, weights: Array, k: int, start: Array | None = None) -> Eigenpairs:
        """Return the k largest eigenpairs of the Hessian, from start vectors ``(P, r)``.

        One that has just become large may be missed with a probability of 1/2, and is looked for
        again at the next weights.
        """
        return top_eigenpairs(
            partial(self.hessian_product, weights),
            k,
            size=len(weights),
            start=start,
            tolerance=1e-5,
            miss_probability=0.5 if start is not None else 0.01,
            rng=0,
            progress=False,
        )


def _require_point(found: Any) -> Any:
    """Return what a function of weights returned, or raise InputError where it is no point."""
    if not all(hasattr(found, name) for name in ("loss", "gradient", "hessian_product")):
        raise InputError(
            "at must return a point with loss, gradient() and hessian_product(v), such as "
            f"network.at(weights, X, y); got {shown(found)}"
        )
    return found


def _real(name: str, values: Any, *shape: int) -> Array:
    """Return the real numbers that a user's function returned, or raise InputError."""
    found = require_result(name, values, *shape)
    if np.iscomplexobj(found):
        raise InputError(f"{name} must return real numbers; got {shown(values)}")
    return found
