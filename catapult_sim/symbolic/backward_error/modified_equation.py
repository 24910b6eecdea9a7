r"""The modified equation of a training method, for no loss in particular.

Written in elementary differentials of ``f = -grad C``, it is one formula for all losses:
``f - (eps/2) f'f + eps^2 (f'f'f / 3 + f''(f, f) / 12) + ...`` for gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from catapult_sim.symbolic.backward_error import series
from catapult_sim.symbolic.backward_error.trees import Tree


@dataclass(frozen=True)
class ModifiedEquation:
    """``dw/dt = sum over trees of step_size**(tree.order - 1) coefficients[tree] tree``.

    Attributes
    ----------
    coefficients : mapping of Tree to sympy.Expr
        Division by the tree's symmetry included, zeros left out. Batch 0 is the
        field of the mean loss; batches 1, 2, ... are to be averaged over, each by itself.
    order : int
        The highest power of the step size.
    """

    coefficients: Mapping[Tree, sp.Expr]
    order: int

    def __str__(self) -> str:
        return "\n".join(f"eps^{k}: {self._written(k, str, str)}" for k in range(self.order + 1))

    def latex(self) -> str:
        r"""Return the equation as LaTeX, one line for each power of the step size.

        Examples
        --------
        >>> print(modified_equation(2).latex())
        \dot w = f
        + \varepsilon \left(- \frac{1}{2} f' f\right)
        + \varepsilon^{2} \left(\frac{1}{3} f' f' f + \frac{1}{12} f''\left(f, f\right)\right)
        """
        written = [self._written(k, sp.latex, Tree.latex) for k in range(self.order + 1)]
        steps = ["", r"\varepsilon", *(rf"\varepsilon^{{{k}}}" for k in range(2, len(written)))]
        first, *others = zip(steps, written, strict=False)
        lines = [rf"\dot w = {first[1]}"]
        return "\n".join(lines + [rf"+ {step} \left({sum_}\right)" for step, sum_ in others])

    def _written(
        self, power: int, number: Callable[[sp.Expr], str], differential: Callable[[Tree], str]
    ) -> str:
        terms = [
            _term(sp.factor(coefficient), number) + differential(tree)
            for tree, coefficient in self.coefficients.items()
            if tree.order == power + 1
        ]
        return " ".join(terms).removeprefix("+ ") or "0"


def _term(coefficient: sp.Expr, number: Callable[[sp.Expr], str]) -> str:
    sign = "-" if coefficient.could_extract_minus_sign() else "+"
    size = abs(coefficient) if coefficient.is_number else (-1 if sign == "-" else 1) * coefficient
    return f"{sign} " if size == 1 else f"{sign} {number(size)} "


def modified_equation(
    order: int,
    *,
    sampling: str = "full",
    batches: sp.Expr | None = None,
    momentum: sp.Expr = 0,
    nesterov: bool = False,
) -> ModifiedEquation:
    r"""Return the field that a training method follows, in elementary differentials.

    Parameters
    ----------
    order : int
        The highest power of the step size: trees of up to ``order + 1`` vertices.
    sampling : {"full", "shuffled", "replacement"}
        As in :func:`catapult_sim.symbolic.backward_error.modified_field`. (A reversed pair
        depends on the given order of the batches and has no such form.)
    batches : sympy.Expr, optional
        The number m of minibatches, a number or a symbol; needed unless sampling is "full".
    momentum, nesterov
        As in :func:`catapult_sim.symbolic.backward_error.modified_field`.

    Returns
    -------
    ModifiedEquation
        Exact. Time is counted so that one step lasts the step size.

    Raises
    ------
    ValueError
        If an argument is unknown, missing, or does not go with the others.

    Notes
    -----
    Hairer, Lubich and Wanner 2006, section IX.9.1, for one Euler step. Gradient descent to
    order 8 (445 differentials) takes a second or two, shuffling to order 4 (357) half of one.

    Examples
    --------
    >>> print(modified_equation(3))
    eps^0: f
    eps^1: - 1/2 f'f
    eps^2: 1/3 f'f'f + 1/12 f''(f, f)
    eps^3: - 1/4 f'f'f'f - 1/12 f'f''(f, f) - 1/12 f''(f, f'f)
    >>> print(modified_equation(1, sampling="shuffled", batches=sp.Symbol("m")))
    eps^0: f
    eps^1: - 1/2 f_1'f_1
    >>> print(modified_equation(1, momentum=sp.Symbol("beta")))
    eps^0: - 1/(beta - 1) f
    eps^1: (beta + 1)/(2*(beta - 1)**3) f'f
    """
    check_method(order, sampling, ("full", "shuffled", "replacement"), momentum, nesterov)
    if sampling != "full" and batches is None:
        raise ValueError(f"{sampling} sampling needs the number of batches; got none")
    if sampling == "full":
        beta = sp.nsimplify(momentum, rational=True)
        b = series.field_coefficients(series.gradient_descent, beta, beta if nesterov else 0)
        return ModifiedEquation(series.plain_series(b, order), order)
    m = sp.sympify(batches, strict=True)
    kick = series.shuffled if sampling == "shuffled" else series.replacement(m)
    averaged = series.averaged_series(series.field_coefficients(kick), order, m)
    return ModifiedEquation(averaged, order)


def check_method(
    order: int, sampling: str, known: Sequence[str], momentum: sp.Expr, nesterov: bool
) -> None:
    """Raise a ValueError unless the arguments describe a method of training."""
    if isinstance(momentum, str):
        raise ValueError(f"momentum must be a number or a symbol; got the text {momentum!r}")
    if not isinstance(order, int) or order < 0:
        raise ValueError(f"order must be a whole number from 0 on; got {order!r}")
    if sampling not in known:
        raise ValueError(f"sampling must be one of {', '.join(known)}; got {sampling!r}")
    if sampling != "full" and (momentum != 0 or nesterov):
        raise ValueError(f"momentum needs sampling = 'full'; got sampling = {sampling!r}")
    if sp.sympify(momentum).is_number and not -1 < momentum < 1:
        raise ValueError(f"momentum must lie between -1 and 1; got {momentum}")
