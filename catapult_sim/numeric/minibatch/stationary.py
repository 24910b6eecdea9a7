"""The stationary variance of the quadratic minibatch model, from its closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.minibatch.process import Process, require_process, require_rates
from catapult_sim.numeric.runs.averages import EMA, SWA, TwoPoint, Window
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_at_least_zero


def stationary_variance(
    rates: npt.ArrayLike,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    batches: int | None = None,
    average: EMA | Window | TwoPoint | None = None,
) -> Array:
    """Return the stationary variance of iterates or averages, from closed forms.

    Parameters
    ----------
    rates : array_like
        ``a = eta h``.
    momentum, nesterov, batches, average
        As in :func:`propagate`, one of them at a time; with batches, at the ends of epochs.

    Returns
    -------
    numpy.ndarray
        Exact to rounding also at small rates, as the forms are evaluated with 50 digits.

    Raises
    ------
    InputError
        Where :func:`propagate` does, a rate is zero, or two options are combined.

    Examples
    --------
    >>> print(stationary_variance([0.5, 1.0]))
    [0.33333333 1.        ]
    >>> print(equivalent_rate(stationary_variance(0.1, average=TwoPoint(1000))))  # 2 a / (4 - a)
    0.05128205128205128
    """
    import sympy as sp

    process = require_process(momentum, nesterov, batches, average)
    if (process.momentum != 0) + (batches is not None) + (average is not None) > 1:
        raise InputError("closed forms take one of momentum, batches and average; got several")
    array = require_rates(rates, process)
    if not (array > 0).all():
        raise InputError("rates must be positive; got 0")
    rate, symbol, value, form = _closed_form(process)
    option = sp.Integer(value) if isinstance(value, int) else sp.Rational(value)
    # Down to the fourth power of a small rate cancels: as many digits are added.
    digits = 50 + 2 * max(0, -math.frexp(array.min())[1]) if array.size else 50
    form = form.subs(symbol, option)
    values = [float(form.subs(rate, sp.Float(float(a), digits))) for a in array.flat]
    return np.array(values).reshape(array.shape)


def _closed_form(process: Process) -> tuple[Any, Any, float, Any]:
    """Return the symbol of the rate, the symbol and value of the option, and the variance."""
    from catapult_sim.symbolic import minibatch as derived

    match process.average:
        case EMA(decay=decay):
            return derived.a, derived.gamma, decay, derived.ema_variance()
        case Window(size=size):
            return derived.a, derived.k, size, derived.swa_variance()
        case TwoPoint(gap=gap):
            return derived.a, derived.g, gap, derived.two_point_variance()
        case SWA():
            raise InputError("average must not be SWA, which has no stationary variance; got SWA()")
    if process.batches is not None:
        return derived.a, derived.m, process.batches, derived.shuffled_variance()
    form = derived.nesterov_variance if process.nesterov else derived.heavy_ball_variance
    return derived.a, derived.beta, process.momentum, form()


def equivalent_rate(variance: npt.ArrayLike) -> Array:
    """Return the constant rate a whose iterates have this variance, ``2 V / (1 + V)``."""
    values = require_at_least_zero("variance", variance)
    return 2 * (values / (1 + values))
