"""Losses of a network's outputs, each with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["squared_error"]

Array = npt.NDArray[Any]


def squared_error(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """Return ``L = (1/2m) sum_a |f_a - y_a|^2`` and its gradient by the outputs.

    Parameters
    ----------
    outputs : numpy.ndarray, shape (..., m, k)
    targets : numpy.ndarray, shape (m, k)

    Returns
    -------
    tuple of numpy.ndarray
        Loss ``(...)``, a mean over samples and a sum over outputs; gradient ``(..., m, k)``.

    Examples
    --------
    >>> squared_error(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
    (np.float64(1.25), array([[0.5],
           [1. ]]))
    """
    samples = outputs.shape[-2]
    residual = outputs - targets
    return 0.5 * np.sum(residual**2, axis=(-2, -1)) / samples, residual / samples
