"""Run an ensemble of networks, and measure along the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.averaging import Averaged
from catapult_sim.mlp.optimizers import Descent
from catapult_sim.mlp.taylor import Model
from catapult_sim.numeric.runs.averages import Average, require_average
from catapult_sim.numeric.runs.batches import require_batches
from catapult_sim.numeric.runs.blas_threads import threads, threads_for
from catapult_sim.numeric.runs.checkpoint import Checkpoint, fingerprint, resumable
from catapult_sim.numeric.runs.memory import MEMORY_LIMIT, require_memory, run_bytes
from catapult_sim.numeric.runs.strides import iterate_in_strides
from catapult_sim.numeric.runs.trajectory import (
    ESCAPE,
    Trajectory,
    ensemble_shape,
)
from catapult_sim.types import Array, Observe
from catapult_sim.validation import (
    InputError,
    require_count,
    require_momentum,
    require_observers,
    require_positive,
)

Schedule = Callable[[int], Any] | npt.ArrayLike


def train(
    network: Model,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: int,
    momentum: npt.ArrayLike = 0.0,
    nesterov: bool = False,
    batches: npt.ArrayLike | None = None,
    regularizer: npt.ArrayLike = 0.0,
    schedule: Schedule | None = None,
    average: Average | None = None,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    checkpoint: Checkpoint | None = None,
    memory_limit: float = MEMORY_LIMIT,
) -> Trajectory:
    r"""Train by gradient descent, with batches, momentum and schedules at will, many at once.

    ``W_(t+1) = W_t + D``, ``D = momentum * (W_t - W_(t-1)) - learning_rate * gradient``, where
    the gradient is that of the loss of the samples that the step sees, taken at W_t, or, with
    ``nesterov``, at ``W_t + momentum * (W_t - W_(t-1))``. The loss that is recorded is the
    network's, with its weight decay, of all samples at W_t: at every step, or with batches at
    multiples of ``every`` only, which is also where ends are noticed then.

    Members run side by side on as many threads as linear algebra may have, which then has one
    for each of them; those that ended are taken out of the work. A member has the same bits in
    any ensemble. A single network leaves the threads to linear algebra, which may round a sum that
    it shares out among them differently; so may a run outside the main thread.

    Parameters
    ----------
    network : MLP or TaylorModel
    theta : array_like, shape (..., P)
        Where to start, at rest.
    X : array_like, shape (m, d)
    y : array_like, shape (m,) or (m, k)
    learning_rate, momentum, regularizer : array_like
        Broadcast against the leading axes of theta; together they are the ensemble. Momentum
        is in [0, 1): heavy ball, or with ``nesterov`` Nesterov's method. The regulariser is
        the coefficient of ``|grad C|^2 / 4``, which is added to the loss C that a step sees.
    steps : int
        How many updates, whatever part of the samples each of them sees.
    nesterov : bool
    batches : array_like of int, shape (T, b) or (..., T, b), optional
        The samples that each step sees, the same for all members or their own for each of the
        leading axes of theta, see :func:`~catapult_sim.numeric.runs.batches.minibatches`; after T
        steps they come again. By default every step sees all samples.
    schedule : callable or array_like, shape (steps,), optional
        Factors of the learning rates, at least 0, or a function of the step that returns them,
        see :mod:`catapult_sim.mlp.schedules`.
    average : EMA or SWA, optional
        Average the weights along the run. The average's loss and observed quantities are
        recorded at multiples of ``every`` as ``average_loss``, ``average_sharpness`` and so on.
        Averages of a few iterates, such as TwoPoint, can be had from observed weights,
        ``observe={"weights": lambda theta: theta}``.
    observe : mapping of str to callable, optional
        Quantities ``theta (N, P) -> (N, ...)`` to measure besides the loss, see
        :class:`~catapult_sim.mlp.observers.Observers`.
    every : int
        Measure at multiples of this step.
    tolerance : float
        A member is finished when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.
    checkpoint : Checkpoint, optional
        Keep the run in this file. The same call goes on from there after whatever interruption,
        and returns the same numbers to the last bit; with more steps it prolongs the run. Prolonged
        from a step that is not a multiple of ``every``, a run with batches keeps what it had there
        as its last step, a loss and perhaps an end, and is else as the run at once.
    memory_limit : float
        Bytes that the run may take, but for what quantities form while they are measured.

    Returns
    -------
    Trajectory
        With the weights where each member stopped, ``(..., P)``, as its state, and with their
        average there.

    Raises
    ------
    InputError
        Where data do not fit the network, an argument is not as required above, the run exceeds
        the memory limit, or the checkpoint is that of another run.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network = MLP([1, 1000, 1], activation="tanh")
    >>> theta, X, y = network.init(rng=0, ensemble=(3,)), [[1.0], [2.0]], [1.0, 0.0]
    >>> rates = np.array([[0.1], [0.5]])
    >>> train(network, theta, X, y, learning_rate=rates, steps=5).values["loss"].shape
    (6, 2, 3)

    Two epochs of SGD, each of the three networks with batches of its own:

    >>> from catapult_sim.numeric.runs.batches import minibatches
    >>> batches = minibatches(2, 1, steps=4, rng=0, ensemble=(3,))
    >>> train(network, theta, X, y, learning_rate=0.1, steps=4, batches=batches).state.shape
    (3, 2000)

    What is learned at a constant learning rate, and its mean from step 2 on:

    >>> from catapult_sim.numeric.runs.averages import SWA
    >>> method = {"learning_rate": 0.1, "batches": batches, "average": SWA(2)}
    >>> run = train(network, theta, X, y, steps=4, **method)
    >>> run.average.shape, list(run.values)
    ((3, 2000), ['loss', 'average_loss'])
    """
    inputs, targets = network.require_data(X, y)
    start, steps = network.require_parameters(theta), require_count("steps", steps)
    rates, beta = require_positive("learning_rate", learning_rate), require_momentum(momentum)
    leading = start.shape[:-1]
    average = require_average(average)
    rule = (Descent if average is None else partial(Averaged, average=average))(
        network,
        inputs,
        targets,
        steps,
        moving=bool(beta.any()),
        nesterov=nesterov and bool(beta.any()),
        factors=_factors(schedule, steps),
        batches=None if batches is None else require_batches(batches, len(inputs), leading),
    )
    members = np.arange(start[..., 0].size).reshape(leading)
    run = _Run(rule, rule.start(start), (rates, beta, _require_regularizer(regularizer), members))
    every = require_count("every", every, 1)
    options = {"every": every, "tolerance": tolerance, "escape": escape}
    asked = {"average": average, **options}
    seen = rule.observers(require_observers(observe))
    require_memory(run.bytes(steps, seen), memory_limit, "this run")
    if checkpoint is None:
        found = run.to(steps, None, observe=seen, **options)
    else:
        found = resumable(
            lambda last, before: run.to(last, before, observe=seen, **options),
            steps,
            checkpoint,
            every=every,
            asked=lambda t: run.fingerprints(t) | {k: str(v) for k, v in asked.items()},
        )
    return rule.of_parameters(found)


@dataclass(frozen=True)
class _Run:
    """A rule, where it starts, and the parameters of its members."""

    rule: Descent
    start: Array
    parameters: tuple[Array, ...]  # rates, momentum, regulariser, which member of theta

    def to(self, steps: int, before: Trajectory | None, **options: Any) -> Trajectory:
        """Continue a run, or start one, up to a step."""
        with threads_for(math.prod(self.ensemble)) as side_by_side:
            return iterate_in_strides(
                self.rule.stride,
                self.start,
                *self.parameters,
                steps=steps,
                longest=1 if self.rule.batches is None else options["every"],
                resume=before,
                member_bytes=self.rule.work(self.rule.batch_size),
                threads=side_by_side,
                **options,
            )

    def bytes(self, steps: int, observe: Observe) -> int:
        """Return how much memory the run takes."""
        work = self.rule.work(len(self.rule.X))
        given = self.start, self.parameters, steps, observe
        return run_bytes(*given, work=work, threads=threads())

    @property
    def ensemble(self) -> tuple[int, ...]:
        """The shape of the ensemble."""
        return ensemble_shape(self.start, self.parameters)

    def fingerprints(self, t: int) -> dict[str, str]:
        """Return what tells this run from others in its first t steps, by name."""
        rule, theta = self.rule, self.rule.theta(self.start)
        names = ("learning_rate", "momentum", "regularizer")
        arrays = dict(zip(names, self.parameters, strict=False)) | {
            "theta": theta,
            "X": rule.X,
            "y": rule.y,
            "batches": () if rule.batches is None else rule.batches[..., :t, :],
            "schedule": () if rule.factors is None else rule.factors[:t],
        }
        told = {name: fingerprint(array) for name, array in arrays.items()}
        one = theta.reshape(-1, theta.shape[-1])[:1]
        with np.errstate(all="ignore"):
            loss, gradient = rule.network.loss_and_gradient(one, rule.X, rule.y)
            network = f"loss {loss[0]:.4g}, gradient {np.linalg.norm(gradient):.4g} at the start"
        return told | {"network": network, "nesterov": str(rule.nesterov)}


def _factors(schedule: Schedule | None, steps: int) -> Array | None:
    if schedule is None:
        return None
    given = [schedule(t) for t in range(steps)] if callable(schedule) else schedule
    factors = np.asarray(given, dtype=float)
    if factors.shape != (steps,):
        raise InputError(f"schedule must give {steps} factors, one a step; got {factors.shape}")
    return _at_least_zero("the factors of schedule", factors)


def _require_regularizer(values: npt.ArrayLike) -> Array:
    return _at_least_zero("regularizer", np.asarray(values, dtype=float))


def _at_least_zero(what: str, values: Array) -> Array:
    right = np.isfinite(values) & (values >= 0)
    if not right.all():
        raise InputError(f"{what} must be finite and at least 0; got {values[~right].flat[0]:g}")
    return values
