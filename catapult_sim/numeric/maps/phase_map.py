r"""The phases of one sample, over millions of cells.

In the units ``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lambda`` the
two-layer linear network on one sample is a map of two variables, ``D = F - Y`` and
``Lam``, with one parameter. Width and learning rate are gone, and a phase diagram is
this map iterated from every cell of a grid.

The step is generated from :func:`catapult_sim.symbolic.linear_net.edge_map`: as
NumPy operations in place or, for large maps where the extra ``fast`` is installed, as
a compiled loop with the same bits; see :mod:`catapult_sim.numeric.maps.phase_map_numpy`.

The model is that of Lewkowycz et al. 2020, arXiv:2003.02218, section 2; with a label,
of Kalra et al. 2023, arXiv:2311.02076.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.maps import phase_map_numba, phase_map_numpy
from catapult_sim.numeric.runs.phases import Phase, Phases
from catapult_sim.printing import short_repr
from catapult_sim.types import Array, Progress
from catapult_sim.validation import (
    InputError,
    require_count,
    require_finite,
    require_positive,
)

# So many steps of single cells take NumPy longer than a compiler takes to start.
WORTH_COMPILING = 10**9


@dataclass(frozen=True)
class PhaseMap:
    """What became of each cell of a map of shape ``(...)``."""

    phase: Phases  # (...)
    steps: npt.NDArray[np.int32]  # (...), updates until the cell settled, left or ran out
    peak_loss: Array  # (...), largest D^2 / 2 = eta^2 L / n; inf where divergent
    curvature: Array  # (...), Lam = eta lambda where the cell was left; inf where divergent

    __repr__ = short_repr


def phase_map(
    F0: npt.ArrayLike,
    Lam0: npt.ArrayLike,
    Y: npt.ArrayLike = 0.0,
    *,
    steps: int = 1000,
    settled: float = 1e-3,
    progress: Progress | None = None,
) -> PhaseMap:
    r"""Iterate ``D' = D (1 - Lam + F D)``, ``Lam' = Lam + D (Lam D - 4 F)`` from each cell.

    Phases are those of :func:`catapult_sim.numeric.runs.phases.classify`, with two refinements
    that the closed map allows. A loss has come down when it is small where a minimum
    attracts, ``Lam < 2 - 2 |D|``: a small loss at a larger curvature is an accident that the
    next steps undo. And a cell has left when its loss overflows, for beyond a bounded region
    ``D`` is cubed at every step.

    Parameters
    ----------
    F0 : array_like
        Initial output ``eta f_0 / sqrt(n)``.
    Lam0 : array_like
        Initial curvature ``eta lambda_0``. Weights exist where ``Lam0 >= 2 |F0|``; elsewhere
        the map is iterated all the same.
    Y : array_like
        Label ``eta y / sqrt(n)``. The three broadcast to the shape of the map.
    steps : int
        How many updates at most. The work is cheapest where ``steps`` has a divisor
        near 20.
    settled : float
        The fraction of its initial value to which a loss must come down.
    progress : callable, optional
        Called with the number of cells just finished.

    Returns
    -------
    PhaseMap
        ``steps`` counts the losses above the settled level, ``L_0`` included: the step at
        which a loss that falls steadily came down. The last of a divergent cell, at most
        two, are infinite. Cells are examined every 20 steps or so; ``curvature`` is read then.

    Raises
    ------
    InputError
        If an array holds anything but finite numbers, shapes do not broadcast, ``steps``
        is no positive integer or ``settled`` is not between 0 and 1.

    Notes
    -----
    ``E = Lam - 4 - Y D`` obeys ``E' = (1 + F D) E`` with ``1 + F D >= 1 - Y^2 / 4``. So for
    ``|Y| < 2`` no orbit crosses the line ``E = 0``. Below it weights exist where ``|D| <= 2``
    only, and all orbits are bounded; above it every cell that was ever tried diverged. For
    ``y = 0`` this is ``eta_max = 4 / lambda_0``.

    Examples
    --------
    A network of width 10^6 with ``f_0 = 1`` at ``y = 0``, at three learning rates:

    >>> rates = np.array([1.0, 3.0, 4.1])  # eta lambda_0, with lambda_0 = 2
    >>> found = phase_map(rates / 2 / 1e3, rates)
    >>> found.phase
    Phases(['lazy', 'catapult', 'divergent'])
    >>> found.steps
    array([ 1, 49, 16], dtype=int32)
    """
    cells = _cells(F0, Lam0, Y)
    steps = require_count("steps", steps, 1)
    if not require_positive("settled", settled) < 1:
        raise InputError(f"settled must be less than 1; got {settled:g}")
    shape, count = cells[0].shape, cells[0].size
    phase, taken = np.empty(count, np.int8), np.empty(count, np.int32)
    peak, Lam = np.empty(count), np.empty(count)
    # A divergent cell is data: it overflows, is labelled, and NumPy stays silent.
    with np.errstate(all="ignore"):
        found = (phase, taken, peak, Lam)
        _voice(count * steps)(cells, np.sqrt(settled), steps, found, progress or (lambda _: None))
        peak_loss = np.square(peak, out=peak)
        peak_loss /= 2
    for array in (peak_loss, Lam):
        np.copyto(array, np.inf, where=phase == Phase.DIVERGENT)
    return PhaseMap(
        phase.reshape(shape).view(Phases),
        taken.reshape(shape),
        peak_loss.reshape(shape),
        Lam.reshape(shape),
    )


def _cells(*values: npt.ArrayLike) -> tuple[Array, ...]:
    """Broadcast the initial values, without copies."""
    arrays = [require_finite(*pair) for pair in zip(("F0", "Lam0", "Y"), values, strict=True)]
    try:
        return np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise InputError(f"F0, Lam0 and Y must broadcast; got shapes {shapes}") from None


def _voice(work: int) -> phase_map_numpy.Run:
    """Choose between voices that differ in speed and in nothing else."""
    if work < WORTH_COMPILING:
        return phase_map_numpy.in_place()
    try:
        return phase_map_numba.compiled()
    except ImportError:
        return phase_map_numpy.in_place()
