r"""Edge Flow: a centre and an oscillation around it, for descent beyond stability [Marion2026].

Two runs of gradient descent from ``c + x`` and ``c - x`` stay ``c + x`` and ``c - x``, in turn, if

``c' = c - (eta / 2) (g(c + x) + g(c - x))``, ``x' = (eta / 2) (g(c + x) - g(c - x)) - x``,

exactly (g the gradient). So one run is a centre c and an oscillation x that changes its sign each
step. The centre descends on the symmetrised loss ``(L(c + x) + L(c - x)) / 2``; to first order in x
and in the distance from the edge the oscillation grows as ``dx/dt = (H(c) - 2 / eta) x``, or, with
``x = a v`` and ``|v| = 1``,

``dc/dt = -(g(c + a v) + g(c - a v)) / 2``,
``dv/dt = (1 - v v^T) H v``, ``da/dt = (v^T H v - 2 / eta) a``.

The direction finds the top eigenvector, and the magnitude grows where its curvature is above
``2 / eta``. A Euler step of the time eta multiplies a by ``eta v^T H v - 1``, which is exact.

Only the paper's abstract was read, which describes these three equations in words and such steps;
how they come out here is derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit, require_memory
from catapult_sim.numeric.flows.flow import require_start
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import InputError, require_count, require_instance, require_number


@dataclass(frozen=True)
class EdgeFlow:
    """Edge Flow at steps of gradient descent; NaN from where it has diverged."""

    step: npt.NDArray[np.int64]  # (T,)
    weights: Array  # (T, P), the centre c
    direction: Array  # (T, P), v
    magnitude: Array  # (T,), a
    loss: Array  # (T,), of the centre
    mean_loss: Array  # (T,), of c + a v and c - a v: that of gradient descent
    curvature: Array  # (T,), v^T H v at the centre: the sharpness where v is the top eigenvector

    __repr__ = short_repr


def edge_flow(
    surface: Surface,
    start: npt.ArrayLike,
    *,
    learning_rate: float,
    steps: int,
    substeps: int = 1,
    magnitude: float | None = None,
    every: int = 1,
    progress: Progress | bool | None = None,
    memory_limit: Limit = None,
) -> EdgeFlow:
    r"""Integrate Edge Flow from the weights at which gradient descent starts.

    Parameters
    ----------
    surface : Surface
        The loss and its derivatives, without the third.
    start : array_like, shape (P,)
        The initial weights, ``c + a v``, v the top eigenvector of the Hessian there.
    learning_rate, steps, every, progress, memory_limit
        As in :func:`~catapult_sim.numeric.flows.central_flow.central_flow`.
    substeps : int
        Euler steps of the integration in one of gradient descent, each with two gradients and one
        Hessian product. One is nearest to gradient descent; many approach the differential
        equations, in which oscillations grow as ``exp(eta lambda - 2)``, faster by second order.
    magnitude : float, optional
        a at the start. By default the distance along v to where the loss has no slope, ``|g.v|``
        over the sharpness: that is the oscillation of gradient descent on a quadratic, where it
        steps beyond that place.

    Returns
    -------
    EdgeFlow

    Raises
    ------
    InputError
        Where an argument is not as required above, a function of the surface returns other than
        numbers of its shape, or, without a ``magnitude``, gradient descent does not step beyond
        the place without slope: where it is there already, or ``eta`` times the sharpness is at
        most 1.

    Examples
    --------
    A small catapult: the curvature ``eta lambda`` falls from 2.1 to about 1.9, not to 2.

    >>> surface = Surface(
    ...     lambda w: (w[0] * w[1]) ** 2 / 2,
    ...     lambda w: w[0] * w[1] * w[::-1],
    ...     lambda w, v: w[::-1] ** 2 * v + 2 * w[0] * w[1] * v[::-1],
    ... )
    >>> run = edge_flow(surface, [1.0, 1e-3], learning_rate=2.1, steps=200, every=100)
    >>> print((2.1 * run.curvature).round(2))
    [2.1 1.9 1.9]
    """
    require_instance("surface", surface, Surface, "a Surface")
    weights, rate = require_start(start), require_number("learning_rate", learning_rate, above=0)
    if np.iscomplexobj(weights):
        raise InputError("start must be real; got complex weights")
    count, every = require_count("steps", steps), require_count("every", every, 1)
    parts, recorded = require_count("substeps", substeps, 1), np.arange(0, count + 1, every)
    size = 2 * len(weights) + 1
    require_memory(8 * size * len(recorded), memory_limit, "the path", "times")
    states = np.full((len(recorded), size), np.nan)
    rows: list[tuple[float, float, float]] = []
    with np.errstate(all="ignore"), showing(progress, "steps", count) as tell:
        state = _split(surface, weights, rate, magnitude)
        for step in range(count + 1):
            if step % every == 0:
                states[len(rows)] = state
                rows.append(_seen(surface, state))
            if step < count and np.isfinite(state[:-1]).all():
                state = _advanced(surface, state, rate, parts)
                if tell is not None:
                    tell(1)
    loss, mean_loss, curvature = np.array(rows).T
    centres, directions, magnitudes = _parts(states)
    return EdgeFlow(recorded, centres, directions, magnitudes, loss, mean_loss, curvature)


@np.errstate(over="ignore")
def _parts(state: Array) -> tuple[Array, Array, Array]:
    """Return centre, direction and magnitude of states that hold the logarithm of the latter."""
    size = state.shape[-1] // 2
    return state[..., :size], state[..., size:-1], np.exp(state[..., -1])


def _advanced(surface: Surface, state: Array, rate: float, parts: int) -> Array:
    """Return the state one step of gradient descent later."""
    time_step = rate / parts
    for _ in range(parts):
        centre, direction, magnitude = _parts(state)
        bent = surface.hessian_product(centre, direction)
        curvature = direction @ bent
        sides = [surface.gradient(centre + s * magnitude * direction) for s in (1, -1)]
        turned = direction + time_step * (bent - curvature * direction)
        growth = np.log(np.abs(1 + time_step * (curvature - 2 / rate)))
        centre = centre - time_step / 2 * sum(sides)
        state = np.concatenate([centre, turned / np.linalg.norm(turned), [state[-1] + growth]])
    return state


def _split(surface: Surface, start: Array, rate: float, magnitude: float | None) -> Array:
    """Return centre, direction and logarithm of the magnitude at the start."""
    pairs = surface.top_eigenpairs(start, 1)
    slope, direction, sharpness = surface.gradient(start), pairs.vectors[:, 0], pairs.values[0]
    along = slope @ direction
    if magnitude is None:
        if not (rate * sharpness > 1 and along):
            raise InputError(
                "magnitude must be given where gradient descent does not step beyond the place "
                f"without slope at once; got a learning rate of {rate * sharpness:.3g} over the "
                f"sharpness and a slope of {along:.3g}"
            )
        size = abs(along) / sharpness
    else:
        size = require_number("magnitude", magnitude, above=0)
    if along < 0:
        direction = -direction
    return np.concatenate([start - size * direction, direction, [np.log(size)]])


def _seen(surface: Surface, state: Array) -> tuple[float, float, float]:
    """Return the loss, the mean loss of both sides, and the curvature between them."""
    if not np.isfinite(state[:-1]).all():
        return np.nan, np.nan, np.nan
    centre, direction, magnitude = _parts(state)
    sides = [surface.loss(centre + s * magnitude * direction) for s in (1, -1)]
    curvature = direction @ surface.hessian_product(centre, direction)
    return surface.loss(centre), sum(sides) / 2, float(curvature)
