r"""Averages of a network's iterates, beside trajectories at lower learning rates.

:mod:`~catapult_sim.numeric.averages` averages whatever moves; here it is the weights of
networks that descend by minibatches. Every batch is drawn anew, as the quadratic model of
Sandler et al. 2023 [1]_ has it. Runs that are given the same batches differ by their learning
rates alone, and can be compared step by step.

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
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.requirements import InputError, require_count

__all__ = [
    "EMA",
    "SWA",
    "AveragedRun",
    "TwoPoint",
    "Window",
    "averaged_descent",
    "drawn_batches",
]

Array = npt.NDArray[Any]
NONE: Mapping[str, IterateAverage] = MappingProxyType({})


@dataclass(frozen=True)
class AveragedRun:
    """Iterates of an ensemble of shape ``(...)`` and their averages, at chosen steps."""

    step: npt.NDArray[np.int64]  # (K,)
    iterates: Array  # (K, ..., P)
    averages: dict[str, Array]  # each (K, ..., P)


def drawn_batches(
    samples: int, batch_size: int, steps: int, *, rng: Rng = None, ensemble: tuple[int, ...] = ()
) -> npt.NDArray[np.int64]:
    """Draw a batch for every step of every member, all samples anew.

    Parameters
    ----------
    samples, batch_size, steps : int
    rng : numpy.random.Generator, int or None
        A larger ensemble begins with the batches of a smaller one, a longer run with those of
        a shorter one.
    ensemble : tuple of int

    Returns
    -------
    numpy.ndarray of int, shape (steps, *ensemble, batch_size)

    Examples
    --------
    >>> drawn_batches(100, 8, 20, rng=0, ensemble=(3,)).shape
    (20, 3, 8)
    """
    require_count("samples", samples, 1)
    shape = require_count("steps", steps), require_count("batch_size", batch_size, 1)
    rows = draw(lambda rng: rng.integers(samples, size=shape), rng, ensemble)
    return np.moveaxis(rows, -2, 0)


def averaged_descent(
    network: MLP,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    rates: npt.ArrayLike,
    batches: npt.NDArray[np.int64],
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
    batches : numpy.ndarray of int, shape (T, ..., B)
        The rows of X that each step sees, as :func:`drawn_batches` draws them.
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
    >>> network, X, y = MLP([1, 8, 1], activation="tanh"), [[1.0], [2.0]], [1.0, 0.0]
    >>> theta, batches = network.init(rng=0, ensemble=(3,)), drawn_batches(2, 1, 20, rng=0)
    >>> batches = np.broadcast_to(batches[:, None], (20, 3, 1))  # the same for all three
    >>> run = averaged_descent(network, theta, X, y, rates=np.full(20, 0.1), batches=batches,
    ...                        averages={"ema": EMA(0.9)}, record=[10, 20])
    >>> run.averages["ema"].shape
    (2, 3, 16)
    """
    inputs, targets = network.require_data(X, y)
    weights = network.require_parameters(theta)
    schedule = np.asarray(rates, dtype=weights.dtype)
    if len(schedule) != len(batches):
        raise InputError(f"rates must be as many as batches, {len(batches)}; got {len(schedule)}")
    kept = sorted(set(record) or {len(batches)})
    memories = {name: average.begin(weights) for name, average in averages.items()}
    found: list[tuple[Array, dict[str, Array]]] = []

    def look(t: int) -> None:
        if t in kept:
            values = {name: average.value(memories[name]) for name, average in averages.items()}
            found.append((weights, values))

    look(0)
    for t, (rate, rows) in enumerate(zip(schedule, batches, strict=True)):
        with np.errstate(all="ignore"):
            gradient = network.loss_and_gradient(weights, inputs[rows], targets[rows])[1]
            weights = weights - rate[..., None] * gradient
        for name, average in averages.items():
            memories[name] = average.advance(memories[name], weights, t)
        look(t + 1)
    iterates, values = zip(*found, strict=True)
    stacked = {name: np.stack([one[name] for one in values]) for name in averages}
    return AveragedRun(np.array(kept), np.stack(iterates), stacked)
