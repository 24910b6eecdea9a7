"""The two-layer linear network: draw, train and observe it at any width."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.linear_net.gradient_descent import Descent
from catapult_sim.numeric.linear_net.observables import QUANTITIES, StateObservables
from catapult_sim.numeric.linear_net.on_gram import OnGram
from catapult_sim.numeric.linear_net.on_weights import OnWeights
from catapult_sim.numeric.linear_net.wishart import draw_gram, joined, with_rest
from catapult_sim.numeric.runs.averages import Average
from catapult_sim.numeric.runs.checkpoint import Checkpoint, fingerprint
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall, Nesterov, Optimizer
from catapult_sim.numeric.runs.rule import Method, Rule, Schedule, run
from catapult_sim.numeric.runs.trajectory import ESCAPE, Trajectory, require_quantities
from catapult_sim.types import Array, Every, Observe, Progress, Rng
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_ensemble,
    require_finite,
    require_flag,
    require_positive,
    shown,
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
    weight_decay : array_like
        At least 0: training descends on the loss plus ``weight_decay / 2`` times the squared norm
        of all weights. Broadcasts with the ensemble of a run.

    Raises
    ------
    InputError
        Where data are empty, not finite, beyond 1e150 or do not match, the width is not positive,
        or the weight decay is negative or not finite.

    Examples
    --------
    A catapult of a network with a million hidden units:

    >>> net = LinearNet([[1.0]], [0.0], width=10**6)
    >>> net
    LinearNet(X of shape (1, 1), y of shape (1, 1), width=1000000)
    >>> state = net.init(rng=0)
    >>> run = net.train(learning_rate=2.5 / net.top_eigenvalue(state), steps=60, state=state)
    >>> loss = run.values["loss"]
    >>> bool(loss.max() > 1e3 * loss[0] and loss[-1] < 1e-3 * loss[0])
    True
    """

    def __repr__(self) -> str:
        """Return the shapes of the data and the width."""
        shapes = f"X of shape {self.X.shape}, y of shape {self.y.shape}"
        return f"LinearNet({shapes}, width={self.width:.15g})"

    def init(
        self,
        *,
        rng: Rng = None,
        ensemble: tuple[int, ...] = (),
        scale: npt.ArrayLike = 1.0,
        memory_limit: Limit = None,
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
        memory_limit : float, str or None
            Memory that the states may take: bytes, or a size such as "6GB"; by default half of
            what is free.

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
        deviations, ensemble = require_positive("scale", scale), require_ensemble(ensemble)
        members = math.prod(require_broadcast(scale=deviations.shape, ensemble=ensemble))
        require_memory(16 * members * self.columns**2, memory_limit, "this ensemble", "members")
        drawn = draw_gram(rng, ensemble, self.data, self.width)
        with np.errstate(over="ignore"):
            return deviations[..., None, None] ** 2 * drawn

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
        U, V = require_finite("U", U), require_finite("V", V)
        if V.shape == U.shape[:-1]:
            V = V[..., None]
        required = ((self.width, self.inputs), (self.width, self.outputs))
        if (U.shape[-2:], V.shape[-2:]) != required:
            raise InputError(
                f"weights must have shapes (..., {self.width:g}, {self.inputs}) and "
                f"(..., {self.width:g}, {self.outputs}); got {U.shape} and {V.shape}"
            )
        leading = require_broadcast(U=U.shape[:-2], V=V.shape[:-2])
        U, V = (np.broadcast_to(one, (*leading, *one.shape[-2:])) for one in (U, V))
        with np.errstate(over="ignore", invalid="ignore"):
            return self._gram(U, V)

    def _gram(self, U: Array, V: Array) -> Array:
        scale = np.sqrt(self.width)
        seen, V = U @ self.data.directions / scale, V / scale
        across = np.swapaxes(seen, -1, -2)
        A, F, B = across @ seen, scale * across @ V, np.swapaxes(V, -1, -2) @ V
        if len(self.data.scales) > self.data.rank:
            outside = U / scale - seen @ self.data.directions.T
            A, F = with_rest(A, F, np.sum(outside**2, axis=(-2, -1)))
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
        run = self.train(
            learning_rate=learning_rate, steps=1, state=state, escape=math.inf, tolerance=-1.0
        )
        return run.state, run.values["loss"][0]

    def train(
        self,
        *,
        learning_rate: npt.ArrayLike,
        steps: int,
        state: npt.ArrayLike | None = None,
        weights: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        rng: Rng = None,
        optimizer: Optimizer = GradientDescent(),
        batches: npt.ArrayLike | None = None,
        schedule: Schedule | None = None,
        average: Average | None = None,
        observe: Observe | None = None,
        every: Every = 1,
        tolerance: float = 0.0,
        escape: float = ESCAPE,
        compiled: bool = False,
        checkpoint: Checkpoint | None = None,
        progress: Progress | bool | None = None,
        memory_limit: Limit = None,
    ) -> Trajectory:
        """Train an ensemble of states by gradient descent or another optimiser.

        Each step takes the gradient of the loss of its samples plus the weight decay. The loss
        recorded at every step is that of all samples, without weight decay.

        Parameters that are not listed here are as in :func:`~catapult_sim.mlp.training.train`.

        Parameters
        ----------
        learning_rate : array_like
            Broadcasts against momentum, weight decay and the leading axes of the initial
            state; together they are the ensemble ``(...)``.
        steps : int
        state : array_like, shape (..., p, p), optional
            Start here, see :meth:`init`.
        weights : (U, V), optional
            Start here instead, see :meth:`from_weights`.
        rng : numpy.random.Generator, int or None
            Otherwise draws one initial network, the same for every learning rate.
        optimizer : GradientDescent, HeavyBall or Nesterov
            No other: the Gram matrix closes only for steps that map columns of the weights to
            combinations of columns.
        observe : str, sequence of str, or mapping of str to callable, optional
            What to measure besides the loss: names of methods, such as ``"top_eigenvalue"`` or
            ``["sharpness", "weight_norm"]``, or functions of states ``(N, p, p)``. These are called
            from several threads, each time with some of the members.
        compiled : bool
            Let numba compile the loop (extra ``fast``; gradient descent and SGD only, without
            weight decay or average; once, and keep it on disk). Results agree to rounding.

        Returns
        -------
        Trajectory
            Its state is that of the weights, ``(..., p, p)``, its average that of the average.

        Raises
        ------
        InputError
            Where an argument is not as required above, the run exceeds the memory limit, or the
            checkpoint is that of another run.

        Examples
        --------
        >>> net = LinearNet([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], width=float("inf"))
        >>> run = net.train(learning_rate=[0.5, 1.0], steps=20, rng=0)
        >>> run.values["loss"].shape
        (21, 2)
        >>> from catapult_sim.numeric.runs.averages import SWA
        >>> from catapult_sim.numeric.runs.batches import minibatches
        >>> from catapult_sim.numeric.runs.optimizers import HeavyBall
        >>> method = {"optimizer": HeavyBall(0.5), "batches": minibatches(2, 1, steps=20, rng=0)}
        >>> method |= {"average": SWA(5), "observe": "sharpness"}
        >>> print(*net.train(learning_rate=0.5, steps=20, rng=0, **method).values)
        loss sharpness average_loss average_sharpness
        """
        gram = self._initial(rng, weights, state)
        rates = require_positive("learning_rate", learning_rate)
        given = optimizer, steps, batches, schedule, average
        method = Method.of(*given, samples=self.samples, ensemble=gram.shape[:-2])
        alone = rates.ndim == self.weight_decay.ndim == 0 and gram.ndim == 2
        rule = self._rule(method, compiled=require_flag("compiled", compiled), alone=alone)
        return run(
            rule,
            gram,
            gram.shape[:-2],
            {"learning_rate": rates, "weight_decay": self.weight_decay},
            problem=self._problem,
            observe=require_quantities(observe, QUANTITIES, lambda: self),
            every=every,
            tolerance=tolerance,
            escape=escape,
            checkpoint=checkpoint,
            progress=progress,
            memory_limit=memory_limit,
        )

    def _rule(self, method: Method, *, compiled: bool, alone: bool) -> Rule:
        """Return the fastest rule of a single network or an ensemble, or raise InputError."""
        if not isinstance(method.optimizer, GradientDescent | HeavyBall | Nesterov):
            raise InputError(
                "optimizer must be GradientDescent(), HeavyBall(...) or Nesterov(...), whose steps "
                "mix columns of the weights, as the Gram matrix requires; "
                f"got {method.optimizer!r}"
            )
        plain = isinstance(method.optimizer, GradientDescent) and method.average is None
        if plain and not self.weight_decay.any():
            steps = None
            if compiled:
                from catapult_sim.numeric.linear_net.gradient_descent_numba import kernel

                steps = kernel(self.data.rank, self.outputs)
            return Descent(self.data, self.width, method, alone, steps)
        if compiled:
            raise InputError(
                "compiled=True requires gradient descent without momentum, weight decay or average"
            )
        rule = OnGram if self.width >= self.data.rank + self.outputs else OnWeights
        return rule(self.data, self.width, method)

    def _problem(self) -> dict[str, str]:
        found = {"X": fingerprint(self.X), "y": fingerprint(self.y)}
        return found | {"width": repr(self.width)}

    def _initial(
        self,
        rng: Rng,
        weights: tuple[npt.ArrayLike, npt.ArrayLike] | None,
        state: npt.ArrayLike | None,
    ) -> Array:
        if state is None:
            return self.init(rng=rng) if weights is None else self.from_weights(*_pair(weights))
        if weights is not None:
            raise InputError("train starts at state= or at weights=; got both")
        return self.require_state(state)


def _pair(weights: Any) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    if not isinstance(weights, tuple | list) or len(weights) != 2:
        raise InputError(f"weights must be a pair (U, V); got {shown(weights)}")
    return weights[0], weights[1]
