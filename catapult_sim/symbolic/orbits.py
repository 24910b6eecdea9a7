"""Exact fixed points and periodic orbits of derived rules, and their stability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from catapult_sim.symbolic.update import Update
from catapult_sim.validation import InputError, require_count, require_instance

Point = tuple[Any, ...]

# The degree of the polynomial whose roots are the orbits grows exponentially with the period.
LONGEST = 8


class NoClosedForm(InputError):
    """Raised where SymPy finds no closed form of the orbits."""


@dataclass(frozen=True)
class Orbit:
    """A fixed point or a periodic orbit of a rule.

    Attributes
    ----------
    points : tuple of tuples of S numbers or sympy.Expr
        The states, in order; one point is a fixed point. A variable that is its own value
        is free: the orbits form a line or a surface.
    multipliers : tuple of S numbers or sympy.Expr
        The eigenvalues of the linearised map once round the orbit.
    stable : sympy condition or bool
        Where all deviations shrink, except along a line or a surface of such orbits.
    residual : float
        Distance of the last point's image from the first point: 0 where the orbit is exact.
    """

    points: tuple[Point, ...]
    multipliers: tuple[Any, ...]
    stable: Any
    residual: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the points are formulas and not approximations."""
        return self.residual == 0 and any(isinstance(x, sp.Basic) for x in self.points[0])


def exact_orbits(rule: Update, period: int = 1) -> tuple[Orbit, ...]:
    """Derive the fixed points of a rule, or its orbits of a longer period.

    Parameters
    ----------
    rule : Update
        With explicit sizes.
    period : int
        More than 1 for polynomial rules of one variable only.

    Returns
    -------
    tuple of Orbit
        Real ones where SymPy can tell; lines and surfaces of them first. Orbits whose period
        divides ``period`` are left out. Longer orbits are exact where they are roots of a
        quadratic factor; the others are numbers with a residual if the rule has no parameters,
        and are left out if it has.

    Raises
    ------
    NoClosedForm
        If SymPy does not solve the equations.

    Examples
    --------
    >>> from catapult_sim.symbolic import linear_net
    >>> for orbit in exact_orbits(linear_net.sample_map()):
    ...     print(*orbit.points, orbit.multipliers)
    (0, lam) (1, -eta*lam + 1)
    (-2*sqrt(n)/eta, 4/eta) (5, 9)
    (2*sqrt(n)/eta, 4/eta) (5, 9)

    Gradient descent on three factors, stable on the surface of minima where ``eta`` times the
    sharpness is less than 2:

    >>> a, b, c = sp.symbols("a b c", real=True)
    >>> chain = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
    >>> minima, *saddles = exact_orbits(chain)
    >>> print(*minima.points, minima.multipliers[:2])
    (a, b, 1/(a*b)) (1, 1)
    >>> print(*(saddle.points for saddle in saddles))
    ((0, 0, c),) ((0, b, 0),) ((a, 0, 0),)
    """
    require_instance("rule", rule, Update, "an Update, such as Update.descent returns")
    rule, period = rule.inline().entrywise(), require_count("period", period, 1)
    if period == 1:
        return tuple(orbit_through(rule, [point]) for point in _fixed_points(rule))
    if len(rule.state) > 1:
        raise NoClosedForm(
            f"exact orbits of period {period} require a rule of 1 variable; "
            f"got {rule.name} of {len(rule.state)}"
        )
    if period > LONGEST:
        raise NoClosedForm(f"exact orbits have a period of at most {LONGEST}; got {period}")
    return tuple(_periodic(rule, period))


def _fixed_points(rule: Update) -> Iterator[Point]:
    """Solve ``next = state``; yield families of points, with free variables, first."""
    # Symbols that may vanish: a positive one would lose solutions at zero.
    unknown = {symbol: sp.Dummy(str(symbol), real=True) for symbol in rule.state}
    changes = [new - old for new, old in zip(rule.next, rule.state, strict=True)]
    equations = [sp.factor(change.xreplace(unknown)) for change in changes]
    try:
        found = sp.solve(equations, list(unknown.values()), dict=True)
    except NotImplementedError as refusal:
        raise NoClosedForm(f"{rule.name}: {refusal}") from None
    kept: list[Mapping[sp.Symbol, sp.Expr]] = []
    for solution in sorted(found, key=len):
        if not any(_lies_on(solution, family) for family in kept):
            kept.append(solution)
    known = {dummy: symbol for symbol, dummy in unknown.items()}
    for solution in kept:
        yield tuple(solution.get(dummy, dummy).xreplace(known) for dummy in unknown.values())


