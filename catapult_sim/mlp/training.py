"""Training of ensembles of networks by any optimiser, measured along the way.

A member's state is a concatenation of vectors ``(P,)``: the weights, then those that the optimiser
and the average remember.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.observers import QUANTITIES, Observers
from catapult_sim.mlp.own_model import Plugged, as_model
from catapult_sim.mlp.point import Place
from catapult_sim.numeric.runs.averages import Average, Memory
from catapult_sim.numeric.runs.batches import repeats
from catapult_sim.numeric.runs.checkpoint import Checkpoint, fingerprint
from catapult_sim.numeric.runs.optimizers import (
    AnyOptimizer,
    GradientDescent,
    Look,
    Wrapper,
    displace,
)
from catapult_sim.numeric.runs.rule import Averaged, Block, Method, Schedule, run
from catapult_sim.numeric.runs.strides import BLOCK_BYTES
from catapult_sim.numeric.runs.trajectory import (
    EACH,
    ESCAPE,
    Steps,
    Trajectory,
    require_every,
    require_quantities,
)
from catapult_sim.types import Array, Every, Observe, Progress
from catapult_sim.validation import require_positive


def train(
    network: Model[Any] | Plugged,
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
    every: Every = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    checkpoint: Checkpoint | None = None,
    progress: Progress | bool | None = None,
    memory_limit: Limit = None,
) -> Trajectory:
    """Train an ensemble of networks by gradient descent or another optimiser.

    Each step takes the gradient of the loss of its samples. The recorded loss is that of all
    samples, with weight decay: at every step, or with mini-batches at the steps of ``every``, the
    first and the last only. Only where it is recorded is a convergence or divergence noticed. In
    between, the losses of the batches prove how high it rose at least: a batch of b of the m
    samples has a share of ``b / m`` in the loss of all, and no sample has a negative one.

    Members run in parallel on as many threads as linear algebra may have, with one thread of
    linear algebra each. The numbers of a member are the same to the bit in any ensemble. Of a
    single large network the threads share the samples, and sums over samples are rounded
    differently; outside of the main thread, linear algebra keeps its threads.

    Parameters
    ----------
    network : Network, such as an MLP, TaylorModel, or an object of your own
        With the methods ``loss``, ``gradient``, ``hessian_product`` and ``kernel_product``, see
        :mod:`~catapult_sim.mlp.own_model`; X and y are then as these take them.
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
        recorded at the steps of ``every`` as ``average_loss``, ``average_sharpness`` and so on.
        For averages of a few iterates, such as TwoPoint, observe the weights,
        ``observe={"weights": lambda theta: theta}``.
    observe : str, sequence of str, or mapping of str to callable, optional
        Quantities to measure besides the loss: names of those of
        :class:`~catapult_sim.mlp.observers.Observers`, such as ``"sharpness"`` or
        ``["sharpness", "accuracy"]``, on these data; or functions ``theta (N, P) -> (N, ...)``.
    every : int or sequence of int
        Measure at multiples of this step, or at the steps of a list, such as ``[0, 1, 3, 10]``.
    tolerance : float
        A member is finished when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.
    checkpoint : Checkpoint, optional
        Store the run in this file. After an interruption the same call continues from there, and
        returns the same numbers to the bit; with more steps it extends the run. If a mini-batch
        run is extended from a step that is not one of ``every``, the loss recorded at that step
        stays; everything else equals an uninterrupted run. Not with Nudged, whose directions
        are not stored.
    progress : callable, bool or None
        A function that is called with the number of steps just taken, summed over members: in total
        at most members times ``steps + 1``. By default a bar appears after two seconds on a
        terminal or in a notebook; False: never.
    memory_limit : float, str or None
        Memory that the run may take, without what observers allocate: bytes, or a size such as
        "6GB"; by default half of what is free.

    Returns
    -------
    Trajectory
        With the weights where each member stopped, ``(..., P)``, as its state, and with their
        average there. With mini-batches that are not measured at every step, its ``least_peak`` is
        what the loss of each member reached at least.

    Raises
    ------
    InputError
        Where data do not fit the network, an own model contradicts itself, an argument is not as
        required above, the run exceeds the memory limit, or the checkpoint is that of another run.

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
    model = network if isinstance(network, Model) else as_model(network, theta, X)
    inputs, targets = model.require_data(X, y)
    start = model.require_parameters(theta)
    leading, measured = start.shape[:-1], require_every(every)
    given = optimizer, steps, batches, schedule, average
    method = Method.of(*given, samples=len(inputs), ensemble=leading)
    rule = Descent(model, inputs, targets, method, measured)
    return run(
        rule,
        start,
        leading,
        {"learning_rate": require_positive("learning_rate", learning_rate)},
        problem=lambda: rule.problem(start),
        observe=require_quantities(observe, QUANTITIES, partial(Observers, model, inputs, targets)),
        every=every,
        tolerance=tolerance,
        escape=escape,
        checkpoint=checkpoint,
        progress=progress,
        memory_limit=memory_limit,
    )


