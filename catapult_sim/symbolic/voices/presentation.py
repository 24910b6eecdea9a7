"""A derived rule as presentation MathML that an XML parser reads."""

# SymPy finds the methods of a printer by the names of its classes.

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any

import sympy as sp
from sympy.printing.mathml import MathMLPresentationPrinter

from catapult_sim.symbolic.voices.formulas import NONE, Letters, equations
from catapult_sim.symbolic.voices.names import identifier
from catapult_sim.symbolic.voices.rule import Rule, constants
from catapult_sim.validation import require_flag

MINUS = "\N{MINUS SIGN}"
_NEXT = "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow>"

# SymPy adds minus one times a matrix, and writes the sign of a number as a digit.
_BETTER = (
    (r"<mrow><mo>\(</mo><mn>-1</mn><mo>\)</mo></mrow><mo>\u2062</mo>", "<mo>-</mo>"),
    (r"<mo>\+</mo><mrow><mo>-</mo>", "<mo>-</mo><mrow>"),
    (r"<mn>-([^<]*)</mn>", r"<mrow><mo>-</mo><mn>\1</mn></mrow>"),
    (r"<mo>-</mo>", f"<mo>{MINUS}</mo>"),
    (r"<mo><</mo>", "<mo>&lt;</mo>"),
    (r"<mo>></mo>", "<mo>&gt;</mo>"),
)


def mathml(rule: Rule, *, ids: bool = False) -> str:
    """Return the rule as presentation MathML, one ``<math>`` element per line.

    Parameters
    ----------
    ids : bool
        Give each equation an ``id`` such as ``sample-map-lam``, and the terms of its sums
        ``sample-map-lam-1`` and so on, in the order in which they begin.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x = sp.Symbol("x")
    >>> print(Update("halving", (x,), (), (x / 2,), "none").mathml())  # doctest: +ELLIPSIS
    <math display="block"><msub><mi>x</mi><mrow>...</mrow></msub><mo>=</mo>...</math>
    """
    ids, plain = require_flag("ids", ids), spelt(rule.symbols, rule.notation)
    now = {s: f"<msub>{plain[s]}<mi>t</mi></msub>" for s in (*rule.state, *rule.where)}
    taken = [*now.values(), *map(written, constants(rule))]
    now |= {s: _apart(s, plain[s], taken) for s in rule.parameters}
    sides = equations(rule, now.__getitem__, lambda s: f"<msub>{plain[s]}{_NEXT}</msub>")
    names = [f"{rule.name}-{identifier(s.name)}" for s in (*rule.where, *rule.state)]
    return "\n".join(
        element(f"{left}<mo>=</mo>{written(right, now, name if ids else '')}", name if ids else "")
        for name, (left, right) in zip(names, sides, strict=True)
    )


def mathml_line(name: str, value: sp.Expr) -> str:
    """Return an expression as a ``<math>`` element, after its name if it has one."""
    left = f"{written(sp.Symbol(name))}<mo>=</mo>" if name else ""
    return element(left + written(value))


def element(content: str, name: str = "") -> str:
    """Return a ``<math>`` element, which may have a name."""
    identity = f' id="{html.escape(name)}"' if name else ""
    markup = f'<math display="block"{identity}>{content}</math>'
    return markup.encode("ascii", "xmlcharrefreplace").decode()


def written(expression: sp.Expr, letters: Letters | None = None, name: str = "") -> str:
    """Return the content of a ``<math>`` element; with a name, terms of sums are numbered.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> print(written(x - 2), written(sp.pi))
    <mrow><mi>x</mi><mo>−</mo><mn>2</mn></mrow> <mi>π</mi>
    """
    letters = spelt(expression.free_symbols) if letters is None else letters
    number = count(1)
    markup = _tidy(_Presentation(letters, bool(name)).doprint(expression))
    return re.sub('id=""', lambda _: f'id="{html.escape(name)}-{next(number)}"', markup)


def spelt(symbols: Iterable[sp.Symbol], notation: Mapping[sp.Symbol, str] = NONE) -> Letters:
    """Return the MathML of each symbol, different for each."""
    letters: Letters = {}
    for symbol in sorted(symbols, key=lambda symbol: symbol.name):
        names = (notation.get(symbol, symbol.name).removeprefix("\\"), symbol.name)
        # SymPy would read signs in a name as markup.
        name = next((one for one in names if one.isidentifier()), "")
        name = "epsilon" if name == "eps" else name
        markup = MathMLPresentationPrinter().doprint(sp.Symbol(name)) if name else ""
        letters[symbol] = _apart(symbol, _tidy(markup), ["", *letters.values()])
    return letters


def _apart(symbol: sp.Symbol, letter: str, taken: Collection[str]) -> str:
    return f"<mi>{html.escape(symbol.name)}</mi>" if letter in taken else letter


def _tidy(markup: str) -> str:
    """Write entities that XML does not know as letters, and signs as those of mathematics."""
    known = ("&lt;", "&gt;", "&amp;", "&quot;", "&#x27;", "&#60;", "&#62;", "&#38;")
    markup = re.sub(
        r"&#?\w+;", lambda one: one[0] if one[0] in known else html.unescape(one[0]), markup
    )
    for sympys, better in _BETTER:
        markup = re.sub(sympys, better, markup)
    return markup


class _Presentation(MathMLPresentationPrinter):  # type: ignore[misc]
    """SymPy's printer, with given letters, which marks the terms of sums if asked to."""

    def __init__(self, letters: Letters, marked: bool) -> None:
        super().__init__()
        self.letters, self.marked = letters, marked

    def _print_Symbol(self, sym: sp.Symbol, style: str = "plain") -> Any:
        # Those that a sum or an integral runs over are not the rule's own.
        letter = self.letters[sym] if sym in self.letters else spelt([sym])[sym]
        return self.dom.createTextNode(letter)

    _print_MatrixSymbol = _print_Symbol

    def _print_Add(self, expr: sp.Expr, order: str | None = None) -> Any:
        row = super()._print_Add(expr, order)
        for term in [node for node in row.childNodes if node.nodeName != "mo"] * self.marked:
            row.replaceChild(place := self.dom.createElement("mrow"), term)
            place.setAttribute("id", "")
            place.appendChild(term)
        return row

    # SymPy writes an entity without its semicolon.
    def _print_ZeroMatrix(self, expr: sp.Expr) -> Any:
        return self._enclosed("mn", [self.dom.createTextNode("0")])

    def _print_Identity(self, expr: sp.Expr) -> Any:
        return self._enclosed("mi", [self.dom.createTextNode("I")])

    def _print_Piecewise(self, expr: sp.Piecewise) -> Any:
        rows = []
        for value, condition in expr.args:
            always = condition == sp.true
            words = [self._text("otherwise" if always else "if ")]
            when = self._enclosed("mtd", words + [self._print(condition)] * (not always))
            rows.append(self._enclosed("mtr", [self._enclosed("mtd", [self._print(value)]), when]))
        return self._enclosed("mrow", [self._l_brace(), self._enclosed("mtable", rows)])

    def _text(self, words: str) -> Any:
        return self._enclosed("mtext", [self.dom.createTextNode(words)])

    def _enclosed(self, tag: str, children: list[Any]) -> Any:
        node = self.dom.createElement(tag)
        for child in children:
            node.appendChild(child)
        return node
