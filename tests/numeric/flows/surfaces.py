"""Losses whose central flow is known: curvatures that rise, over weights that are turned at random.

Where ``Y`` are the sharp weights and M their curvature, a matrix of further weights, the loss is
``Y^T M Y / 2 + phi``.
"""

from dataclasses import dataclass

import numpy as np

from catapult_sim.numeric.flows.surface import Surface

DRIVE = np.array([[0.3, 0.1, 0.0], [0.1, 0.2, 0.05], [0.0, 0.05, 0.25]])


@dataclass(frozen=True)
class Turned:
    """A surface in weights that an orthogonal matrix has turned."""

    surface: Surface
    turn: np.ndarray

    def there(self, weights):
        """Return plain weights as turned ones."""
        return self.turn @ weights

    def back(self, weights):
        """Return turned weights, ``(..., P)``, as plain ones."""
        return weights @ self.turn


def turned(loss, gradient, hessian, size, *, third=None, seed=0):
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    surface = Surface(
        lambda w: loss(Q.T @ w),
        lambda w: Q @ gradient(Q.T @ w),
        lambda w, v: Q @ hessian(Q.T @ w) @ Q.T @ v,
        third and (lambda w, v: Q @ third(Q.T @ w, Q.T @ v)),
    )
    return Turned(surface, Q)


def driven(k, exact=True):
    """Return the loss ``Y^T M Y / 2 - <D, M>`` of Y and the k (k + 1) / 2 entries of M.

    Where the threshold is not reached the entries rise at rates D, doubled off the diagonal. At
    the threshold Sigma is ``2 D``: then ``dM_ij/dt`` is 0 for every entry.
    """
    rows, columns = np.triu_indices(k)
    D = DRIVE[:k, :k]
    times = np.where(rows == columns, 1.0, 2.0)  # an entry off the diagonal stands twice

    def matrix(entries):
        M = np.zeros((k, k))
        M[rows, columns] = M[columns, rows] = entries
        return M

    def loss(w):
        M = matrix(w[k:])
        return w[:k] @ M @ w[:k] / 2 - np.sum(D * M)

    def gradient(w):
        Y, M = w[:k], matrix(w[k:])
        return np.concatenate([M @ Y, times * (Y[rows] * Y[columns] / 2 - D[rows, columns])])

    def hessian(w):
        Y, H = w[:k], np.zeros((len(w), len(w)))
        H[:k, :k] = matrix(w[k:])
        for n, (i, j) in enumerate(zip(rows, columns, strict=True)):
            H[i, k + n] += Y[j] * times[n] / 2
            H[j, k + n] += Y[i] * times[n] / 2
        H[k:, :k] = H[:k, k:].T
        return H

    def third(w, v):
        slope = np.zeros(len(w))
        slope[k:] = times * v[rows] * v[columns]
        for n, (i, j) in enumerate(zip(rows, columns, strict=True)):
            slope[i] += times[n] * v[j] * v[k + n]
            slope[j] += times[n] * v[i] * v[k + n]
        return slope

    return turned(loss, gradient, hessian, k + len(rows), third=third if exact else None)


def sliding():
    """Return the loss ``(1 + x + z^2 / 2) y^2 / 2 + ((x - 3)^2 + 2 (z - 1)^2) / 20`` of x, z, y."""

    def loss(w):
        x, z, y = w
        return (1 + x + z**2 / 2) * y**2 / 2 + ((x - 3) ** 2 + 2 * (z - 1) ** 2) / 20

    def gradient(w):
        x, z, y = w
        rest = [(x - 3) / 10, (z - 1) / 5, (1 + x + z**2 / 2) * y]
        return np.array([y**2 / 2, z * y**2 / 2, 0.0]) + rest

    def hessian(w):
        x, z, y = w
        return np.array([[0.1, 0.0, y], [0.0, 0.2 + y**2 / 2, z * y], [y, z * y, 1 + x + z**2 / 2]])

    return turned(loss, gradient, hessian, 3)
