r"""The modified equation of a training method, as one formula for all losses.

It is written in elementary differentials of ``f = -grad C``:
``f - (eps/2) f'f + eps^2 (f'f'f / 3 + f''(f, f) / 12) + ...`` for gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import sympy as sp

from catapult_sim.symbolic.backward_error import series
from catapult_sim.symbolic.backward_error.series import Coefficients, FieldCoefficients
from catapult_sim.symbolic.backward_error.trees import Tree, partitions, trees
from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.steps import is_recorded, later, name_apart, note, slope_of
from catapult_sim.types import Progress
from catapult_sim.validation import InputError, require_flag, require_one_of, shown

FIELD = {
    "eps": "step size",
    "f": "minus the gradient of the loss; f', f'' its derivatives",
    "f_1": "that of one minibatch, terms being averaged over all of them",
    "f_k": "that of the minibatch of the step",
    "b": "coefficients of the field",
    "m": "batches of an epoch",
    "beta": "momentum",
    "w": "weights",
    "z": "weights a step before",
    "t": "time, eps times the number of steps",
}
SAMPLINGS = {
    "shuffled": "shuffled mini-batches, mean epoch",
    "full": "gradient descent, full batch",
    "reversed_pair": "mini-batches in the given order or its reverse, mean epoch",
    "replacement": "mini-batches drawn with replacement, mean epoch",
}
"""Training methods, by the name of their sampling; the first is the default."""
BATCHES = sp.Symbol("m")
EPS = sp.Symbol("eps")
HIGHEST_ORDER = {
    **{"full": 10, "shuffled": 5, "reversed_pair": 5, "replacement": 4},
    **{"momentum": 7, "repeats": 4},
}
"""The highest order of each sampling, with momentum, and with several steps on each batch."""


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
    method : str
        The training method, in words.
    """

    coefficients: Mapping[Tree, sp.Expr]
    order: int
    method: str

    def __str__(self) -> str:
        return f"{self.method}\n{self.text()}"

    def text(self) -> str:
        """Return the equation as plain text, one line for each power of the step size."""
        return "\n".join(f"eps^{k}: {self._written(k, str, str)}" for k in range(self.order + 1))

    def latex(self) -> str:
        r"""Return the equation as LaTeX, one line for each power of the step size.

        Examples
        --------
        >>> print(modified_equation(2, sampling="full").latex())
        \dot w = f
        + \varepsilon \left(- \frac{1}{2} f' f\right)
        + \varepsilon^{2} \left(\frac{1}{3} f' f' f + \frac{1}{12} f''\left(f, f\right)\right)
        """
        written = [self._written(k, sp.latex, Tree.latex) for k in range(self.order + 1)]
        steps = ["", r"\varepsilon", *(rf"\varepsilon^{{{k}}}" for k in range(2, len(written)))]
        first, *others = zip(steps, written, strict=False)
        lines = [rf"\dot w = {first[1]}"]
        return "\n".join(lines + [rf"+ {step} \left({sum_}\right)" for step, sum_ in others])

    def sum(self) -> sp.Expr:
        """Return the field as an expression in eps, with a symbol for each differential."""
        return sp.Add(
            *(
                EPS ** (tree.order - 1) * coefficient * sp.Symbol(str(tree))
                for tree, coefficient in self.coefficients.items()
            )
        )

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


