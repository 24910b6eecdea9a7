r"""Stationary and transient variances of SGD and its averages on quadratic minibatch losses.

They solve the equations of :mod:`~catapult_sim.symbolic.minibatch.moments`, in units of the
variance of the minima c; ``a = eta h``.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.minibatch.moments import (
    MOMENTS,
    a,
    averaged_moments,
    c,
    heavy_ball_moments,
    nesterov_moments,
    sgd_moments,
    stationary,
    step,
    x,
    y,
)
from catapult_sim.symbolic.steps import note, remembered
from catapult_sim.symbolic.update import Update

g, j, t = sp.symbols("g j t", integer=True, nonnegative=True)
k, m = sp.symbols("k m", integer=True, positive=True)
V = sp.Symbol("V", positive=True)
r = sp.Symbol("r", positive=True)  # 1 - a
w, Q = sp.symbols("w Q", positive=True)  # of an epoch: the weight of a minimum, and its variance

VARIANCE = {
    "V": "variance, in units of that of the minibatches' minima",
    "a_eff": "the a at which SGD has this variance",
    **MOMENTS,
    "m": "batches of an epoch",
    "k": "iterates averaged",
    "g": "steps between the two iterates",
    "r": "1 - a",
    "w": "weight of a minimum at the end of its epoch",
    "Q": "the variance that an epoch adds",
    "j": "steps between two iterates",
    "t": "steps since the start",
    "mu": "mean of the iterate, in units of its start",
}


def _stationary_variance(rule: Update, variable: sp.Symbol) -> sp.Expr:
    return stationary(rule)[sp.Symbol(f"V_{variable}{variable}")]


@remembered
def _variance_of_iterates() -> sp.Expr:
    return _stationary_variance(sgd_moments(), x)


def _answer(what: str, variance: sp.Expr) -> sp.Expr:
    note(what, (V, variance))
    return variance


@derivation("variance-sgd", symbols=VARIANCE)
@remembered
def sgd_variance() -> sp.Expr:
    """Derive the stationary variance of the iterates, for ``0 < a < 2``.

    Examples
    --------
    >>> print(sgd_variance())
    -a/(a - 2)
    """
    return _answer("This is the variance of the iterates.", _variance_of_iterates())


@derivation("variance-heavy-ball", symbols=VARIANCE)
@remembered
def heavy_ball_variance() -> sp.Expr:
    """Derive the stationary variance under heavy ball, for ``0 < a < 2 (1 + beta)``.

    Examples
    --------
    >>> print(heavy_ball_variance())
    a*(beta + 1)/((beta - 1)*(a - 2*beta - 2))
    """
    return _answer(
        "This is the variance of the iterates.", _stationary_variance(heavy_ball_moments(), x)
    )


@derivation("variance-nesterov", symbols=VARIANCE)
@remembered
def nesterov_variance() -> sp.Expr:
    """Derive the stationary variance under Nesterov momentum.

    It holds for ``0 < a (1 + 2 beta) < 2 (1 + beta)``.
    """
    return _answer(
        "This is the variance of the iterates.", _stationary_variance(nesterov_moments(), x)
    )


@derivation("variance-ema", symbols=VARIANCE)
@remembered
def ema_variance() -> sp.Expr:
    """Derive the stationary variance of an exponential moving average, decay gamma."""
    return _answer(
        "This is the variance of the average.", _stationary_variance(averaged_moments(), y)
    )


@remembered
def mean_after() -> sp.Expr:
    """Derive the mean after t steps, in units of the start: also a covariance at lag t.

    Examples
    --------
    >>> print(mean_after())
    (1 - a)**t
    """
    mu = sp.Function("mu")
    rule = sgd_moments()
    image = rule.next[0].subs(rule.state[0], mu(t))
    mean = sp.rsolve(mu(t + 1) - image, mu(t), {mu(0): 1})
    note(
        "The mean decays geometrically, and so does the covariance of two iterates.", (mu(t), mean)
    )
    return mean


@cache
def variance_after() -> sp.Expr:
    """Derive the variance after t steps from variance V, at a constant learning rate."""
    spread, rule = sp.Function("v"), sgd_moments()
    image = rule.next[1].subs(rule.state[1], spread(t))
    solution = sp.rsolve(spread(t + 1) - image, spread(t), {spread(0): V})
    return sgd_variance() + (1 - a) ** (2 * t) * sp.factor(solution.subs(t, 0) - sgd_variance())


@derivation("variance-two-point", symbols=VARIANCE)
@remembered
def two_point_variance() -> sp.Expr:
    """Derive the stationary variance of the mean of two iterates, g steps apart.

    Examples
    --------
    >>> print(two_point_variance())
    -a*((1 - a)**g + 1)/(2*(a - 2))
    """
    mean = _variance_of_iterates() * (1 + mean_after().subs(t, g)) / 2
    _answer("The mean of two iterates has half their variance plus half their covariance.", mean)
    return _answer("Collect.", sp.factor(mean))


@derivation("variance-swa", symbols=VARIANCE)
@remembered
def swa_variance() -> sp.Expr:
    """Derive the stationary variance of the mean of k successive iterates."""
    once, covariance = (
        _variance_of_iterates().subs(a, 1 - r),
        mean_after().subs(t, j).subs(a, 1 - r),
    )
    pairs = (k - j) * covariance
    note(
        "Among k iterates, k - j pairs lie j steps apart: add up their covariances.",
        (r, 1 - a),
        (V, once * (k + 2 * sp.Sum(pairs, (j, 1, k - 1))) / k**2),
    )
    return _answer("Sum the series.", _in_a(once * (k + 2 * _summed(pairs, 1, k - 1)) / k**2))


@cache
def growing_mean() -> sp.Expr:
    """Derive the mean of the mean of iterates 0 to t, in units of the start."""
    return _in_a(_summed(r**j, 0, t) / (t + 1))


@cache
def growing_variance() -> sp.Expr:
    """Derive the variance of the mean of iterates 0 to t, of which the first is known.

    A minimum c that was drawn s steps ago influences the last ``s + 1`` iterates.
    """
    held = _summed(_response(t).subs(a, 1 - r), 0, j - 1)
    return _in_a(_summed(sp.expand(held**2), 1, t) / (t + 1) ** 2)


@derivation("variance-shuffled", symbols=VARIANCE)
@remembered
def shuffled_variance() -> sp.Expr:
    """Derive the stationary variance at the ends of epochs that visit m batches once each.

    The minima of the batches are a fixed set. Any two that an epoch visits are
    anticorrelated, by ``-1 / (m - 1)``, because all of them add up to zero.

    Examples
    --------
    Two powers of a smaller than for independent batches, whose variance is ``a / 2`` at small a:

    >>> V = shuffled_variance()
    >>> print(sp.factor(sp.series(V.subs(m, 4), a, 0, 4).removeO()))
    5*a**3/6
    """
    kept = _response(t).subs(a, 1 - r)
    squares, total = _summed(sp.expand(kept**2), 0, m - 1), _summed(kept, 0, m - 1)
    age = (t, 0, m - 1)
    note(
        "The minimum drawn t steps before the end of an epoch is left with this coefficient.",
        (r, 1 - a),
        (w, kept),
    )
    note(
        "An epoch adds this variance: minima are anticorrelated, since all of them add up to zero.",
        (Q, (m * sp.Sum(kept**2, age) - sp.Sum(kept, age) ** 2) / (m - 1)),
    )
    noise = (m * squares - total**2) / (m - 1)
    note("Sum the series.", (Q, noise))
    note(
        "Each epoch shrinks what was there before, and adds as much again.",
        (V, r ** (2 * m) * V + Q),
    )
    return _answer("Solve for the variance.", _in_a(noise / (1 - r ** (2 * m))))


def _response(age: sp.Expr) -> sp.Expr:
    """Return the coefficient, in an iterate, of the c drawn ``age`` steps before its last one."""
    return sp.diff(step().next[0], c) * mean_after().subs(t, age)


def _summed(term: sp.Expr, first: sp.Expr, last: sp.Expr) -> sp.Expr:
    """Sum a term with powers of r over its index, for ``r != 1``."""
    index = j if j in term.free_symbols else t
    total = sp.summation(term, (index, first, last))
    return total.replace(sp.Piecewise, lambda *branches: branches[-1][0])


def _in_a(expression: sp.Expr) -> sp.Expr:
    return sp.factor(expression).subs(r, 1 - a)
