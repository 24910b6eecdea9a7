"""A derived rule as NumPy, Python, JavaScript, text, LaTeX or MathML.

:data:`VOICES` is the table of the formats of ``catapult-sim derive``. A new one is a function of a
:class:`~catapult_sim.symbolic.voices.rule.Rule`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy as sp

from catapult_sim.symbolic.voices import formulas, presentation, source
from catapult_sim.symbolic.voices.rule import Rule

STEP_SIZE = sp.Symbol("eps", positive=True)
"""The step size of backward error analysis."""


@dataclass(frozen=True)
class Voice:
    """A format of printing: how a rule, an equation and a comment before them are written.

    Without an ``equation`` it is code, in which expressions are results of a function.
    """

    rule: Callable[[Rule], str]
    comment: str
    equation: Callable[[str, sp.Expr], str] | None = None


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "text": Voice(formulas.text, "{}\n", formulas.line),
        "latex": Voice(formulas.latex, "% {}\n", formulas.latex_line),
        "mathml": Voice(presentation.mathml, "<!-- {} -->", presentation.mathml_line),
        "numpy": Voice(source.numpy_source, "# {}\n"),
        "python": Voice(source.python_source, "# {}\n"),
        "javascript": Voice(source.javascript_source, "// {}\n"),
    }
)


def __dir__() -> list[str]:
    return [
        "STEP_SIZE",
        "VOICES",
        "Voice",
        "formulas",
        "functions",
        "known",
        "languages",
        "names",
        "presentation",
        "rule",
        "source",
    ]
