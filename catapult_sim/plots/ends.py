"""Draw where runs end: their final curvature against the first, and the states that they visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import canvas, style
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_finite,
    require_positive,
    require_reals,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_final_curvature(
    c: npt.ArrayLike,
    final: npt.ArrayLike,
    phase: npt.ArrayLike,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    r"""Draw the curvature where runs end against that where they begin, both times the rate.

    A dot is a run that has converged, in the colour of its phase. Theory is drawn for a linear
    network: in the lazy phase the curvature does not move (solid); just above 2 it ends as far
    below 2 as it began above (dashed); 2 is never exceeded (dotted).

    Parameters
    ----------
    c : array_like, shape (...)
        ``eta lambda_0``, as far as it broadcasts against ``final``.
    final : array_like, shape (...)
        ``eta lambda`` at the end.
    phase : array_like, shape (...)
        :class:`~catapult_sim.numeric.runs.phases.Phase` codes.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Of the dots, passed to ``Axes.plot``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    >>> ax = plot_final_curvature([1.0, 2.2, 9.0], [1.0, 1.8, 3.0], [1, 2, 3])
    >>> [line.get_ydata().tolist() for line in ax.lines[:2]]  # the divergent run is left out
    [[1.0], [1.8]]

    References
    ----------
    [Lewkowycz2020], section 2.
    """
    c, final = require_positive("c", c), require_reals("final", final)
    codes = require_reals("phase", phase)
    shape = require_broadcast(c=c.shape, final=final.shape, phase=codes.shape)
    c, final, codes = (np.broadcast_to(one, shape) for one in (c, final, codes))
    ax = canvas.require_axes(ax)
    for one in (Phase.LAZY, Phase.CATAPULT):
        ink = style.LINE_COLOURS[str(one)]
        look: dict[str, Any] = {"ls": "", "marker": ".", "ms": 3, "alpha": 0.7, "color": ink}
        ax.plot(c[codes == one], final[codes == one], **look | kwargs)
    first = min(c.min(initial=2.0), 2.0)
    ax.plot([first, 2], [first, 2], color="black", lw=1)
    ax.plot([2, 2.5], [2, 1.5], color="black", lw=1, ls="--")
    ax.axhline(2, color="black", ls=":", lw=1)
    ax.set(xlabel=r"initial curvature  $\eta\lambda_0$", ylabel=r"final  $\eta\lambda_\infty$")
    return ax


def plot_attractor(
    x: npt.ArrayLike, visited: npt.ArrayLike, *, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Draw the states that orbits visit against a parameter: a bifurcation diagram.

    The darker, the more often, up to a third of the steps. States that are not finite, of orbits
    that have escaped, are left out.

    Parameters
    ----------
    x : array_like, shape (K,)
        Values of the parameter.
    visited : array_like, shape (T, K)
        A state at T steps, after those in which orbits have settled.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.hist2d``, such as ``bins`` and ``range``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        Where the shapes do not fit.

    Examples
    --------
    Of ``F <- r F (1 - F)``, periods 1, 2 and chaos:

    >>> r, F, visited = np.array([2.9, 3.3, 3.9]), 0.3, []
    >>> for step in range(300):
    ...     F = r * F * (1 - F)
    ...     visited.append(F)
    >>> ax = plot_attractor(r, visited[200:], bins=(3, 50))
    >>> (ax.collections[0].get_array().filled(0) > 0).sum(axis=0).tolist()
    [1, 2, 33]
    """
    x, states = require_finite("x", x), require_reals("visited", visited)
    if x.ndim != 1 or not states.size or states.ndim != 2 or states.shape[1:] != x.shape:
        raise InputError(
            "visited must have a row for each step and a column for each x, shape "
            f"{('T', *x.shape)}; got {states.shape}"
        )
    ax = canvas.require_axes(ax)
    stays = np.isfinite(states)
    look: dict[str, Any] = {"bins": (min(1000, len(x)), 400), "cmin": 1, "cmap": "Greys"}
    look |= {"norm": canvas.log_shades(0.5, max(1.0, len(states) / 3)), "rasterized": True} | kwargs
    ax.hist2d(np.broadcast_to(x, states.shape)[stays], states[stays], **look)
    return ax
