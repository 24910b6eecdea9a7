"""A derived rule as source code: NumPy, Python and JavaScript.

All are written from the same list of assignments, so that they differ in their language alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from catapult_sim.symbolic.expressions import free_name
from catapult_sim.symbolic.voices.languages import JavaScript, NumPy, Python
from catapult_sim.symbolic.voices.names import identifier
from catapult_sim.symbolic.voices.rule import Rule, Spoken, spoken
from catapult_sim.validation import require_flag

# Kummer's series, whose terms are positive.
_ERF = """\
  const erf = (x) => {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = 2 * x * Math.exp(-x * x) / Math.sqrt(Math.PI), sum = term;
    for (let k = 1; k < 200; k++) sum += term *= 2 * x * x / (2 * k + 1);
    return sum;
  };"""


def python_source(rule: Rule) -> str:
    """Return the source of the rule as a plain Python function on sequences of numbers.

    Where there is no number, Python raises an error, as it does for 1 / 0.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> import sympy as sp
    >>> x, y, a = sp.symbols("x y a")
    >>> print(Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a}).python())
    def shift(state, a):
        # Source: none.
        [x, a] = map(float, [*state, a])
        y = -a + x
        return [
            y**2,
        ]
    """
    spelt = spoken(rule, Python)
    names = [*spelt.state, *spelt.parameters]
    values = ", ".join([*["*state"] * bool(spelt.state), *spelt.parameters])
    first = [f"[{', '.join(names)}] = map(float, [{values}])"] if names else []
    return _function(rule, spelt, spelt.language.module_imports, first, "[", "]")


def numpy_source(rule: Rule) -> str:
    """Return the source of the rule as a function on arrays, as :meth:`Update.numpy` takes them.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> import sympy as sp
    >>> x, a = sp.symbols("x a")
    >>> print(Update("decay", (x,), (a,), (sp.sqrt(a) * x,), "none").numpy_source())
    import numpy
    <BLANKLINE>
    <BLANKLINE>
    def decay(state, a):
        # Source: none.
        state = 1.0 * numpy.asarray(state)
        [x] = numpy.moveaxis(state, -1, 0)
        [a] = (numpy.asarray(value, state.dtype) for value in [a])
        return numpy.stack(numpy.broadcast_arrays(
            numpy.sqrt(a)*x,
            x, a,
        )[:1], axis=-1, dtype=state.dtype)
    """
    spelt = spoken(rule, NumPy)
    modules = {"numpy", *spelt.language.module_imports}
    dtype = "state.dtype" if spelt.state else "float"
    names, first = ", ".join(spelt.parameters), []
    if spelt.state:
        first += ["state = 1.0 * numpy.asarray(state)"]
        first += [f"[{', '.join(spelt.state)}] = numpy.moveaxis(state, -1, 0)"]
    if spelt.parameters:
        first += [f"[{names}] = (numpy.asarray(value, {dtype}) for value in [{names}])"]
    before = "numpy.stack(numpy.broadcast_arrays("
    after = f")[:{len(spelt.results)}], axis=-1, dtype={dtype})"
    given = ", ".join([*spelt.state, *spelt.parameters])
    return _function(
        rule, spelt, modules, first, before, f"    {given},\n    {after}" if given else after
    )


def _function(
    rule: Rule, spelt: Spoken, modules: Iterable[str], first: list[str], before: str, after: str
) -> str:
    """Return the source of a Python function; ``before`` and ``after`` enclose its results."""
    name = free_name(identifier(rule.name), spelt.language.reserved)
    arguments = [*["state"] * bool(spelt.state), *spelt.parameters]
    return "\n".join(
        [
            *(f"import {module}\n\n" for module in sorted(modules)),
            f"def {name}({', '.join(arguments)}):",
            f"    # Source: {_one_line(rule.reference)}.",
            *(f"    {line}" for line in first),
            *(f"    {name} = {value}" for name, value in spelt.lines),
            f"    return {before}",
            *(f"        {result}," for result in spelt.results),
            f"    {after}",
        ]
    )


def javascript_source(rule: Rule, *, module: bool = False, in_place: bool = False) -> str:
    """Return the source of the rule as a JavaScript function on arrays.

    Parameters
    ----------
    module : bool
        Export the function, for use as a module.
    in_place : bool
        Write into a last argument ``out``, by default the state itself: nothing is allocated.

    Examples
    --------
    >>> from catapult_sim.symbolic import Update
    >>> import sympy as sp
    >>> x, y, a = sp.symbols("x y a")
    >>> shift = Update("shift", (x,), (a,), (y**2,), "none", where={y: x - a})
    >>> print(shift.javascript())
    function shift([x], a) {
      // Source: none.
      const y = -a + x;
      return [
        Math.pow(y, 2),
      ];
    }
    >>> print(shift.javascript(module=True, in_place=True))
    export function shift(state, a, out = state) {
      // Source: none.
      const x = state[0];
      const y = -a + x;
      out[0] = Math.pow(y, 2);
      return out;
    }
    """
    module, in_place = require_flag("module", module), require_flag("in_place", in_place)
    spelt = spoken(rule, JavaScript)
    words = [word for word in identifier(rule.name).split("_") if word] or ["_"]
    camel_case = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
    called = free_name(identifier(camel_case), spelt.language.reserved)
    variables = [f"[{', '.join(spelt.state)}]"] * bool(spelt.state)
    arguments, lines = [*variables, *spelt.parameters], list(spelt.lines)
    answer = ["  return [", *(f"    {result}," for result in spelt.results), "  ];"]
    if in_place:
        arguments = ["state", *spelt.parameters, "out = state"]
        lines = [(name, f"state[{i}]") for i, name in enumerate(spelt.state)] + lines
        answer = [f"  out[{i}] = {result};" for i, result in enumerate(spelt.results)]
        answer.append("  return out;")
    body = [*(f"  const {name} = {value};" for name, value in lines), *answer]
    return "\n".join(
        [
            f"{'export ' * module}function {called}({', '.join(arguments)}) {{",
            f"  // Source: {_one_line(rule.reference)}.",
            *[_ERF] * any("erf(" in line for line in body),
            *body,
            "}",
        ]
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
