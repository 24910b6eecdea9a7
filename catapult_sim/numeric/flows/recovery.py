r"""Recovery of the coefficients of the implicit regulariser from discrete runs.

To first order, an epoch differs from gradient flow on C, per unit of time, by minus the gradient
of ``step_size (descent |grad C|^2 + variance V)``, where V is the mean of
``|grad C_k - grad C|^2``. In theory ``descent = 1/4`` for every sampling, and ``variance = 1/4``
for shuffled batches but 0 for draws with replacement [Smith2021].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.flows.epochs import Gradients
from catapult_sim.numeric.flows.flow import flow
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    read_only,
    require_count,
    require_finite,
    require_function,
    require_result,
    shown,
)


@dataclass(frozen=True)
class Recovered:
    """Coefficients of ``|grad C|^2`` and of V in the modified loss, per unit of step size."""

    descent: Measured
    variance: Measured

    __repr__ = short_repr


def recover_regularizer(
    epoch: Callable[[Array, float], Array],
    gradients: Gradients,
    hessian_products: Callable[[Array, Array], Array],
    starts: npt.ArrayLike,
    step_sizes: npt.ArrayLike,
    *,
    epoch_steps: int,
) -> Recovered:
    """Fit the implicit regulariser to the differences between epochs and gradient flow.

    At each step size the differences at all starts are regressed on the gradients of the two
    penalties; the coefficients, divided by the step size, are extrapolated to step size 0.

    Parameters
    ----------
    epoch : callable
        ``(weights (P,), step_size) -> (P,)``: the weights after an epoch, or their mean.
    gradients : callable
        Batch gradients ``(..., P) -> (..., m, P)``.
    hessian_products : callable
        ``(weights (P,), directions (m, P)) -> (m, P)``: the Hessian of each batch times its row.
    starts : array_like, shape (S, P)
        Initial weights of epochs, S >= 3.
    step_sizes : array_like, shape (E,)
        E >= 2; the extrapolation is a parabola for three or more.
    epoch_steps : int
        Steps in an epoch: m, or 1 for a single full-batch step.

    Returns
    -------
    Recovered
        With jackknife errors over the starts, which do not include a bias that all starts share.

    Raises
    ------
    InputError
        Where an argument is not as required above, or a function does not return finite numbers.

    Examples
    --------
    >>> pull = lambda w: np.stack([w - w**3, w + 1], axis=-2)
    >>> products = lambda w, v: np.stack([(1 - 3 * w**2) * v[0], v[1]])
    >>> step = lambda w, eps: w - eps * pull(w).mean(axis=-2)
    >>> starts, rates = np.linspace(-1, 1, 8)[:, None], [0.02, 0.01, 0.005]
    >>> found = recover_regularizer(step, pull, products, starts, rates, epoch_steps=1)
    >>> round(found.descent.value, 3), abs(found.variance.value) < 1e-3
    (0.25, True)
    """
    points, rates = _starts_and_rates(starts, step_sizes)
    epoch_steps = require_count("epoch_steps", epoch_steps, 1)
    functions = {"epoch": epoch, "gradients": gradients, "hessian_products": hessian_products}
    for name, function in functions.items():
        require_function(name, function, "of weights (P,)")
    penalties = np.stack([_penalty_gradients(gradients, hessian_products, w) for w in points])
    excesses = np.stack(
        [[_excess(epoch, gradients, w, eps, epoch_steps) for w in points] for eps in rates]
    )
    if not (np.isfinite(penalties).all() and np.isfinite(excesses).all()):
        raise InputError("epoch and gradients must be finite at every start; got others")
    whole = _extrapolated(penalties, excesses, rates)
    everyone = np.arange(len(points))
    without = np.stack(
        [
            _extrapolated(penalties[rest], excesses[:, rest], rates)
            for rest in (everyone != left_out for left_out in everyone)
        ]
    )
    spread = np.sqrt((len(points) - 1) * without.var(axis=0))
    return Recovered(
        *(Measured(float(v), float(e), len(points)) for v, e in zip(whole, spread, strict=True))
    )


def _starts_and_rates(starts: npt.ArrayLike, step_sizes: npt.ArrayLike) -> tuple[Array, Array]:
    points, rates = require_finite("starts", starts), require_finite("step_sizes", step_sizes)
    if points.ndim != 2 or len(points) < 3 or not points.size:
        raise InputError(f"starts must have shape (S, P) with S >= 3; got {points.shape}")
    if rates.ndim != 1 or len(rates) < 2 or not (rates > 0).all():
        raise InputError(f"recovery needs at least 2 positive step sizes; got {shown(rates)}")
    return read_only(points), rates


def _penalty_gradients(
    gradients: Gradients, hessian_products: Callable[[Array, Array], Array], weights: Array
) -> Array:
    """Return the gradients of ``|grad C|^2`` and of V, ``(P, 2)``."""
    g = require_result("gradients", gradients(weights), None, len(weights))

    def mean_product(directions: Array) -> Array:
        found = hessian_products(weights, directions)
        mean: Array = require_result("hessian_products", found, *g.shape).mean(axis=0)
        return mean

    squared = 2 * mean_product(np.broadcast_to(g.mean(axis=0), g.shape))
    mean_of_squares = 2 * mean_product(g)
    return np.stack([squared, mean_of_squares - squared], axis=-1)


def _excess(
    epoch: Callable[[Array, float], Array],
    gradients: Gradients,
    weights: Array,
    step_size: float,
    epoch_steps: int,
) -> Array:
    """Return an epoch minus gradient flow, per unit of time, ``(P,)``."""
    duration = epoch_steps * step_size
    smooth = flow(lambda w: -gradients(w).mean(axis=-2), weights, [0.0, duration])[-1]
    return (require_result("epoch", epoch(weights, step_size), len(weights)) - smooth) / duration


def _extrapolated(penalties: Array, excesses: Array, rates: Array) -> Array:
    """Return both coefficients, extrapolated to step size 0, ``(2,)``."""
    design = -penalties.reshape(-1, 2)
    fits = [np.linalg.lstsq(design, excess.ravel(), rcond=None)[0] for excess in excesses]
    per_rate = np.stack(fits) / rates[:, None]
    powers = np.vander(rates, min(3, len(rates)), increasing=True)
    coefficients: Array = np.linalg.lstsq(powers, per_rate, rcond=None)[0][0]
    return coefficients
