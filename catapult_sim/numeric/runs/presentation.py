"""The presentation of ensembles as columns of tables and data frames."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array


def member_columns(ensemble: tuple[int, ...]) -> dict[str, Array]:
    """Return the index of each member along each axis of its ensemble, each ``(N,)``.

    Examples
    --------
    >>> member_columns((2,))
    {'member': array([0, 1])}
    >>> member_columns((2, 3))
    {'axis_0': array([0, 0, 0, 1, 1, 1]), 'axis_1': array([0, 1, 2, 0, 1, 2])}
    >>> member_columns(())  # a single run has no axes
    {}
    """
    names = ["member"] if len(ensemble) == 1 else [f"axis_{k}" for k in range(len(ensemble))]
    places = np.indices(ensemble).reshape(len(ensemble), math.prod(ensemble))
    return dict(zip(names, places, strict=True))


def long_columns(
    step: npt.NDArray[np.int64], values: Mapping[str, Array], stopped: npt.NDArray[np.int64]
) -> dict[str, Array]:
    """Return quantities of a run in long form: a row for each step of each member until its end.

    Parameters
    ----------
    step : numpy.ndarray, shape (T,)
    values : mapping of str to numpy.ndarray
        Each ``(T, ...)`` or ``(T, ..., *Q)``: a column for each entry of Q.
    stopped : numpy.ndarray, shape (...)
        The last step of each member.

    Examples
    --------
    >>> values = {"x": np.array([[1.0, 2.0], [3.0, np.nan]])}
    >>> for name, column in long_columns(np.arange(2), values, np.array([1, 0])).items():
    ...     print(name, column)
    step [0 0 1]
    member [0 1 0]
    x [1. 2. 3.]
    """
    ran = step.reshape(-1, *[1] * stopped.ndim) <= stopped
    steps = np.broadcast_to(step.reshape(-1, *[1] * stopped.ndim), ran.shape)
    rows = {"step": steps[ran]}
    for name, places in member_columns(stopped.shape).items():
        rows[name] = np.broadcast_to(places.reshape(stopped.shape), ran.shape)[ran]
    for name, array in values.items():
        for entry in np.ndindex(array.shape[ran.ndim :]):
            label = f"{name}[{', '.join(map(str, entry))}]" if entry else name
            rows[label] = array[(..., *entry)][ran]
    return rows
