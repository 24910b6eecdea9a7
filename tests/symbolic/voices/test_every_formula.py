"""Random rules as formulas: text, LaTeX and MathML, read again, are worth what the rule is."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import mpmath
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.symbolic.voices.random_rules import NAMES, Unbounded, rules, worth
from tests.symbolic.voices.test_every_voice import unhurried

# SymPy's reader of LaTeX knows neither cases nor steps, and takes letters for symbols of its own.
LETTERS = ["x", "y", "a", "c", "alpha", "eta", "lambda", "N"]
SIGNS = {"\N{INVISIBLE TIMES}": "*", "\N{MINUS SIGN}": "-", "\N{LOGICAL AND}": "&", "=": "=="}
SIGNS |= {"\N{MIDDLE DOT}": "*"}
SIGNS |= {"\N{LOGICAL OR}": "|", "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{NOT EQUAL TO}": "!="}
SIGNS |= {"\N{GREATER-THAN OR EQUAL TO}": ">=", "\N{NOT SIGN}": "~"}
WORDS = {
    "arctan": "atan",
    "\N{GREEK CAPITAL LETTER THETA}": "Heaviside",
    "max": "Max",
    "min": "Min",
}
WORDS |= {"\N{DOUBLE-STRUCK ITALIC SMALL E}": "E", "ln": "log"}
CONSTANTS = {"\N{GREEK SMALL LETTER PI}": "pi", "\N{GREEK CAPITAL LETTER PHI}": "GoldenRatio"}


def same(expression, symbols, found):
    """Assert that two expressions agree where each symbol has a number of its own."""
    values = {s: mpmath.sqrt(sp.prime(k + 3)) - 2 for k, s in enumerate(symbols)}
    try:
        expected, answer = (worth(one, values)[0] for one in (expression, found))
    except Unbounded:
        assume(False)
    if mpmath.isnan(expected):
        assert mpmath.isnan(answer)
    else:
        assert abs(answer - expected) <= 1e-12 * (1 + abs(expected))


def read_mathml(node, names):
    """Return presentation MathML as an expression that Python can evaluate."""
    inner = [read_mathml(child, names) for child in node]
    text = (node.text or "").strip()
    match node.tag:
        case "mn":
            return f"R('{text}')"
        case "mi" | "msub" if canonical(node) in names:
            return f"names[{canonical(node)!r}]"
        case "mi":
            word = WORDS.get(text, text)
            return CONSTANTS.get(word, word)
        case "mo":
            return SIGNS.get(text, WORDS.get(text, text))
        case "mfrac":
            return f"(({inner[0]})/({inner[1]}))"
        case "msup":
            return f"(({inner[0]})**({inner[1]}))"
        case "msqrt":
            return f"sqrt({''.join(inner)})"
        case "mroot":
            return f"(({inner[0]})**(1/({inner[1]})))"
        case "mtable":
            return f"cases([{', '.join(inner)}])"
        case "mtr":
            return f"({', '.join(inner)})"
        case "mtd" if node[0].tag == "mtext":
            return "true" if node[0].text == "otherwise" else read_mathml(node[1], names)
        case "mrow" if inner[0] == "|":
            return f"Abs({''.join(inner[1:-1])})"
        case "mrow" if inner[0] == "{":
            return inner[1]
        case "mrow" if any(sign in ("<", ">", "<=", ">=", "==", "!=") for sign in inner):
            left, sign, right = inner
            return f"Rel({left}, {right}, {sign!r})"
    joined = "".join(inner)
    return joined if inner[:1] == ["("] and inner[-1] == ")" else f"({joined})"


def canonical(node):
    return re.sub(r"\s", "", ElementTree.tostring(node, encoding="unicode"))


def children_of(line):
    """Return the left-hand side of an equation and a row with its right-hand side."""
    root = ElementTree.fromstring(line)
    row = ElementTree.Element("mrow")
    row.extend(root[2:])
    return root[0], row


def letters_of(rule):
    """Return how a rule writes its symbols, by asking for one that repeats each of them."""
    letters, state = {}, (*rule.state, sp.Symbol("zz"))
    for symbol in rule.symbols:
        asked = replace(rule, state=state, next=(*rule.next, symbol))
        letters[symbol] = canonical(children_of(asked.mathml().splitlines()[-1])[1][0])
    return letters


@given(st.data())
@unhurried(60)
def test_mathml_says_the_same(data):
    rule = data.draw(rules())
    names = {letter: symbol for symbol, letter in letters_of(rule).items()}
    assert len(names) == len(rule.symbols)
    known = vars(sp) | {"names": names, "R": sp.Rational, "cases": lambda rows: sp.Piecewise(*rows)}
    lines = rule.mathml().splitlines()
    for expression, line in zip((*rule.where.values(), *rule.next), lines, strict=True):
        found = sp.sympify(eval(read_mathml(children_of(line)[1], names), known))
        same(expression, rule.symbols, found)


@given(st.data())
@unhurried(40)
def test_text_says_the_same(data):
    rule = data.draw(rules(names=[name for name in NAMES if name.isidentifier()]))
    # One that is called as a constant is followed by an underscore.
    spelt = {f"{symbol.name}_": symbol for symbol in rule.symbols if symbol.name in ("pi", "E")}
    spelt |= {symbol.name: symbol for symbol in rule.symbols}
    places = {name: f"s_{i}" for i, name in enumerate(spelt)}
    known = {places[name]: symbol for name, symbol in spelt.items()}
    constants = {
        str(one) for e in (*rule.where.values(), *rule.next) for one in e.atoms(sp.NumberSymbol)
    }
    lines = rule.text().splitlines()
    for expression, line in zip((*rule.where.values(), *rule.next), lines, strict=True):
        # A symbol may be called as a function: it is one where no parenthesis follows.
        names = "|".join(sorted(spelt.keys() - constants, key=len, reverse=True))
        text = line.split(" = ", 1)[1]
        written = re.sub(rf"\b({names})\b(?!\()", lambda one: places[one[0]], text)
        same(expression, rule.symbols, sp.sympify(written, locals=known, rational=True))


@given(st.data())
@unhurried(40)
def test_latex_says_the_same(data):
    pytest.importorskip("antlr4", reason="the extra 'test' is not installed")
    from sympy.parsing.latex import parse_latex

    rule = data.draw(rules(names=LETTERS, kinks=False))
    assume(not any(one.has(sp.erf, sp.Abs) for one in (*rule.where.values(), *rule.next)))
    lines = rule.latex().replace(r"\operatorname{atan}", r"\arctan").splitlines()
    known = {f"{symbol.name}_{{t}}": symbol for symbol in (*rule.where, *rule.state)}
    known |= {symbol.name: symbol for symbol in rule.parameters}
    known |= {"e": sp.E, "pi": sp.pi, "phi": sp.GoldenRatio}
    for expression, line in zip((*rule.where.values(), *rule.next), lines, strict=True):
        found = parse_latex(line.split(" = ", 1)[1])
        read = {s: known[s.name] for s in found.free_symbols}
        same(expression, rule.symbols, found.xreplace(read))
