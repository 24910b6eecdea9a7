"""The reality of losses: whether they are real at generic points, and between zeros in roots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise, product

import sympy as sp

from catapult_sim.validation import InputError

# No power of a negative number with such an exponent is real.
SIZES = (0.7313, 1.9171, 0.1137, 6.3191, 0.003717, 53.3719, 1101.37, 1.3717e-5, 270371.31)
MOST_POINTS = 400


def require_real_somewhere(losses: Sequence[sp.Expr]) -> None:
    """Raise InputError where losses are nowhere real at once, in any open set of their symbols.

    Examples
    --------
    >>> x = sp.Symbol("x", real=True)
    >>> require_real_somewhere([sp.sqrt(x - 100) * sp.sqrt(101 - x)])
    >>> require_real_somewhere([sp.sqrt(x) * sp.sqrt(-x)])
    Traceback (most recent call last):
        ...
    catapult_sim.validation.InputError: losses must be real numbers somewhere ...
    """
    shared = sp.Tuple(*losses)
    if not any(_bounded(shared)):
        return  # every function in them is real wherever its argument is
    if not any(all(_is_real(loss.xreplace(at)) for loss in losses) for at in _points(shared)):
        raise InputError(
            "losses must be real numbers somewhere besides single points; "
            f"got {', '.join(map(str, losses))}"
        )


def _bounded(expression: sp.Basic) -> Iterator[sp.Expr]:
    """Yield the arguments of roots, powers and logarithms, which are not real for all numbers."""
    for one in sp.preorder_traversal(expression):
        if isinstance(one, sp.Pow) and not one.exp.is_integer:
            yield one.base
        elif isinstance(one, sp.log):
            yield one.args[0]


def _points(expression: sp.Basic) -> Iterator[Mapping[sp.Symbol, sp.Expr]]:
    """Yield points of both signs and many sizes, then points between the zeros of arguments."""
    symbols = sorted(expression.free_symbols, key=str)
    generic = [
        {
            w: sign * sp.Float(SIZES[(k + turn * (i + 1)) % len(SIZES)] * (1 + i / 7), 30)
            for i, (w, sign) in enumerate(zip(symbols, signs, strict=True))
        }
        for k, turn in product(range(len(SIZES)), range(2))
        for signs in islice(product((1, -1), repeat=len(symbols)), MOST_POINTS)
    ][:MOST_POINTS]
    yield from generic
    for w in symbols:
        for others in generic[:8]:
            yield from ({**others, w: value} for value in _between_zeros(expression, w, others))


def _between_zeros(
    expression: sp.Basic, w: sp.Symbol, others: Mapping[sp.Symbol, sp.Expr]
) -> list[sp.Expr]:
    """Return a value of one symbol in each interval that zeros of polynomial arguments bound."""
    zeros: set[sp.Expr] = set()
    fixed = {symbol: value for symbol, value in others.items() if symbol != w}
    for argument in _bounded(expression):
        top = sp.fraction(sp.together(argument))[0].xreplace(fixed)
        if top.is_polynomial(w) and top.has(w):
            zeros.update(root for root in sp.Poly(top, w).nroots(maxsteps=200) if root.is_real)
    ordered = sorted(zeros)
    if ordered:
        ordered = [ordered[0] - abs(ordered[0]) - 1, *ordered, ordered[-1] + abs(ordered[-1]) + 1]
    return [(one + other) / 2 for one, other in pairwise(ordered)]


def _is_real(number: sp.Expr) -> bool:
    value = number.evalf(30)
    real, imaginary = value.as_real_imag()
    finite = real.is_finite and imaginary.is_finite
    return bool(finite and abs(imaginary) <= sp.Float("1e-20") * abs(real))
