"""Symmetric operators, given as arrays, SciPy's operators, or functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array
from catapult_sim.validation import (
    UNREADABLE,
    InputError,
    require_count,
    require_numbers,
    require_reals,
)

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

Operator = Any  # an array, whatever has .shape and .matvec or @, or a callable v -> A v
Product = Callable[[Array], Array]


def symmetric_operator(product: Product, size: int, dtype: Any) -> LinearOperator:
    """Return a product with a vector ``(P,)`` as one of SciPy's operators, ``(P, P)``."""
    from scipy.sparse.linalg import LinearOperator

    return LinearOperator((size, size), matvec=product, rmatvec=product, dtype=dtype)


def require_operator(
    operator: Operator, size: int | None = None, dtype: Any = None
) -> tuple[Product, int, np.dtype[Any]]:
    """Return the product with a vector, its size P and its precision, or raise InputError.

    Parameters
    ----------
    operator : array_like, LinearOperator, sparse array or callable
        A callable takes ``v (P,)`` and returns ``A v (P,)``. It gets a copy that it may
        overwrite, and may return the same buffer every time.
    size : int, optional
        P; needed where the operator is a callable.
    dtype : dtype, optional
        Of the vectors; by default that of the operator, float64 for a callable.

    Returns
    -------
    product : callable
        ``(P,) -> (P,)``, always a new array of ``dtype``.
    size : int
    dtype : numpy.dtype
        float32 or float64.

    Examples
    --------
    >>> product, size, dtype = require_operator([[2, 1], [1, 2]])
    >>> product(np.array([1.0, -1.0])), size, dtype
    (array([ 1., -1.]), 2, dtype('float64'))
    """
    is_array = isinstance(operator, np.ndarray | np.generic)
    if is_array or not (hasattr(operator, "shape") or callable(operator)):
        operator = _array(operator)
    multiply = _multiplication(operator)
    length = _size(operator, size)
    given = dtype if dtype is not None else getattr(operator, "dtype", None)
    single = given is not None and np.dtype(given) == np.float32
    precision = np.dtype(np.float32 if single else np.float64)

    def product(vector: Array) -> Array:
        found = multiply(vector.copy())
        if np.iscomplexobj(found):
            raise InputError(
                f"operator must be real; got a product of type {np.asarray(found).dtype}"
            )
        image = require_floats("products of operator", found)
        if image.shape != (length,):
            raise InputError(
                f"operator must return shape ({length},) for a vector of that shape; "
                f"got shape {image.shape}"
            )
        return np.array(image, dtype=precision)

    return product, length, precision


def require_floats(name: str, values: npt.ArrayLike) -> Array:
    """Return values as floats, in single precision where they are, or raise InputError."""
    single = getattr(values, "dtype", None) == np.float32
    return require_numbers(name, values) if single else require_reals(name, values)


def _array(operator: Any) -> Array:
    try:
        array = np.asarray(operator)
        return array if np.iscomplexobj(array) else require_floats("operator", operator)
    except UNREADABLE:
        raise InputError(
            "operator must be a square array, have .shape and .matvec or @, or be a callable, as "
            f"network.at(theta, X, y).hessian is; got {type(operator).__name__}"
        ) from None


def _multiplication(operator: Operator) -> Product:
    if hasattr(operator, "matvec"):
        return operator.matvec
    return operator.__matmul__ if hasattr(operator, "shape") else operator


def _size(operator: Operator, size: int | None) -> int:
    size = None if size is None else require_count("size", size)
    shape = tuple(operator.shape) if hasattr(operator, "shape") else (size, size)
    if len(shape) != 2 or shape[0] != shape[1] or size not in (None, shape[0]):
        wanted = "square" if size is None else f"of shape ({size}, {size})"
        raise InputError(f"operator must be {wanted}; got shape {shape}")
    if shape[0] is None:
        raise InputError("size must be given where the operator is a callable; got none")
    return require_count("size", shape[0], 1)
