"""The stability of gradient descent on quadratic losses: the largest stable learning rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import (
    require_broadcast,
    require_flag,
    require_momentum,
    require_positive,
)


@np.errstate(over="ignore")
def largest_stable_rate(
    curvature: npt.ArrayLike, *, momentum: npt.ArrayLike = 0.0, nesterov: bool = False
) -> Array:
    """Return the learning rate beyond which gradient descent on a quadratic loss diverges.

    Along an eigenvector of curvature ``h`` an error obeys ``e'' = (1 + beta) e' - beta e -
    eta h (...)``; it stays bounded until a root of the characteristic polynomial passes
    through -1. That happens at ``2 (1 + beta) / h`` for heavy ball, where the gradient is
    taken at ``e'``, and at ``2 (1 + beta) / ((1 + 2 beta) h)`` for Nesterov's method, where
    it is taken at ``e' + beta (e' - e)``. Without momentum both are ``2 / h``.

    Parameters
    ----------
    curvature : array_like
        The largest curvature, such as the top eigenvalue of the neural tangent kernel.
    momentum : array_like
        beta, in [0, 1); broadcasts against the curvature.
    nesterov : bool

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    InputError
        Where a curvature is not positive or a momentum not in [0, 1).

    References
    ----------
    Heavy ball: [Polyak1987], section 3.2; both: [Cohen2021], appendix on quadratic functions.

    Examples
    --------
    >>> print(largest_stable_rate(4.0), largest_stable_rate(4.0, momentum=0.5))
    0.5 0.75
    >>> print(largest_stable_rate(4.0, momentum=0.5, nesterov=True))
    0.375
    """
    h, beta = require_positive("curvature", curvature), require_momentum(momentum)
    require_broadcast(curvature=h.shape, momentum=beta.shape)
    ahead = 2 * beta if require_flag("nesterov", nesterov) else 0.0
    return 2 * (1 + beta) / (1 + ahead) / h
