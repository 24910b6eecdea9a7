"""Runs of SGD and Nudged-SGD with the sharpest directions of their loss [Jastrzebski2019]."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import Network
from catapult_sim.mlp.observers import QUANTITIES, Observers
from catapult_sim.mlp.training import train
from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs
from catapult_sim.numeric.curvature.nudged import Nudged, SharpestDirections
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall
from catapult_sim.numeric.runs.trajectory import Outcome, require_quantities
from catapult_sim.printing import short_repr
from catapult_sim.randomness import require_rng
from catapult_sim.types import Array, Observe, Quantities, Rng
from catapult_sim.validation import (
    InputError,
    read_only,
    require_broadcast,
    require_count,
    require_flag,
    require_instance,
    require_integers,
    require_number,
    require_observed,
    require_positive,
)

Schedule = float | Callable[[int], float]


@dataclass(frozen=True)
class Track:
    """Measurements along runs of an ensemble of shape ``(...)``; NaN after a divergence."""

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
    network: Network,
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
    """Train by SGD or Nudged-SGD, and measure the K largest eigenpairs of the Hessian on the way.

    Eigenpairs are computed at multiples of ``every``, each time starting from the last vectors;
    steps are nudged along them until the next time. A direction that has become sharper than those
    may be missed with a probability of 1/2, and is searched again the next time. With gamma and
    rest 1 the run is that of SGD, bit for bit.

    Parameters
    ----------
    network : Network
    theta : array_like, shape (..., P)
        Initial parameters. Each member has its own random stream of batches, the same at every
        learning rate and batch size.
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, k)
    learning_rate, batch_size : array_like
        Broadcast against the leading axes of theta; together they are the ensemble. Batch sizes
        divide N; the samples are reshuffled every epoch.
    steps : int
        The number of batches.
    k : int
        The number K of eigenpairs.
    every : int
    gamma : float or callable
        Factor of a step's component in the span of the eigenvectors, or a schedule
        ``step -> gamma``.
    rest : float
        Factor of the rest, as in :func:`~catapult_sim.numeric.curvature.directions.nudge`.
    momentum : float
    nudged : {"velocity", "gradient"}
        As in :class:`~catapult_sim.numeric.curvature.nudged.Nudged`.
    frozen : bool
        Nudge along the eigenvectors of the start in all steps.
    curvature_samples : int, optional
        The number of samples, the first ones, in the Hessian; by default all.
    tolerance, max_products
        As in :func:`~catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs`.
    observe : mapping of str to callable
        Quantities ``theta (1, P) -> (1,)`` measured together with the eigenpairs.
    rng : numpy.random.Generator, int or None
        Draws the batches and, independently, the first vectors of the eigenpairs.

    Returns
    -------
    Track

    Raises
    ------
    InputError
        Where data, rates, batch sizes or counts are invalid.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network = MLP([1, 100, 1], activation="tanh")
    >>> theta, X, y = network.init(rng=0, ensemble=(3,)), [[1.0], [2.0]], [1.0, 0.0]
    >>> rates = np.array([[0.1], [0.5]])
    >>> options = {"learning_rate": rates, "batch_size": 1, "steps": 4, "k": 2, "rng": 0}
    >>> track(network, theta, X, y, gamma=0.1, **options).eigenvalues.shape
    (5, 2, 3, 2)
    """
    require_instance("network", network, Network, "a network, such as MLP([2, 3, 1])")
    inputs, targets = network.require_data(X, y)
    start = network.require_parameters(theta)
    steps, every = require_count("steps", steps), require_count("every", every, 1)
    rates = require_positive("learning_rate", learning_rate)
    sizes = _require_sizes(batch_size, len(inputs))
    watched = len(inputs) if curvature_samples is None else curvature_samples
    seen = slice(require_count("curvature_samples", watched, 1))
    gamma = gamma if callable(gamma) else require_number("gamma", gamma)
    rest, momentum = require_number("rest", rest), require_number("momentum", momentum)
    frozen = require_flag("frozen", frozen)
    seeds = require_rng(rng).integers(2**63, size=start.shape[:-1])
    grid = require_broadcast(theta=seeds.shape, learning_rate=rates.shape, batch_size=sizes.shape)
    if 0 in grid:
        raise InputError(f"learning_rate and batch_size must not be empty; got {grid} members")
    rate, size, seed = (np.broadcast_to(axis, grid).ravel() for axis in (rates, sizes, seeds))
    starts = np.broadcast_to(start, (*grid, network.size)).reshape(-1, network.size)
    plain = HeavyBall(momentum) if momentum else GradientDescent()
    quantities = require_quantities(
        observe, QUANTITIES, lambda: Observers(network, inputs, targets)
    )
    at = network.along(inputs[seen], targets[seen], orders=2)

    def run(members: Array) -> _Run:
        """Run the members whose batches have one size."""
        batch_size = int(size[members[0]])
        follow = SharpestDirections(
            lambda theta: at(theta).hessian_product,
            k=k,
            every=every,
            frozen=frozen,
            rng=lambda member: np.random.default_rng([seed[members[member]], 1]),
            tolerance=tolerance,
            max_products=max_products,
        )
        record = _Observed(quantities, starts[members], steps, every)

        def look(t: int, weights: Array, numbers: Array) -> Array:
            """Observe, and return the directions of the step."""
            record(t, weights, numbers)
            return follow(t, weights, numbers)

        found = train(
            network,
            starts[members],
            inputs,
            targets,
            learning_rate=rate[members],
            steps=steps,
            optimizer=Nudged(gamma, look, plain, rest, nudged),
            batches=_batches(seed[members], len(inputs), batch_size, steps),
            every=every,
            tolerance=-1.0,
            escape=math.inf,
            memory_limit=math.inf,
        )
        going = np.flatnonzero(found.outcome == Outcome.RUNNING)
        if steps % every == 0 and len(going):
            with np.errstate(over="ignore", invalid="ignore"):
                look(steps, found.state[going], going)
        values = {"loss": _padded(found.values["loss"], np.arange(0, steps + 1, every))}
        return _Run(members, found.state, values | record.values, follow.pairs)

    parts = [run(np.flatnonzero(size == count)) for count in np.unique(size)]
    return _stack(parts, grid, np.arange(0, steps + 1, every), k)


def _batches(seeds: Array, samples: int, batch_size: int, steps: int) -> Array | None:
    """Draw batches for each member from a stream of its own, ``(N, steps, batch_size)``."""
    streams = [np.random.default_rng([seed, 0]) for seed in seeds]
    drawn = [minibatches(samples, batch_size, steps, rng=one) for one in streams]
    return np.stack(drawn) if steps else None


class _Observed:
    """What is observed of members at multiples of a number of steps; NaN elsewhere.

    A trajectory has a row for each step, and parameters at all of them take gigabytes.
    """

    def __init__(self, quantities: Quantities, starts: Array, steps: int, every: int) -> None:
        self._quantities, self._every = quantities, every
        leading = steps // every + 1, len(starts)
        with np.errstate(all="ignore"):
            shapes = {
                name: require_observed(name, of(starts[:1]), 1).shape[1:]
                for name, of in quantities.items()
            }
        self.values = {name: np.full(leading + shape, np.nan) for name, shape in shapes.items()}

    def __call__(self, t: int, weights: Array, members: Array) -> None:
        """Observe members ``(N,)`` of parameters ``(N, P)`` before step t, if it is time."""
        if t % self._every:
            return
        for name, of in self._quantities.items():
            measured = require_observed(name, of(read_only(weights)), len(weights))
            self.values[name][t // self._every, members.astype(int)] = measured


class _Run(NamedTuple):
    """The run of members whose batches have one size."""

    members: Array
    state: Array  # (N, P), the last
    values: dict[str, Array]  # (T, N, ...)
    pairs: dict[tuple[int, int], Eigenpairs]  # by step and member


def _stack(parts: list[_Run], grid: tuple[int, ...], step: npt.NDArray[np.int64], k: int) -> Track:
    """Join runs in the order of their members; NaN where a member diverged before a measurement."""
    order = np.argsort(np.concatenate([run.members for run in parts]))
    state = np.concatenate([run.state for run in parts])[order]
    lost = Eigenpairs(
        np.full(k, np.nan),
        np.full((state.shape[-1], k), np.nan),
        np.full(k, np.nan),
        np.zeros(k, dtype=bool),
        0,
    )
    table = [
        [run.pairs.get((t, member), lost) for t in step.tolist()]
        for run in parts
        for member in range(len(run.members))
    ]

    def stacked(name: str) -> Array:
        found = np.array([[getattr(each, name) for each in row] for row in table])[order]
        return np.moveaxis(found, 0, 1).reshape(len(step), *grid, *found.shape[2:])

    def observed(name: str) -> Array:
        found = np.concatenate([run.values[name] for run in parts], axis=1)[:, order]
        return found.reshape(len(step), *grid, *found.shape[2:])

    last = np.array([row[-1].vectors for row in table])[order]
    return Track(
        step,
        {name: observed(name) for name in parts[0].values},
        stacked("values"),
        stacked("residuals"),
        stacked("converged"),
        stacked("products"),
        state.reshape(*grid, -1),
        last.reshape(*grid, *last.shape[1:]),
    )


def _padded(values: Array, step: npt.NDArray[np.int64]) -> Array:
    """Return the values at the given steps, NaN after the end of the run."""
    found = np.full((len(step), *values.shape[1:]), np.nan)
    known = values[step[step < len(values)]]
    found[: len(known)] = known
    return found


def _require_sizes(batch_size: npt.ArrayLike, samples: int) -> npt.NDArray[np.int64]:
    sizes = require_integers("batch_size", batch_size)
    for size in sizes.ravel():
        if samples % require_count("batch_size", size, 1):
            raise InputError(f"batch_size must divide the {samples} samples; got {size}")
    return sizes
