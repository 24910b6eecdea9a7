r"""The response of the loss to a step, direction by direction ([Jastrzebski2019], sections 3-4).

A step ``-d`` of a mini-batch is reduced to its component along one direction e and scaled:
``theta - alpha (d . e) e``. Where the loss is a quadratic its change is

``-alpha (d . e) (g . e) + alpha^2 (d . e)^2 (e . H e) / 2``

with g and H the gradient and the Hessian of the loss that is measured, not of the mini-batch.
The loss is any function ``theta (..., P) -> (...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.operators import Operator, Product, require_operator
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Rng
from catapult_sim.validation import (
    InputError,
    require_function,
    require_instance,
    require_positive,
    require_reals,
    require_result,
)

LossFunction = Callable[[Array], Array]

# The values of [Jastrzebski2019].
SCALES = (1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0)
MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
THRESHOLDS = (1.01, 1.1, 1.5, 2.0)


@dataclass(frozen=True)
class StepResponse:
    """Relative changes of the loss, ``L(after) / L(before) - 1``, averaged over B mini-batches.

    The rows are K directions, a random direction, and the step itself. NaN where the loss before is
    not finite.
    """

    scales: Array  # (A,), alpha
    change: Array  # (K + 2, A), mean over mini-batches
    error: Array  # (K + 2, A), standard error of that mean; NaN for a single mini-batch
    predicted: Array  # (K + 2, A), the quadratic's mean change
    products: int  # of the Hessian with a vector, for the prediction

    __repr__ = short_repr


@np.errstate(all="ignore")
def step_response(
    loss: LossFunction,
    theta: npt.ArrayLike,
    steps: npt.ArrayLike,
    vectors: npt.ArrayLike,
    *,
    gradient: npt.ArrayLike,
    hessian: Operator,
    scales: Sequence[float] = SCALES,
    rng: Rng = None,
) -> StepResponse:
    """Measure how components of mini-batch steps change the loss, and predict it by a quadratic.

    Parameters
    ----------
    loss : callable
        ``theta (A, P) -> (A,)``.
    theta : array_like, shape (P,)
    steps : array_like, shape (B, P)
        What each mini-batch would subtract: the learning rate times its gradient.
    vectors : array_like, shape (P, K)
        Unit columns, such as the sharpest directions.
    gradient : array_like, shape (P,)
        Of ``loss`` at theta.
    hessian : array_like, LinearOperator or callable
        Of ``loss`` at theta; K + 1 + B products are taken.
    scales : sequence of float
        alpha.
    rng : numpy.random.Generator, int or None
        Draws the random direction.

    Returns
    -------
    StepResponse

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    On ``L = (4 x^2 + y^2) / 2`` from (1, 1), a step that is twice too long along x:

    >>> found = step_response(
    ...     lambda theta: theta**2 @ [2.0, 0.5],
    ...     [1.0, 1.0],
    ...     [[0.5 * 4.0, 0.5 * 1.0]],
    ...     np.eye(2)[:, :1],
    ...     gradient=[4.0, 1.0],
    ...     hessian=np.diag([4.0, 1.0]),
    ...     scales=(0.5, 1.0),
    ... )
    >>> found.change[0], found.predicted[0]
    (array([-0.8,  0. ]), array([-0.8,  0. ]))
    """
    origin, batch, frame = _require(theta, steps, vectors)
    alphas, slope = _require_row("scales", scales), _require_row("gradient", gradient)
    if slope.shape != origin.shape:
        raise InputError(f"gradient must have shape {origin.shape}; got shape {slope.shape}")
    product, _, _ = require_operator(hessian, len(origin))
    random = require_rng(rng).normal(size=len(origin))
    units = np.column_stack([frame, random / np.linalg.norm(random)])
    first, second = _derivatives(batch, units, slope, product)
    before = _losses(loss, origin[None])[0]
    before = before if np.isfinite(before) else np.nan
    rows = [np.outer(batch @ unit, unit) for unit in units.T] + [batch]
    after = [[_losses(loss, origin - alphas[:, None] * part) for part in parts] for parts in rows]
    change = np.array(after) / before - 1  # (K + 2, B, A)
    predicted = (alphas**2 / 2 * second - alphas * first) / before
    spread = change.std(axis=1, ddof=1) if len(batch) > 1 else np.full_like(change[:, 0], np.nan)
    return StepResponse(
        alphas,
        change.mean(axis=1),
        spread / np.sqrt(len(batch)),
        predicted.mean(axis=1),
        len(units.T) + len(batch),
    )


def _derivatives(steps: Array, units: Array, slope: Array, product: Product) -> tuple[Array, Array]:
    """Return the first and second derivative by alpha of every row and step, ``(K + 2, B, 1)``."""
    lengths = (steps @ units).T
    curvatures = np.array([unit @ product(unit) for unit in units.T])
    first = np.vstack([lengths * (slope @ units)[:, None], steps @ slope])
    whole = [step @ product(step) for step in steps]
    second = np.vstack([lengths * (lengths * curvatures[:, None]), whole])
    return first[..., None], second[..., None]


@dataclass(frozen=True)
class CrossSections:
    """The loss along directions, ``L(theta + k Delta_i e_i)``, k in units of the step."""

    multiples: Array  # (M,), k ascending, with 0
    unit: Array  # (K,), Delta_i: the mean of |d . e_i| over mini-batches
    loss: Array  # (K, M)

    __repr__ = short_repr


def cross_sections(
    loss: LossFunction,
    theta: npt.ArrayLike,
    steps: npt.ArrayLike,
    vectors: npt.ArrayLike,
    *,
    multiples: Sequence[float] = MULTIPLES,
) -> CrossSections:
    """Return the loss along each vector, to both sides, in units of the mean step.

    Parameters
    ----------
    loss, theta, steps, vectors
        As in :func:`step_response`.
    multiples : sequence of float
        Distances along a vector, positive; 0 and the negative ones are added.

    Examples
    --------
    >>> found = cross_sections(
    ...     lambda x: 1 + x[:, 0] ** 2, [0.0], [[0.5]], [[1.0]], multiples=(1, 2)
    ... )
    >>> found.multiples, found.loss
    (array([-2., -1.,  0.,  1.,  2.]), array([[2.  , 1.25, 1.  , 1.25, 2.  ]]))
    """
    origin, batch, frame = _require(theta, steps, vectors)
    sizes = np.sort(_require_row("multiples", require_positive("multiples", multiples)))
    k = np.concatenate([-sizes[::-1], [0.0], sizes])
    unit = np.abs(batch @ frame).mean(axis=0)
    with np.errstate(all="ignore"):
        cuts = [
            _losses(loss, origin + k[:, None] * (length * e))
            for length, e in zip(unit, frame.T, strict=True)
        ]
    return CrossSections(k, unit, np.array(cuts))


def valley_widths(sections: CrossSections, thresholds: Sequence[float] = THRESHOLDS) -> Array:
    """Return at which distance in steps the loss first exceeds multiples of its value, (2, K, T).

    The nearest such multiple k on the negative and on the positive side; NaN where the loss stays
    below. [Jastrzebski2019] takes ``np.fmax(*valley_widths(sections))``.

    Examples
    --------
    >>> k = np.arange(-3.0, 4.0)
    >>> valley_widths(CrossSections(k, np.ones(1), (1 + np.maximum(k, 0))[None]), (1.5, 2.5, 9.0))
    array([[[nan, nan, nan]],
    <BLANKLINE>
           [[ 1.,  2., nan]]])
    """
    require_instance("sections", sections, CrossSections, "what cross_sections returns")
    k, height = sections.multiples, _require_row("thresholds", thresholds)[:, None]
    above = sections.loss[:, None, :] > height * sections.loss[:, k == 0][:, None, :]
    sides = np.stack([k < 0, k > 0])[:, None, None, :]
    nearest = np.where(above & sides, np.abs(k), np.inf).min(axis=-1)
    return np.where(np.isfinite(nearest), nearest, np.nan)


def _require(
    theta: npt.ArrayLike, steps: npt.ArrayLike, vectors: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    named = {"theta": theta, "steps": steps, "vectors": vectors}
    origin, batch, frame = (require_reals(name, part) for name, part in named.items())
    fits = origin.ndim == 1 and batch.ndim == frame.ndim == 2 and batch.size > 0
    if not fits or not len(origin) == batch.shape[1] == len(frame):
        raise InputError(
            "theta, steps and vectors must have shapes (P,), (B, P) and (P, K); "
            f"got {origin.shape}, {batch.shape} and {frame.shape}"
        )
    return origin, batch, frame


def _require_row(name: str, values: npt.ArrayLike) -> Array:
    """Return a row of numbers, at least one, or raise InputError."""
    row = require_reals(name, values)
    if row.ndim != 1 or not row.size:
        raise InputError(f"{name} must be a row of at least one number; got shape {row.shape}")
    return row


def _losses(loss: LossFunction, points: Array) -> Array:
    """Return the losses at points ``(A, P)``, or raise InputError where these are not A numbers."""
    found = require_function("loss", loss, "theta (A, P) -> (A,)")(points)
    return require_reals("loss", require_result("loss", found, len(points)))
