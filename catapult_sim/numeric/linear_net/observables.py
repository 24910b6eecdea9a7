r"""Observables of a linear network: loss, kernel and curvature, computed from its state.

States ``[[A, F], [F^T, B]]`` of shape ``(..., p, p)`` are explained in
:mod:`catapult_sim.numeric.linear_net`; leading axes are an ensemble.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.eigenpairs import largest_eigenvalue
from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.linear_net.hessian import HessianSpectrum, hessian_spectrum
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_samples,
    require_width,
)

# Methods of states that training can observe by name.
QUANTITIES = (
    *("alignment", "kernel", "kernel_spectrum", "layer_norms", "predict", "sharpness"),
    *("top_eigenvalue", "weight_norm"),
)
LARGEST = 1e150  # squares of much larger data overflow


class StateObservables:
    """Functions, loss, kernel, Hessian and norms of networks with given states.

    Parameters
    ----------
    X : array_like, shape (m, d)
        Inputs.
    y : array_like, shape (m,) or (m, k)
        Labels.
    width : int or inf
        n, the number of hidden units.
    weight_decay : array_like
        Of training; no part of the loss or of its Hessian.

    Raises
    ------
    InputError
        Where data are empty, not finite, beyond 1e150 or do not match, the width is not positive,
        or the weight decay is negative or not finite.
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

    def _blocks(self, state: Array) -> tuple[Array, Array, Array]:
        q = len(self.data.scales)
        return state[..., :q, :q], state[..., :q, q:], state[..., q:, q:]

    def predict(self, state: Array) -> Array:
        """Return the functions on the training inputs, ``(..., m, k)``."""
        F = self._blocks(state)[1]
        return math.sqrt(self.samples) * self.data.left @ (self.data.scales[:, None] * F)

    def loss(self, state: Array) -> Array:
        """Return the loss ``(1/2m) sum_a |f_a - y_a|^2``, shape ``(...)``."""
        return self.data.loss(self.data.residual(self._blocks(state)[1]))

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

    def kernel_spectrum(self, state: Array) -> Array:
        """Return the eigenvalues of the kernel, largest first, ``(..., m k)``.

        In the eigenvectors of B, with eigenvalues b_i, the kernel is block diagonal with blocks
        ``S (A + b_i) S``: r k eigenvalues; all others are zero.
        """
        found = _symmetric_eigenvalues(self._outputs_apart(state))
        found = found.reshape(*state.shape[:-2], -1)
        zeros = self.samples * self.outputs - found.shape[-1]
        padded = np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, zeros)])
        return np.sort(padded, axis=-1)[..., ::-1]

    def _outputs_apart(self, state: Array) -> Array:
        """Return ``S (A + b_i) S`` on the inputs' span, ``(..., k, r, r)``."""
        A, _, B = self._blocks(state)
        r, scales = self.data.rank, self.data.scales[: self.data.rank]
        levels = _symmetric_eigenvalues(B)[..., None, None] * np.eye(r)
        return scales[:, None] * (A[..., None, :r, :r] + levels) * scales

    def top_eigenvalue(self, state: Array) -> Array:
        """Return the largest eigenvalue of the neural tangent kernel, ``(...)``."""
        if not self.data.rank:
            return np.zeros(state.shape[:-2])
        return largest_eigenvalue(self._outputs_apart(state)).max(axis=-1)

    def weight_norm(self, state: Array) -> Array:
        """Return the squared norm of all weights over the width, ``(...)``."""
        return np.trace(state, axis1=-2, axis2=-1)

    def layer_norms(self, state: Array) -> Array:
        """Return the squared norms of U and of V over the width, ``(..., 2)``."""
        A, _, B = self._blocks(state)
        return np.stack([np.trace(block, axis1=-2, axis2=-1) for block in (A, B)], axis=-1)

    def alignment(self, state: Array) -> Array:
        """Return the alignment of the two layers, from 0 to 1, ``(...)``.

        ``|U^T V| / sqrt(|U^T U| |V^T V|)`` in Frobenius norms, U on the span of the inputs.
        With one input and one output it is ``|cos|`` of the angle between u and v; at
        infinite width it is 0. A catapult aligns: it shrinks what each layer has
        orthogonal to the other ([Lewkowycz2020], section 5).
        """
        r = self.data.rank
        A, F, B = self._blocks(state)
        over, under = _frobenius(F[..., :r, :]), _frobenius(A[..., :r, :r]) * _frobenius(B)
        with np.errstate(invalid="ignore"):
            return np.where(under > 0, over / np.sqrt(self.width * under), 0.0)

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
    return np.sqrt(np.sum(blocks**2, axis=(-2, -1)))
