r"""The central flow of gradient descent: its path averaged over oscillations [Cohen2025].

Beyond ``2 / eta`` gradient descent oscillates along the top eigenvectors of the Hessian. If the
oscillations have the covariance Sigma around a centre w, the mean gradient is that of
``L(w) + <H(w), Sigma> / 2``, which the centre follows,

``dw/dt = -grad [L(w) + <H(w), Sigma> / 2]`` at fixed Sigma,

and Sigma is whatever keeps the sharpness from rising above ``2 / eta``: it lives on eigenvectors at
``2 / eta``, and is zero along those whose eigenvalue falls. Oscillations raise the mean loss by
``tr Sigma / eta``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.flows.complementarity import complementary
from catapult_sim.numeric.flows.flow import require_start
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing, telling
from catapult_sim.types import Array, Progress
from catapult_sim.validation import InputError, require_count, require_instance, require_number

# Eigenvalues above this share of 2 / eta may reach it within a step.
_NEAR = 0.95

# Steps back to a sharpness of 2 / eta at the start; the error of each is the square of the last.
_STEPS_BACK = 20

# A solution Sigma that is worse than this is none.
_EXACT = 1e-4


@dataclass(frozen=True)
class CentralFlow:
    """A central flow at steps of gradient descent; NaN from where it has diverged."""

    step: npt.NDArray[np.int64]  # (T,)
    weights: Array  # (T, P), the centre
    loss: Array  # (T,), of the centre
    mean_loss: Array  # (T,), predicted of gradient descent: loss + tr Sigma / eta
    sharpness: Array  # (T,), the top eigenvalue of the Hessian at the centre
    spread: Array  # (T,), tr Sigma: the mean square of the oscillations
    directions: npt.NDArray[np.int64]  # (T,), in which gradient descent oscillates: the rank

    __repr__ = short_repr


def central_flow(
    surface: Surface,
    start: npt.ArrayLike,
    *,
    learning_rate: float,
    steps: int,
    substeps: int = 2,
    most_directions: int = 12,
    every: int = 1,
    progress: Progress | bool | None = None,
    memory_limit: Limit = None,
) -> CentralFlow:
    r"""Integrate the central flow of gradient descent.

    Parameters
    ----------
    surface : Surface
        The loss and its derivatives.
    start : array_like, shape (P,)
        The initial weights. Where the sharpness is above ``2 / eta`` the flow is not defined: it
        starts from where sharpness gradients lead back to ``2 / eta``, which is not what gradient
        descent does there: it catapults.
    learning_rate : float
        eta, of gradient descent.
    steps : int
        How many steps of gradient descent; the flow runs for the time ``eta steps``.
    substeps : int
        Steps of the integration in one of gradient descent. The error falls as their square.
    most_directions : int
        The largest number of eigenvalues near ``2 / eta``. With k of them, a step of the
        integration takes ``k (k + 1)`` third derivatives.
    every : int
        Steps from one recorded time to the next.
    progress : callable, bool or None
        A function that is called with the number of steps just done. By default a bar appears after
        two seconds on a terminal or in a notebook; False: never.
    memory_limit : float, str or None
        Bytes for the path, or a size such as "6GB"; by default half of what is free.

    Returns
    -------
    CentralFlow

    Raises
    ------
    InputError
        Where an argument is not as required above, a function of the surface returns other than
        numbers of its shape, or more eigenvalues than ``most_directions`` come near ``2 / eta``.

    Notes
    -----
    The explicit midpoint rule. Sigma is ``U X U^T`` on the eigenvectors U near ``2 / eta``, where X
    solves a semidefinite complementarity problem: positive semidefinite, so is what is left of
    ``2 / eta`` after the step to first order, and the product of both is zero
    (:func:`~catapult_sim.numeric.flows.complementarity.complementary`). On one eigenvector that is
    ``max(0, -2 grad L . grad S / |grad S|^2)``, S the sharpness. Without eigenvalues near
    ``2 / eta`` this is gradient flow.

    Examples
    --------
    A valley ``y = 0`` of curvature ``1 + x``, along which x would grow to 3:

    >>> surface = Surface(
    ...     lambda w: (1 + w[0]) * w[1] ** 2 / 2 + (w[0] - 3) ** 2 / 20,
    ...     lambda w: np.array([w[1] ** 2 / 2 + (w[0] - 3) / 10, (1 + w[0]) * w[1]]),
    ...     lambda w, v: np.array([w[1] * v[1] + v[0] / 10, w[1] * v[0] + (1 + w[0]) * v[1]]),
    ... )
    >>> run = central_flow(surface, [0.0, 0.0], learning_rate=1.0, steps=20)
    >>> print(run.sharpness[[0, 3, 20]].round(2), run.spread[[0, 3, 20]].round(2))
    [1.   1.78 2.  ] [0.  0.  0.4]
    """
    require_instance("surface", surface, Surface, "a Surface")
    weights, rate = require_start(start), require_number("learning_rate", learning_rate, above=0)
    if np.iscomplexobj(weights):
        raise InputError("start must be real; got complex weights")
    count, every = require_count("steps", steps), require_count("every", every, 1)
    parts = require_count("substeps", substeps, 1)
    most = min(require_count("most_directions", most_directions, 1), len(weights))
    recorded = np.arange(0, count + 1, every)
    require_memory(8 * len(weights) * len(recorded), memory_limit, "the path", "times")
    path = _Path(surface, weights, rate, rate / parts, most)
    rows, centres = [], np.full((len(recorded), len(weights)), np.nan)
    with np.errstate(all="ignore"), showing(progress, "steps", count) as tell:
        advance = telling(path.advance, tell)
        path.settle()
        for step in range(count + 1):
            if step % every == 0:
                rows.append(path.measured())
                centres[len(rows) - 1] = path.weights
            if step < count:
                advance(parts)
    loss, sharpness, spread, directions = np.array(rows).T
    mean_loss = loss + spread / rate
    return CentralFlow(
        recorded, centres, loss, mean_loss, sharpness, spread, directions.astype(np.int64)
    )


class _Path:
    """A central flow as it is integrated."""

    def __init__(
        self, surface: Surface, weights: Array, rate: float, time_step: float, most: int
    ) -> None:
        self.surface, self.weights, self.rate = surface, weights, rate
        self.time_step, self.most = time_step, most
        self.vectors: Array | None = None

    def measured(self) -> tuple[float, float, float, int]:
        """Return loss, sharpness, trace and rank of Sigma at the weights."""
        if not np.isfinite(self.weights).all():
            return math.nan, math.nan, math.nan, 0
        values, vectors = self._near(self.weights)
        slope = self.surface.gradient(self.weights)
        _, X = self._velocity(self.weights, self.weights, vectors, slope, self.time_step / 2)
        spread = np.linalg.eigvalsh(X) if len(X) else np.zeros(1)
        active = int(np.sum(spread > 1e-9 * max(spread.max(), np.finfo(float).tiny)))
        return self.surface.loss(self.weights), float(values[0]), float(spread.sum()), active

    def settle(self) -> None:
        """Go back to a sharpness of ``2 / eta``, by as many Newton steps as that takes."""
        for _ in range(_STEPS_BACK):
            values, vectors = self._near(self.weights)
            if not values[0] > 2 / self.rate * (1 + 1e-9):
                return
            still = np.zeros_like(self.weights)
            back, _ = self._velocity(self.weights, self.weights, vectors, still, 1.0)
            self.weights = self.weights + back

    def advance(self, parts: int) -> None:
        """Go on by steps of the midpoint rule."""
        for _ in range(parts):
            before = self.weights
            middle = before + self.time_step / 2 * self._from(before, before, self.time_step / 2)
            self.weights = before + self.time_step * self._from(middle, before, self.time_step)

    def _from(self, weights: Array, before: Array, duration: float) -> Array:
        """Return the velocity at weights, of a step from ``before``; NaN where they are."""
        if not np.isfinite(weights).all():
            return np.full_like(weights, np.nan)
        _, vectors = self._near(weights)
        slope = self.surface.gradient(weights)
        return self._velocity(weights, before, vectors, slope, duration)[0]

    def _near(self, weights: Array) -> tuple[Array, Array]:
        """Return the top eigenvalues, and eigenvectors ``(P, k)`` of those near ``2 / eta``."""
        near = 2 * _NEAR / self.rate
        tracked = 1 if self.vectors is None else self.vectors.shape[1]
        while True:
            pairs = self.surface.top_eigenpairs(weights, tracked, self.vectors)
            kept = int(np.sum(pairs.values > near))
            if not np.isfinite(pairs.values).all():
                return pairs.values, pairs.vectors[:, :0]
            if kept < tracked or tracked == len(weights):
                break
            if tracked > self.most:
                raise InputError(
                    f"most_directions must be above {self.most} here, as so many eigenvalues of "
                    f"the Hessian come near 2 / learning_rate; got {self.most}"
                )
            self.vectors, tracked = pairs.vectors, tracked + 1
        # One more than is near, to see it come.
        self.vectors = pairs.vectors[:, : kept + 1]
        return pairs.values, pairs.vectors[:, :kept]

    def _velocity(
        self, weights: Array, before: Array, vectors: Array, slope: Array, duration: float
    ) -> tuple[Array, Array]:
        """Return the velocity, and X, that keep a step from ``before`` below ``2 / eta``."""
        k = vectors.shape[1]
        if not k:
            return -slope, np.zeros((0, 0))
        thirds = np.empty((k, k, len(weights)))
        for i in range(k):
            for j in range(i + 1):
                u, v = vectors[:, i], vectors[:, j]
                thirds[i, j] = thirds[j, i] = self.surface.third(weights, u, u if i == j else v)
        product = [self.surface.hessian_product(before, v) for v in vectors.T]
        room = 2 / self.rate * np.eye(k) - vectors.T @ np.stack(product, axis=1)
        offset = (room + room.T) / (2 * duration) + thirds @ slope
        tensor = np.einsum("ijp,klp->ijkl", thirds, thirds) / 2
        if not (np.isfinite(offset).all() and np.isfinite(tensor).all()):
            return np.full_like(weights, np.nan), np.full((k, k), np.nan)
        X, residual = complementary(tensor, offset)
        if not residual < _EXACT:
            X = np.full((k, k), np.nan)
        return -slope - np.tensordot(X, thirds, 2) / 2, X
