r"""Measure how far each order of modified flow describes gradient descent, up to its breakdown.

The two-layer linear network on one sample, ``f = v.u / sqrt(n)`` and ``L = f^2 / 2``, has
one learning-rate scale, ``eta lam``. Backward error analysis is an expansion in it.

In the rotated weights ``a, b = |u + v|, |u - v|`` over ``sqrt(2 n)`` a step of gradient descent is
a step on ``(a^2 - b^2)^2 / 8`` with the same learning rate. So two numbers describe a network of
any width: its curvature is ``lam = a^2 + b^2``, its output ``f = sqrt(n) (a^2 - b^2) / 2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.flows.fields import numeric_field
from catapult_sim.numeric.flows.flow import compare
from catapult_sim.printing import short_repr
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_count,
    require_number,
    shown,
)

if TYPE_CHECKING:
    from catapult_sim.symbolic.backward_error.field import ModifiedField

# Gradient descent diverges beyond 4.
LARGEST = 100.0

# Terms of the modified field grow by a factor of about 5 with each order.
MOST_ORDER = 8


@dataclass(frozen=True)
class Breakdown:
    """Errors of modified flows against the learning rate."""

    eta_lam: npt.NDArray[np.float64]  # (R,): learning rate times initial curvature
    error: npt.NDArray[np.float64]  # (order + 1, R), relative; inf where a flow diverges

    __repr__ = short_repr


def linear_net_breakdown(
    eta_lam: Sequence[float] | npt.NDArray[np.float64],
    *,
    order: int = 4,
    output: float = 0.1,
    steps: int = 20,
) -> Breakdown:
    """Measure the errors of modified flows of gradient descent on the two-layer linear network.

    Parameters
    ----------
    eta_lam : array_like, shape (R,)
        Learning rates in units of one over the initial curvature, 0 to 4 say.
    order : int
        The highest power of the learning rate in the modified field.
    output : float
        Initial ``f / (sqrt(n) lam)``, between -1/2 and 1/2: small for a wide network.
    steps : int
        Steps of gradient descent; flows run for the same time.

    Returns
    -------
    Breakdown
        ``error[p]`` is the largest distance in weights (a, b) between the iterates and
        the flow of order p over the run, relative to the initial weights.

    Raises
    ------
    InputError
        Where an argument is not as required above, or the order is above 8.

    Examples
    --------
    >>> found = linear_net_breakdown([0.1, 1.0, 3.0], order=2)
    >>> bool(found.error[2, 0] < found.error[1, 0] < found.error[0, 0])
    True
    """
    import sympy as sp

    from catapult_sim.symbolic.backward_error import modified_field

    rates, count = require_at_least_zero("eta_lam", eta_lam), require_count("steps", steps)
    if rates.ndim != 1 or not rates.size or rates.max() > LARGEST:
        raise InputError(
            f"eta_lam must have shape (R,) and be at most {LARGEST:g}; got {shown(eta_lam)}"
        )
    if abs(require_number("output", output)) > 0.5:
        raise InputError(f"output must lie between -1/2 and 1/2; got {output}")
    order = require_count("order", order, most=MOST_ORDER)
    a, b, eta = sp.symbols("a b eta")
    field = modified_field([(a**2 - b**2) ** 2 / 8], (a, b), eta, order=order, sampling="full")
    start = np.sqrt([0.5 + output, 0.5 - output])
    errors = np.stack([_largest_errors(field, start, rate, count) for rate in rates], axis=-1)
    return Breakdown(rates, errors)


def _largest_errors(field: ModifiedField, start: Array, rate: float, steps: int) -> Array:
    flows = {str(p): numeric_field(field.truncate(p), rate) for p in range(len(field.terms))}

    def descend(weights: Array) -> Array:
        return weights + rate * flows["0"](weights)

    run = compare(descend, flows, start, duration=rate, steps=steps)
    largest = np.array([curve.max() for curve in run.errors.values()])
    return np.where(np.isnan(largest), np.inf, largest)
