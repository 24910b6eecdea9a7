"""A derived rule as NumPy, Python, JavaScript, text, LaTeX or MathML.

:data:`VOICES` is the table of the formats of ``catapult-sim derive``. A new one is a function of a
:class:`~catapult_sim.symbolic.voices.rule.Rule`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import sympy as sp
from sympy.printing.numpy import NumPyPrinter

from catapult_sim.symbolic.voices import formulas, source
from catapult_sim.symbolic.voices.rule import Rule

STEP_SIZE = sp.Symbol("eps", positive=True)
"""The step size of backward error analysis."""


@dataclass(frozen=True)
class Voice:
    """A format of printing: how a rule, an expression and a comment are written."""

    rule: Callable[[Rule], str]
    expression: Callable[[sp.Expr], str]
    comment: str = "{}"


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "text": Voice(formulas.text, str),
        "latex": Voice(
            formulas.latex, partial(sp.latex, symbol_names={STEP_SIZE: r"\varepsilon"}), "% {}"
        ),
        "mathml": Voice(formulas.mathml, partial(sp.mathml, printer="presentation"), "<!-- {} -->"),
        "numpy": Voice(source.numpy_source, lambda e: NumPyPrinter().doprint(e), "# {}"),
        "python": Voice(source.python_source, sp.pycode, "# {}"),
        "javascript": Voice(source.javascript_source, sp.jscode, "// {}"),
    }
)


def __dir__() -> list[str]:
    return ["STEP_SIZE", "VOICES", "Voice", "formulas", "functions", "rule", "source"]
