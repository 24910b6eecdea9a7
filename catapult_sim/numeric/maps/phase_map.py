"""Phase maps of rules with few variables, over millions of cells.

A rule is iterated from every cell of a grid. Its step is generated as NumPy operations in place
or, for large maps where the extra ``fast`` is installed, as a compiled loop; see
:mod:`catapult_sim.numeric.maps.phase_map_numpy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import require_memory
from catapult_sim.numeric.maps import phase_map_numba, phase_map_numpy
from catapult_sim.numeric.maps.phase_rules import PhaseRule, phase_rule
from catapult_sim.numeric.runs.iterate import parameter_names, parameters_of, require_rule
from catapult_sim.numeric.runs.phases import Phase, Phases
from catapult_sim.printing import short_repr
from catapult_sim.progress import showing
from catapult_sim.types import Array, Progress
from catapult_sim.validation import (
    InputError,
    require_broadcast,
    require_count,
    require_finite,
    require_number,
)

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic import Update

# More steps of single cells take NumPy longer than a compiler takes to start.
WORTH_COMPILING = 10**9


@dataclass(frozen=True)
class PhaseMap:
    """The outcome of each cell of a map of shape ``(...)``."""

    phase: Phases  # (...)
    steps: npt.NDArray[np.int32]  # (...), updates until the cell converged or diverged, or all
    peak_loss: Array  # (...), the largest loss; inf where divergent
    state: dict[str, Array]  # each (...), the last variables; inf where divergent

    __repr__ = short_repr


def phase_map(
    rule: Update,
    *,
    loss: sp.Expr | None = None,
    steps: int = 1000,
    settled: float = 1e-3,
    progress: Progress | bool | None = None,
    **cells: npt.ArrayLike,
) -> PhaseMap:
    r"""Iterate a rule from each cell of a grid, and classify each.

    Phases are those of :func:`catapult_sim.numeric.runs.phases.classify`, but a cell diverges only
    when its loss overflows, and has converged only where its loss was small for 20 steps (of at
    most 40 steps, for half of them): a wandering orbit passes near its minima now and then.
    :func:`~catapult_sim.symbolic.linear_net.residual_map`, the network on one sample, converges
    where a minimum attracts, ``Lam < 2 - 2 |D|``: a small loss at a larger curvature grows again.

    Parameters
    ----------
    rule : Update
    loss : sympy.Expr, optional
        At least 0, in the symbols of the rule; by default the rule's own.
    steps : int
        The largest number of updates; fastest with a divisor near 20.
    settled : float
        A loss is small at most at this fraction of its start.
    progress : callable, bool or None
        A function that is called with the number of cells just finished. By default a bar appears
        after two seconds on a terminal or in a notebook; False: never.
    **cells : array_like
        The initial value of each variable and the value of each parameter, by name;
        ``learning_rate`` is another word for ``eta``. They broadcast to the shape of the map.

    Returns
    -------
    PhaseMap
        ``steps`` counts the losses above the settled level, ``L_0`` included: the step at
        which a loss that falls steadily came down. The last of a divergent cell, at most
        two, are infinite. Cells are examined every 20 steps or so; ``state`` is read then.

    Raises
    ------
    InputError
        If a variable or parameter is missing, an array holds anything but finite numbers, shapes
        do not broadcast, ``steps`` is no positive integer, ``settled`` is not between 0 and 1, or
        there is no loss.

    Notes
    -----
    In the units ``F = eta f / sqrt(n)``, ``Y = eta y / sqrt(n)``, ``Lam = eta lambda`` the
    one-sample network [Lewkowycz2020] is a map of ``D = F - Y`` and ``Lam``, without width and
    learning rate. ``E = Lam - 4 - Y D`` obeys ``E' = (1 + F D) E`` with
    ``1 + F D >= 1 - Y^2 / 4``. So for ``|Y| < 2`` no orbit crosses the line ``E = 0``. Below it
    weights exist, ``Lam >= 2 |F|``, where ``|D| <= 2`` only, and all orbits are bounded; above it
    every cell that was ever tried diverged. For ``y = 0`` this is ``eta_max = 4 / lambda_0``.

    Examples
    --------
    A network of width 10^6 with ``f_0 = 1`` and ``lambda_0 = 2`` at three learning rates:

    >>> from catapult_sim.symbolic import Update, linear_net
    >>> rule, rates = linear_net.sample_map(), np.array([0.5, 1.5, 2.05])
    >>> found = phase_map(rule, f=1.0, lam=2.0, learning_rate=rates, n=1e6)
    >>> found.phase
    Phases(['lazy', 'catapult', 'divergent'])

    The same without width and learning rate; and three factors in a chain, by gradient descent:

    >>> found = phase_map(linear_net.residual_map(), D=rates / 1e3, Lam=2 * rates, Y=0)
    >>> found.phase, found.steps
    (Phases(['lazy', 'catapult', 'divergent']), array([ 1, 49, 16], dtype=int32))
    >>> import sympy as sp
    >>> a, b, c = sp.symbols("a b c")
    >>> chain = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
    >>> found = phase_map(chain, a=[1.8, 1.8, 2.5], b=1, c=1, learning_rate=[0.1, 0.5, 0.8])
    >>> found.phase
    Phases(['lazy', 'catapult', 'divergent'])
    """
    model = phase_rule(require_rule(rule), loss)
    variables = list(map(str, rule.entrywise().state))
    values = _cells(rule, variables, cells)
    steps = require_count("steps", steps, 1)
    settled = require_number("settled", settled, above=0, below=1)
    shape, count = values[0].shape, values[0].size
    slots = 4 * 8 * phase_map_numpy.SLOTS * (phase_map_numpy.Row.STATE + len(values))
    require_memory(count * (13 + 8 * len(variables)) + slots, None, "this map", "cells")
    phase, taken = np.empty(count, np.int8), np.empty(count, np.int32)
    peak, state = np.empty(count), np.empty((len(variables), count))
    found, level = (phase, taken, peak, state), settled ** (1 / model.exponent)
    # A divergent cell is data: it overflows, is labelled, and NumPy stays silent.
    with showing(progress, "cells", count) as tell, np.errstate(all="ignore"):
        _voice(model, count * steps)(values, level, steps, found, tell or (lambda _: None))
        if model.exponent == 2:
            np.square(peak, out=peak)
            peak /= 2
    for array in (peak, *state):
        np.copyto(array, np.inf, where=phase == Phase.DIVERGENT)
    return PhaseMap(
        phase.reshape(shape).view(Phases),
        taken.reshape(shape),
        peak.reshape(shape),
        dict(zip(variables, state.reshape(len(variables), *shape), strict=True)),
    )


def _cells(
    rule: Update, variables: list[str], cells: Mapping[str, npt.ArrayLike]
) -> tuple[Array, ...]:
    """Return initial values and parameters in the rule's order, broadcast without copies."""
    if missing := set(variables) - set(cells):
        raise InputError(
            f"{rule.name} requires its variables {', '.join(variables)} by name; "
            f"got no {', '.join(sorted(missing))}"
        )
    others = {name: values for name, values in cells.items() if name not in variables}
    values = [*map(cells.__getitem__, variables), *parameters_of(rule, (), others)]
    names = [*variables, *parameter_names(rule)]
    arrays = [require_finite(*pair) for pair in zip(names, values, strict=True)]
    sizes = {name: array.shape for name, array in zip(names, arrays, strict=True)}
    shape = require_broadcast(**sizes)
    return tuple(np.broadcast_to(array, shape) for array in arrays)


def _voice(model: PhaseRule, work: int) -> phase_map_numpy.Run:
    """Return the loop that is faster for this number of steps; results are the same."""
    if work < WORTH_COMPILING:
        return phase_map_numpy.in_place(model)
    try:
        return phase_map_numba.compiled(model)
    except ImportError:
        return phase_map_numpy.in_place(model)
