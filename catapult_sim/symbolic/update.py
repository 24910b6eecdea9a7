"""One derived rule, in many voices.

An :class:`Update` is a map ``state -> next state`` with exact symbolic
right-hand sides. It is typed nowhere: a derivation produces it, and code,
formulas and figures are generated from it. All voices that run (NumPy, compiled,
Python, JavaScript) are written from the same list of lines, so that they differ
in their language and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

__all__ = ["Step", "Update"]

Step = Callable[..., npt.NDArray[np.floating[Any]]]

# SymPy names an entity that XML does not know, and adds minus one times a matrix.
_BETTER_MATHML = (
    ("&InvisibleTimes;", "&#8290;"),
    ("<mrow><mo>(</mo><mn>-1</mn><mo>)</mo></mrow><mo>&#8290;</mo>", "<mo>-</mo>"),
    ("<mo>+</mo><mrow><mo>-</mo>", "<mo>-</mo><mrow>"),
)

_NEXT = "<mrow><mi>t</mi><mo>+</mo><mn>1</mn></mrow>"


@dataclass(frozen=True)
class Update:
    r"""A derived update rule of a discrete dynamical system.

    A variable is a symbol, or a matrix symbol: a block with one equation. Blocks of
    symbolic size have formulas; with explicit sizes they have code too, in which
    their entries follow one another row by row.

    Attributes
    ----------
    name : str
        What the rule is called, for instance ``"sample-map"``.
    state : tuple of sympy.Symbol or sympy.MatrixSymbol
        The variables that are stepped, S numbers in all.
    parameters : tuple of sympy.Symbol or sympy.MatrixSymbol
        What stays fixed along a run.
    next : tuple of sympy.Expr
        The state one step later, in terms of ``state``, ``parameters`` and ``where``.
    reference : str
        The source of the rule, with its equation number.
    notation : mapping of symbol to str
        The LaTeX letter of a symbol (``r"\lambda"``), where the default is not wanted.
    where : mapping of symbol to sympy.Expr
        Quantities of the current step that the right-hand sides name, each in terms of
        the state, the parameters and the quantities before it.

    Raises
    ------
    ValueError
        If there are not as many right-hand sides as variables, or a right-hand side
        holds a symbol that is declared nowhere.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    >>> logistic.numpy()(np.array([[0.5], [0.25]]), 4.0)
    array([[1.  ],
           [0.75]])
    >>> print(logistic.latex())
    x_{t+1} = a x_{t} \left(1 - x_{t}\right)
    """

    name: str
    state: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    next: tuple[sp.Expr, ...]
    reference: str
    notation: Mapping[sp.Symbol, str] = field(default_factory=dict)
    where: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.next) != len(self.state):
            raise ValueError(
                f"{self.name}: required one right-hand side for each of {len(self.state)} "
                f"variables; got {len(self.next)}"
            )
        declared = {*self._symbols, *self._sizes}
        used = set().union(*(e.free_symbols for e in (*self.where.values(), *self.next)))
        if used - declared:
            raise ValueError(
                f"{self.name}: required symbols from state, parameters and where; "
                f"got {_listed(used - declared)} besides"
            )

    @property
    def _symbols(self) -> tuple[sp.Symbol, ...]:
        return (*self.state, *self.parameters, *self.where)

    @property
    def _sizes(self) -> set[sp.Symbol]:
        """Symbols in the shapes of the blocks: none where every size is a number."""
        shapes = [getattr(symbol, "shape", ()) for symbol in self._symbols]
        return {s for shape in shapes for size in shape for s in size.free_symbols}

    def inline(self) -> Update:
        """Return the same rule with the quantities of ``where`` written out.

        Examples
        --------
        >>> x, y, a = sp.symbols("x y a")
        >>> Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).inline().next
        ((-a + x)**2,)
        """
        written_out: dict[sp.Symbol, sp.Expr] = {}
        for symbol, value in self.where.items():
            written_out[symbol] = value.xreplace(written_out)
        following = tuple(component.xreplace(written_out) for component in self.next)
        return replace(self, next=following, where={})

    def entrywise(self) -> Update:
        """Return the same rule with every block replaced by its entries, row by row.

        Raises
        ------
        ValueError
            If the size of a block is not a number.

        Examples
        --------
        >>> a, x = sp.Symbol("a"), sp.MatrixSymbol("x", 2, 1)
        >>> Update("decay", (x,), (a,), (a * x,), "none").entrywise().next
        (a*x_1, a*x_2)
        """
        if self._sizes:
            raise ValueError(
                f"{self.name}: code requires blocks of explicit size; "
                f"got the symbolic sizes {_listed(self._sizes)}"
            )
        entries = {symbol: _entries(symbol) for symbol in self._symbols}

        def put(expressions: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(entry for e in expressions for entry in _written(e, entries))

        return self._mapped(put)

    def substituted(self, values: Mapping[sp.Symbol, Any]) -> Update:
        """Return the same rule with values, for instance sizes, in place of symbols.

        Examples
        --------
        >>> a, size = sp.symbols("a size", integer=True)
        >>> x = sp.MatrixSymbol("x", size, 1)
        >>> Update("decay", (x,), (a,), (a * x,), "none").substituted({size: 2}).state[0].shape
        (2, 1)
        """

        def put(expressions: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(expression.subs(values) for expression in expressions)

        return self._mapped(put)

    def linearised(self) -> Update:
        """Return the rule together with what it does to a small deviation from its orbit.

        Returns
        -------
        Update
            Its state is that of this rule followed by as many deviations, which the
            Jacobian multiplies.

        Raises
        ------
        ValueError
            If the size of a block is not a number.

        Examples
        --------
        >>> x, a = sp.symbols("x a")
        >>> Update("square", (x,), (a,), (x**2 + a,), "none").linearised().next
        (a + x**2, 2*delta_x*x)
        """
        rule = self.inline().entrywise()
        deviations = sp.Matrix([sp.Symbol(f"delta_{symbol}", real=True) for symbol in rule.state])
        images = sp.Matrix(rule.next).jacobian(sp.Matrix(rule.state)) * deviations
        name, state = f"linearised-{self.name}", (*rule.state, *deviations)
        following = (*rule.next, *images)
        return Update(name, state, rule.parameters, following, self.reference, self.notation)

    def _mapped(self, put: Callable[[Iterable[Any]], tuple[Any, ...]]) -> Update:
        return replace(
            self,
            state=put(self.state),
            parameters=put(self.parameters),
            next=put(self.next),
            where=dict(zip(put(self.where), put(self.where.values()), strict=True)),
        )

    def _lines(self) -> tuple[list[tuple[sp.Symbol, sp.Expr]], list[sp.Expr]]:
        """Return assignments in order, and results: what every running voice says."""
        names = sp.numbered_symbols("x", exclude=self._symbols)
        lines = []
        for symbol, value in self.where.items():
            shared, (reduced,) = sp.cse([value], names)
            lines += [*shared, (symbol, reduced)]
        shared, results = sp.cse(self.next, names)
        return [*lines, *shared], results

    def _checked(self, state: npt.ArrayLike, parameters: tuple[Any, ...]) -> npt.NDArray[Any]:
        state = np.asarray(state)
        if state.shape[-1:] != (len(self.state),) or len(parameters) != len(self.parameters):
            raise ValueError(
                f"{self.name}: required a state of shape (..., {len(self.state)}) and the "
                f"{len(self.parameters)} parameters ({', '.join(map(str, self.parameters))}); "
                f"got shape {state.shape} and {len(parameters)}"
            )
        return state

    def _spoken(
        self, write: Callable[[sp.Expr], str]
    ) -> tuple[list[str], list[str], list[tuple[str, str]], list[str]]:
        """Write state, parameters, assignments and results in one language."""
        rule = self.entrywise()
        lines, results = rule._lines()
        return (
            [write(symbol) for symbol in rule.state],
            [write(symbol) for symbol in rule.parameters],
            [(write(symbol), write(value)) for symbol, value in lines],
            [write(result) for result in results],
        )

    def numpy(self) -> Step:
        """Return the rule as ``step(state, *parameters)`` on arrays.

        Returns
        -------
        callable
            Takes ``state (..., S)`` and parameters that broadcast against ``(...)``,
            returns the next ``state (..., S)``. Common subexpressions are shared.
            It raises a ValueError if the state or the parameters are too many or too few.

        Raises
        ------
        ValueError
            If the size of a block is not a number.
        """
        rule = self.entrywise()
        arguments = (*rule.state, *rule.parameters)
        components = sp.lambdify(arguments, rule.next, "numpy", cse=lambda _: rule._lines())

        def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
            state = rule._checked(state, parameters)
            following = components(*np.moveaxis(state, -1, 0), *parameters)
            return np.stack(np.broadcast_arrays(*following), axis=-1)

        return step

    def compiled(self) -> Step:
        """Return :meth:`numpy`, compiled by numba: same call, one pass over memory.

        Returns
        -------
        callable
            ``step(state, *parameters)`` in double precision, shapes as in :meth:`numpy`.

        Raises
        ------
        ImportError
            If numba is not installed.
        ValueError
            If the size of a block is not a number.
        """
        rule = self.entrywise()
        try:
            import numba
        except ImportError as missing:
            raise ImportError(
                "compiled() requires numba; install it with: pip install catapult_sim[fast]"
            ) from missing
        vectors = tuple(sp.DeferredVector(name) for name in ("state", "parameters"))
        places = {
            symbol: vector[i]
            for vector, first, symbols in zip(
                vectors, (0, 1), (rule.state, rule.parameters), strict=True
            )
            for i, symbol in enumerate(symbols, start=first)
        }
        lines, results = rule._lines()
        placed = (
            [(symbol, value.xreplace(places)) for symbol, value in lines],
            # One type for all components: numba iterates over no other tuple.
            tuple(e.xreplace(places) if e.free_symbols else sp.Float(e) for e in results),
        )
        components = numba.njit(error_model="numpy")(
            sp.lambdify(vectors, rule.next, "numpy", cse=lambda _: placed)
        )

        @numba.guvectorize(["(float64[:], float64[:], float64[:])"], "(s),(p)->(s)")  # type: ignore[untyped-decorator]
        def advance(state: Any, parameters: Any, following: Any) -> None:
            for i, component in enumerate(components(state, parameters)):
                following[i] = component

        def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
            state = rule._checked(state, parameters)
            # A leading zero stands for the parameters of a rule that has none.
            values = np.stack(np.broadcast_arrays(0.0, *parameters), axis=-1)
            following: npt.NDArray[Any] = advance(state, values)
            return following

        return step

    def python(self) -> str:
        """Return the source of the rule as a plain Python function on sequences.

        Examples
        --------
        >>> x, y, a = sp.symbols("x y a")
        >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).python())
        def shift(state, a):
            # Source: none.
            [x] = state
            y = -a + x
            return [
                y**2,
            ]
        """
        printer = PythonCodePrinter()
        state, parameters, lines, results = self._spoken(printer.doprint)
        return "\n".join(
            [
                *(f"import {module}\n\n" for module in sorted(printer.module_imports)),
                f"def {self.name.replace('-', '_')}({', '.join(['state', *parameters])}):",
                f"    # Source: {self.reference}.",
                f"    [{', '.join(state)}] = state",
                *(f"    {name} = {value}" for name, value in lines),
                "    return [",
                *(f"        {result}," for result in results),
                "    ]",
            ]
        )

    def javascript(self) -> str:
        """Return the source of the rule as a JavaScript function on arrays.

        Examples
        --------
        >>> x, y, a = sp.symbols("x y a")
        >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).javascript())
        function shift([x], a) {
          // Source: none.
          const y = -a + x;
          return [
            Math.pow(y, 2),
          ];
        }
        """
        state, parameters, lines, results = self._spoken(sp.jscode)
        first, *others = self.name.split("-")
        name = first + "".join(word.capitalize() for word in others)
        arguments = ", ".join([f"[{', '.join(state)}]", *parameters])
        return "\n".join(
            [
                f"function {name}({arguments}) {{",
                f"  // Source: {self.reference}.",
                *(f"  const {name} = {value};" for name, value in lines),
                "  return [",
                *(f"    {result}," for result in results),
                "  ];",
                "}",
            ]
        )

    def text(self) -> str:
        """Return the rule as plain text, the next step marked by a prime.

        Examples
        --------
        >>> x, y, a = sp.symbols("x y a")
        >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).text())
        y = -a + x
        x' = y**2
        """
        named = [f"{symbol} = {value}" for symbol, value in self.where.items()]
        stepped = [f"{s}' = {value}" for s, value in zip(self.state, self.next, strict=True)]
        return "\n".join(named + stepped)

    def latex(self) -> str:
        r"""Return the rule as LaTeX, one equation per line, steps as subscripts ``t``."""
        plain = {s: self.notation.get(s, sp.latex(s)) for s in self._symbols}
        stepped = {s: f"{{{plain[s]}}}" if "_" in plain[s] else plain[s] for s in plain}
        now = plain | {s: f"{stepped[s]}_{{t}}" for s in (*self.state, *self.where)}
        sides = [
            *((now[s], quantity) for s, quantity in self.where.items()),
            *((f"{stepped[s]}_{{t+1}}", e) for s, e in zip(self.state, self.next, strict=True)),
        ]
        lines = (f"{left} = {sp.latex(right, symbol_names=now)}" for left, right in sides)
        # SymPy adds a negative matrix where one writes a difference.
        return "\n".join(line.replace("+ - ", "- ") for line in lines)

    def mathml(self) -> str:
        """Return the rule as presentation MathML, one ``<math>`` element per line.

        Examples
        --------
        >>> x = sp.Symbol("x")
        >>> print(Update("halving", (x,), (), (x / 2,), "none").mathml())  # doctest: +ELLIPSIS
        <math display="block"><msub><mi>x</mi><mrow>...</mrow></msub><mo>=</mo>...</math>
        """
        plain = {
            s: _named(s, self.notation.get(s, s.name).removeprefix("\\")) for s in self._symbols
        }
        stepped = {s: _named(s, f"{plain[s].name}_t") for s in (*self.state, *self.where)}
        now = plain | stepped
        sides = [
            *((_mathml(now[s]), quantity) for s, quantity in self.where.items()),
            *(
                (f"<msub>{_mathml(plain[s])}{_NEXT}</msub>", e)
                for s, e in zip(self.state, self.next, strict=True)
            ),
        ]
        return "\n".join(
            f'<math display="block">{left}<mo>=</mo>{_mathml(right.xreplace(now))}</math>'
            for left, right in sides
        )


def _listed(symbols: Iterable[sp.Symbol]) -> str:
    return ", ".join(str(symbol) for symbol in sorted(symbols, key=str))


def _named(symbol: sp.Symbol, name: str) -> sp.Symbol:
    """Rename a symbol or a block."""
    return sp.MatrixSymbol(name, *symbol.shape) if symbol.is_Matrix else sp.Symbol(name)


def _entries(symbol: sp.Symbol) -> sp.Symbol | sp.ImmutableMatrix:
    """Write out a block, indexed only along the axes that are longer than one."""
    if not symbol.is_Matrix:
        return symbol
    rows, columns = symbol.shape

    def entry(i: int, j: int) -> sp.Symbol:
        places = [str(k + 1) for k, length in ((i, rows), (j, columns)) if length > 1]
        return sp.Symbol("_".join([symbol.name, *places]), real=True)

    return sp.ImmutableMatrix(rows, columns, entry)


def _written(expression: sp.Expr, entries: Mapping[sp.Symbol, Any]) -> list[sp.Expr]:
    """Write an expression in the entries of its blocks, row by row."""
    explicit = expression.xreplace(entries).doit()
    return list(explicit.as_explicit()) if explicit.is_Matrix else [explicit]


def _mathml(expression: sp.Expr) -> str:
    text: str = sp.mathml(expression, printer="presentation")
    for written, better in _BETTER_MATHML:
        text = text.replace(written, better)
    return text
