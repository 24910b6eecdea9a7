"""The theory of a plane of phases as lines: where training stops being lazy, and converging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.plots import canvas, style
from catapult_sim.types import Array
from catapult_sim.validation import (
    InputError,
    require_at_least_zero,
    require_instance,
    require_number,
    require_one_of,
    require_positive,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = tuple[str, str, dict[str, Array]]  # label, style, and points by the name of the axis
END = 4.0  # of convergence of the two-layer linear network, exact at infinite width


def plot_theory(x: str, y: str, network: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Draw predicted boundaries over a plane of networks, in c = eta lambda_0.

    Dashed is c = 2 (1 + beta), up to which full-batch heavy ball on the linearised network is
    stable. Dash-dotted, without momentum, is c = 4, where convergence of the infinitely wide
    two-layer linear network ends. What lies outside the axes is not drawn.

    Parameters
    ----------
    x, y : str
        Names, as in ``AXES``, of the quantities along the axes.
    network : mapping
        What is no axis: ``momentum`` (by default 0), ``c``, ``batch_size`` (by default all).
    ax : matplotlib Axes, optional
        Axes that have their limits; by default those of a new figure.

    Returns
    -------
    matplotlib Axes

    References
    ----------
    [Lewkowycz2020], section 2; heavy ball: [Cohen2021].

    Examples
    --------
    >>> ax = canvas.new_axes()
    >>> _ = ax.set(xlim=(1, 8), ylim=(0, 1))
    >>> [line.get_label() for line in plot_theory("c", "scale", {"momentum": 0.5}, ax=ax).lines]
    ['linear theory, c = 3']
    """
    for name, value in (("x", x), ("y", y)):
        require_one_of(name, value, style.AXES)
    require_instance("network", network, Mapping, "a mapping of names to what is no axis")
    ax = canvas.require_axes(ax)
    limits = {x: ax.get_xlim(), y: ax.get_ylim()}
    batches = " (full batches)" if {"batch_size"} & {x, y, *network} else ""
    for label, dashes, points in _lines(limits, network):
        if all(_meet(limits[name], points[name]) for name in limits):
            look: dict[str, Any] = {"color": "black", "lw": 1.2, "ls": dashes}
            look["label"] = label + batches
            ax.plot(points[x], points[y], scalex=False, scaley=False, **look)
    return ax


def _lines(limits: dict[str, tuple[float, float]], network: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the boundaries in a plane with these axes and limits."""
    across = {name: np.array(ends) for name, ends in limits.items()}
    momentum = float(network.get("momentum") or 0)
    if {"c", "momentum"} <= limits.keys():
        beta = np.linspace(*np.clip(limits["momentum"], 0, 1 - 1e-9))
        stable = largest_stable_rate(1, momentum=beta)
        yield r"linear theory, $c=2(1+\beta)$", "--", {"momentum": beta, "c": stable}
    elif "c" in limits:
        stable = largest_stable_rate(1, momentum=momentum)
        yield f"linear theory, c = {stable:g}", "--", across | {"c": np.full(2, stable)}
        if not momentum:
            end = np.full(2, END)
            yield f"end of the linear network, c = {END:g}", "-.", across | {"c": end}
    elif "momentum" in limits and "c" in network:
        beta = np.full(2, network["c"] / largest_stable_rate(1) - 1)
        yield rf"linear theory, $\beta$ = {beta[0]:g}", "--", across | {"momentum": beta}


def _meet(limits: tuple[float, float], points: Array) -> bool:
    return bool(((min(limits) <= points) & (points <= max(limits))).any())


def plot_power_law(
    x: npt.ArrayLike,
    values: npt.ArrayLike,
    exponent: float,
    *,
    weights: npt.ArrayLike | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw a power law of given exponent through measured values: on logarithmic axes a line.

    Its height is the only thing that is fitted, in logarithm.

    Parameters
    ----------
    x : array_like, shape (n,)
        Positive, such as widths or step sizes.
    values : array_like, shape (n,)
        Positive.
    exponent : float
        The slope that theory says.
    weights : array_like, shape (n,), optional
        Of the values, not negative; by default all count the same.
    ax : matplotlib Axes, optional
        By default those of a new figure, ``.figure`` of what is returned.
    **kwargs
        Passed to ``Axes.plot``.

    Returns
    -------
    matplotlib Axes
        With both axes logarithmic.

    Raises
    ------
    InputError
        Where numbers are not positive, or shapes do not fit.

    Examples
    --------
    >>> ax = plot_power_law([1, 10, 100], [2.0, 0.2, 0.02], -1)
    >>> ax.lines[0].get_ydata().round(9).tolist()
    [2.0, 0.2, 0.02]
    """
    x, values = require_positive("x", x), require_positive("values", values)
    exponent = require_number("exponent", exponent)
    shares = np.ones(x.shape) if weights is None else require_at_least_zero("weights", weights)
    if not (x.ndim == 1 and x.size and x.shape == values.shape == shares.shape and shares.any()):
        raise InputError(
            "x, values and weights must be as many, and not all weights 0; got shapes "
            f"{x.shape}, {values.shape} and {shares.shape}"
        )
    ax = canvas.require_axes(ax)
    logs = exponent * np.log(x)
    height = np.average(np.log(values) - logs, weights=shares / shares.max())
    with np.errstate(over="ignore"):
        ax.loglog(x, np.exp(height + logs), **{"color": "black", "lw": 1} | kwargs)
    return ax
