"""The languages that code is written in: how each writes numbers, functions and conditions.

A language is a SymPy printer that writes every function as it stands or refuses it by name, and
whose conditions, maxima and powers agree with those of the others, not-a-number included.
"""

# SymPy finds the methods of a printer by the names of its classes.

from __future__ import annotations

import keyword
from collections.abc import Mapping
from functools import reduce
from types import MappingProxyType

import sympy as sp
from sympy.printing.jscode import JavascriptCodePrinter
from sympy.printing.numpy import SciPyPrinter
from sympy.printing.pycode import PythonCodePrinter

from catapult_sim.symbolic.voices.known import unknown_functions
from catapult_sim.validation import InputError

_JAVASCRIPT = """
    arguments await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in instanceof interface let new
    null package private protected public return static super switch this throw true try typeof
    undefined var void while with yield
    Infinity Math NaN erf out state
"""


class Language:
    """What all languages have in common."""

    called = ""
    reserved: frozenset[str] = frozenset()
    module_imports: Mapping[str, set[str]] = MappingProxyType({})

    def __init__(self, names: Mapping[sp.Symbol, str]) -> None:
        super().__init__()
        self.names = names

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return self.names[expr]

    _print_Dummy = _print_Symbol

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_not_supported(self, expr: sp.Basic) -> str:
        raise InputError(f"{self.called} has no {type(expr).__name__}; got {expr}")

    _print_ImaginaryUnit = _print_ComplexInfinity = _print_AppliedUndef = _print_not_supported
    _print_Derivative = _print_Integral = _print_Sum = _print_Product = _print_not_supported
    _print_im = _print_arg = _print_not_supported

    def _print_re(self, expr: sp.Basic) -> str:  # every symbol stands for a real number
        return f"({self._write(expr.args[0])})"

    _print_conjugate = _print_re

    def _print_Mod(self, expr: sp.Mod) -> str:
        return f"({super()._print_Mod(expr)})"  # type: ignore[misc]

    _print_Basic = emptyPrinter = _print_not_supported

    def write(self, expr: sp.Basic) -> str:
        """Return the code of an expression, or raise InputError."""
        for unknown in unknown_functions(expr):
            self._print_not_supported(unknown)
        written: str = self.doprint(expr)  # type: ignore[attr-defined]
        return written

    def _write(self, expr: sp.Basic) -> str:
        written: str = self._print(expr)  # type: ignore[attr-defined]
        return written

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        cases = [(self._write(value), condition) for value, condition in expr.args]
        rest = cases.pop()[0] if cases[-1][1] == sp.true else self._write(sp.nan)
        for value, condition in reversed(cases):
            rest = self._chosen(self._write(condition), value, rest)
        return rest

    def _chosen(self, condition: str, value: str, rest: str) -> str:
        raise NotImplementedError


class Python(Language, PythonCodePrinter):  # type: ignore[misc]
    """Python on single numbers."""

    called = "Python"
    reserved = frozenset(
        {*keyword.kwlist, "__debug__", "math", "state", "map", "float", "abs", "min", "max"}
    )

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        # Of a negative number and a fraction, the operator ** makes a complex number.
        if expr.exp.is_Integer or abs(expr.exp) == sp.S.Half:
            written: str = super()._print_Pow(expr, rational=rational)
            return written
        power = self._module_format("math.pow")
        return f"{power}({self._write(expr.base)}, {self._write(expr.exp)})"

    def _chosen(self, condition: str, value: str, rest: str) -> str:
        return f"({value} if {condition} else {rest})"

    def _print_Max(self, expr: sp.Expr) -> str:
        return self._extreme("max", expr)

    def _print_Min(self, expr: sp.Expr) -> str:
        return self._extreme("min", expr)

    def _extreme(self, function: str, expr: sp.Expr) -> str:
        # Python's own depends on the order, where one is not a number.
        values = [self._write(value) for value in expr.args]
        numbers = [
            f"{text} == {text}"
            for text, value in zip(values, expr.args, strict=True)
            if not value.is_Number
        ]
        known = f"{function}({', '.join(values)})"
        return f"({known} if {' and '.join(numbers)} else {self._write(sp.nan)})"

    def _print_NaN(self, expr: sp.Expr) -> str:
        return self._module_format("math.nan")

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return self._module_format("math.inf")

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "-" + self._module_format("math.inf")


class Compiled(Python):
    """Python on single numbers, as numba compiles it."""

    called = "compiled code"
    reserved = Python.reserved | {"numpy", "rows", "column", "parameters", "following"}

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        # Of zero, numba raises an error for a negative integer, and gives infinity for a float.
        if expr.exp.is_Integer and expr.exp < -1:
            return f"({self._write(expr.base)})**({float(expr.exp)!r})"
        return super()._print_Pow(expr, rational=rational)

    def _print_floor(self, expr: sp.Expr) -> str:
        return f"{self._module_format('numpy.floor')}({self._write(expr.args[0])})"

    def _print_ceiling(self, expr: sp.Expr) -> str:
        return f"{self._module_format('numpy.ceil')}({self._write(expr.args[0])})"


class NumPy(Language, SciPyPrinter):  # type: ignore[misc]
    """NumPy on arrays: elementwise functions only."""

    called = "NumPy"
    reserved = frozenset({*keyword.kwlist, "__debug__", "numpy", "scipy", "state", "value", "abs"})

    def _chosen(self, condition: str, value: str, rest: str) -> str:
        return f"{self._module_format('numpy.where')}({condition}, {value}, {rest})"

    def _print_Max(self, expr: sp.Expr) -> str:
        return self._of_two("maximum", expr)

    def _print_Min(self, expr: sp.Expr) -> str:
        return self._of_two("minimum", expr)

    def _print_And(self, expr: sp.Basic) -> str:
        return self._of_two("logical_and", expr)

    def _print_Or(self, expr: sp.Basic) -> str:
        return self._of_two("logical_or", expr)

    def _of_two(self, function: str, expr: sp.Basic) -> str:
        called, values = self._module_format(f"numpy.{function}"), map(self._write, expr.args)
        return reduce(lambda one, other: f"{called}({one}, {other})", values)


class JavaScript(Language, JavascriptCodePrinter):  # type: ignore[misc]
    """JavaScript, as modules and strict code want it."""

    called = "JavaScript"
    reserved = frozenset(_JAVASCRIPT.split())

    def __init__(self, names: Mapping[sp.Symbol, str]) -> None:
        super().__init__(names)
        self.known_functions["erf"] = "erf"

    def _print_Pow(self, expr: sp.Pow) -> str:
        if expr.exp in (-1, sp.S.Half):
            written: str = super()._print_Pow(expr)
            return written
        return f"Math.pow({self._write(expr.base)}, {self._write(expr.exp)})"

    def _chosen(self, condition: str, value: str, rest: str) -> str:
        return f"({condition} ? {value} : {rest})"

    def _print_NaN(self, expr: sp.Expr) -> str:
        return "NaN"

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "Infinity"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "-Infinity"
