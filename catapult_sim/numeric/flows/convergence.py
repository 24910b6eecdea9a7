"""The order of convergence: the power of the step size with which errors vanish, fitted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.validation import InputError, require_finite, shown


def convergence_order(step_sizes: npt.ArrayLike, errors: npt.ArrayLike) -> Measured:
    """Fit ``error = constant * step_size**order * exp(slope * step_size)``.

    The last factor models the next order, so that the step sizes need not be tiny.

    Parameters
    ----------
    step_sizes, errors : array_like, shape (K,)
        Positive, K >= 4, of at least 3 different step sizes.

    Returns
    -------
    Measured
        The order and its standard error from the scatter about the fit.

    Raises
    ------
    InputError
        Where step sizes or errors are not as required above.

    Examples
    --------
    >>> h = np.array([0.2, 0.1, 0.05, 0.025])
    >>> print(convergence_order(h, np.exp(h) - 1 - h))
    1.9996 +- 0.0001
    """
    h, e = require_finite("step_sizes", step_sizes), require_finite("errors", errors)
    if h.ndim != 1 or h.shape != e.shape or h.size < 4 or not (min(h.min(), e.min()) > 0):
        raise InputError(
            "an order needs at least 4 positive step sizes, each with a positive error"
        )
    # In units of the largest step size, in which nothing overflows.
    design = np.stack([np.log(h), np.ones_like(h), h / h.max()], axis=1)
    if np.linalg.matrix_rank(design) < 3:
        raise InputError(f"step_sizes must hold at least 3 different values; got {shown(h)}")
    fit, *_ = np.linalg.lstsq(design, np.log(e), rcond=None)
    scatter = np.sum((np.log(e) - design @ fit) ** 2) / (h.size - 3)
    spread = np.sqrt(scatter * np.linalg.inv(design.T @ design)[0, 0])
    return Measured(float(fit[0]), float(spread), h.size)
