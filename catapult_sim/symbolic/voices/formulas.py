"""A derived rule as formulas: plain text, LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from catapult_sim.symbolic.voices.rule import Rule

# SymPy names an entity that XML does not know, and adds minus one times a matrix.
_BETTER_MATHML = (
    ("&InvisibleTimes;", "&#8290;"),
    ("<mrow><mo>(</mo><mn>-1</mn><mo>)</mo></mrow><mo>&#8290;</mo>", "<mo>-</mo>"),
    ("<mo>+</mo><mrow><mo>-</mo>", "<mo>-</mo><mrow>"),
)

_NEXT = "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow>"


def text(rule: Rule) -> str:
    """Return the rule as plain text, with primes at the next state.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, y, a = sp.symbols("x y a")
    >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).text())
    y = -a + x
    x' = y**2
    """
    return "\n".join(f"{left} = {right}" for left, right in _equations(rule, str, "{}'".format))


def latex(rule: Rule) -> str:
    r"""Return the rule as LaTeX, one equation per line, steps as subscripts ``t``.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> print(Update("decay", (x,), (a,), (a * x,), "none", {a: r"\alpha"}).latex())
    x_{t+1} = \alpha x_{t}
    """
    plain = {s: rule.notation.get(s, sp.latex(s)) for s in rule.symbols}
    stepped = {s: f"{{{plain[s]}}}" if "_" in plain[s] else plain[s] for s in plain}
    now = plain | {s: f"{stepped[s]}_{{t}}" for s in (*rule.state, *rule.where)}
    lines = (
        f"{left} = {sp.latex(right, symbol_names=now)}"
        for left, right in _equations(rule, now.__getitem__, lambda s: f"{stepped[s]}_{{t+1}}")
    )
    # SymPy adds a negative matrix where one writes a difference.
    return "\n".join(line.replace("+ - ", "- ") for line in lines)


def aligned(latex: str) -> str:
    """Return lines of LaTeX as one formula for notebooks, aligned at their equals signs."""
    rows = r" \\ ".join(line.replace(" = ", " &= ", 1) for line in latex.splitlines())
    return rf"$\displaystyle \begin{{aligned}} {rows} \end{{aligned}}$"


def mathml(rule: Rule) -> str:
    """Return the rule as presentation MathML, one ``<math>`` element per line.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x = sp.Symbol("x")
    >>> print(Update("halving", (x,), (), (x / 2,), "none").mathml())  # doctest: +ELLIPSIS
    <math display="block"><msub><mi>x</mi><mrow>...</mrow></msub><mo>=</mo>...</math>
    """
    plain = {s: _named(s, rule.notation.get(s, s.name).removeprefix("\\")) for s in rule.symbols}
    now = plain | {s: _named(s, f"{plain[s].name}_t") for s in (*rule.state, *rule.where)}
    sides = _equations(
        rule, lambda s: _mathml(now[s]), lambda s: f"<msub>{_mathml(plain[s])}{_NEXT}</msub>"
    )
    return "\n".join(
        f'<math display="block">{left}<mo>=</mo>{_mathml(right.xreplace(now))}</math>'
        for left, right in sides
    )


def _equations(
    rule: Rule, now: Callable[[sp.Symbol], str], following: Callable[[sp.Symbol], str]
) -> Iterator[tuple[str, sp.Expr]]:
    """Yield the left-hand side and the expression of each quantity, then of each variable."""
    for symbol, quantity in rule.where.items():
        yield now(symbol), quantity
    for symbol, component in zip(rule.state, rule.next, strict=True):
        yield following(symbol), component


def _named(symbol: sp.Symbol, name: str) -> sp.Symbol:
    """Return a symbol or a block under another name."""
    return sp.MatrixSymbol(name, *symbol.shape) if symbol.is_Matrix else sp.Symbol(name)


def _mathml(expression: sp.Expr) -> str:
    written: str = sp.mathml(expression, printer="presentation")
    for sympys, better in _BETTER_MATHML:
        written = written.replace(sympys, better)
    return written