@derivation(
    "modified-equation",
    symbols=FIELD,
    options=("order", "sampling", "batches", "repeats", "momentum", "nesterov"),
)
def modified_equation(
    order: int = 2,
    *,
    sampling: str = "shuffled",
    batches: sp.Expr = BATCHES,
    repeats: sp.Expr = 1,
    momentum: sp.Expr = 0,
    nesterov: bool = False,
    progress: Progress | None = None,
) -> ModifiedEquation:
    r"""Derive the field that a training method follows, in elementary differentials.

    Parameters
    ----------
    order : int
        The highest power of the step size: trees of up to ``order + 1`` vertices. At most 10 for
        full batches, 5 for shuffled ones, 4 with replacement or repeats, 7 with momentum.
    sampling : {"shuffled", "full", "replacement"}
        As in :func:`catapult_sim.symbolic.backward_error.modified_field`. (A reversed pair
        depends on the given order of the batches and has no such form.)
    batches : sympy.Expr
        The number m of minibatches, a number or a symbol.
    repeats, momentum, nesterov
        As in :func:`catapult_sim.symbolic.backward_error.modified_field`.
    progress : callable, optional
        Called with the number of coefficients that have been found since the last call.

    Returns
    -------
    ModifiedEquation
        Exact. Time is counted so that one step lasts the step size.

    Raises
    ------
    InputError
        If an argument is unknown, does not go with the others, or the order is too high.

    Notes
    -----
    [Hairer2006], section IX.9.1, for one Euler step. Gradient descent to
    order 8 (445 differentials) takes a second or two, shuffling to order 4 (357) half of one.

    Examples
    --------
    >>> print(modified_equation(3, sampling="full"))
    gradient descent, full batch
    eps^0: f
    eps^1: - 1/2 f'f
    eps^2: 1/3 f'f'f + 1/12 f''(f, f)
    eps^3: - 1/4 f'f'f'f - 1/12 f'f''(f, f) - 1/12 f''(f, f'f)
    >>> print(modified_equation(1))
    shuffled mini-batches, mean epoch
    eps^0: f
    eps^1: - 1/2 f_1'f_1
    >>> print(modified_equation(1, repeats=sp.Symbol("n")))
    shuffled mini-batches, mean epoch, n steps in a row on each batch
    eps^0: f
    eps^1: - 1/2 f_1'f_1
    >>> print(modified_equation(1, sampling="full", momentum=sp.Symbol("beta")))
    heavy ball, momentum beta, full batch
    eps^0: - 1/(beta - 1) f
    eps^1: (beta + 1)/(2*(beta - 1)**3) f'f
    """
    known = ("shuffled", "full", "replacement")
    check_method(order, sampling, known, momentum, nesterov, repeats)
    repeats = require_expression("repeats", repeats)
    method = describe_method(sampling, momentum, nesterov, repeats)
    beta = sp.nsimplify(momentum, rational=True)
    w = name_apart("w", beta.free_symbols)
    note(f"Each step of the method ({method}):", (later(w), step_of(sampling, beta, nesterov)))
    if sampling == "full":
        b = series.field_coefficients(series.gradient_descent, beta, beta if nesterov else 0)
        found = series.plain_series(told(b, progress), order)
    else:
        m = require_expression("batches", batches)
        visit = series.in_a_row(series.shuffled, repeats)
        kick = visit if sampling == "shuffled" else series.replacement(m, visit)
        b = series.field_coefficients(kick, duration=repeats)
        found = series.averaged_series(told(b, progress), order, m)
    equation = ModifiedEquation(found, order, method)
    if is_recorded():
        patterns = (_patterns(size, sampling) for size in range(1, order + 2))
        every = dict.fromkeys(tree for some in patterns for tree in some)
        note_matching(b, list(every), sampling)
        averaged = "" if sampling == "full" else "average over the batches, and "
        what = f"Divide by the symmetry of each differential, {averaged}add up.".capitalize()
        note(what, (slope_of(w, sp.Symbol("t")), equation.sum()))
    return equation


def _patterns(vertices: int, sampling: str) -> Iterator[Tree]:
    """Yield the trees with a number of vertices, over all ways to repeat batches in them."""
    for tree in trees(vertices):
        for pattern in partitions(vertices) if sampling != "full" else [(-1,) * vertices]:
            yield tree.painted([batch + 1 for batch in pattern])