@dataclass(frozen=True)
class Descent:
    """The rule of an ensemble of networks, see :class:`~catapult_sim.numeric.runs.rule.Rule`."""

    network: Model[Any]
    X: Array  # (m, d)
    y: Array  # (m, k)
    method: Method
    measured: Steps = EACH  # the steps at which the loss of all samples is measured
    longest: ClassVar[int] = 1
    # For each thread: its points, whose arrays are used again, and the optimiser of its last block.
    _kept: threading.local = field(default_factory=threading.local)

    def start(self, weights: Array) -> Array:
        """Return the states ``(..., S)`` at given weights, before the first step."""
        remembered = [np.zeros_like(weights)] * self.method.optimizer.memory
        if self.method.average is not None:
            remembered += self.method.average.begin(weights)
        if self._sampled:
            remembered.append(np.zeros((*weights.shape[:-1], 1), weights.dtype))
        return np.concatenate([weights, *remembered], axis=-1) if remembered else weights

    def weights(self, state: Array) -> Array:
        """Return the parameters of states, ``(..., P)``."""
        return state[..., : self.network.size]

    @property
    def _sampled(self) -> bool:
        """Whether the loss of all samples is not measured at every step."""
        return self.method.batches is not None and self.measured != EACH

    @property
    def least_peak(self) -> Callable[[Array], Array] | None:
        """A lower bound of the largest loss so far: the last number of a state."""
        return (lambda state: state[..., -1]) if self._sampled else None

    @property
    def average(self) -> Averaged | None:
        """The averaged weights as functions of states; None without an average."""
        average = self.method.average
        if average is None:
            return None

        def weights(state: Array) -> Array:
            return average.value(self._parts(state)[2])

        return Averaged(weights, lambda state: self.loss(weights(state)))

    def _parts(self, state: Array) -> tuple[Array, Memory, Memory]:
        """Split states into the weights and the memories of optimiser and average."""
        vectors, own = self._vectors(state), 1 + self.method.optimizer.memory
        return vectors[0], tuple(vectors[1:own]), tuple(vectors[own:])

    def _vectors(self, state: Array) -> list[Array]:
        return [state[place] for place in self._places]

    @cached_property
    def _places(self) -> list[tuple[Any, slice]]:
        size = self.network.size
        count = 1 + self.method.optimizer.memory
        if self.method.average is not None:
            count += len(self.method.average.begin(np.zeros(1)))
        return [np.s_[..., i * size : (i + 1) * size] for i in range(count)]

    def stride(self, state: Array, block: Block, first: int, count: int) -> tuple[Array, Array]:
        """Take a step; return the next state and, where it is measured, the loss of all samples."""
        following, loss, last = state, None, self.method.steps
        if first < last:
            optimizer = self._optimizer(block.numbers, state.dtype)
            following, loss = self._step(first, state, block, optimizer)
        if loss is not None:
            return following, loss[None]
        if self.method.batches is None or first in self.measured or first in (0, last):
            return following, self.loss(self.weights(state))[None]
        return following, np.empty((0, len(state)))

    def _optimizer(self, numbers: tuple[Array, ...], dtype: Any) -> AnyOptimizer:
        """Return the optimiser of a block, made anew only where a thread turns to another block."""
        held = getattr(self._kept, "optimizer", None)
        # To build it costs a tenth of a step of a small network. Between strides a block passes
        # the very same arrays, unless some of its members have ended.
        if held is None or any(map(operator.is_not, held[0], numbers)):
            held = self._kept.optimizer = numbers, self.method.optimizer_of(numbers, dtype)
        optimizer: AnyOptimizer = held[1]
        return optimizer

    def loss(self, theta: Array) -> Array:
        """Return the loss of all samples, ``(N,)``, of as many members at once as stay in cache."""
        at_once = max(1, BLOCK_BYTES // self._bytes(len(self.X)))
        parts = [theta[first : first + at_once] for first in range(0, len(theta) or 1, at_once)]
        name = "seen" if self.method.batches is None else "all"  # arrays for as many samples
        return np.concatenate([self._at(name, part, self.X, self.y).loss for part in parts])

    @property
    def work(self) -> int:
        """The bytes that a member takes in a step besides its states."""
        batches = self.method.batches
        return self._bytes(len(self.X) if batches is None else batches.shape[-1])

    @property
    def bytes(self) -> int:
        """The bytes that a member takes at most, where the loss of all samples is measured."""
        working = len(self.X) * self.network.working_numbers * self.X.itemsize
        return self._bytes(len(self.X)) + working

    def _bytes(self, samples: int) -> int:
        """Count inputs, outputs, slopes and signals of all layers, and a gradient."""
        layers = samples * self.network.numbers_per_sample
        gradient = self.network.size if self.method.optimizer.memory else 0
        return (layers + gradient) * self.X.itemsize

    def _at(self, name: str, theta: Array, X: Array, y: Array) -> Place:
        """Return this thread's point of a name, moved to theta and the samples."""
        point: Place | None = getattr(self._kept, name, None)
        if point is None:
            orders = 2 if isinstance(self.method.optimizer, Wrapper) else 1
            point = self.network.point(theta, X, y, orders=orders)
            setattr(self._kept, name, point)
            return point
        return point.move(theta, X, y)

    def _step(
        self, t: int, state: Array, block: Block, optimizer: AnyOptimizer
    ) -> tuple[Array, Array | None]:
        """Return the next state, and the loss of all samples before it where the step sees that."""
        theta, last, memory = self._parts(state)
        for vector in last:
            vector.flags.writeable = False  # the step may have to be taken again from here
        point, rows = optimizer.point(theta, *last), self.method.rows(t, block.starts)
        samples = (self.X, self.y) if rows is None else (self.X[rows], self.y[rows])
        seen = self._at("seen", point, *samples)
        loss = seen.loss if rows is None and point is theta else None
        eta = self.method.rate(t, block.rate).astype(theta.dtype)[:, None]
        if not last and not memory and not self._sampled:
            look = Look(t, block.members, theta, seen.gradient, seen.hessian_product)
            (displacement,) = displace(optimizer, look, eta)
            return np.add(theta, displacement, out=displacement), loss
        following = np.empty_like(state)
        moved, *places = self._vectors(following)
        if self._sampled:
            share = self.method.of_batch(self._shares, t, block.starts) if point is theta else 0.0
            np.fmax(state[..., -1], share * seen.loss, out=following[..., -1])
        # Momentum turns the gradient into what it remembers: formed in its place, that need not be
        # copied there. Of several memories one could be overwritten by another.
        gradient = partial(seen.gradient, places[0]) if len(last) == 1 else seen.gradient
        look = Look(t, block.members, theta, gradient, seen.hessian_product)
        displacement, *kept = displace(optimizer, look, eta, *last)
        np.add(theta, displacement, out=moved)
        if self.method.average is not None:
            kept += self.method.average.advance(memory, moved, t)
        for place, vector in zip(places, kept, strict=True):
            if vector is not place:
                place[...] = vector
        return following, loss

    @cached_property
    def _shares(self) -> Array:
        """How large the loss of all samples is at least, over that of each batch, ``(..., T)``.

        No sample has a negative loss. What rounding may add to either loss is left to it.
        """
        assert self.method.batches is not None
        drawn = self.method.batches.shape[-1] / (len(self.X) * repeats(self.method.batches))
        return drawn * (1 - np.finfo(self.network.dtype).eps ** 0.5)

    def problem(self, weights: Array) -> dict[str, str]:
        """Return fingerprints of the network and its data, by name."""
        one = weights.reshape(-1, weights.shape[-1])[:1]
        with np.errstate(all="ignore"):
            loss, gradient = self.network.loss_and_gradient(one, self.X, self.y)
            network = f"loss {loss[0]:.4g}, gradient {np.linalg.norm(gradient):.4g} at the start"
        return {"X": fingerprint(self.X), "y": fingerprint(self.y), "network": network}
