"""Training of ensembles of networks, measured along the way."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from catapult_sim.mlp.descent import Descent
from catapult_sim.mlp.model import Model
from catapult_sim.numeric.runs.averages import Average
from catapult_sim.numeric.runs.checkpoint import Checkpoint
from catapult_sim.numeric.runs.memory import MEMORY_LIMIT
from catapult_sim.numeric.runs.optimizers import AnyOptimizer, GradientDescent
from catapult_sim.numeric.runs.rule import Method, Schedule, run
from catapult_sim.numeric.runs.trajectory import ESCAPE, Trajectory
from catapult_sim.types import Observe, Progress
from catapult_sim.validation import require_count, require_positive


def train(
    network: Model[Any],
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    learning_rate: npt.ArrayLike,
    steps: int,
    optimizer: AnyOptimizer = GradientDescent(),
    batches: npt.ArrayLike | None = None,
    schedule: Schedule | None = None,
    average: Average | None = None,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    memory_limit: float = MEMORY_LIMIT,
) -> Trajectory:
    """Train an ensemble of networks by gradient descent or another optimiser.

    Each step takes the gradient of the loss of its samples. The recorded loss is that of all
    samples, with weight decay: at every step, or with mini-batches at multiples of ``every`` only,
    and only where it is recorded is a convergence or divergence noticed.

    Members run in parallel on as many threads as linear algebra may have, with one thread of
    linear algebra each. The numbers of a member are the same to the bit in any ensemble. For a
    single network, or outside the main thread, linear algebra keeps its threads, and sums that it
    splits among them may be rounded differently.

    Parameters
    ----------
    network : MLP or TaylorModel
    theta : array_like, shape (..., P)
        The parameters before the first step.
    X : array_like, shape (m, d)
    y : array_like, shape (m,) or (m, k)
    learning_rate : array_like
        Broadcasts against the numbers of the optimiser and the leading axes of theta; together
        they are the ensemble.
    steps : int
        How many updates, with mini-batches too.
    optimizer : Optimizer or Wrapper
        Such as ``HeavyBall(0.9)``, see :mod:`~catapult_sim.numeric.runs.optimizers`.
    batches : array_like of int, shape (T, b) or (..., T, b), optional
        The samples that each step sees, the same for all members or their own for each of the
        leading axes of theta, see :func:`~catapult_sim.numeric.runs.batches.minibatches`; after T
        steps they repeat. By default every step sees all samples.
    schedule : callable or array_like, shape (steps,), optional
        Factors of the learning rates, at least 0, or a function of the step that returns them,
        see :mod:`catapult_sim.mlp.schedules`.
    average : EMA or SWA, optional
        Average the weights along the run. The average's loss and observed quantities are
        recorded at multiples of ``every`` as ``average_loss``, ``average_sharpness`` and so on.
        For averages of a few iterates, such as TwoPoint, observe the weights,
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
        Store the run in this file. After an interruption the same call continues from there, and
        returns the same numbers to the bit; with more steps it extends the run. If a mini-batch
        run is extended from a step that is not a multiple of ``every``, the loss recorded at that
        step stays; everything else equals an uninterrupted run. Not with Nudged, whose directions
        are not stored.
    progress : callable, optional
        Called with the number of steps just taken, summed over members; in total at most members
        times ``steps + 1``.
    memory_limit : float
        Bytes that the run may take, without those that observers allocate.

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
    >>> rates = [[0.1], [0.5]]
    >>> train(network, theta, X, y, learning_rate=rates, steps=5).values["loss"].shape
    (6, 2, 3)

    Two epochs of SGD, each of the three networks with batches of its own:

    >>> from catapult_sim.numeric.runs.batches import minibatches
    >>> batches = minibatches(2, 1, steps=4, rng=0, ensemble=(3,))
    >>> train(network, theta, X, y, learning_rate=0.1, steps=4, batches=batches).state.shape
    (3, 2000)

    The weights at a constant learning rate, and their mean from step 2 on:

    >>> from catapult_sim.numeric.runs.averages import SWA
    >>> method = {"learning_rate": 0.1, "batches": batches, "average": SWA(2)}
    >>> run = train(network, theta, X, y, steps=4, **method)
    >>> run.average.shape, list(run.values)
    ((3, 2000), ['loss', 'average_loss'])
    """
    inputs, targets = network.require_data(X, y)
    start = network.require_parameters(theta)
    leading, every = start.shape[:-1], require_count("every", every, 1)
    method = Method.of(
        optimizer,
        require_count("steps", steps),
        batches=batches,
        schedule=schedule,
        average=average,
        samples=len(inputs),
        ensemble=leading,
    )
    rule = Descent(network, inputs, targets, method, 1 if method.batches is None else every)
    return run(
        rule,
        start,
        leading,
        {"learning_rate": require_positive("learning_rate", learning_rate)},
        problem=lambda: rule.problem(start),
        observe=observe,
        every=every,
        tolerance=tolerance,
        escape=escape,
        checkpoint=checkpoint,
        progress=progress,
        memory_limit=memory_limit,
    )
