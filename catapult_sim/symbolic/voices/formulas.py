"""A derived rule as formulas in plain text and in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

import sympy as sp
from sympy.printing.latex import LatexPrinter

from catapult_sim.symbolic.expressions import free_name
from catapult_sim.symbolic.voices.rule import Rule, constants

Letters = dict[sp.Symbol, str]
NONE: Mapping[sp.Symbol, str] = MappingProxyType({})


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
    taken = set(map(str, constants(rule)))
    names = {s: free_name(str(s), taken) for s in rule.symbols}
    renamed = {s: s.func(name, *s.args[1:]) for s, name in names.items() if name != str(s)}
    sides = equations(rule, names.__getitem__, lambda symbol: f"{names[symbol]}'")
    return "\n".join(f"{left} = {right.xreplace(renamed)}" for left, right in sides)


def line(name: str, value: sp.Expr) -> str:
    """Return an expression as plain text, after its name if it has one."""
    return f"{name}: {value}" if name else str(value)


def latex_line(name: str, value: sp.Expr) -> str:
    r"""Return an expression as LaTeX, after its name if it has one.

    Examples
    --------
    >>> print(latex_line("a_eff", 2 * sp.Symbol("V")))
    a_{eff} = 2 V
    """
    left = f"{_letter(sp.Symbol(name))} = " if name else ""
    return left + in_latex(value, letters(value.free_symbols))


def latex(rule: Rule) -> str:
    r"""Return the rule as LaTeX, one equation per line, steps as subscripts ``t``.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> print(Update("decay", (x,), (a,), (a * x,), "none", {a: r"\alpha"}).latex())
    x_{t+1} = \alpha x_{t}
    """
    plain = letters(rule.symbols, rule.notation)
    stepped = {s: f"{{{plain[s]}}}" if "_" in plain[s] else plain[s] for s in plain}
    now = {s: f"{stepped[s]}_{{t}}" for s in (*rule.state, *rule.where)}
    taken = [*now.values(), *map(sp.latex, constants(rule))]
    now |= {s: _apart(s, plain[s], taken) for s in rule.parameters}
    lines = (
        f"{left} = {in_latex(right, now)}"
        for left, right in equations(rule, now.__getitem__, lambda s: f"{stepped[s]}_{{t+1}}")
    )
    # SymPy adds a negative matrix where one writes a difference.
    return "\n".join(line.replace("+ - ", "- ") for line in lines)


def in_latex(expression: sp.Expr, letters: Mapping[sp.Symbol, str]) -> str:
    r"""Return the LaTeX of an expression with given letters.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> print(in_latex(sp.log(x) ** 2, {x: "X"}))
    \left(\log{\left(X \right)}\right)^{2}
    """
    written: str = _Latex({"symbol_names": letters}).doprint(expression)
    return written


class _Latex(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer, with parentheses around a logarithm with a power and a plain zero."""

    def _print_ZeroMatrix(self, expr: sp.Expr) -> str:
        return "0"

    def _print_log(self, expr: sp.Expr, exp: str | None = None) -> str:
        written: str = super()._print_log(expr)
        return written if exp is None else rf"\left({written}\right)^{{{exp}}}"


def letters(symbols: Iterable[sp.Symbol], notation: Mapping[sp.Symbol, str] = NONE) -> Letters:
    r"""Return the LaTeX of each symbol, different for each.

    Examples
    --------
    >>> list(letters(sp.symbols("lambda x_1 x1 rate eps a%")).values())
    ['\\mathrm{a\\%}', '\\varepsilon', '\\lambda', '\\mathit{rate}', 'x_{1}', '\\mathrm{x\\_1}']
    """
    written: Letters = {}
    for symbol in sorted(symbols, key=lambda symbol: symbol.name):
        letter = notation.get(symbol) or _letter(symbol)
        written[symbol] = _apart(symbol, letter, written.values())
    return written


def _letter(symbol: sp.Symbol) -> str:
    if symbol.name == "eps":
        return r"\varepsilon"
    if re.search(r"[#$%&~\\{}\s]", symbol.name):
        return _upright(symbol.name)
    # Letters side by side would be a product.
    return re.sub(r"^[A-Za-z]{2,}", r"\\mathit{\g<0>}", sp.latex(symbol))


def _apart(symbol: sp.Symbol, letter: str, taken: Collection[str]) -> str:
    return _upright(symbol.name) if letter in taken else letter


def _upright(name: str) -> str:
    return rf"\mathrm{{{escaped(name)}}}"


_ESCAPES = {letter: f"\\{letter}" for letter in "#$%&_{}"} | {"\\": " "}
_ESCAPES |= {"^": r"\^{}", "~": r"\~{}", "|": r"\textbar{}"}
_ESCAPES |= {"<": r"\textless{}", ">": r"\textgreater{}"}


def escaped(words: str) -> str:
    r"""Return words for LaTeX, with a space for a backslash.

    Examples
    --------
    >>> print(escaped("|u|^2 of 5 %"))
    \textbar{}u\textbar{}\^{}2 of 5 \%
    """
    return "".join(_ESCAPES.get(letter, letter) for letter in words)


def aligned(latex: str) -> str:
    """Return lines of LaTeX as one formula for notebooks, aligned at their equals signs."""
    rows = r" \\ ".join(line.replace(" = ", " &= ", 1) for line in latex.splitlines())
    return rf"$\displaystyle \begin{{aligned}} {rows} \end{{aligned}}$"


def equations(
    rule: Rule, now: Callable[[sp.Symbol], str], following: Callable[[sp.Symbol], str]
) -> Iterator[tuple[str, sp.Expr]]:
    """Yield the left-hand side and the expression of each quantity, then of each variable."""
    for symbol, quantity in rule.where.items():
        yield now(symbol), quantity
    for symbol, component in zip(rule.state, rule.next, strict=True):
        yield following(symbol), component
