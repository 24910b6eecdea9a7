r"""Averages of a network's iterates, beside trajectories at lower learning rates.

:mod:`~catapult_sim.numeric.averages` averages whatever moves; here it is the weights of
networks that descend by minibatches, as in Sandler et al. 2023 [1]_. Runs that are given the same
batches differ by their learning rates alone, and can be compared step by step.

References
----------
.. [1] M. Sandler, A. Zhmoginov, M. Vladymyrov and N. Miller, *Training trajectories,
   mini-batch losses and the curious role of the learning rate*, arXiv:2301.02312 (2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.averages import EMA, SWA, IterateAverage, TwoPoint, Window
from catapult_sim.numeric.batches import Batches, require_batches
from catapult_sim.numeric.requirements import InputError

__all__ = [
    "EMA",
    "SWA",
    "AveragedRun",
    "TwoPoint",
    "Window",
    "averaged_descent",
]

Array = npt.NDArray[Any]
NONE: Mapping[str, IterateAverage] = MappingProxyType({})


@dataclass(frozen=True)
class AveragedRun:
    """Iterates of an ensemble of shape ``(...)`` and their averages, at chosen steps."""

    step: npt.NDArray[np.int64]  # (K,)
    iterates: Array  # (K, ..., P)
    averages: dict[str, Array]  # each (K, ..., P)


def averaged_descent(
    network: MLP,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    rates: npt.ArrayLike,
    batches: Batches,
    averages: Mapping[str, IterateAverage] = NONE,
    record: Sequence[int] = (),
) -> AveragedRun:
    """Descend by given batches at given learning rates, and average the iterates.

    Parameters
    ----------
    network : MLP
    theta : array_like, shape (..., P)
        Where to start.
    X : array_like, shape (m, d)
    y : array_like, shape (m,) or (m, k)
    rates : array_like, shape (T,) or (T, ...)
        The learning rate of every step.
    batches : array_like of int, shape (T, b) or (..., T, b)
        The samples that each step sees, the same for all members or their own for each, see
        :func:`~catapult_sim.numeric.batches.minibatches`.
    averages : mapping of str to EMA, SWA, Window or TwoPoint
        Those of the last iterates remember as many networks as they span.
    record : sequence of int
        The steps, from 0 to T, at which to keep weights; by default the last.

    Returns
    -------
    AveragedRun
        What has diverged is not finite.

    Raises
    ------
    InputError
        Where data or parameters do not fit the network, or the numbers of rates and batches
        differ.

    Examples
    --------
    >>> from catapult_sim.numeric.batches import minibatches
    >>> network, X, y = MLP([1, 8, 1], activation="tanh"), [[1.0], [2.0]], [1.0, 0.0]
    >>> theta, batches = network.init(rng=0, ensemble=(3,)), minibatches(2, 1, steps=20, rng=0)
    >>> run = averaged_descent(
    ...     network,
    ...     theta,
    ...     X,
    ...     y,
    ...     rates=np.full(20, 0.1),
    ...     batches=batches,
    ...     averages={"ema": EMA(0.9)},
    ...     record=[10, 20],
    ... )
    >>> run.averages["ema"].shape
    (2, 3, 16)
    """
    inputs, targets = network.require_data(X, y)
    weights = network.require_parameters(theta)
    schedule = np.asarray(rates, dtype=weights.dtype)
    seen = np.moveaxis(require_batches(batches, len(inputs), weights.shape[:-1]), -2, 0)
    if len(schedule) != len(seen):
        raise InputError(f"rates must be as many as batches, {len(seen)}; got {len(schedule)}")
    kept = sorted(set(record) or {len(seen)})
    memories = {name: average.begin(weights) for name, average in averages.items()}
    found: list[tuple[Array, dict[str, Array]]] = []

    def look(t: int) -> None:
        if t in kept:
            values = {name: average.value(memories[name]) for name, average in averages.items()}
            found.append((weights, values))

    look(0)
    for t, (rate, rows) in enumerate(zip(schedule, seen, strict=True)):
        with np.errstate(all="ignore"):
            gradient = network.loss_and_gradient(weights, inputs[rows], targets[rows])[1]
            weights = weights - rate[..., None] * gradient
        for name, average in averages.items():
            memories[name] = average.advance(memories[name], weights, t)
        look(t + 1)
    iterates, values = zip(*found, strict=True)
    stacked = {name: np.stack([one[name] for one in values]) for name in averages}
    return AveragedRun(np.array(kept), np.stack(iterates), stacked)
