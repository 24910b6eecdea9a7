"""Parse a loss that is given as text, without executing it.

The text is parsed by Python's grammar and rebuilt node by node from a short list of
constructs; nothing is evaluated, looked up or imported.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import sympy as sp

from catapult_sim.validation import InputError, require_instance

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
# Words that a name must not be: they stand for what no number is.
NO_NUMBERS = frozenset({"nan", "inf", "infinity", "oo", "zoo"})
_LONGEST_TEXT = 10_000
_LONGEST_NUMBER = 1_000  # digits
_HIGHEST_POWER = 1_000
_DEEPEST = 50

# In a formula, lambda can only be a name; Python's grammar is given another one.
_LAMBDA = "lambda\N{MODIFIER LETTER PRIME}"
_SIGNS = str.maketrans(
    "\N{MINUS SIGN}\N{MULTIPLICATION SIGN}\N{DOT OPERATOR}\N{MIDDLE DOT}", "-***"
)


def parse_loss(text: str) -> sp.Expr:
    """Parse a loss made of names, numbers, ``+ - * / **``, parentheses and known functions.

    Parameters
    ----------
    text : str
        A formula. A name is a real symbol, ``lambda`` too, except ``pi``, and none of
        `NO_NUMBERS` in small or capital letters; numbers are read
        exactly, ``0.1`` as one tenth; the functions are those of `FUNCTIONS`.

    Returns
    -------
    sympy.Expr
        Its symbols are its ``free_symbols``.

    Raises
    ------
    InputError
        If the text holds anything else that Python's grammar knows, an unknown
        function, a number of more than about 1000 digits, a power above 1000, a constant that is
        not real or not finite, or functions and parentheses nested more than 50 deep.

    Examples
    --------
    >>> parse_loss("(u*v - 0.5)**2 / 2")
    (u*v - 1/2)**2/2
    >>> parse_loss("x.real")
    Traceback (most recent call last):
        ...
    catapult_sim.validation.InputError: a loss may hold names, numbers, + - * / **, ...
    """
    require_instance("a loss", text, str, "a text")
    if len(text) > _LONGEST_TEXT:
        raise InputError(f"a loss may have {_LONGEST_TEXT} characters; got {len(text)}")
    readable = text.strip().translate(_SIGNS)
    if ":" not in readable:
        readable = re.sub(r"\blambda\b", _LAMBDA, readable)
    try:
        tree = ast.parse(readable, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(
            f"a loss must be one well-formed formula{_hint(text)}; got {text[:80]!r}"
        ) from None
    return _Reader(readable).read(tree, 0)


def _hint(text: str) -> str:
    """Return what to write instead, where that is known."""
    if words := [word for word in re.findall(r"[^\W\d]\w*", text) if keyword.iskeyword(word)]:
        return f", and {words[0]!r} is a reserved word of Python: write another name"
    if re.search(r"\d\s*[^\W\d]|\)\s*\w|\)\s*\(", text):
        return " with * for every product"
    return ""


class _Reader:
    """Rebuilds a formula from its syntax tree; the text tells how numbers were written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, node: ast.expr, depth: int) -> sp.Expr:
        """Return the expression of a node that lies this deep in the tree."""
        if depth > _DEEPEST:
            raise InputError(f"a loss may be nested {_DEEPEST} deep; got {self._shown(node)}")
        return self._checked(self._built(node, depth + 1), node)

    def _built(self, node: ast.expr, depth: int) -> sp.Expr:
        match node:
            case ast.Name(id=name) if name.lower() in NO_NUMBERS:
                raise InputError(f"a loss must be finite, and no name be {name}; got {name!r}")
            case ast.Name(id=name):
                return (
                    sp.pi if name == "pi" else sp.Symbol(name.replace(_LAMBDA, "lambda"), real=True)
                )
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(node)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self.read(left, depth), self.read(right, depth), node)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                first, others = _chain(node, ast.Add, ast.Sub)
                signed = ((self.read(one, depth), op) for op, one in others)
                terms = [-term if isinstance(op, ast.Sub) else term for term, op in signed]
                return sp.Add(self.read(first, depth), *terms)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                first, others = _chain(node, ast.Mult, ast.Div)
                factors = ((self.read(one, depth), op) for op, one in others)
                powers = [1 / one if isinstance(op, ast.Div) else one for one, op in factors]
                return sp.Mul(self.read(first, depth), *powers)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.read(operand, depth)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if (
                name in FUNCTIONS
            ):
                return FUNCTIONS[name](self.read(argument, depth))
        hint = "; write ** for powers" * isinstance(getattr(node, "op", None), ast.BitXor)
        raise InputError(
            "a loss may hold names, numbers, + - * / **, parentheses and the functions "
            f"{', '.join(FUNCTIONS)} of one argument{hint}; got {self._shown(node)}"
        )

    def _number(self, node: ast.Constant) -> sp.Expr:
        if isinstance(node.value, int):
            number = sp.Integer(node.value)
            digits = number.p.bit_length() * 0.302
        else:
            written = str(ast.get_source_segment(self.text, node)).replace("_", "")
            try:
                decimal = Decimal(written)
                digits = max(abs(decimal.adjusted()), len(decimal.as_tuple().digits))
            except InvalidOperation:
                digits = _LONGEST_NUMBER + 1
            number = sp.Rational(written) if digits <= _LONGEST_NUMBER else sp.nan
        if digits > _LONGEST_NUMBER:
            raise InputError(f"a number may have {_LONGEST_NUMBER} digits; got a longer one")
        return number

    def _power(self, base: sp.Expr, exponent: sp.Expr, node: ast.expr) -> sp.Expr:
        if base.is_number and not exponent.is_number and not base.is_positive:
            raise InputError(
                f"a constant with a variable power must be positive; got {self._shown(node)}"
            )
        if exponent.is_number and not abs(exponent.evalf()) <= _HIGHEST_POWER:
            raise InputError(f"a power may be at most {_HIGHEST_POWER}; got {self._shown(node)}")
        # SymPy multiplies powers of numbers out, and those in (2*x)**1000 too.
        factor, _ = base.as_independent(*base.free_symbols, as_Add=False)
        bits = sum(r.p.bit_length() + r.q.bit_length() for r in factor.atoms(sp.Rational))
        if exponent.is_number and not abs(exponent.evalf()) * bits <= 3 * _LONGEST_NUMBER:
            raise InputError(
                f"a power may have about {_LONGEST_NUMBER} digits; got {self._shown(node)}"
            )
        return base**exponent

    def _checked(self, value: sp.Expr, node: ast.expr) -> sp.Expr:
        """Return a value whose constant part is real, finite and not too large."""
        if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
            raise InputError(
                f"a loss must be finite, without division by zero; got {self._shown(node)}"
            )
        if value.is_number and not value.is_Rational:
            number = value.evalf()
            if not number.is_real:
                raise InputError(f"a loss must be real; got {self._shown(node)}")
            if number != 0 and abs(sp.log(abs(number), 10).evalf()) > _LONGEST_NUMBER:
                raise InputError(
                    f"a number may have about {_LONGEST_NUMBER} digits; got {self._shown(node)}"
                )
        return value

    def _shown(self, node: ast.expr) -> str:
        return repr(ast.unparse(node).replace(_LAMBDA, "lambda")[:80])


def _chain(
    node: ast.expr, *operators: type[ast.operator]
) -> tuple[ast.expr, list[tuple[ast.operator, ast.expr]]]:
    """Return the first operand of a chain of operators of one rank, and the others."""
    others = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
        others.append((node.op, node.right))
        node = node.left
    return node, others[::-1]
