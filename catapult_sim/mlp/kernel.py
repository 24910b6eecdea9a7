"""The empirical neural tangent kernel of a network.

A layer's share of ``J J^T`` follows from its inputs and from the signals of each output, carried
back to it: for a dense layer it is the product, entry by entry, of their two Gram matrices. The
Jacobian is never built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.mlp.network import Network
from catapult_sim.mlp.passes import Part, Passes
from catapult_sim.mlp.point import SILENT, Point
from catapult_sim.numeric.curvature import eigenpairs
from catapult_sim.numeric.curvature.eigenpairs import Eigenpairs
from catapult_sim.numeric.curvature.operators import Operator
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import InputError, require_instance

READ = 50.0  # flops per memory read, on the machines measured
PRODUCTS = 16  # products in a typical search for a top eigenvalue
BASIS = 40  # vectors that a search for a top eigenvalue keeps
SIGNALS = 2**32  # bytes of unit signals above which passes are taken, whatever memory is free
TOLERANCE = 1e-8  # of residuals; that of the eigenvalue is its square over the gap


@SILENT
def ntk(
    network: Network,
    theta: npt.ArrayLike,
    X: npt.ArrayLike,
    *,
    progress: Progress | bool | None = None,
    memory_limit: Limit = None,
) -> Array:
    """Return the kernel ``Theta = (1/m) J J^T`` over samples and outputs.

    Parameters
    ----------
    network : Network
    theta : array_like, shape (..., P)
    X : array_like, shape (m, d)
    progress : callable, bool or None
        A function that is called with the number of outputs just finished, of k. By default a bar
        appears after two seconds on a terminal or in a notebook; False: never.
    memory_limit : float, str or None
        Memory that the kernel and the arrays it is computed from may take: bytes, or a size such as
        "6GB"; by default half of what is free.

    Returns
    -------
    numpy.ndarray, shape (..., m k, m k)
        Sample-major: row ``a k + i`` belongs to output i of sample a. The normalisation by
        m makes ``2 / lambda`` the stability threshold of gradient descent on the mean loss
        (Lewkowycz et al. 2020, section 2).

    Raises
    ------
    InputError
        Where theta or X do not fit the network, or the memory limit is exceeded: before anything
        is computed.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network = MLP([1, 3, 1], activation="linear")
    >>> theta = np.arange(6.0)
    >>> ntk(network, theta, [[1.0]])  # (|u|^2 + |v|^2) / n
    array([[18.33333333]])
    """
    parameters, inputs = _checked(network, theta, X)
    samples, outputs, leading = inputs.shape[-2], network.outputs, parameters.shape[:-1]
    members, passes = math.prod(leading), network.passes(1)
    require_memory(
        _bytes(passes, members, samples, parameters.itemsize),
        memory_limit,
        f"the kernel of {members} networks, {samples} samples and {outputs} outputs",
        "networks or samples",
    )
    passes.move(parameters, inputs)
    layers = [
        (
            layer.row_products(at.x.values.coefficients, at.x.values.coefficients),
            np.ascontiguousarray(signals.swapaxes(-2, -3)),  # (..., k, m, width)
        )
        for (layer, at, _), signals in _last_first(passes)
    ]
    total = np.empty((*leading, samples, outputs, samples, outputs), parameters.dtype)
    with showing(progress, "outputs", outputs) as tell:
        for i in range(outputs):
            # Entry [a, j, b] belongs to output i of sample a and output j <= i of sample b.
            panel = np.empty((*leading, samples, i + 1, samples), parameters.dtype)
            terms = (
                term[..., 0, :, :, :]
                for products, signals in layers
                for term in products([signals[..., i : i + 1, :, :]], [signals[..., : i + 1, :, :]])
            )
            panel[...] = next(terms)
            for term in terms:
                panel += term
            total[..., :, i, :, : i + 1] = panel.swapaxes(-1, -2)
            total[..., :, : i + 1, :, i] = panel.swapaxes(-1, -3)
            if tell is not None:
                tell(1)
    total /= samples
    return total.reshape(*leading, samples * outputs, samples * outputs)


def _checked(network: Network, theta: npt.ArrayLike, X: npt.ArrayLike) -> tuple[Array, Array]:
    """Return theta ``(..., P)`` and X ``(m, d)`` that fit a network, or raise InputError."""
    require_instance("network", network, Network, "a network, such as MLP([2, 3, 1])")
    inputs = network.require_inputs(X)
    if inputs.ndim != 2:
        raise InputError(f"X must have shape (m, {network.inputs}); got shape {inputs.shape}")
    return network.require_parameters(theta), inputs


def _last_first(passes: Passes) -> list[tuple[Part, Array]]:
    """Return layers and their unit signals, the last layer first: the order of summation."""
    pairs = list(zip(passes.parts, passes.unit_signals(), strict=True))
    return [*pairs[-1:], *pairs[:-1]]


class _Factored:
    """Products with the kernel of one network, from its unit signals instead of passes."""

    def __init__(self, passes: Passes, theta: Array, X: Array) -> None:
        self._passes, outputs = passes, passes.move(theta, X)
        self._samples_and_outputs, self.dtype = outputs.shape, outputs.dtype
        self.shape = (outputs.size, outputs.size)
        self._layers = _last_first(passes)

    def matvec(self, vector: Array) -> Array:
        given = vector.reshape(self._samples_and_outputs)
        total = np.zeros_like(given)
        for (layer, at, _), signals in self._layers:
            spread = np.broadcast_to(signals, (*given.shape, signals.shape[-1]))
            sent = np.einsum("ak,akn->an", given, spread)
            gathered = layer.gather(at, sent, len(sent))
            moved = layer.spread(at, [gathered], np.empty_like(sent))
            total += np.einsum("an,akn->ak", moved, spread)
        total /= len(total)
        return total.ravel()


def _factors_pay(network: Network, samples: int, itemsize: int) -> bool:
    """Return whether products from unit signals cost less than passes and fit into memory."""
    parts = network.passes(1).parts
    hidden = sum(at.z.width for _, at, _ in parts[:-1])
    passes = 2 * sum(layer.multiplications for layer, _, _ in parts[1:-1])
    signals = network.outputs * (passes / 2 / PRODUCTS + 2 * READ * hidden)
    return signals < passes and samples * network.outputs * hidden * itemsize <= SIGNALS


def top_eigenvalue_bytes(network: Network, members: int, samples: int, itemsize: int) -> int:
    """Return the bytes that :func:`top_eigenvalue` takes for some networks, besides their theta.

    Up to 512 rows those of all kernels and of a copy, above those of one network at a time.
    """
    rows = samples * network.outputs
    if rows <= eigenpairs.DENSE:
        return _bytes(network.passes(1), members, samples, itemsize) + members * itemsize * rows**2
    if _factors_pay(network, samples, itemsize):
        hidden = sum(at.z.width for _, at, _ in network.passes(1).parts[:-1])
        numbers = network.numbers_per_sample + 3 * network.outputs * hidden
    else:
        numbers = 3 * network.numbers_per_sample  # of two orders, and what formulas allocate
    return itemsize * (samples * numbers + BASIS * rows)


def _bytes(passes: Passes, members: int, samples: int, itemsize: int) -> int:
    parts, outputs = passes.parts, passes.outputs
    signals = 2 * samples * outputs * sum(at.z.width for _, at, _ in parts[:-1])
    grams = samples**2 * (2 * outputs + len(parts))
    rows = samples * (outputs + 1) * max(layer.row_numbers for layer, _, _ in parts)
    layers = samples * passes.numbers_per_sample
    return members * itemsize * ((samples * outputs) ** 2 + signals + grams + rows + layers)


def top_eigenpairs(
    network: Network, theta: npt.ArrayLike, X: npt.ArrayLike, k: int = 1, **options: Any
) -> Eigenpairs:
    """Return the largest eigenpairs of the kernel of one network, which is never formed.

    Parameters
    ----------
    network : Network
    theta : array_like, shape (P,)
    X : array_like, shape (m, d)
    k : int
    **options
        Of :func:`catapult_sim.numeric.curvature.eigenpairs.top_eigenpairs`.

    Returns
    -------
    Eigenpairs
        Its vectors are ``(m k, pairs)``, rows as in :func:`ntk`.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network = MLP([1, 3, 1], activation="linear")
    >>> top_eigenpairs(network, np.arange(6.0), [[1.0]], rng=0).values
    array([18.33333333])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        parameters, inputs = _checked(network, theta, X)
        (operator,) = _operators(network, parameters[None], inputs)
        return eigenpairs.top_eigenpairs(operator, k, **options)