def _lies_on(solution: Mapping[Any, sp.Expr], family: Mapping[Any, sp.Expr]) -> bool:
    differences = (symbol - value for symbol, value in family.items())
    return all(sp.simplify(one.subs(solution)) == 0 for one in differences)


def _periodic(rule: Update, period: int) -> Iterator[Orbit]:
    """Yield orbits of one variable: roots of the factors of ``f(...f(x)) - x`` of this period."""
    (x,), (once,) = rule.state, rule.next
    shorter = [d for d in range(1, period) if period % d == 0]
    known = {factor for d in shorter for factor in _factors(once, x, d)}
    for factor in _factors(once, x, period):
        polynomial = sp.Poly(factor, x)
        if factor in known:
            continue
        if polynomial.degree() <= 2:
            roots = [root for root in sp.solve(factor, x) if root.is_extended_real is not False]
            yield from (orbit_through(rule, points) for points in _in_turn(roots, once, x, period))
        elif not polynomial.free_symbols_in_domain:
            real = [float(root) for root in polynomial.nroots(n=30) if root.is_real]
            yield from (_approximate(points, once, x) for points in _in_turn(real, once, x, period))


def _approximate(points: list[Point], once: sp.Expr, x: sp.Symbol) -> Orbit:
    """Return the orbit through numbers, with multiplier, stability and residual."""
    follow, slope = (sp.lambdify(x, one, "math") for one in (once, once.diff(x)))
    multiplier = float(sp.prod([slope(point) for (point,) in points]))
    residual = abs(follow(points[-1][0]) - points[0][0])
    return Orbit(tuple(points), (multiplier,), abs(multiplier) < 1, residual)


def _factors(once: sp.Expr, x: sp.Symbol, times: int) -> list[sp.Expr]:
    image = x
    for _ in range(times):
        image = once.xreplace({x: image})
    numerator, _ = sp.fraction(sp.together(image - x))
    if not numerator.is_polynomial(x):
        raise NoClosedForm(f"exact orbits require a polynomial rule; got {once}")
    return [factor for factor, _ in sp.factor_list(numerator)[1] if factor.has(x)]


def _in_turn(roots: list[sp.Expr], once: sp.Expr, x: sp.Symbol, period: int) -> Iterator[Any]:
    """Yield the orbits among roots, told apart by their values at generic parameters."""
    symbols = sorted(once.free_symbols - {x}, key=str)
    generic = {w: sp.sqrt(sp.prime(k + 2)).evalf(40) for k, w in enumerate(symbols)}
    values = [complex(sp.sympify(root).evalf(30, subs=generic)) for root in roots]
    follow = sp.lambdify(x, once.subs(generic), "numpy")
    left = set(range(len(roots)))
    while left:
        orbit = [min(left)]
        while len(orbit) < period:
            image = follow(values[orbit[-1]])
            orbit.append(min(left, key=lambda i: abs(values[i] - image)))
        left -= set(orbit)
        yield [(roots[i],) for i in orbit]


def orbit_through(rule: Update, points: Sequence[Point]) -> Orbit:
    """Return the orbit through points, with the multipliers and the condition of stability."""
    jacobian = sp.Matrix(rule.next).jacobian(sp.Matrix(rule.state))
    around = sp.eye(len(rule.state))
    for point in points:
        here = dict(zip(rule.state, point, strict=True))
        around = jacobian.subs(here, simultaneous=True) * around
    x = sp.Symbol("x")
    # Once round, the square roots in the points cancel from the coefficients.
    characteristic = [sp.expand(sp.cancel(c)) for c in around.charpoly(x).all_coeffs()]
    multipliers = sp.roots(sp.Poly(characteristic, x), multiple=True)
    if len(multipliers) < len(rule.state):
        raise NoClosedForm(f"{rule.name}: the multipliers have no closed form")
    tidy = tuple(_sorted(sp.factor(value) for value in multipliers))
    shrinking = [_below_one(value) for value in tidy if value != 1]
    return Orbit(tuple(points), tidy, _reduced(shrinking))


def _sorted(values: Iterator[sp.Expr]) -> list[sp.Expr]:
    return sorted(values, key=lambda value: (not value.is_number, sp.default_sort_key(value)))


def _below_one(multiplier: sp.Expr) -> Any:
    real = multiplier.is_extended_real is not False
    return multiplier**2 < 1 if real else sp.Abs(multiplier) < 1


def _reduced(conditions: list[Any]) -> Any:
    """Return all conditions as one, solved if they hold one symbol."""
    together = sp.And(*conditions)
    if len(together.free_symbols) != 1:
        return together
    return sp.reduce_inequalities(conditions)
