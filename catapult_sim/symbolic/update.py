"""One derived rule, in many voices.

An :class:`Update` is a map ``state -> next state`` with exact symbolic
right-hand sides. It is typed nowhere: a derivation produces it, and code,
formulas and figures are generated from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

__all__ = ["Step", "Update"]

Step = Callable[..., npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Update:
    """A derived update rule of a discrete dynamical system.

    Attributes
    ----------
    name : str
        What the rule is called, for instance ``"sample-map"``.
    state : tuple of sympy.Symbol, length S
        The variables that are stepped.
    parameters : tuple of sympy.Symbol
        What stays fixed along a run.
    next : tuple of sympy.Expr, length S
        Their values one step later.
    reference : str
        The source of the rule, with its equation number.
    notation : mapping of sympy.Symbol to str
        How symbols print in LaTeX, where the default is not wanted.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    >>> logistic.numpy()(np.array([[0.5], [0.25]]), 4.0)
    array([[1.  ],
           [0.75]])
    >>> print(logistic.latex())
    x_{t+1} = a x_{t} \\left(1 - x_{t}\\right)
    """

    name: str
    state: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    next: tuple[sp.Expr, ...]
    reference: str
    notation: Mapping[sp.Symbol, str] = field(default_factory=dict)

    def numpy(self) -> Step:
        """Return the rule as ``step(state, *parameters)`` on arrays.

        Returns
        -------
        callable
            Takes ``state (..., S)`` and parameters that broadcast against ``(...)``,
            returns the next ``state (..., S)``. Common subexpressions are shared.
        """
        components = sp.lambdify((*self.state, *self.parameters), self.next, "numpy", cse=True)

        def step(state: npt.NDArray[Any], *parameters: npt.ArrayLike) -> npt.NDArray[Any]:
            following = components(*np.moveaxis(state, -1, 0), *parameters)
            return np.stack(np.broadcast_arrays(*following), axis=-1)

        return step

    def latex(self) -> str:
        r"""Return the rule as LaTeX, one equation per line, steps as subscripts ``t``."""
        plain = {s: self.notation.get(s, sp.latex(s)) for s in (*self.state, *self.parameters)}
        now = plain | {s: f"{plain[s]}_{{t}}" for s in self.state}
        return "\n".join(
            f"{plain[s]}_{{t+1}} = {sp.latex(expression, symbol_names=now)}"
            for s, expression in zip(self.state, self.next, strict=True)
        )
