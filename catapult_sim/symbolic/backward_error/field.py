r"""The modified field of backward error analysis, and its loss, where one exists.

To first order the field is minus the gradient of a modified loss, the implicit regulariser; beyond
it there is in general no loss, only the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, islice

import sympy as sp

from catapult_sim.symbolic.expressions import expanded, factored
from catapult_sim.symbolic.steps import Equation, name_apart, note, slope_of
from catapult_sim.symbolic.voices.formulas import aligned, in_latex, letters
from catapult_sim.symbolic.voices.presentation import element, spelt, written
from catapult_sim.symbolic.voices.rule import Formula
from catapult_sim.validation import InputError, require_count

Components = tuple[sp.Expr, ...]

TIME = sp.Symbol("t")


class NotAGradient(InputError):
    """Raised where the field is not a gradient, so that no modified loss exists at this order.

    Attributes
    ----------
    order : int
        The lowest power of the step size at which the curl does not vanish.
    curl : mapping of (sympy.Symbol, sympy.Symbol) to sympy.Expr
        ``curl[x, y]`` is ``d F_x / dy - d F_y / dx`` of that term, where it is not zero.
    """

    def __init__(
        self,
        order: int,
        curl: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Expr],
        method: str = "the method",
    ):
        self.order, self.curl = order, curl
        (x, y), value = next(iter(curl.items()))
        written = str(factored(value))
        size = f"= {written}" if len(written) <= 200 else "is not zero"
        super().__init__(
            f"no modified loss exists from order {order} of the step size on, since the field of "
            f"{method} turns: d F_{x} / d{y} - d F_{y} / d{x} {size}"
        )


@dataclass(frozen=True)
class ModifiedField:
    """The field ``sum over k of step_size**k terms[k]``: dw/dt in units of a step.

    Attributes
    ----------
    terms : tuple of tuples of P sympy.Expr
        ``terms[k]`` multiplies ``step_size**k`` and does not contain it.
    state : tuple of P sympy.Symbol
        The weights.
    step_size : sympy.Expr
        The learning rate.
    losses : tuple of sympy.Expr
        ``losses[k]``, for k up to 1, has the gradient ``-terms[k]``.
    method : str
        The training method, in words.
    """

    terms: tuple[Components, ...]
    state: tuple[sp.Symbol, ...]
    step_size: sp.Expr
    losses: tuple[sp.Expr, ...]
    method: str = ""

    def __repr__(self) -> str:
        """Return the method and the components, a line each."""
        # Only what is shown is factored: high orders are long.
        lines = [self._line(*component) for component in islice(self._components(), 6)]
        rest = len(self.terms) * len(self.state) - len(lines)
        more = [f"... {rest} more"] if rest else []
        return "\n    ".join([f"ModifiedField: {self.method}", *lines, *more])

    def _repr_latex_(self) -> str:
        return aligned(self.latex())

    def text(self) -> str:
        """Return the components as lines of text, each term by itself.

        Examples
        --------
        >>> from catapult_sim.symbolic.backward_error import modified_field
        >>> x, eps = sp.symbols("x eps")
        >>> print(modified_field([x**2 / 2], [x], eps).text())
        dx/dt, eps^0: -x
        dx/dt, eps^1: -x/2
        """
        return "\n".join(self._line(*component) for component in self._components())

    def _line(self, power: int, weight: sp.Symbol, component: sp.Expr) -> str:
        return f"d{weight}/dt, {self.step_size}^{power}: {component}"

    def latex(self) -> str:
        r"""Return the field as LaTeX, one weight per line.

        Examples
        --------
        >>> from catapult_sim.symbolic.backward_error import modified_field
        >>> x, eps = sp.symbols("x epsilon")
        >>> print(modified_field([x**2 / 2], [x], eps).latex())
        \frac{dx}{dt} = \left(- x\right) + \epsilon \left(- \frac{x}{2}\right)
        """
        names = letters(set().union(self.state, *(e.free_symbols for e in self.total())))
        write = partial(in_latex, letters=names)
        size, lines = write(self.step_size), dict.fromkeys(self.state, "")
        for power, weight, component in self._components():
            step = {0: "", 1: f" + {size} "}.get(power, f" + {size}^{{{power}}} ")
            lines[weight] += rf"{step}\left({write(component)}\right)"
        return "\n".join(rf"\frac{{d{write(w)}}}{{dt}} = {line}" for w, line in lines.items())

    def mathml(self) -> str:
        """Return the field as presentation MathML, one ``<math>`` element for each weight."""
        names = spelt(set().union(self.state, *(e.free_symbols for e in self.total())))
        totals = zip(self.state, (total for _, total in self.equations()), strict=True)
        rate = "<mfrac><mrow><mi>d</mi>{}</mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac><mo>=</mo>"
        return "\n".join(
            element(rate.format(names[weight]) + written(total, names)) for weight, total in totals
        )

    def formula(self) -> Formula:
        """Return the field as a formula, which code can be written of."""
        rates = dict(zip((f"d{w}/dt" for w in self.state), self.total(), strict=True))
        return Formula("modified-field", self.state, rates)

    def equations(self) -> tuple[Equation, ...]:
        """Return the rate of each weight, each power of the step size factored."""
        rates = dict.fromkeys(self.state, sp.Integer(0))
        for power, weight, component in self._components():
            rates[weight] += self.step_size**power * component
        return tuple((slope_of(w, TIME), rate) for w, rate in rates.items())

    def _components(self) -> Iterator[tuple[int, sp.Symbol, sp.Expr]]:
        """Yield power of the step size, weight and factored component of each term."""
        for power, term in enumerate(self.terms):
            for weight, component in zip(self.state, term, strict=True):
                yield power, weight, factored(component)

    def truncate(self, order: int) -> ModifiedField:
        """Return the field up to ``step_size**order``."""
        order = require_count("order", order, most=len(self.terms) - 1)
        kept = slice(order + 1)
        return replace(self, terms=self.terms[kept], losses=self.losses[kept])

    def total(self) -> Components:
        """Return the P components of the field, all terms together."""
        powers = [self.step_size**k for k in range(len(self.terms))]
        return tuple(
            sp.Add(*(power * term for power, term in zip(powers, component, strict=True)))
            for component in zip(*self.terms, strict=True)
        )

    def loss(self) -> sp.Expr:
        """Return the modified loss, of which the field is minus the gradient.

        Up to first order it always exists. Beyond, it does for one weight and for
        quadratic losses; what is not polynomial is returned as an unevaluated integral.

        Raises
        ------
        NotAGradient
            Naming the lowest order whose term has a curl, and the curl. A curl counts as
            zero if it is zero to 30 digits at a generic point.

        Examples
        --------
        >>> from catapult_sim.symbolic.backward_error import modified_field
        >>> x, y, eps = sp.symbols("x y eps")
        >>> field = modified_field([(x * y - 1) ** 2 / 2], (x, y), eps, order=2, sampling="full")
        >>> sp.factor(field.truncate(1).loss())
        (x*y - 1)**2*(eps*x**2 + eps*y**2 + 2)/4
        >>> field.loss()
        Traceback (most recent call last):
            ...
        catapult_sim.symbolic.backward_error.field.NotAGradient: no modified loss exists ...
        """
        losses = list(self.losses)
        for order in range(len(losses), len(self.terms)):
            if curl := curl_of(self.terms[order], self.state):
                raise NotAGradient(order, curl, self.method)
            losses.append(potential_of(self.terms[order], self.state))
        loss = sp.Add(*(self.step_size**k * loss for k, loss in enumerate(losses)))
        what = "The field is minus a gradient: integrate it, one weight after the other."
        note(what, (name_apart("M", self.state), loss))
        return loss


def curl_of(
    field: Sequence[sp.Expr], state: Sequence[sp.Symbol]
) -> dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]:
    """Return ``d F_x / dy - d F_y / dx`` for the pairs ``(x, y)`` where it is not zero.

    A difference counts as zero if 30 digits cancel at a generic point.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> curl_of((x * y, 0 * x), (x, y)), curl_of((x * y, x**2 / 2), (x, y))
    ({(x, y): x}, {})
    """
    return {pair: expanded(a - b) for pair, (a, b) in _unequal_slopes(field, state)}


def turns(field: Sequence[sp.Expr], state: Sequence[sp.Symbol]) -> bool:
    """Return whether a field has a curl, which is not written out: that can take minutes.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> turns((x * y, 0 * x), (x, y)), turns((x * y, x**2 / 2), (x, y))
    (True, False)
    """
    return any(True for _ in _unequal_slopes(field, state))


def _unequal_slopes(
    field: Sequence[sp.Expr], state: Sequence[sp.Symbol]
) -> Iterator[tuple[tuple[sp.Symbol, sp.Symbol], tuple[sp.Expr, sp.Expr]]]:
    """Yield the pairs ``(x, y)`` whose ``d F_x / dy`` and ``d F_y / dx`` differ, with both."""
    for (f_x, x), (f_y, y) in combinations(zip(field, state, strict=True), 2):
        slopes = f_x.diff(y), f_y.diff(x)
        if not _agree(*slopes):
            yield (x, y), slopes


def _agree(one: sp.Expr, other: sp.Expr) -> bool:
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    values = {w: sp.sqrt(sp.prime(k + 2)).evalf(60) / 3 for k, w in enumerate(symbols)}
    # A shared subexpression is evaluated once; there are many, and some are conditions.
    shared, both = sp.cse([one, other])
    for symbol, expression in shared:
        value = expression.xreplace(values)
        values[symbol] = value.evalf(60) if isinstance(value, sp.Expr) else value
    a, b = (expression.xreplace(values).evalf(60) for expression in both)
    return bool(abs(a - b) <= sp.Float("1e-30") * (abs(a) + abs(b)))


def potential_of(field: Sequence[sp.Expr], state: Sequence[sp.Symbol]) -> sp.Expr:
    """Integrate minus a field without curl, one weight after the other.

    What is not polynomial stays an unevaluated integral, which can be differentiated,
    evaluated or integrated further (``doit``) as the caller likes.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> potential_of((x * y, x**2 / 2), (x, y))
    -x**2*y/2
    >>> potential_of((sp.exp(x),), (x,))
    Integral(-exp(x), x)
    """
    loss = sp.Integer(0)
    for component, w in zip(field, state, strict=True):
        missing = expanded(-component - loss.diff(w))
        polynomial = missing.is_polynomial(*state)
        loss += sp.integrate(missing, w) if polynomial else sp.Integral(missing, w)
    return loss
