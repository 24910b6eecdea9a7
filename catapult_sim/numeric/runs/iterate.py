"""Iterate a step over an ensemble and observe it on the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy.typing as npt

from catapult_sim.numeric.runs.trajectory import ESCAPE, Trajectory, iterate_in_strides
from catapult_sim.types import Array, Observe

Advance = Callable[..., tuple[Array, Array]]


def iterate(
    advance: Advance,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    observe: Observe | None = None,
    every: int = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    state_ndim: int = 1,
) -> Trajectory:
    """Apply ``advance`` up to ``steps`` times to every member of an ensemble.

    Parameters
    ----------
    advance : callable
        ``advance(state (N, S), *parameters (N,)) -> (next state (N, S), loss (N,))``,
        with the loss of the state that was given.
    state : array_like, shape (..., S)
        Where the members start.
    *parameters : array_like
        What stays fixed along a run, such as learning rates. Their shapes and that
        of the state's leading axes broadcast to the shape of the ensemble.
    steps : int
        How many updates; losses are recorded at steps 0 to ``steps``.
    observe : mapping of str to callable
        Quantities ``state (N, S) -> (N, ...)`` measured at multiples of ``every``.
    tolerance : float
        A member has converged when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.
    state_ndim : int
        How many trailing axes make up one member's state.

    Returns
    -------
    Trajectory
        With the key ``"loss"`` and those of ``observe``.

    Examples
    --------
    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None]), 0.5 * x[:, 0] ** 2
    >>> run = iterate(descend, [1.0], [0.5, 3.0], steps=2)
    >>> print(run.values["loss"])
    [[0.5     0.5    ]
     [0.125   2.     ]
     [0.03125 8.     ]]
    """

    def stride(state: Array, *rates: Array, first: int, count: int) -> tuple[Array, Array]:
        following, loss = advance(state, *rates)
        return following, loss[None]

    return iterate_in_strides(
        stride,
        state,
        *parameters,
        steps=steps,
        longest=1,
        observe=observe,
        every=every,
        tolerance=tolerance,
        escape=escape,
        state_ndim=state_ndim,
    )
