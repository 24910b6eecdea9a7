"""The sharpest directions of what training descends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["largest_eigenvalue"]

Array = npt.NDArray[Any]


def largest_eigenvalue(matrix: npt.NDArray[Any]) -> Array:
    """Return the algebraically largest eigenvalue of symmetric matrices.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (..., p, p)

    Returns
    -------
    numpy.ndarray, shape (...)
        NaN where a matrix is not finite.

    Examples
    --------
    >>> largest_eigenvalue(np.array([np.diag([-10.0, 1.0]), np.full((2, 2), np.inf)]))
    array([ 1., nan])
    """
    finite = np.isfinite(matrix).all(axis=(-2, -1))
    usable = np.where(finite[..., None, None], matrix, 0.0)
    return np.where(finite, np.linalg.eigvalsh(usable)[..., -1], np.nan)
