"""The gradient that each step of mini-batch SGD sees, in the coordinates of the closure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.types import Array


def batch_gradient(
    data: PrincipalData, rows: npt.NDArray[np.int64] | None, residual: Array
) -> Array:
    """Return the gradient with respect to F of the loss of some samples, ``(N, q, k)``.

    Of all samples, where ``rows`` is None, that is ``S e``. Those of a batch, ``(b,)`` or
    ``(N, b)``, have the errors ``sqrt(m) P e - unseen``, in its rows.
    """
    if rows is None:
        return data.scales[:, None] * residual
    left = np.sqrt(len(data.left)) * data.left[rows]
    pull = np.swapaxes(left, -1, -2) @ (left @ residual - data.unseen[rows])
    return data.scales[:, None] * pull / rows.shape[-1]
