"""The order of convergence: the power of the step size with which errors vanish, fitted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.validation import InputError


def convergence_order(step_sizes: npt.ArrayLike, errors: npt.ArrayLike) -> Measured:
    """Fit ``error = constant * step_size**order * exp(slope * step_size)``.

    The last factor models the next order, so that the step sizes need not be tiny.

    Parameters
    ----------
    step_sizes, errors : array_like, shape (K,)
        Positive, K >= 4.

    Returns
    -------
    Measured
        The order and its standard error from the scatter about the fit.

    Examples
    --------
    >>> h = np.array([0.2, 0.1, 0.05, 0.025])
    >>> print(convergence_order(h, np.exp(h) - 1 - h))
    1.99962 +- 0.0001
    """
    h, e = np.asarray(step_sizes, dtype=float), np.asarray(errors, dtype=float)
    if h.shape != e.shape or h.size < 4 or not (min(h.min(), e.min()) > 0):
        raise InputError(
            "an order needs at least 4 positive step sizes, each with a positive error"
        )
    design = np.stack([np.log(h), np.ones_like(h), h], axis=1)
    fit, *_ = np.linalg.lstsq(design, np.log(e), rcond=None)
    scatter = np.sum((np.log(e) - design @ fit) ** 2) / (h.size - 3)
    spread = np.sqrt(scatter * np.linalg.inv(design.T @ design)[0, 0])
    return Measured(float(fit[0]), float(spread), h.size)