def _operators(network: Network, thetas: Array, X: Array) -> Iterator[Operator]:
    """Yield the kernel at each theta as an operator, whose arrays the next one uses again.

    From unit signals or by passes: whichever costs less.
    """
    if thetas.ndim == X.ndim == 2 and _factors_pay(network, len(X), thetas.itemsize):
        passes = network.passes(1)
        for theta in thetas:
            yield _Factored(passes, theta, X)
    else:
        point: Point | None = None
        for theta in thetas:
            point = network.point(theta, X, orders=2) if point is None else point.move(theta)
            yield point.kernel


@SILENT
def top_eigenvalue(network: Network, theta: npt.ArrayLike, X: npt.ArrayLike) -> Array:
    """Return the largest eigenvalue of :func:`ntk`, ``(...)``; NaN after a divergence.

    Up to 512 rows from the whole kernel, above from products with it.

    Examples
    --------
    >>> from catapult_sim.mlp.network import MLP
    >>> network = MLP([1, 3, 1], activation="linear")
    >>> top_eigenvalue(network, np.arange(6.0), [[1.0]])
    array(18.33333333)
    """
    parameters, inputs = _checked(network, theta, X)
    if inputs.shape[-2] * network.outputs <= eigenpairs.DENSE:
        return eigenpairs.largest_eigenvalue(ntk(network, parameters, inputs))
    members = parameters.reshape(-1, network.size)
    found = [
        eigenpairs.top_eigenpairs(one, tolerance=TOLERANCE, rng=0).values[0]
        for one in _operators(network, members, inputs)
    ]
    return np.reshape(found, parameters.shape[:-1])
