r"""SGD and Nudged-SGD beside the sharpest directions of the loss that they descend on.

References
----------
.. [1] S. Jastrzebski et al., *On the relation between the sharpest directions of DNN loss and the
   SGD step length*, arXiv:1807.05031 (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.curvature.directions import nudged_step
from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs, top_eigenpairs
from catapult_sim.numeric.curvature.operators import Product
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Observe, Rng
from catapult_sim.validation import InputError, require_count, require_positive

Schedule = float | Callable[[int], float]

LOOKS_AGAIN = 0.5  # probability of missing a direction that the next measurement may find


@dataclass(frozen=True)
class Track:
    """What was measured along runs of an ensemble of shape ``(...)``; NaN after a divergence."""

    step: npt.NDArray[np.int64]  # (T,)
    values: dict[str, Array]  # "loss" of all samples and what was observed, (T, ...) each
    eigenvalues: Array  # (T, ..., K), largest first
    residuals: Array  # (T, ..., K)
    converged: npt.NDArray[np.bool_]  # (T, ..., K)
    products: npt.NDArray[np.int64]  # (T, ...), of the Hessian with a vector
    state: Array  # (..., P), theta after the last step
    vectors: Array  # (..., P, K), of the last measurement

    __repr__ = short_repr

    @property
    def products_per_pair(self) -> float:
        """The mean number of Hessian products for each eigenpair and measurement."""
        return float(np.mean(self.products) / self.eigenvalues.shape[-1])


def track(
    network: MLP,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    batch_size: npt.ArrayLike,
    steps: int,
    k: int = 5,
    every: int = 1,
    gamma: Schedule = 1.0,
    rest: float = 1.0,
    momentum: float = 0.0,
    nudged: Literal["velocity", "gradient"] = "velocity",
    frozen: bool = False,
    curvature_samples: int | None = None,
    tolerance: float = 1e-3,
    max_products: int = 1000,
    observe: Observe | None = None,
    rng: Rng = None,
) -> Track:
    """Train by SGD or Nudged-SGD, and follow the K sharpest directions of the loss.

    Eigenpairs are measured at multiples of ``every``, each time from the vectors of the time
    before, and nudge the steps until the next measurement. A direction that has become sharper
    than those may be missed with a probability of 1/2, and is looked for again the next time.
    Measurements change nothing of a run whose gamma and rest are 1, which is SGD, bit for bit.

    Parameters
    ----------
    network : MLP
    theta : array_like, shape (..., P)
        Where to start. Each of its members has a stream of batches of its own, the same at every
        learning rate and batch size.
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, k)
    learning_rate, batch_size : array_like
        Broadcast against the leading axes of theta; together they are the ensemble. Batch sizes
        divide N; the samples are dealt anew every epoch.
    steps : int
        How many batches.
    k : int
        K, how many eigenpairs.
    every : int
    gamma : float or callable
        What multiplies the component of a step in the span of the eigenvectors; a callable
        ``step -> gamma`` is a schedule.
    rest : float
        What multiplies the rest, as in :func:`~catapult_sim.numeric.curvature.directions.nudge`.
    momentum : float
    nudged : {"velocity", "gradient"}
        As in :func:`~catapult_sim.numeric.curvature.directions.nudged_step`.
    frozen : bool
        Nudge along the eigenvectors of the start throughout.
    curvature_samples : int, optional
        The Hessian is that of the first so many samples; by default of all.
    tolerance, max_products
        As in :func:`~catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs`.
    observe : mapping of str to callable
        Quantities ``theta (1, P) -> (1,)`` measured beside the eigenpairs.
    rng : numpy.random.Generator, int or None
        Draws the batches, and apart from them the first vectors of the eigenpairs.

    Returns
    -------
    Track

    Raises
    ------
    InputError
        Where data, rates, batch sizes or counts are not as required.

    Examples
    --------
    >>> network = MLP([1, 100, 1], activation="tanh")
    >>> theta, X, y = network.init(rng=0, ensemble=(3,)), [[1.0], [2.0]], [1.0, 0.0]
    >>> rates = np.array([[0.1], [0.5]])
    >>> options = {"learning_rate": rates, "batch_size": 1, "steps": 4, "k": 2, "rng": 0}
    >>> track(network, theta, X, y, gamma=0.1, **options).eigenvalues.shape
    (5, 2, 3, 2)
    """
    inputs, targets = network.require_data(X, y)
    start = network.require_parameters(theta)
    rates = require_positive("learning_rate", learning_rate)
    sizes = _require_sizes(batch_size, len(inputs))
    require_count("steps", steps)
    require_count("every", every, 1)
    seen = slice(require_count("curvature_samples", curvature_samples or len(inputs), 1))
    seeds = require_rng(rng).integers(2**63, size=start.shape[:-1])
    quantities: dict[str, Any] = {"loss": lambda theta: network.loss(theta, inputs, targets)}
    measure = partial(
        _measure,
        lambda theta: network.at(theta, inputs[seen], targets[seen]).hessian_product,
        quantities | dict(observe or {}),
        partial(
            top_eigenpairs, k=k, size=network.size, tolerance=tolerance, max_products=max_products
        ),
    )
    rule = partial(nudged_step, momentum=momentum, rest=rest, nudged=nudged)

    def run(index: tuple[int, ...]) -> _Run:
        rate, size, seed = (axis[index] for axis in axes)
        stream = np.random.default_rng([seed, 0])
        batches = minibatches(len(inputs), int(size), steps, rng=stream)

        def gradient(step: int, theta: Array) -> Array:
            rows = batches[step]
            return network.loss_and_gradient(theta, inputs[rows], targets[rows])[1]

        return _follow(
            starts[index],
            gradient,
            partial(rule, learning_rate=float(rate)),
            gamma if callable(gamma) else lambda step: gamma,
            partial(measure, rng=np.random.default_rng([seed, 1])),
            steps,
            every,
            frozen,
        )

    grid = np.broadcast_shapes(seeds.shape, rates.shape, sizes.shape)
    axes = [np.broadcast_to(axis, grid) for axis in (rates, sizes, seeds)]
    starts = np.broadcast_to(start, (*grid, network.size))
    with np.errstate(over="ignore", invalid="ignore"):
        runs = [run(index) for index in np.ndindex(grid)]
    return _stack(runs, grid, np.arange(0, steps + 1, every))


_Measurement = tuple[Eigenpairs, dict[str, Array]]
_Run = tuple[list[_Measurement], Array]


def _measure(
    hessian: Callable[[Array], Product],
    quantities: Observe,
    eigenpairs: Callable[..., Eigenpairs],
    theta: Array,
    vectors: Array | None,
    *,
    rng: Rng,
) -> _Measurement:
    look = {} if vectors is None else {"miss_probability": LOOKS_AGAIN}
    pairs = eigenpairs(hessian(theta), start=vectors, rng=rng, **look)
    return pairs, {name: of(theta[None])[0] for name, of in quantities.items()}


def _follow(
    theta: Array,
    gradient: Callable[[int, Array], Array],
    rule: Callable[..., tuple[Array, Array]],
    gamma: Callable[[int], float],
    measure: Callable[[Array, Array | None], _Measurement],
    steps: int,
    every: int,
    frozen: bool,
) -> _Run:
    """Run one member; return its measurements and where it ends."""
    measured = [measure(theta, None)]
    velocity, along = np.zeros_like(theta), measured[0][0].vectors
    for step in range(steps):
        change, velocity = rule(velocity, gradient(step, theta), along, gamma=gamma(step))
        theta = theta + change
        if (step + 1) % every == 0:
            measured.append(measure(theta, measured[-1][0].vectors))
            along = along if frozen else measured[-1][0].vectors
    return measured, theta


def _stack(runs: list[_Run], grid: tuple[int, ...], step: npt.NDArray[np.int64]) -> Track:
    """Put members side by side."""

    def stacked(of: Callable[[_Measurement], Any]) -> Array:
        table = np.array([[of(each) for each in measured] for measured, _ in runs])
        return np.moveaxis(table, 0, 1).reshape(len(step), *grid, *table.shape[2:])

    last = np.array([measured[-1][0].vectors for measured, _ in runs])
    return Track(
        step,
        {name: stacked(partial(_observed, name)) for name in runs[0][0][0][1]},
        stacked(lambda each: each[0].values),
        stacked(lambda each: each[0].residuals),
        stacked(lambda each: each[0].converged),
        stacked(lambda each: each[0].products),
        np.array([end for _, end in runs]).reshape(*grid, -1),
        last.reshape(*grid, *last.shape[1:]),
    )


def _observed(name: str, measurement: _Measurement) -> Array:
    return measurement[1][name]


def _require_sizes(batch_size: npt.ArrayLike, samples: int) -> npt.NDArray[np.int64]:
    sizes = np.asarray(batch_size)
    for size in sizes.ravel():
        if samples % require_count("batch_size", size, 1):
            raise InputError(f"batch_size must divide the {samples} samples; got {size}")
    return sizes
