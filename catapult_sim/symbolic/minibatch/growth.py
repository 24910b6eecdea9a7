r"""How SGD's outputs grow on orthogonal samples: moments, typical growth and thresholds.

Where a network is wide and the kernel ``J J^T`` of the m samples is diagonal, a batch of b samples,
drawn with replacement, multiplies the output of a sample by ``1 - a C / b``: C is how often the
batch holds the sample, a random number, and a the learning rate times the sample's entry of the
kernel. Matrices of all batches commute, so that growth rates are closed forms: cases with which
:mod:`catapult_sim.numeric.random_products` is checked.
"""

from __future__ import annotations

import sympy as sp

from catapult_sim.symbolic.minibatch.moments import a
from catapult_sim.symbolic.minibatch.variances import m
from catapult_sim.validation import InputError, require_count

b = sp.Symbol("b", integer=True, positive=True)
q = sp.Symbol("q", positive=True)
s, C = sp.symbols("s C", real=True)


def moment_factor(power: int) -> sp.Expr:
    """Derive the mean of ``(1 - a C / b)^power``, by which a step multiplies an even moment.

    Parameters
    ----------
    power : int
        Even, at least 2.

    Raises
    ------
    InputError
        Where it is not.

    Examples
    --------
    >>> print(sp.factor(moment_factor(2).subs({b: 1, a: 2})))
    1
    """
    if require_count("power", power, 2, 100) % 2:
        raise InputError(f"power must be even, as moments without absolute values are; got {power}")
    # Derivatives of the mean of exp(s C) by s, at 0, are the moments of C.
    generating = (1 - 1 / m + sp.exp(s) / m) ** b
    mean = sp.Integer(0)
    for (j,), coefficient in sp.Poly((1 - a * C / b) ** power, C).terms():
        mean += coefficient * sp.diff(generating, s, j).subs(s, 0)
    return sp.collect(sp.expand(mean), a, sp.factor)


def mean_square_threshold() -> sp.Expr:
    """Derive the a at which the second moment of SGD's outputs begins to grow.

    It is 2 for batches of one sample, and 2 m, the threshold of full batches, for large ones.

    Examples
    --------
    >>> print(mean_square_threshold())
    2*b*m/(b + m - 1)
    """
    (end,) = sp.solve(sp.cancel((moment_factor(2) - 1) / a), a)
    return sp.factor(end)


def moment_growth() -> sp.Expr:
    """Derive the growth rate of every moment, for batches of one of the orthogonal samples.

    Examples
    --------
    >>> print(moment_growth())
    log((m + Abs(a - 1)**q - 1)/m)
    """
    return sp.log(sp.together((m - 1 + sp.Abs(1 - a) ** q) / m))


def typical_growth() -> sp.Expr:
    """Derive the typical growth, the Lyapunov exponent, for batches of one orthogonal sample.

    Examples
    --------
    >>> print(typical_growth())
    log(Abs(a - 1))/m
    """
    return sp.simplify(sp.diff(moment_growth(), q).subs(q, 0))
