r"""All n (d + k) eigenvalues of the linear network's Hessian, from a small eigenproblem.

With ``N = [[0, g], [g^T, 0]]``, g the gradient of the loss with respect to F, and ``Z_ai`` the
derivative of output i on sample a by the Gram matrix, the Hessian maps weights ``W T`` to
``W K(T)`` with ::

    K(T) = T N / sqrt(n) + (1 / m n) sum_ai tr(T^T W^T W Z_ai) Z_ai

so that all eigenvalues which depend on the kernel are those of K on (p, p) matrices T, p = d + k.
On weights orthogonal to the columns of W the Hessian is ``N / sqrt(n)`` alone: its eigenvalues are
plus and minus the singular values of ``g / sqrt(n)``, and 0. Within the small problem, too, only
as many directions of the null space of N matter as there are kernel eigenvalues.

The spectrum was derived for this package. For one sample it is
``(lambda +- sqrt(lambda^2 + 8 f (f - y) / n + 4 (f - y)^2 / n)) / 2`` and
``+- |f - y| / sqrt(n)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.linear_net.data import PrincipalData, gram_root
from catapult_sim.printing import short_repr
from catapult_sim.types import Array


@dataclass(frozen=True)
class HessianSpectrum:
    """Every eigenvalue of a Hessian of n (d + k) weights; NaN where a state is not finite."""

    values: Array  # (..., M) once each, largest first
    pairs: Array  # (..., min(r, k)) each with both signs
    pair_multiplicity: float  # of each sign of each pair
    zero_multiplicity: float  # of the eigenvalue 0, not counting those in ``values``

    __repr__ = short_repr


def hessian_spectrum(data: PrincipalData, gram: Array, width: float) -> HessianSpectrum:
    """Return the spectrum of the Hessian at Gram matrices ``(..., p, p)``.

    Parameters
    ----------
    data : PrincipalData
    gram : numpy.ndarray, shape (..., p, p)
        States as in :mod:`catapult_sim.numeric.linear_net`.
    width : float

    Returns
    -------
    HessianSpectrum
    """
    finite = np.asarray(np.isfinite(gram).all(axis=(-2, -1)))
    gram = np.where(finite[..., None, None], gram, 0.0)
    q, seen = len(data.scales), max(data.rank, 1)
    gradient = (data.scales[:, None] * data.residual(gram[..., :q, q:]))[..., :seen, :]
    levels, modes = np.linalg.eigh(_twist(gradient / math.sqrt(width)))
    root = gram_root(gram, q, seen, width)
    small = _small(_readers(root, modes, data.scales[:seen]), levels, min(gradient.shape[-2:]))
    values = np.linalg.eigvalsh(small)[..., ::-1]
    pairs = levels[..., ::-1][..., : min(gradient.shape[-2:])]
    rest = width - root.shape[-2]
    total = width * (data.inputs + gradient.shape[-1])
    zeros = total - values.shape[-1] - 2 * pairs.shape[-1] * rest if width < np.inf else np.inf
    return HessianSpectrum(_known(values, finite), _known(pairs, finite), rest, zeros)


def _known(values: Array, finite: npt.NDArray[np.bool_]) -> Array:
    return np.where(finite[..., None], values, np.nan)


def _twist(g: Array) -> Array:
    """Return ``[[0, g], [g^T, 0]]``."""
    r, k = g.shape[-2:]
    twist = np.zeros((*g.shape[:-2], r + k, r + k))
    twist[..., :r, r:], twist[..., r:, :r] = g, np.swapaxes(g, -1, -2)
    return twist


def _readers(root: Array, modes: Array, scales: Array) -> Array:
    """Return ``R Z_ij`` in the eigenvectors of N, ``(..., r k, rows, p)``, scaled."""
    r = len(scales)
    across = np.einsum("...ai,...jl->...ijal", root[..., :r], modes[..., r:, :])
    across += np.einsum("...aj,...il->...ijal", root[..., r:], modes[..., :r, :])
    readers = scales[:, None, None, None] * across
    return readers.reshape(*root.shape[:-2], -1, *readers.shape[-2:])


def _small(readers: Array, levels: Array, rank: int) -> Array:
    """Return the matrix of the small problem ``(..., M, M)``; ``rank`` is that of a generic g."""
    rows, columns = readers.shape[-2:]
    edges = np.r_[:rank, columns - rank : columns]
    flat = readers.shape[:-2]
    outer = readers[..., edges].reshape(*flat, rows * 2 * rank)
    inner = readers[..., rank : columns - rank].reshape(*flat, rows * (columns - 2 * rank))
    if inner.shape[-1] > flat[-1]:
        # On the null space of N only the inner products of vectors matter: R of QR has the same.
        inner = np.swapaxes(np.linalg.qr(np.swapaxes(inner, -1, -2), mode="r"), -1, -2)
    readers = np.concatenate([outer, inner], axis=-1)
    small = np.swapaxes(readers, -1, -2) @ readers
    diagonal = np.einsum("...ii->...i", small)
    diagonal[..., : rows * 2 * rank] += np.tile(levels[..., edges], rows)
    return small
