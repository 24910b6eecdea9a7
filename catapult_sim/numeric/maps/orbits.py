"""Fixed points and periodic orbits of a rule, exact by SymPy or numerical by Newton's method."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.iterate import (
    by_symbol,
    parameter_names,
    parameters_of,
    require_rule,
)
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count, require_finite, require_number

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic import Update
    from catapult_sim.symbolic.orbits import Orbit

_NEWTON_STEPS = 60

# A rule of a longer orbit is a polynomial of a degree beyond computers.
LONGEST = 1000

# Multipliers closer to 1 than this count as 1: the orbit is on a line or a surface of orbits.
_NEUTRAL = 1e-6


def orbits(
    rule: Update,
    period: int = 1,
    *,
    near: npt.ArrayLike | None = None,
    tolerance: float = 1e-10,
    **named: float,
) -> tuple[Orbit, ...]:
    """Find the fixed points of a rule, or its orbits of a longer period.

    Parameters
    ----------
    rule : Update
    period : int
        Orbits whose period divides this one are left out.
    near : array_like, shape (N, S), optional
        Starts of Newton's method; by default orbits are derived by SymPy instead.
    tolerance : float
        The largest residual of a numerical orbit, relative to the largest number in it and in the
        start that led to it.
    **named : float
        The parameters by name. To derive orbits, some or all may stay symbols; Newton's method
        needs them all.

    Returns
    -------
    tuple of Orbit
        ``exact`` and ``residual`` tell how each was found. Newton's method may miss some; on a
        line or a surface of orbits it finds points near the starts.

    Raises
    ------
    InputError
        If there is no closed form and no start, or the parameters are not those of the rule.

    Examples
    --------
    Three factors in a chain, whose orbit of period two is no root of a quadratic:

    >>> import sympy as sp
    >>> from catapult_sim.symbolic import Update
    >>> a, b, c = sp.symbols("a b c", real=True)
    >>> chain = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
    >>> orbits(chain)[0].exact
    True
    >>> (orbit,) = orbits(chain, 2, near=[[0.9, 0.9, 0.9]], eta=0.7)
    >>> [[round(w, 4) for w in point] for point in orbit.points], orbit.exact, orbit.stable
    ([[0.9326, 0.9326, 0.9326], [1.0476, 1.0476, 1.0476]], False, True)
    """
    from catapult_sim.symbolic.orbits import NoClosedForm, exact_orbits

    rule = require_rule(rule).inline().entrywise()
    period = require_count("period", period, 1, LONGEST)
    if near is None:
        try:
            return exact_orbits(_with_numbers(rule, named), period)
        except NoClosedForm as reason:
            raise InputError(
                f"{reason}; starts are required as near= to find them as numbers"
            ) from None
    starts, tolerance = (
        require_finite("near", near),
        require_number("tolerance", tolerance, above=0),
    )
    if starts.ndim != 2 or starts.shape[1] != len(rule.state):
        raise InputError(f"near must have shape (N, {len(rule.state)}); got {starts.shape}")
    values = zip(parameter_names(rule), parameters_of(rule, (), named), strict=True)
    rates = tuple(require_number(*pair) for pair in values)
    with np.errstate(all="ignore"):
        return tuple(_met(rule, period, starts, rates, tolerance))


def _with_numbers(rule: Update, named: dict[str, Any]) -> Update:
    """Return a rule with parameters replaced by numbers, read as exact decimals."""
    symbols = {str(symbol): symbol for symbol in rule.parameters}
    given = by_symbol(list(symbols), named)
    if unknown := set(given) - set(symbols):
        raise InputError(f"{rule.name} has no parameters {', '.join(sorted(unknown))}")
    values = {symbols[name]: _exact(name, value) for name, value in given.items()}
    kept = tuple(symbol for symbol in rule.parameters if symbol not in values)
    following = tuple(component.subs(values) for component in rule.next)
    return replace(rule, parameters=kept, next=following, loss=None)


def _exact(name: str, value: Any) -> sp.Rational:
    """Return a number as an exact fraction, a float as the decimal that it prints as."""
    import sympy as sp

    number = require_number(name, value)
    exact = value if isinstance(value, int | sp.Rational) else repr(number)
    return sp.Rational(exact)


def _met(
    rule: Update, period: int, state: Array, rates: tuple[Any, ...], tolerance: float
) -> list[Orbit]:
    """Return the distinct orbits that Newton's method finds from the starts."""
    identity, found, starts = np.eye(state.shape[1]), list["Orbit"](), state
    around = _once_round(rule, period, rates)
    for _ in range(_NEWTON_STEPS):
        points, slope = around(state)
        finite = np.isfinite(slope).all(axis=(1, 2))[:, None, None]
        # Fixed points may form a surface, so that the matrix is singular: take the nearest.
        inverse = np.linalg.pinv(np.where(finite, slope - identity, 0), rcond=1e-9)
        state = state - np.einsum("nij,nj->ni", inverse, points[:, -1] - state)
    points, slope = around(state)
    for start, orbit, turn in zip(starts, points, slope, strict=True):
        size = max(np.abs(start).max(), np.abs(orbit).max())
        one = _accepted(orbit, turn, tolerance, size)
        if one and not any(_same(one, other, size) for other in found):
            found.append(one)
    return found


def _once_round(rule: Update, period: int, rates: tuple[Any, ...]) -> Any:
    """Return ``states (N, S) -> points (N, period + 1, S), derivative of the last (N, S, S)``."""
    step, size = rule.numpy(), len(rule.state)
    entries = [[rule.numpy_quantity(new.diff(w)) for w in rule.state] for new in rule.next]

    def around(state: Array) -> tuple[Array, Array]:
        points, slope = [state], np.broadcast_to(np.eye(size), (len(state), size, size))
        for _ in range(period):
            rows = [[entry(points[-1], *rates) for entry in row] for row in entries]
            slope = np.moveaxis(np.array(rows), -1, 0) @ slope
            points.append(step(points[-1], *rates))
        return np.stack(points, axis=1), slope

    return around


def _accepted(points: Array, slope: Array, tolerance: float, size: float) -> Orbit | None:
    """Return the orbit through points ``(period + 1, S)``, or None if that is not its period."""
    from catapult_sim.symbolic.orbits import Orbit

    away = np.abs(points[1:] - points[0]).max(axis=1)
    if not away[-1] <= tolerance * size or (away[:-1] <= 1e-6 * size).any():
        return None
    first = min(range(len(points) - 1), key=lambda k: tuple((points[k] / size).round(8)))
    ordered = np.roll(points[:-1], -first, axis=0)
    multipliers = np.linalg.eigvals(slope)
    moving = multipliers[np.abs(multipliers - 1) > _NEUTRAL]
    return Orbit(
        tuple(map(tuple, ordered.tolist())),
        tuple(multipliers.tolist()),
        bool((np.abs(moving) < 1).all()),
        float(away[-1]),
    )


def _same(one: Orbit, other: Orbit, size: float) -> bool:
    return bool(np.abs(np.array(one.points) - np.array(other.points)).max() <= 1e-7 * size)