def note_matching(b: FieldCoefficients, every: Sequence[Tree], sampling: str) -> None:
    """Note the equation of each coefficient, and its solution."""
    names = [sp.Symbol(f"b({tree})") for tree in every]
    span = "a step" if sampling == "full" else "an epoch, on average over the orders of its batches"
    note(
        "Look for a field whose flow passes through the same points: a sum of differentials of f, "
        f"each with a coefficient b. Expand flow and method over {span}: the coefficients of each "
        "differential must agree.",
        *(b.equation(tree, name) for tree, name in zip(every, names, strict=True)),
    )
    note(
        "Solve for the coefficients, from the shortest differential on.",
        *((name, b(tree)) for tree, name in zip(every, names, strict=True)),
    )


def told(b: Coefficients, progress: Progress | None) -> Coefficients:
    """Return coefficients that tell when one of them is found for the first time."""

    @cache
    def found(tree: Tree) -> sp.Expr:
        coefficient = b(tree)
        if progress is not None:
            progress(1)
        return coefficient

    return found


def describe_method(
    sampling: str = "shuffled", momentum: sp.Expr = 0, nesterov: bool = False, repeats: sp.Expr = 1
) -> str:
    """Return a training method in a few words.

    Examples
    --------
    >>> describe_method()
    'shuffled mini-batches, mean epoch'
    >>> describe_method("full", sp.Symbol("beta"))
    'heavy ball, momentum beta, full batch'
    >>> describe_method("shuffled", repeats=4)
    'shuffled mini-batches, mean epoch, 4 steps in a row on each batch'
    """
    if momentum == 0:
        return SAMPLINGS[sampling] + _in_a_row(repeats)
    return f"{'Nesterov' if nesterov else 'heavy ball'}, momentum {momentum}, full batch"


def _in_a_row(repeats: sp.Expr) -> str:
    return "" if repeats == 1 else f", {repeats} steps in a row on each batch"


def step_of(sampling: str, momentum: sp.Expr, nesterov: bool) -> sp.Expr:
    """Return the weights after a step of a training method, in the weights w and those before, z.

    Examples
    --------
    >>> step_of("shuffled", 0, False)
    eps*f_k(w) + w
    """
    taken = sp.sympify(momentum).free_symbols
    w, z, eps = (name_apart(name, taken) for name in ("w", "z", "eps"))
    field = sp.Function("f" if sampling == "full" else "f_k")
    moved = momentum * (w - z)
    return w + eps * field(w + moved if nesterov else w) + moved


def check_method(
    order: int,
    sampling: str,
    known: Iterable[str],
    momentum: sp.Expr = 0,
    nesterov: bool = False,
    repeats: sp.Expr = 1,
) -> None:
    """Raise InputError unless the arguments describe a method of training."""
    momentum = require_expression("momentum", momentum)
    if not isinstance(order, int) or order < 0:
        raise InputError(f"order must be a whole number from 0 on; got {shown(order)}")
    require_one_of("sampling", sampling, tuple(known))
    require_flag("nesterov", nesterov)
    if sampling != "full" and (momentum != 0 or nesterov):
        raise InputError(f"momentum needs sampling = 'full'; got sampling = {sampling!r}")
    if momentum.is_number and not -1 < momentum < 1:
        raise InputError(f"momentum must lie between -1 and 1; got {momentum}")
    repeats = require_expression("repeats", repeats)
    if repeats.is_number and not (repeats.is_integer and repeats >= 1):
        raise InputError(f"repeats must be an integer of at least 1, or a name; got {repeats}")
    if sampling == "full" and repeats != 1:
        raise InputError(f"repeats needs minibatches; got sampling = 'full', repeats = {repeats}")
    highest = HIGHEST_ORDER[
        "momentum" if momentum != 0 else "repeats" if repeats != 1 else sampling
    ]
    if order > highest:
        method = describe_method(sampling, momentum, repeats=repeats)
        raise InputError(
            f"order must be at most {highest} for {method}: "
            f"a higher one takes minutes to hours; got {order}"
        )
