"""Derived rules: maps ``state -> next state`` with exact symbolic right-hand sides.

Derivations return an :class:`Update`; :meth:`Update.descent` makes one of any loss. Code and
formulas are generated from it: its methods :meth:`~Update.numpy`, :meth:`~Update.latex` and so on
are the functions of :mod:`~catapult_sim.symbolic.voices`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from catapult_sim.symbolic.expressions import free_name, require_expression, require_symbols
from catapult_sim.symbolic.voices import formulas, functions, presentation, source
from catapult_sim.validation import InputError, require_instance, shown

ETA = sp.Symbol("eta", positive=True)
"""The learning rate of every rule."""


@dataclass(frozen=True)
class Update:
    r"""A derived update rule of a discrete dynamical system.

    A variable is a symbol, or a matrix symbol: a block with one equation. Blocks of
    symbolic size have formulas; with explicit sizes they have code too, in which
    their entries follow one another row by row.

    Attributes
    ----------
    name : str
        Such as ``"sample-map"``.
    state : tuple of sympy.Symbol or sympy.MatrixSymbol
        The variables, S numbers in all.
    parameters : tuple of sympy.Symbol or sympy.MatrixSymbol
        Quantities that are constant along a run.
    next : tuple of sympy.Expr
        The state one step later, in terms of ``state``, ``parameters`` and ``where``.
    reference : str
        The source of the rule, with its equation number.
    notation : mapping of symbol to str
        The LaTeX letter of a symbol (``r"\lambda"``), where the default is not wanted.
    where : mapping of symbol to sympy.Expr
        Auxiliary quantities of the current step in the right-hand sides, each in terms of
        the state, the parameters and the quantities before it.
    loss : sympy.Expr, optional
        The loss that the rule descends, in the same symbols.

    Raises
    ------
    InputError
        If a part is no symbol or no expression of SymPy, there are not as many right-hand sides as
        variables, two symbols have one name, or a right-hand side or the loss contains a symbol
        that is not declared.

    Examples
    --------
    >>> import numpy as np
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
    notation: Mapping[sp.Symbol, str] = field(default_factory=dict, hash=False)
    where: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict, hash=False)
    loss: sp.Expr | None = None

    numpy = functions.numpy_step
    numpy_quantity = functions.numpy_quantity
    compiled = functions.compiled_step
    numpy_source = source.numpy_source
    python = source.python_source
    javascript = source.javascript_source
    text = formulas.text
    latex = formulas.latex
    mathml = presentation.mathml

    def __post_init__(self) -> None:
        self._require_kinds()
        if len(self.next) != len(self.state):
            raise InputError(
                f"{self.name}: required one right-hand side for each of {len(self.state)} "
                f"variables; got {len(self.next)}"
            )
        names = [symbol.name for symbol in self.symbols]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(
                f"{self.name}: required a name of its own for each symbol of state, parameters and "
                f"where; got {', '.join(repeated)} more than once"
            )
        declared = {*self.symbols, *self._sizes}
        written = (*self.where.values(), *self.next, sp.sympify(self.loss or 0))
        used = set().union(*(expression.free_symbols for expression in written))
        if used - declared:
            raise InputError(
                f"{self.name}: required symbols from state, parameters and where; "
                f"got {_listed(used - declared)} besides"
            )

    def _require_kinds(self) -> None:
        """Raise InputError where a part of the rule is not what it must be."""
        require_instance("name", self.name, str, "a text")
        require_instance("reference", self.reference, str, "a text")
        sequences, mappings = ("state", "parameters", "next"), ("notation", "where")
        for part in sequences:
            described = f"a tuple of {'expressions' if part == 'next' else 'symbols'}"
            require_instance(part, getattr(self, part), list | tuple | sp.Tuple, described)
        for part in mappings:
            require_instance(part, getattr(self, part), Mapping, "a mapping of symbols")
        for symbol in (*self.symbols, *self.notation):
            if not isinstance(symbol, sp.Symbol | sp.MatrixSymbol):
                raise InputError(
                    f"{self.name}: required symbols of SymPy in state, parameters, notation and "
                    f"where; got {shown(symbol)}"
                )
        for letter in self.notation.values():
            require_instance("each letter of notation", letter, str, "a text of LaTeX")
        written = (*self.next, *self.where.values(), *[self.loss] * (self.loss is not None))
        for expression in written:
            if not isinstance(expression, sp.Expr | sp.MatrixBase):
                raise InputError(
                    f"{self.name}: required expressions of SymPy, numbers as sp.Float or "
                    f"sp.Integer, in next, where and loss; got {shown(expression)}"
                )

    def __repr__(self) -> str:
        """Return the name and the equations, a line each."""
        lines = self.text().splitlines()
        shown = lines if len(lines) <= 6 else [*lines[:5], f"... {len(lines) - 5} more"]
        return "\n    ".join([f"Update {self.name} ({self.reference}):", *shown])

    def _repr_latex_(self) -> str:
        return formulas.aligned(self.latex())

    @classmethod
    def descent(cls, loss: sp.Expr, state: Iterable[sp.Symbol], optimizer: Any = None) -> Update:
        r"""Derive the update of the weights when an optimiser descends a loss at rate ``eta``.

        Parameters
        ----------
        loss : sympy.Expr
            Its symbols other than the weights become parameters, after ``eta``.
        state : iterable of P sympy.Symbol
            The weights.
        optimizer : Optimizer, optional
            Such as :class:`~catapult_sim.numeric.runs.optimizers.HeavyBall`; by default gradient
            descent. Its numbers may be symbols, which become parameters too.

        Returns
        -------
        Update
            State: the P weights, then the optimiser's memory of each, zero at the start of a run.

        Raises
        ------
        InputError
            If the loss holds none of the weights, or a symbol called ``eta``, or the optimiser
            needs more of the loss than its gradient.

        Examples
        --------
        The smallest network that has a catapult, ``f = u v`` on one sample:

        >>> u, v = sp.symbols("u v", real=True)
        >>> Update.descent((u * v) ** 2 / 2, [u, v])
        Update descent (gradient descent on u**2*v**2/2):
            u' = -eta*u*v**2 + u
            v' = -eta*u**2*v + v
        """
        loss, weights = require_expression("loss", loss), require_symbols("state", state)
        others = loss.free_symbols - set(weights)
        if others == loss.free_symbols or "eta" in map(str, loss.free_symbols):
            raise InputError(
                "descent() requires a loss of the weights without a symbol eta, the learning rate; "
                f"got {loss} and {_listed(weights)}"
            )
        if isinstance(optimizer, type) or not (optimizer is None or hasattr(optimizer, "step")):
            raise InputError(
                "descent() requires an optimizer that needs the gradient alone, such as "
                f"HeavyBall(0.9); got {shown(optimizer)}"
            )
        memories, images = _descent(loss, weights, optimizer)
        variables = (*weights, *memories)
        used = others.union(*(image.free_symbols for image in images))
        return cls(
            "descent",
            variables,
            (ETA, *sorted(used - {ETA, *variables}, key=str)),
            images,
            f"{optimizer or 'gradient descent'} on {loss}",
            loss=loss,
        )

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Every symbol or block that the rule declares."""
        return (*self.state, *self.parameters, *self.where)

    @property
    def _sizes(self) -> set[sp.Symbol]:
        """Symbols in the shapes of the blocks: none where every size is a number."""
        shapes = [getattr(symbol, "shape", ()) for symbol in self.symbols]
        return {s for shape in shapes for size in shape for s in size.free_symbols}

    def inline(self) -> Update:
        """Return the same rule with the quantities of ``where`` substituted.

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
        loss = None if self.loss is None else self.loss.xreplace(written_out)
        return replace(self, next=following, where={}, loss=loss)

    def entrywise(self) -> Update:
        """Return the same rule with every block replaced by its entries, row by row.

        Raises
        ------
        InputError
            If the size of a block is not a number.

        Examples
        --------
        >>> a, x = sp.Symbol("a"), sp.MatrixSymbol("x", 2, 1)
        >>> Update("decay", (x,), (a,), (a * x,), "none").entrywise().next
        (a*x_1, a*x_2)
        """
        if self._sizes:
            raise InputError(
                f"{self.name}: code requires blocks of explicit size; "
                f"got the symbolic sizes {_listed(self._sizes)}"
            )
        taken = {symbol.name for symbol in self.symbols if not symbol.is_Matrix}
        entries = {symbol: _entries(symbol, taken) for symbol in self.symbols}

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
        require_instance("values", values, Mapping, "a mapping of symbols to values")
        symbols = sp.Symbol | sp.MatrixSymbol
        for symbol, value in values.items():
            if symbol in self.symbols and not isinstance(value, symbols):
                raise InputError(f"values must give a symbol for {symbol}; got {shown(value)}")

        def put(expressions: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(expression.subs(values) for expression in expressions)

        return self._mapped(put)

    def linearised(self) -> Update:
        """Return the rule extended by its linearisation: the update of a small deviation.

        Returns
        -------
        Update
            Its state is that of this rule followed by a deviation of each variable, which
            the Jacobian multiplies. A jump has the slope zero.

        Raises
        ------
        InputError
            If the size of a block is not a number.

        Examples
        --------
        >>> x, a = sp.symbols("x a")
        >>> Update("square", (x,), (a,), (x**2 + a,), "none").linearised().next
        (a + x**2, 2*delta_x*x)
        """
        rule = self.inline().entrywise()
        taken = {symbol.name for symbol in rule.symbols}
        names = [free_name(f"delta_{symbol}", taken) for symbol in rule.state]
        deviations = sp.Matrix([sp.Symbol(name, real=True) for name in names])
        slopes = [[slope(new, old) for old in rule.state] for new in rule.next]
        images = sp.Matrix(slopes) * deviations
        name, state = f"linearised-{self.name}", (*rule.state, *deviations)
        following = (*rule.next, *images)
        return replace(rule, name=name, state=state, next=following)

    def _mapped(self, put: Callable[[Iterable[Any]], tuple[Any, ...]]) -> Update:
        return replace(
            self,
            state=put(self.state),
            parameters=put(self.parameters),
            next=put(self.next),
            where=dict(zip(put(self.where), put(self.where.values()), strict=True)),
            loss=None if self.loss is None else put([self.loss])[0],
        )


def slope(expression: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    """Differentiate by a symbol that stands for a real number; a jump has the slope zero.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> slope(abs(x) + sp.Max(x, 0) + sp.Heaviside(x), x)
    Heaviside(x) + sign(x)
    """
    if not expression.has(sp.Abs, sp.sign, sp.Max, sp.Min, sp.Heaviside):
        return expression.diff(symbol)
    real = {s: sp.Dummy(s.name, real=True) for s in expression.free_symbols if not s.is_real}
    slopes = expression.xreplace(real).diff(real.get(symbol, symbol))
    known = {dummy: s for s, dummy in real.items()}
    return slopes.replace(sp.DiracDelta, lambda *_: sp.Integer(0)).xreplace(known)


def _descent(
    loss: sp.Expr, weights: tuple[sp.Symbol, ...], optimizer: Any
) -> tuple[list[sp.Symbol], tuple[sp.Expr, ...]]:
    """Return the symbols of an optimiser's memory, and the next weights and memory."""
    numbers = range(optimizer.memory if optimizer else 0)
    memories = [[sp.Symbol(f"memory{k or ''}_{w}", real=True) for w in weights] for k in numbers]
    each = list(zip(weights, *memories, strict=True))
    points = {own[0]: optimizer.point(*own) for own in each} if optimizer else {}
    step = optimizer.step if optimizer else lambda gradient, rate: (-rate * gradient,)
    gradients = [slope(loss, w).subs(points, simultaneous=True) for w in weights]
    moved = [step(g, ETA, *memory) for g, (_, *memory) in zip(gradients, each, strict=True)]
    displacements, *kept = zip(*moved, strict=True)
    following = [w + change for w, change in zip(weights, displacements, strict=True)]
    images = (*following, *(symbol for one in kept for symbol in one))
    return [symbol for one in memories for symbol in one], tuple(map(sp.sympify, images))


def _listed(symbols: Iterable[sp.Symbol]) -> str:
    return ", ".join(str(symbol) for symbol in sorted(symbols, key=str))


def _entries(symbol: sp.Symbol, taken: set[str]) -> sp.Symbol | sp.ImmutableMatrix:
    """Return the entries of a block, indexed only along the axes that are longer than one.

    Their names are added to those that are ``taken``.
    """
    if not symbol.is_Matrix:
        return symbol
    rows, columns = symbol.shape

    def entry(i: int, j: int) -> sp.Symbol:
        places = [str(k + 1) for k, length in ((i, rows), (j, columns)) if length > 1]
        taken.add(name := free_name("_".join([symbol.name, *places]), taken))
        return sp.Symbol(name, real=True)

    return sp.ImmutableMatrix(rows, columns, entry)


def _written(expression: sp.Expr, entries: Mapping[sp.Symbol, Any]) -> list[sp.Expr]:
    """Return the entries of an expression, in the entries of its blocks, row by row."""
    explicit = expression.xreplace(entries).doit()
    return list(explicit.as_explicit()) if explicit.is_Matrix else [explicit]
