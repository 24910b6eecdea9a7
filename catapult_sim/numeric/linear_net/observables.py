r"""Observables of a linear network: loss, kernel and curvature, computed from its state.

States ``[[A, F], [F^T, B]]`` of shape ``(..., p, p)`` are explained in
:mod:`catapult_sim.numeric.linear_net`; leading axes are an ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.eigenpairs import largest_eigenvalue
from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.linear_net.hessian import HessianSpectrum, hessian_spectrum
from catapult_sim.numeric.scale import norm
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_reals,
    require_samples,
    require_width,
)

# Methods of states that training can observe by name.
QUANTITIES = (
    *("alignment", "kernel", "kernel_spectrum", "layer_norms", "predict", "sharpness"),
    *("top_eigenvalue", "weight_norm"),
)
LARGEST = 1e150  # squares of much larger data overflow

Net = TypeVar("Net", bound="StateObservables")
Result = TypeVar("Result")


def of_states(quantity: Callable[[Net, Array], Result]) -> Callable[[Net, npt.ArrayLike], Result]:
    """Let a quantity take any states of its own network, diverged ones in silence."""

    @wraps(quantity)
    def checked(self: Net, state: npt.ArrayLike) -> Result:
        with np.errstate(all="ignore"):
            return quantity(self, self.require_state(state))

    return checked


class StateObservables:
    """Functions, loss, kernel, Hessian and norms of networks with given states.

    Parameters and errors are those of :class:`~catapult_sim.numeric.linear_net.network.LinearNet`.
    The weight decay is no part of the loss or of its Hessian.
    """

    def __init__(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, width: float, weight_decay: npt.ArrayLike = 0.0
    ) -> None:
        self.X, self.y = require_samples(X, y)
        for name, values in (("X", self.X), ("y", self.y)):
            if (largest := np.abs(values).max()) > LARGEST:
                raise InputError(f"{name} must be at most {LARGEST:g} in size; got {largest:g}")
        self.width = require_width(width)
        self.weight_decay = require_at_least_zero("weight_decay", weight_decay)
        self.samples, self.inputs = self.X.shape
        self.outputs = self.y.shape[1]
        self.data = PrincipalData.of(self.X, self.y)

    @property
    def columns(self) -> int:
        """The number p of rows and columns of a state."""
        return sum(self.data.target.shape)

    def require_state(self, state: npt.ArrayLike) -> Array:
        """Return states ``(..., p, p)`` as floats, or raise InputError."""
        given, p = require_reals("state", state), self.columns
        if given.shape[-2:] != (p, p):
            raise InputError(f"state must have shape (..., {p}, {p}); got {given.shape}")
        return given

    def _blocks(self, state: Array) -> tuple[Array, Array, Array]:
        q = len(self.data.scales)
        return state[..., :q, :q], state[..., :q, q:], state[..., q:, q:]

    @of_states
    def predict(self, state: Array) -> Array:
        """Return the functions on the training inputs, ``(..., m, k)``."""
        F = self._blocks(state)[1]
        return math.sqrt(self.samples) * self.data.left @ (self.data.scales[:, None] * F)

    @of_states
    def loss(self, state: Array) -> Array:
        """Return the loss ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        return self.data.loss(self.data.residual(self._blocks(state)[1]))

    @of_states
    def kernel(self, state: Array) -> Array:
        """Return the neural tangent kernel ``(1/m) J J^T``, ``(..., m k, m k)``.

        ``Theta_(a i)(b j) = (1/m) (x_a^T A x_b delta_ij + x_a^T x_b B_ij)``; the output's
        number runs fastest.
        """
        A, _, B = self._blocks(state)
        read = self.data.left * self.data.scales
        by_first = np.einsum("...ab,ij->...aibj", read @ A @ read.T, np.eye(self.outputs))
        whole = by_first + np.einsum("ab,...ij->...aibj", read @ read.T, B)
        side = self.samples * self.outputs
        return whole.reshape(*state.shape[:-2], side, side)

    @of_states
    def kernel_spectrum(self, state: Array) -> Array:
        """Return the eigenvalues of the kernel, largest first, ``(..., m k)``.

        In the eigenvectors of B, with eigenvalues b_i, the kernel is block diagonal with blocks
        ``S (A + b_i) S``: r k eigenvalues; all others are zero.
        """
        A, _, B = self._blocks(state)
        found = _symmetric_eigenvalues(
            self._on_inputs(A[..., None, :, :], _symmetric_eigenvalues(B))
        )
        found = found.reshape(*state.shape[:-2], -1)
        zeros = self.samples * self.outputs - found.shape[-1]
        padded = np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, zeros)])
        return np.sort(padded, axis=-1)[..., ::-1]

    def _on_inputs(self, A: Array, b: Array) -> Array:
        """Return ``S (A + b) S`` on the inputs' span for numbers b ``(...)``, ``(..., r, r)``."""
        r, scales = self.data.rank, self.data.scales[: self.data.rank]
        return scales[:, None] * (A[..., :r, :r] + b[..., None, None] * np.eye(r)) * scales

    @of_states
    def top_eigenvalue(self, state: Array) -> Array:
        """Return the largest eigenvalue of the neural tangent kernel, ``(...)``.

        It is in the block of the largest eigenvalue of B.
        """
        if not self.data.rank:
            return np.zeros(state.shape[:-2])
        A, _, B = self._blocks(state)
        return largest_eigenvalue(self._on_inputs(A, largest_eigenvalue(B)))

    @of_states
    def weight_norm(self, state: Array) -> Array:
        """Return the squared norm of all weights over the width, ``(...)``."""
        return np.trace(state, axis1=-2, axis2=-1)

    @of_states
    def layer_norms(self, state: Array) -> Array:
        """Return the squared norms of U and of V over the width, ``(..., 2)``."""
        A, _, B = self._blocks(state)
        return np.stack([np.trace(block, axis1=-2, axis2=-1) for block in (A, B)], axis=-1)

    @of_states
    def alignment(self, state: Array) -> Array:
        """Return the alignment of the two layers, from 0 to 1, ``(...)``.

        ``|U^T V| / sqrt(|U^T U| |V^T V|)`` in Frobenius norms, U on the span of the inputs.
        With one input and one output it is ``|cos|`` of the angle between u and v; at
        infinite width it is 0. A catapult aligns: it shrinks what each layer has
        orthogonal to the other ([Lewkowycz2020], section 5).
        """
        r = self.data.rank
        A, F, B = self._blocks(state)
        over, inner, outer = map(_frobenius, (F[..., :r, :], A[..., :r, :r], B))
        under = math.sqrt(self.width) * np.sqrt(inner) * np.sqrt(outer)
        with np.errstate(invalid="ignore"):
            return np.where(under > 0, over / under, 0.0)

    @of_states
    def hessian_spectrum(self, state: Array) -> HessianSpectrum:
        """Return all eigenvalues of the loss's Hessian with their multiplicities.

        Examples
        --------
        The top eigenvalue of a network with 10^12 hidden units, and how many there are:

        >>> from catapult_sim.numeric.linear_net import LinearNet
        >>> net = LinearNet([[1.0, 2.0]], [1.0], width=10**12)
        >>> found = net.hessian_spectrum(net.init(rng=0))
        >>> bool(abs(found.values[0] - net.top_eigenvalue(net.init(rng=0))) < 1e-5)
        True
        >>> found.values.size + 2 * found.pairs.size * found.pair_multiplicity + (
        ...     found.zero_multiplicity
        ... )
        3000000000000.0
        """
        return hessian_spectrum(self.data, state, self.width)

    @of_states
    def sharpness(self, state: Array) -> Array:
        """Return the largest eigenvalue of the loss's Hessian, ``(...)``.

        At infinite width it is the kernel's, and computed as such, without further rounding.
        """
        if self.width == math.inf:
            return self.top_eigenvalue(state)
        return self.hessian_spectrum(state).values[..., 0]


def _symmetric_eigenvalues(matrices: Array) -> Array:
    """Return eigenvalues, smallest first; NaN where a matrix is not finite."""
    finite = np.asarray(np.isfinite(matrices).all(axis=(-2, -1)))
    usable = np.where(finite[..., None, None], matrices, 0.0)
    return np.where(finite[..., None], np.linalg.eigvalsh(usable), np.nan)


def _frobenius(blocks: Array) -> Array:
    return norm(blocks.reshape(*blocks.shape[:-2], -1))
