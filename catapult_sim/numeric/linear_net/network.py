"""The two-layer linear network: drawn, trained and observed at any width."""

from __future__ import annotations

import math
from threading import Lock

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.observables import StateObservables
from catapult_sim.numeric.linear_net.optimizer_choice import chosen_rule, observers, of_gram
from catapult_sim.numeric.linear_net.wishart import draw_gram, joined
from catapult_sim.numeric.runs.averages import Average
from catapult_sim.numeric.runs.blas_threads import threads, threads_for
from catapult_sim.numeric.runs.memory import MEMORY_LIMIT, require_memory, run_bytes
from catapult_sim.numeric.runs.strides import Stride, iterate_in_strides
from catapult_sim.numeric.runs.trajectory import (
    ESCAPE,
    Trajectory,
    ensemble_shape,
)
from catapult_sim.randomness import draw
from catapult_sim.types import Array, Observe, Progress, Rng
from catapult_sim.validation import (
    InputError,
    require_count,
    require_observers,
    require_positive,
)


class LinearNet(StateObservables):
    r"""The two-layer linear network ``f(x) = V^T U x / sqrt(n)`` on a data set.

    The loss is ``L = (1/2m) sum_a |f(x_a) - y_a|^2``, the kernel ``Theta = (1/m) J J^T``.
    States ``(..., p, p)`` are explained in :mod:`catapult_sim.numeric.linear_net`.

    Parameters
    ----------
    X : array_like, shape (m, d)
        Inputs.
    y : array_like, shape (m,) or (m, k)
        Labels.
    width : int or inf
        n, the number of hidden units.
    memory_limit : float
        Bytes that :meth:`init` and :meth:`train` may take, but for what quantities form while
        they are measured.

    Raises
    ------
    InputError
        Where data are empty, not finite or do not match, or the width is not positive.

    Examples
    --------
    A catapult of a network with a million hidden units:

    >>> net = LinearNet([[1.0]], [0.0], width=10**6)
    >>> net
    LinearNet(X of shape (1, 1), y of shape (1, 1), width=1000000)
    >>> state = net.init(rng=0)
    >>> run = net.train(2.5 / net.top_eigenvalue(state), 60, state=state)
    >>> loss = run.values["loss"]
    >>> bool(loss.max() > 1e3 * loss[0] and loss[-1] < 1e-3 * loss[0])
    True
    """

    def __init__(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        width: float,
        memory_limit: float = MEMORY_LIMIT,
    ) -> None:
        super().__init__(X, y, width=width)
        self.memory_limit = memory_limit

    def __repr__(self) -> str:
        """Say what it is, but for the numbers in its data."""
        shapes = f"X of shape {self.X.shape}, y of shape {self.y.shape}"
        return f"LinearNet({shapes}, width={self.width:.15g})"

    def init(
        self, *, rng: Rng = None, ensemble: tuple[int, ...] = (), scale: npt.ArrayLike = 1.0
    ) -> Array:
        """Draw states of networks whose weights are all N(0, scale^2), from their exact law.

        Parameters
        ----------
        rng : numpy.random.Generator, int or None
            One seed means the same normal deviates at every width and every scale.
        ensemble : tuple of int
            Shape of the ensemble to draw.
        scale : array_like
            Standard deviation of the weights; broadcasts against the ensemble.

        Returns
        -------
        numpy.ndarray, shape (..., p, p)

        Raises
        ------
        InputError
            Where a scale is not positive, or the states exceed the memory limit.

        Examples
        --------
        Three seeds at two scales:

        >>> net = LinearNet([[1.0, 2.0]], [1.0], width=100)
        >>> net.init(rng=0, ensemble=(3,), scale=[[0.5], [1.0]]).shape
        (2, 3, 3, 3)
        """
        squares = require_positive("scale", scale)[..., None, None] ** 2
        members = math.prod(np.broadcast_shapes(squares.shape[:-2], ensemble))
        require_memory(16 * members * self._columns**2, self.memory_limit, "this ensemble")
        return squares * draw(lambda one: draw_gram(one, self.data, self.width), rng, ensemble)

    @property
    def _columns(self) -> int:
        return sum(self.data.target.shape)

    def from_weights(self, U: npt.ArrayLike, V: npt.ArrayLike) -> Array:
        """Return the state of given weights.

        Parameters
        ----------
        U : array_like, shape (..., n, d)
        V : array_like, shape (..., n) or (..., n, k)

        Returns
        -------
        numpy.ndarray, shape (..., p, p)

        Raises
        ------
        InputError
            Where the shapes do not match the network.
        """
        U, V = np.asarray(U, dtype=float), np.asarray(V, dtype=float)
        if V.shape == U.shape[:-1]:
            V = V[..., None]
        required = ((self.width, self.inputs), (self.width, self.outputs))
        if (U.shape[-2:], V.shape[-2:]) != required:
            raise InputError(
                f"weights must have shapes (..., {self.width:g}, {self.inputs}) and "
                f"(..., {self.width:g}, {self.outputs}); got {U.shape} and {V.shape}"
            )
        scale = np.sqrt(self.width)
        seen, V = U @ self.data.directions / scale, V / scale
        across = np.swapaxes(seen, -1, -2)
        A, F, B = across @ seen, scale * across @ V, np.swapaxes(V, -1, -2) @ V
        if len(self.data.scales) > self.data.rank:
            outside = U / scale - seen @ self.data.directions.T
            A, F = _with_rest(A, F, np.sum(outside**2, axis=(-2, -1)))
        return joined(A, F, B)

    def advance(self, state: Array, learning_rate: npt.ArrayLike) -> tuple[Array, Array]:
        """Take one step of gradient descent.

        Parameters
        ----------
        state : numpy.ndarray, shape (..., p, p)
        learning_rate : array_like, shape (...)

        Returns
        -------
        tuple
            The next state, and the loss of the state that was given, ``(...)``.
        """
        run = self.train(learning_rate, 1, state=state, observe={}, escape=math.inf, tolerance=-1.0)
        return run.state, run.values["loss"][0]

    def train(
        self,
        learning_rate: npt.ArrayLike,
        steps: int,
        *,
        rng: Rng = None,
        weights: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        state: npt.ArrayLike | None = None,
        momentum: npt.ArrayLike = 0.0,
        nesterov: bool = False,
        weight_decay: npt.ArrayLike = 0.0,
        batches: npt.ArrayLike | None = None,
        average: Average | None = None,
        observe: Observe | None = None,
        every: int = 1,
        tolerance: float = 0.0,
        escape: float = ESCAPE,
        compiled: bool = False,
        progress: Progress | None = None,
    ) -> Trajectory:
        """Train by gradient descent, with momentum, decay, batches and averages at will.

        ``W_(t+1) = W_t + D``, ``D = momentum * (W_t - W_(t-1)) - learning_rate * gradient``,
        where the gradient is that of the batch's loss plus ``weight_decay / 2`` times the
        squared norm of all weights; it is taken at W_t, or, with ``nesterov``, at
        ``W_t + momentum * (W_t - W_(t-1))``. The loss that is recorded is that of all samples
        at W_t, without the penalty.

        Parameters
        ----------
        learning_rate : array_like
            Broadcasts against momentum, weight decay and the leading axes of the initial
            state; together they are the ensemble ``(...)``.
        steps : int
        rng : numpy.random.Generator, int or None
            Draws one initial network, the same for every learning rate.
        weights : (U, V), optional
            Start here instead, see :meth:`from_weights`.
        state : array_like, shape (..., p, p), optional
            Start here instead, see :meth:`init`. Every run starts at rest.
        momentum : array_like
            In [0, 1): heavy ball, or with ``nesterov`` Nesterov's method.
        nesterov : bool
        weight_decay : array_like
            At least 0.
        batches : array_like of int, shape (T, b), optional
            The samples that each step sees, see
            :func:`~catapult_sim.numeric.runs.batches.minibatches`; after T steps
            they come again. By default every step sees all samples.
        average : EMA or SWA, optional
            Average the weights along the run. The average's loss and observed quantities
            are recorded as ``average_loss``, ``average_top_eigenvalue`` and so on.
        observe : mapping of str to callable, optional
            What to measure besides the loss, of states ``(N, p, p)``; by default
            ``top_eigenvalue`` and ``weight_norm``. Called from several threads, each time
            with some of the members.
        every : int
            Measure at multiples of this step.
        tolerance : float
            A member is finished when its loss is at most this fraction of its start.
        escape : float
            A member has diverged when its loss exceeds this multiple of its start.
        compiled : bool
            Let numba compile the loop (extra ``fast``; full-batch gradient descent only).
            Results agree to rounding.
        progress : callable, optional
            Called with the number of steps just taken, those of all members together: at most
            members times ``steps + 1``, and what a member's end makes it repeat.

        Returns
        -------
        Trajectory
            Its state is that of the weights, ``(..., p, p)``, its average that of the average.

        Raises
        ------
        InputError
            Where an argument is not as required above, or the run exceeds the memory limit.

        Examples
        --------
        >>> net = LinearNet([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], width=float("inf"))
        >>> run = net.train([0.5, 1.0], steps=20, rng=0)
        >>> run.values["loss"].shape
        (21, 2)
        >>> from catapult_sim.numeric.runs.averages import SWA
        >>> from catapult_sim.numeric.runs.batches import minibatches
        >>> one_by_one = minibatches(2, 1, steps=20, rng=0)
        >>> run = net.train(0.5, 20, rng=0, momentum=0.5, batches=one_by_one, average=SWA(5))
        >>> print(*run.values)
        loss top_eigenvalue weight_norm average_loss average_top_eigenvalue average_weight_norm
        """
        rates = require_positive("learning_rate", learning_rate)
        gram = self._initial(rng, weights, state)
        rule, others = chosen_rule(
            self.data,
            self.width,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            batches=batches,
            average=average,
            compiled=compiled,
            alone=rates.ndim == 0 and gram.ndim == 2,
        )
        if observe is None:
            observe = {"top_eigenvalue": self.top_eigenvalue, "weight_norm": self.weight_norm}
        measured = observers(rule, require_observers(observe))
        start = rule.start(gram)
        parameters = (rates, *others)
        count = require_count("steps", steps)
        required = run_bytes(start, parameters, count, measured, work=rule.work, threads=threads())
        require_memory(required, self.memory_limit, "this run")
        with threads_for(math.prod(ensemble_shape(start, parameters))) as side_by_side:
            run = iterate_in_strides(
                rule.stride if progress is None else _told(rule.stride, progress),
                start,
                *parameters,
                steps=count,
                longest=rule.longest,
                observe=measured,
                every=every,
                tolerance=tolerance,
                escape=escape,
                member_bytes=rule.work,
                threads=side_by_side,
            )
        return of_gram(rule, run)

    def _initial(
        self,
        rng: Rng,
        weights: tuple[npt.ArrayLike, npt.ArrayLike] | None,
        state: npt.ArrayLike | None,
    ) -> Array:
        if state is None:
            return self.init(rng=rng) if weights is None else self.from_weights(*weights)
        given = np.asarray(state, dtype=float)
        if given.shape[-2:] != (self._columns, self._columns):
            raise InputError(
                f"state must have shape (..., {self._columns}, {self._columns}); got {given.shape}"
            )
        return given


def _told(stride: Stride, progress: Progress) -> Stride:
    """Let a rule tell how many steps it has taken, one thread after the other."""
    turn = Lock()

    def told(state: Array, *rates: Array, first: int, count: int) -> tuple[Array, Array]:
        taken = stride(state, *rates, first=first, count=count)
        with turn:
            progress(count * len(state))
        return taken

    return told


def _with_rest(A: Array, F: Array, outside: Array) -> tuple[Array, Array]:
    """Add the coordinate that carries the norm outside the inputs' span."""
    pads = [(0, 0)] * (A.ndim - 2)
    A = np.pad(A, [*pads, (0, 1), (0, 1)])
    A[..., -1, -1] = outside
    return A, np.pad(F, [*pads, (0, 1), (0, 0)])
