"""The empirical neural tangent kernel of a network.

A layer's share of ``J J^T`` is the product, entry by entry, of two Gram matrices: that of
the layer's inputs and that of the signals carried back to it. The Jacobian is never built.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.curvature import largest_eigenvalue

__all__ = ["ntk", "top_eigenvalue"]

Array = npt.NDArray[Any]


def ntk(network: MLP, theta: Array, X: npt.ArrayLike) -> Array:
    """Return the kernel ``Theta = (1/m) J J^T`` over samples and outputs.

    Parameters
    ----------
    network : MLP
    theta : numpy.ndarray, shape (..., P)
    X : array_like, shape (m, d)

    Returns
    -------
    numpy.ndarray, shape (..., m k, m k)
        Sample-major: row ``a k + i`` belongs to output i of sample a. The normalisation by
        m makes ``2 / lambda`` the stability threshold of gradient descent on the mean loss
        (Lewkowycz et al. 2020, section 2).

    Examples
    --------
    >>> network = MLP([1, 3, 1], activation="linear")
    >>> theta = np.arange(6.0)
    >>> ntk(network, theta, [[1.0]])  # (|u|^2 + |v|^2) / n
    array([[18.33333333]])
    """
    inputs = np.asarray(X, dtype=float)
    samples, outputs = len(inputs), network.widths[-1]
    _, activities, hidden = network.forward(theta, inputs)
    # Output by output, a unit signal at every sample.
    unit = np.broadcast_to(np.eye(outputs)[:, None, :], (outputs, samples, outputs))
    spread = [z[..., None, :, :] for z in hidden]
    signals = network.backward(theta[..., None, :], spread, unit)
    total: Array | float = 0.0
    for activity, signal, scale in zip(activities, signals, network.scales, strict=True):
        forward = scale**2 * (activity @ np.swapaxes(activity, -1, -2)) + network.biases
        flat = np.swapaxes(signal, -3, -2).reshape(*signal.shape[:-3], samples * outputs, -1)
        backward = flat @ np.swapaxes(flat, -1, -2)
        total = total + backward * _spread(forward, outputs)
    return np.asarray(total) / samples


def _spread(gram: Array, outputs: int) -> Array:
    """Repeat a Gram matrix over samples for every pair of outputs."""
    return gram.repeat(outputs, axis=-1).repeat(outputs, axis=-2)


def top_eigenvalue(network: MLP, theta: Array, X: npt.ArrayLike) -> Array:
    """Return the largest eigenvalue of :func:`ntk`, exact, ``(...)``."""
    return largest_eigenvalue(ntk(network, theta, X))
