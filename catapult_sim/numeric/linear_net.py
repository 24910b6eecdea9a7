r"""Gradient descent of the two-layer linear network, exact at any width.

The network ``f(x) = V^T U x / sqrt(n)`` has n (d + k) weights, but its gradient
mixes the columns of ``W = [U V]`` only among themselves: one step is ``W <- W M`` with
``M = 1 - (eta / sqrt(n)) [[0, g], [g^T, 0]]`` and ``g = X^T (f - y) / m``. Hence the Gram
matrix closes, ``W^T W <- M W^T W M``, and a step costs the same at every width. Scaled as
``A = U^T U / n``, ``F = U^T V / sqrt(n)``, ``B = V^T V / n``, the width enters as ``1 / n``
alone, and an infinite width is the case ``1 / n = 0``.

The model is that of Lewkowycz et al. 2020, arXiv:2003.02218, section 2; the closure was
derived for this package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature import largest_eigenvalue
from catapult_sim.numeric.ensemble import Rng, draw
from catapult_sim.numeric.requirements import (
    InputError,
    require_positive,
    require_samples,
    require_width,
)
from catapult_sim.numeric.trajectory import Observe, Trajectory, iterate

__all__ = ["LinearNet"]

Array = npt.NDArray[Any]


class LinearNet:
    r"""The two-layer linear network ``f(x) = V^T U x / sqrt(n)`` on a data set.

    The loss is ``L = (1/2m) sum_a |f(x_a) - y_a|^2``, the kernel ``Theta = (1/m) J J^T``.
    A *state* is the array ``[[A, F], [F^T, B]]`` of shape ``(..., d + k, d + k)``, see
    :mod:`catapult_sim.numeric.linear_net`; leading axes are an ensemble.

    Parameters
    ----------
    X : array_like, shape (m, d)
        Inputs.
    y : array_like, shape (m,) or (m, k)
        Labels.
    width : int or inf
        n, the number of hidden units.

    Raises
    ------
    InputError
        Where data are empty, not finite or do not match, or the width is not positive.

    Examples
    --------
    A catapult of a network with a million hidden units:

    >>> net = LinearNet([[1.0]], [0.0], width=10**6)
    >>> state = net.init(rng=0)
    >>> run = net.train(2.5 / net.top_eigenvalue(state), 60, state=state)
    >>> loss = run.values["loss"]
    >>> bool(loss.max() > 1e3 * loss[0] and loss[-1] < 1e-3 * loss[0])
    True
    """

    def __init__(self, X: npt.ArrayLike, y: npt.ArrayLike, *, width: float) -> None:
        self.X, self.y = require_samples(X, y)
        self.width = require_width(width)
        self.samples, self.inputs = self.X.shape
        self.outputs = self.y.shape[1]
        # R with R^T R = X^T X / m: the kernel and R (A + b) R^T share their eigenvalues.
        _, scales, directions = np.linalg.svd(self.X / np.sqrt(self.samples), full_matrices=False)
        self._root = scales[:, None] * directions

    def init(self, *, rng: Rng = None, ensemble: tuple[int, ...] = ()) -> Array:
        """Draw states of networks whose weights are all N(0, 1), from their exact law.

        The Gram matrix of Gaussian weights is Wishart with n degrees of freedom; Bartlett's
        decomposition draws it at the same cost for every width. One seed means the same
        normal deviates at every width.

        Parameters
        ----------
        rng : numpy.random.Generator, int or None
        ensemble : tuple of int
            Shape of the ensemble to draw.

        Returns
        -------
        numpy.ndarray, shape (*ensemble, d + k, d + k)
        """
        return draw(self._wishart, rng, ensemble)

    def _wishart(self, rng: np.random.Generator) -> Array:
        n, d, size = self.width, self.inputs, self.inputs + self.outputs
        freedom = np.maximum(n - np.arange(size), 0)
        normal = np.tril(rng.normal(size=(size, size)), -1) * (freedom > 0)
        chi_squared = rng.chisquare(np.where(np.isfinite(freedom) & (freedom > 0), freedom, 1))
        radius = np.sqrt(np.where(np.isfinite(n), np.where(freedom > 0, chi_squared, 0) / n, 1))
        triangle = normal / np.sqrt(n) + np.diag(radius)
        state = triangle @ triangle.T
        # F = sqrt(n) times its block of W^T W / n, without passing through 0 * inf.
        return self._join(state[:d, :d], triangle[:d, :d] @ normal[d:, :d].T, state[d:, d:])

    def from_weights(self, U: npt.ArrayLike, V: npt.ArrayLike) -> Array:
        """Return the state of given weights.

        Parameters
        ----------
        U : array_like, shape (..., n, d)
        V : array_like, shape (..., n) or (..., n, k)

        Returns
        -------
        numpy.ndarray, shape (..., d + k, d + k)
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
        U, V = U / scale, V / scale
        across = np.swapaxes(U, -1, -2)
        return self._join(across @ U, scale * across @ V, np.swapaxes(V, -1, -2) @ V)

    @staticmethod
    def _join(A: Array, F: Array, B: Array) -> Array:
        return np.concatenate(
            [
                np.concatenate([A, F], axis=-1),
                np.concatenate([np.swapaxes(F, -1, -2), B], axis=-1),
            ],
            axis=-2,
        )

    def _blocks(self, state: Array) -> tuple[Array, Array, Array]:
        d = self.inputs
        return state[..., :d, :d], state[..., :d, d:], state[..., d:, d:]

    def predict(self, state: Array) -> Array:
        """Return the functions on the training inputs, ``(..., m, k)``."""
        return self.X @ self._blocks(state)[1]

    def loss(self, state: Array) -> Array:
        """Return the loss ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        return _mean_square(self.predict(state) - self.y)

    def top_eigenvalue(self, state: Array) -> Array:
        """Return the largest eigenvalue of the neural tangent kernel, ``(...)``.

        The kernel is ``Theta_ab = (1/m) x_a^T (A + B) x_b`` for one output; for several, the
        top eigenvector lies along the top eigenvector of B.
        """
        A, _, B = self._blocks(state)
        top = largest_eigenvalue(B)[..., None, None] * np.eye(self.inputs)
        return largest_eigenvalue(self._root @ (A + top) @ self._root.T)

    def weight_norm(self, state: Array) -> Array:
        """Return the squared norm of all weights over the width, ``(...)``."""
        return np.trace(state, axis1=-2, axis2=-1)

    def advance(self, state: Array, learning_rate: Array) -> tuple[Array, Array]:
        """Take one step of gradient descent.

        Parameters
        ----------
        state : numpy.ndarray, shape (..., d + k, d + k)
        learning_rate : numpy.ndarray, shape (...)

        Returns
        -------
        tuple
            The next state, and the loss of the state that was given, ``(...)``.
        """
        A, F, B = self._blocks(state)
        residual = self.X @ F - self.y
        g = self.X.T @ residual / self.samples
        g_t, F_t = np.swapaxes(g, -1, -2), np.swapaxes(F, -1, -2)
        eta = learning_rate[..., None, None]
        first, second = eta / self.width, eta**2 / self.width
        across, inside = F @ g_t, F_t @ g
        following = self._join(
            A - first * (across + np.swapaxes(across, -1, -2)) + second * (g @ B @ g_t),
            F - eta * (A @ g + g @ B) + second * (g @ inside),
            B - first * (inside + np.swapaxes(inside, -1, -2)) + second * (g_t @ A @ g),
        )
        return following, _mean_square(residual)

    def train(
        self,
        learning_rate: npt.ArrayLike,
        steps: int,
        *,
        rng: Rng = None,
        weights: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        state: npt.ArrayLike | None = None,
        observe: Observe | None = None,
        every: int = 1,
        tolerance: float = 0.0,
    ) -> Trajectory:
        """Train by full-batch gradient descent.

        Parameters
        ----------
        learning_rate : array_like
            Broadcasts against the leading axes of the initial state; together they are
            the ensemble ``(...)``.
        steps : int
        rng : numpy.random.Generator, int or None
            Draws one initial network, the same for every learning rate.
        weights : (U, V), optional
            Start here instead, see :meth:`from_weights`.
        state : array_like, shape (..., d + k, d + k), optional
            Start here instead, see :meth:`init`.
        observe : mapping of str to callable, optional
            What to measure besides the loss; by default ``top_eigenvalue`` and
            ``weight_norm``.
        every : int
            Measure at multiples of this step.
        tolerance : float
            A member is finished when its loss is at most this fraction of its start.

        Returns
        -------
        Trajectory

        Examples
        --------
        >>> net = LinearNet([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], width=float("inf"))
        >>> run = net.train([0.5, 1.0], steps=20, rng=0)
        >>> run.values["loss"].shape
        (21, 2)
        """
        rates = require_positive("learning_rate", learning_rate)
        if state is None:
            state = self.init(rng=rng) if weights is None else self.from_weights(*weights)
        if observe is None:
            observe = {"top_eigenvalue": self.top_eigenvalue, "weight_norm": self.weight_norm}
        return iterate(
            self.advance,
            state,
            rates,
            steps=steps,
            observe=observe,
            every=every,
            tolerance=tolerance,
            state_ndim=2,
        )


def _mean_square(residual: npt.NDArray[Any]) -> Array:
    """Half the squared norm over outputs, averaged over samples: ``(..., m, k) -> (...)``."""
    return 0.5 * np.mean(np.sum(residual**2, axis=-1), axis=-1)
