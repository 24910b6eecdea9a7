"""Parse a loss that is given as text, without executing it.

The text is parsed by Python's grammar and rebuilt node by node from a short list of
constructs; nothing is evaluated, looked up or imported.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

import sympy as sp

FUNCTIONS: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    function.__name__: function
    for function in (
        sp.atan,
        sp.cos,
        sp.cosh,
        sp.erf,
        sp.exp,
        sp.log,
        sp.sin,
        sp.sinh,
        sp.sqrt,
        sp.tan,
        sp.tanh,
    )
}
_OPERATORS: dict[type[ast.AST], Callable[..., sp.Expr]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_LONGEST_TEXT = 10_000
_LONGEST_NUMBER = 1_000  # digits


def parse_loss(text: str) -> sp.Expr:
    """Parse a loss made of names, numbers, ``+ - * / **``, parentheses and known functions.

    Parameters
    ----------
    text : str
        A formula. A name is a real symbol, except ``pi``; numbers are read exactly,
        ``0.1`` as one tenth; the functions are those of `FUNCTIONS`.

    Returns
    -------
    sympy.Expr
        Its symbols are its ``free_symbols``.

    Raises
    ------
    ValueError
        If the text holds anything else that Python's grammar knows, an unknown
        function, a number or a power of more than about 1000 digits, a division by zero.

    Examples
    --------
    >>> parse_loss("(u*v - 0.5)**2 / 2")
    (u*v - 1/2)**2/2
    >>> parse_loss("x.real")
    Traceback (most recent call last):
        ...
    ValueError: a loss may hold names, numbers, + - * / **, parentheses and ...; got 'x.real'
    """
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a loss may have {_LONGEST_TEXT} characters; got {len(text)}")
    try:
        expression = _read(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"a loss must be one well-formed formula; got {text[:80]!r}") from error
    if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise ValueError(f"a loss must be finite, without division by zero; got {text[:80]!r}")
    return expression


def _read(node: ast.expr) -> sp.Expr:
    match node:
        case ast.Name(id=name):
            return sp.pi if name == "pi" else sp.Symbol(name, real=True)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _number(value)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_read(left), _read(right), node)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_read(left), _read(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_read(operand))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_read(argument))
    known = ", ".join(FUNCTIONS)
    raise ValueError(
        "a loss may hold names, numbers, + - * / **, parentheses and the functions "
        f"{known} of one argument; got {ast.unparse(node)[:80]!r}"
    )


def _number(value: float) -> sp.Expr:
    if not abs(value) < 10**_LONGEST_NUMBER:
        raise ValueError(f"a number may have {_LONGEST_NUMBER} digits; got a larger one")
    return sp.Rational(repr(value))


def _power(base: sp.Expr, exponent: sp.Expr, node: ast.expr) -> sp.Expr:
    # SymPy multiplies powers of numbers out, and those in (2*x)**1000 too.
    factor, _ = base.as_independent(*base.free_symbols, as_Add=False)
    bits = sum(r.p.bit_length() + r.q.bit_length() for r in factor.atoms(sp.Rational))
    if exponent.is_number and not sp.Abs(exponent).evalf() * bits <= 3 * _LONGEST_NUMBER:
        raise ValueError(
            f"a power may have about {_LONGEST_NUMBER} digits; got {ast.unparse(node)[:80]!r}"
        )
    return base**exponent
