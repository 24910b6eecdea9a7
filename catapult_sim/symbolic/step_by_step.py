"""A derivation step by step, as text, LaTeX, beamer frames or MathML."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import overload

import sympy as sp

from catapult_sim.printing import counted
from catapult_sim.symbolic.catalogue import legend, meanings
from catapult_sim.symbolic.steps import Equation, Step
from catapult_sim.symbolic.voices import formulas, presentation

COLUMNS = 100
LINE, SLIDE_LINE = 90, 50
"""About how many characters of a formula fit on a line of a page, and of a slide."""
ON_A_SLIDE = 5
"""The most equations on a slide."""

LATER, SLOPE = re.compile(r"(.+)'"), re.compile(r"d(.+)/d(.+)")


@dataclass(frozen=True, repr=False)
class DerivationSteps(Sequence[Step]):
    """The steps of a derivation, each a sentence and its equations.

    Attributes
    ----------
    name : str
        Such as ``"sample-map"``.
    steps : tuple of Step
        In order; the equations of the last one are the result.
    symbols : mapping of str to str
        The meaning of each symbol.
    notation : mapping of symbol to str
        The LaTeX letter of a symbol, where the default is not wanted.
    summary : str
        What is derived, in a sentence without its full stop.
    """

    name: str
    steps: tuple[Step, ...]
    symbols: Mapping[str, str]
    notation: Mapping[sp.Symbol, str]
    summary: str = ""

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, place: int | slice) -> Step | tuple[Step, ...]:
        return self.steps[place]

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        """Return the sentences, a line each."""
        lines = (f"{number}. {step.what}" for number, step in enumerate(self.steps, 1))
        return "\n    ".join([f"Derivation of {self.name}, step by step:", *lines])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.mathml()

    def text(self) -> str:
        r"""Return the steps as plain text of at most 100 columns, with a legend.

        Examples
        --------
        >>> from catapult_sim.symbolic import derivation_steps
        >>> print(*derivation_steps("sample-map").text().splitlines()[:7], sep="\n")
        1. The loss depends on the weights through the product of the two layers alone.
             f = 1/sqrt(n)*u.T*v
             L = f**2/2
        2. Differentiate the loss by this product.
             dL/df = f
        3. The chain rule gives the gradients of the weights: each layer sees the other one.
             dL/du = (f/sqrt(n))*v
        """
        lines = []
        for number, step in enumerate(self.steps, 1):
            lines += _wrapped(f"{number}. {step.what}", "", "   ")
            for left, right in step.equations:
                lines += _wrapped(f"{left} = {right}", 5 * " ", 9 * " ")
        equations = "\n".join(lines)
        return "\n".join([equations, *_wrapped(f"where {legend(self.symbols, equations)}", "", "")])

    def latex(self) -> str:
        """Return the steps as LaTeX: sentences, each before an ``align*`` of package amsmath.

        A sentence at the end says what the letters mean.
        """
        parts = [
            f"{formulas.escaped(one.what)}\n{_aligned(rows)}" for one, rows in self._latex(LINE)
        ]
        told = "; ".join(f"${letter}$ = {meaning}" for letter, meaning in self._letters_in_latex())
        first = f"% {self.name}, step by step; needs the package amsmath"
        return "\n\n".join([first, *parts, f"where {told}"])

    def beamer(self) -> str:
        """Return the steps as frames of the LaTeX class beamer, to be read by its ``input``.

        The first says what is derived, the second what the letters mean, the last is the result.
        """
        told = [rf"\item[${letter}$] {meaning}" for letter, meaning in self._letters_in_latex()]
        aim = f"{formulas.escaped(self.summary)}.\n\n{counted(len(self), 'step')}."
        letters = "\\begin{description}\n" + "\n".join(told) + "\n\\end{description}"
        frames = [
            f"% {self.name}, step by step; frames for a document of the class beamer",
            self._frame("", aim),
            self._frame(": symbols", letters, "[allowframebreaks]"),
        ]
        for number, (step, rows) in enumerate(self._latex(SLIDE_LINE), 1):
            title = ": result" if number == len(self) else f": step {number} of {len(self)}"
            for part in range(0, len(rows), ON_A_SLIDE):
                body = _aligned(rows[part : part + ON_A_SLIDE])
                frames.append(self._frame(title, f"{formulas.escaped(step.what)}\n{body}"))
                title = f"{title.removesuffix(', continued')}, continued"
        return "\n\n".join(frames)

    def _frame(self, title: str, body: str, options: str = "") -> str:
        """Return a frame whose title begins with the name of the derivation."""
        head = rf"\frametitle{{{formulas.escaped(self.name)}{title}}}"
        return f"\\begin{{frame}}{options}\n{head}\n{body}\n\\end{{frame}}"

    def mathml(self) -> str:
        """Return the steps as an HTML list with MathML, which is also an XML document.

        Each equation has an id, such as ``sample-map-step-1-2``. A sentence at the end says what
        the letters mean.
        """
        items = []
        for number, (step, rows) in enumerate(self._written(_MATHML), 1):
            named = (f"{self.name}-step-{number}-{place}" for place in range(1, len(rows) + 1))
            equations = [
                presentation.element(f"{left}<mo>=</mo>{right}", name)
                for name, (left, right) in zip(named, rows, strict=True)
            ]
            said = html.escape(step.what)
            items.append("\n".join([f"<li><p>{said}</p>", *equations, "</li>"]))
        told = "; ".join(
            f"<math>{letter}</math> = {html.escape(meaning)}"
            for letter, meaning in self._letters(_MATHML)
        )
        where = f'<p class="where">where {told}</p>'
        return "\n".join(['<div class="derivation"><ol>', *items, f"</ol>{where}</div>"])

    def _letters_in_latex(self) -> Iterator[tuple[str, str]]:
        return ((one, formulas.escaped(said)) for one, said in self._letters(_LATEX))

    def _letters(self, form: _Form) -> Iterator[tuple[str, str]]:
        """Yield the letters of the steps in a form of writing, each with its meaning."""
        text = " ".join(f"{step.what} {step.equations}" for step in self.steps)
        told = {sp.Symbol(name): said for name, said in meanings(self.symbols, text).items()}
        letters = form.letters_of(set(told), self.notation)
        return ((letters[symbol], said) for symbol, said in told.items())

    def _latex(self, width: int) -> Iterator[tuple[Step, list[str]]]:
        """Yield each step with the rows of its formulas."""
        for step, equations in self._written(_LATEX):
            yield step, [rf"{left} &= {_broken(right, width)}" for left, right in equations]

    def _written(self, form: _Form) -> Iterator[tuple[Step, list[tuple[str, str]]]]:
        """Yield each step with the sides of its equations in a form of writing."""
        equations = [equation for step in self.steps for equation in step.equations]
        letters = form.letters_of(_symbols(equations), self.notation)
        stepping = {s for s in letters if LATER.fullmatch(s.name)}
        changing = {match[1] for s in stepping if (match := LATER.fullmatch(s.name))}
        now = letters | {s: form.now(letters[s]) for s in letters if s.name in changing}
        for step in self.steps:
            rows = []
            for equation in step.equations:
                chosen = now if _symbols([equation]) & stepping else letters
                rows.append((form.write(equation[0], chosen), form.write(equation[1], chosen)))
            yield step, rows


FORMS: Mapping[str, Callable[[DerivationSteps], str]] = MappingProxyType(
    {
        "text": DerivationSteps.text,
        "latex": DerivationSteps.latex,
        "beamer": DerivationSteps.beamer,
        "mathml": DerivationSteps.mathml,
    }
)
"""The formats in which steps are printed."""


@dataclass(frozen=True)
class _Form:
    """How symbols and expressions are written."""

    plain: Callable[..., dict[sp.Symbol, str]]
    write: Callable[[sp.Expr, Mapping[sp.Symbol, str]], str]
    at: Callable[[str, str], str]  # a letter, and when
    before_step: str
    after_step: str
    slope: str
    rate: str
    verbatim: Callable[[str], str]

    def now(self, letter: str) -> str:
        return self.at(letter, self.before_step)

    def letters_of(
        self, symbols: set[sp.Symbol], notation: Mapping[sp.Symbol, str]
    ) -> dict[sp.Symbol, str]:
        """Return how each symbol is written, those with a meaning in their name included."""
        plain = {s.name for s in symbols if not re.search(r"['(/]", s.name)}
        for symbol in symbols:
            match = SLOPE.fullmatch(symbol.name) or LATER.fullmatch(symbol.name)
            plain |= set(match.groups()) if match else set()
        by_name = {s.name: letter for s, letter in notation.items()}
        own = {sp.Symbol(name): by_name[name] for name in plain if name in by_name}
        letters = {s.name: letter for s, letter in self.plain(map(sp.Symbol, plain), own).items()}
        return {symbol: self._letter(symbol.name, letters) for symbol in symbols}

    def _letter(self, name: str, letters: Mapping[str, str]) -> str:
        if match := SLOPE.fullmatch(name):
            return (self.rate if match[2] == "t" else self.slope).format(
                *map(letters.get, match.groups())
            )
        if match := LATER.fullmatch(name):
            return self.at(letters[match[1]], self.after_step)
        return letters.get(name) or self.verbatim(name)


def _in_latex(name: str) -> str:
    r"""Return the LaTeX of a differential or its coefficient.

    Examples
    --------
    >>> print(_in_latex("b(f_1''(f_1, f))"))
    b\left(f_{1}''\left(f_{1}, f\right)\right)
    """
    indexed = re.sub(r"_(\w+)", r"_{\1}", name)
    return indexed.replace("(", r"\left(").replace(")", r"\right)")


def _in_mathml(name: str) -> str:
    """Return the MathML of a differential or its coefficient.

    Examples
    --------
    >>> print(_in_mathml("f_1'f"))
    <mrow><msub><mi>f</mi><mi>1</mi></msub><mo>′</mo><mi>f</mi></mrow>
    """
    parts = re.findall(r"\w+|'+|[(),]", name)
    marked = (f"<mi>{part}</mi>" if part[0].isalnum() else f"<mo>{part}</mo>" for part in parts)
    return _indexed(f"<mrow>{''.join(marked)}</mrow>".replace("'", "\N{PRIME}"))


def _indexed(markup: str) -> str:
    """Write what follows a letter and an underscore as an index."""
    return re.sub(r"<mi>([^<_]+)_(\w+)</mi>", r"<msub><mi>\1</mi><mi>\2</mi></msub>", markup)


_LATEX = _Form(
    formulas.letters,
    lambda expression, letters: formulas.in_latex(expression, letters).replace("+ - ", "- "),
    lambda letter, when: f"{{{letter}}}_{{{when}}}" if "_" in letter else f"{letter}_{{{when}}}",
    "t",
    "t+1",
    r"\frac{{\partial {}}}{{\partial {}}}",
    r"\frac{{d {}}}{{d {}}}",
    _in_latex,
)
_MATHML = _Form(
    presentation.spelt,
    lambda expression, letters: _indexed(presentation.written(expression, dict(letters))),
    "<msub>{}{}</msub>".format,
    "<mi>t</mi>",
    "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow>",
    "<mfrac><mrow><mo>&#8706;</mo>{}</mrow><mrow><mo>&#8706;</mo>{}</mrow></mfrac>",
    "<mfrac><mrow><mi>d</mi>{}</mrow><mrow><mi>d</mi>{}</mrow></mfrac>",
    _in_mathml,
)


def _symbols(equations: Sequence[Equation]) -> set[sp.Symbol]:
    sides = [side for equation in equations for side in equation]
    return set().union(*(side.atoms(sp.Symbol, sp.MatrixSymbol) for side in sides))


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _aligned(rows: Sequence[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _broken(latex: str, width: int) -> str:
    r"""Break a long sum before its signs, for an environment that aligns.

    Examples
    --------
    >>> print(_broken("a + b - \\frac{c + d}{e}", 5))
    a + b \\
    &\quad - \frac{c + d}{e}
    """
    lines, line, depth = [], "", 0
    for piece in re.split(r"(?= [+-] )", latex):
        if depth == 0 and line and _length(line + piece) > width:
            lines.append(line)
            line = ""
        line += piece
        depth += len(re.findall(r"\\left\b|(?<!\\){", piece))
        depth -= len(re.findall(r"\\right\b|(?<!\\)}", piece))
    return " \\\\\n&\\quad".join([*lines, line])


def _length(latex: str) -> int:
    """Return about how many characters of a formula are seen."""
    return len(re.sub(r"\\[A-Za-z]+|[{}^_ ]", "", latex)) + latex.count(r"\frac")
