"""A derived rule as source code: NumPy, Python and JavaScript.

All are written from the same list of assignments, so that they differ in their language alone.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.numpy import NumPyPrinter
from sympy.printing.pycode import PythonCodePrinter

from catapult_sim.symbolic.voices.rule import Rule, spoken


def python_source(rule: Rule) -> str:
    """Return the source of the rule as a plain Python function on sequences.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
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
    return _function(rule, PythonCodePrinter(), "state", "[", "]")


def numpy_source(rule: Rule) -> str:
    """Return the source of the rule as a function on arrays, as :meth:`Update.numpy` takes them.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> x, a = sp.symbols("x a")
    >>> print(Update("decay", (x,), (a,), (sp.sqrt(a) * x,), "none").numpy_source())
    import numpy
    <BLANKLINE>
    <BLANKLINE>
    def decay(state, a):
        # Source: none.
        [x] = numpy.moveaxis(state, -1, 0)
        return numpy.stack(numpy.broadcast_arrays(
            numpy.sqrt(a)*x,
        ), axis=-1)
    """
    printer, gathered = NumPyPrinter(), ("numpy.stack(numpy.broadcast_arrays(", "), axis=-1)")
    printer.module_imports["numpy"].update(["broadcast_arrays", "moveaxis", "stack"])
    return _function(rule, printer, "numpy.moveaxis(state, -1, 0)", *gathered)


def _function(
    rule: Rule, printer: PythonCodePrinter | NumPyPrinter, rows: str, before: str, after: str
) -> str:
    """Return the source of a Python function; ``before`` and ``after`` enclose its results."""
    state, parameters, lines, results = spoken(rule, printer.doprint)
    return "\n".join(
        [
            *(f"import {module}\n\n" for module in sorted(printer.module_imports)),
            f"def {rule.name.replace('-', '_')}({', '.join(['state', *parameters])}):",
            f"    # Source: {rule.reference}.",
            f"    [{', '.join(state)}] = {rows}",
            *(f"    {name} = {value}" for name, value in lines),
            f"    return {before}",
            *(f"        {result}," for result in results),
            f"    {after}",
        ]
    )


def javascript_source(rule: Rule) -> str:
    """Return the source of the rule as a JavaScript function on arrays.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
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
    state, parameters, lines, results = spoken(rule, sp.jscode)
    first, *others = rule.name.split("-")
    function = first + "".join(word.capitalize() for word in others)
    arguments = ", ".join([f"[{', '.join(state)}]", *parameters])
    return "\n".join(
        [
            f"function {function}({arguments}) {{",
            f"  // Source: {rule.reference}.",
            *(f"  const {name} = {value};" for name, value in lines),
            "  return [",
            *(f"    {result}," for result in results),
            "  ];",
            "}",
        ]
    )
