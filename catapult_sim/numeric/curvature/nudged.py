"""Nudged-SGD: steps that are longer or shorter along the sharpest directions of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.directions import nudge
from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs, top_eigenpairs
from catapult_sim.numeric.runs.optimizers import (
    AnyOptimizer,
    GradientDescent,
    Look,
    Wrapper,
    displace,
)
from catapult_sim.types import Array
from catapult_sim.validation import require_count, require_one_of

# (t, weights (N, P), members (N,)) -> vectors (N, P, K) before step t
Directions = Callable[[int, Array, Array], Array]


MISS_PROBABILITY = 0.5  # of overlooking a direction, for which the next measurement looks again


class SharpestDirections:
    """The sharpest directions of a loss along a run, measured at multiples of a number of steps.

    Each measurement begins with the vectors of the one before, and may overlook a direction that
    has become sharper than those with a probability of 1/2. It remembers all measurements: every
    run needs one of its own.

    Parameters
    ----------
    hessian : callable
        ``hessian(theta (P,))`` returns a function ``v (P,) -> H v (P,)``.
    k : int
        K, how many directions.
    every : int
        Measure before step 0 and at multiples of this.
    frozen : bool
        Return the directions of step 0 throughout; they are measured all the same.
    rng : callable
        ``rng(member)`` returns the generator of a member, for the random vectors it begins with.
    **options
        As :func:`~catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs` has them.

    Attributes
    ----------
    pairs : dict of (int, int) to Eigenpairs
        By step and member.

    Examples
    --------
    >>> follow = SharpestDirections(lambda theta: np.diag([3.0, 2.0, 1.0]).__matmul__, every=5)
    >>> follow(0, np.zeros((2, 3)), np.arange(2)).shape
    (2, 3, 1)
    """

    def __init__(
        self,
        hessian: Callable[[Array], Callable[[Array], Array]],
        *,
        k: int = 1,
        every: int = 1,
        frozen: bool = False,
        rng: Callable[[int], np.random.Generator] = np.random.default_rng,
        **options: Any,
    ) -> None:
        self.pairs: dict[tuple[int, int], Eigenpairs] = {}
        self._hessian, self._k, self._options = hessian, k, options
        self._every, self._frozen, self._rng = require_count("every", every, 1), frozen, rng
        self._generators: dict[int, np.random.Generator] = {}

    def __call__(self, t: int, weights: Array, members: Array) -> Array:
        """Return the directions of members ``(N,)`` before step t, ``(N, P, K)``."""
        last, numbers = t - t % self._every, members.astype(int).tolist()
        if t == last:
            for theta, member in zip(weights, numbers, strict=True):
                self._measure(t, theta, member)
        return np.stack([self.pairs[0 if self._frozen else last, one].vectors for one in numbers])

    def _measure(self, t: int, theta: Array, member: int) -> None:
        look: dict[str, Any] = {}
        if t > 0:
            before = self.pairs[t - self._every, member].vectors
            look = {"start": before, "miss_probability": MISS_PROBABILITY}
        rng = self._generators.setdefault(member, self._rng(member))
        self.pairs[t, member] = top_eigenpairs(
            self._hessian(theta), self._k, size=len(theta), rng=rng, **look, **self._options
        )


@dataclass(frozen=True)
class Nudged(Wrapper):
    """An optimiser whose steps are multiplied by gamma in the span of given directions.

    Parameters
    ----------
    gamma : array_like or callable
        The factor of a step's component in their span; broadcasts with the ensemble. A callable
        ``t -> gamma`` is a schedule.
    directions : callable
        ``directions(t, weights (N, P), members (N,))`` returns the vectors ``(N, P, K)`` before
        step t, such as :class:`SharpestDirections`.
    optimizer : Optimizer or Wrapper
        Whose steps are multiplied.
    rest : array_like
        The factor of the rest of a step.
    nudged : {"velocity", "gradient"}
        "velocity": steps are multiplied, and momentum remembers them as they were before, as in
        [Jastrzebski2019], section 4. "gradient": the gradient is, so that momentum remembers
        multiplied steps.

    Raises
    ------
    InputError
        Where ``nudged`` is neither.

    Examples
    --------
    >>> e1 = lambda t, weights, members: np.eye(2)[None, :, :1]
    >>> theta, gradient = np.zeros((1, 2)), np.array([[1.0, 1.0]])
    >>> look = Look(0, np.arange(1), theta, lambda: gradient, lambda v: v)
    >>> displace(Nudged(0.1, e1), look, 0.5)
    (array([[-0.05, -0.5 ]]),)
    """

    gamma: npt.ArrayLike | Callable[[int], float]
    directions: Directions
    optimizer: AnyOptimizer = GradientDescent()
    rest: npt.ArrayLike = 1.0
    nudged: Literal["velocity", "gradient"] = "velocity"
    resumable: ClassVar[bool] = False  # directions remember what no checkpoint keeps

    def __post_init__(self) -> None:
        require_one_of("nudged", self.nudged, ("velocity", "gradient"))

    def displace(self, look: Look, rate: Array, *last: Array) -> tuple[Array, ...]:
        """Return the displacement, and the vectors to remember."""
        vectors = self.directions(look.t, look.weights, look.members)
        if self.nudged == "gradient":
            pull = look._replace(gradient=lambda: self._nudge(look.t, look.gradient(), vectors))
            return displace(self.optimizer, pull, rate, *last)
        displacement, *kept = displace(self.optimizer, look, rate, *last)
        return self._nudge(look.t, displacement, vectors), *kept

    def _nudge(self, t: int, steps: Array, vectors: Array) -> Array:
        """Return steps ``(N, P)``, multiplied by gamma and rest."""
        gamma = self.gamma(t) if callable(self.gamma) else self.gamma
        factors = (np.broadcast_to(x, (len(steps), 1)).ravel().tolist() for x in (gamma, self.rest))
        members = zip(steps, vectors, *factors, strict=True)
        return np.stack([nudge(step, frame, g, rest=rest) for step, frame, g, rest in members])
