"""The gradient that each step of mini-batch SGD sees, in the coordinates of the closure."""

from __future__ import annotations

import numpy as np

from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.runs.batches import Batches
from catapult_sim.types import Array


def batch_gradient(data: PrincipalData, batches: Batches | None, residual: Array, t: int) -> Array:
    """Return the gradient with respect to F of the loss that step t sees, ``(..., q, k)``.

    Without batches that is ``S e``. The samples of a batch have the errors
    ``sqrt(m) P e - unseen``, in its rows.
    """
    if batches is None:
        return data.scales[:, None] * residual
    batch = batches[t % len(batches)]
    left = np.sqrt(len(data.left)) * data.left[batch]
    return data.scales[:, None] * (left.T @ (left @ residual - data.unseen[batch])) / len(batch)
