r"""Updates of the mean and the covariance of iterates on quadratic minibatch losses [Sandler2023].

Along an eigenvector of the Hessian a minibatch has the loss ``h (x - c)^2 / 2``; its minimum c is
drawn anew at every step, with mean zero and variance one. A step is linear in the iterates and
in c, so that mean and covariance obey linear equations too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations_with_replacement

import sympy as sp

from catapult_sim.symbolic.catalogue import derivation
from catapult_sim.symbolic.expressions import require_expression
from catapult_sim.symbolic.steps import concluded, later, next_state, note, slope_of
from catapult_sim.symbolic.update import Update
from catapult_sim.validation import require_flag, require_instance

a, h, eta = sp.symbols("a h eta", positive=True)
beta, gamma = sp.symbols("beta gamma", nonnegative=True)
x, z, y, c, L = sp.symbols("x z y c L", real=True)

REFERENCE = "Sandler et al. 2023, arXiv:2301.02312"
NOTATION = {beta: r"\beta", gamma: r"\gamma"}

MOMENTS = {
    "a": "eta h, learning rate times curvature",
    "eta": "learning rate",
    "h": "curvature",
    "L": "a minibatch's loss",
    "x": "the iterate",
    "z": "the iterate before",
    "y": "the average of the iterates",
    "c": "a minibatch's minimum, of mean zero and variance one",
    "beta": "momentum",
    "gamma": "decay of the average",
    "mu_x": "mean of the iterate x",
    "mu_y": "mean of the average y",
    "mu_z": "mean of the iterate before, z",
    "V_xx": "variance of x, in units of that of the minibatches' minima",
    "V_xy": "covariance of x and y",
    "V_xz": "covariance of x and z",
    "V_yy": "variance of y",
    "V_zz": "variance of z",
}


def step(momentum: sp.Expr | float = 0, *, nesterov: bool = False) -> Update:
    r"""Derive a step of stochastic gradient descent on quadratic minibatch losses.

    Parameters
    ----------
    momentum : number or sympy.Expr
        Its symbols become parameters.
    nesterov : bool
        The gradient is taken ahead, at ``x + momentum (x - z)``.

    Returns
    -------
    Update
        State ``(x, z)``, an iterate and the one before, or ``(x,)`` without momentum;
        parameters ``(a, c)`` and those of the momentum.

    Examples
    --------
    >>> print(step().latex())
    x_{t+1} = - a \left(- c + x_{t}\right) + x_{t}
    """
    momentum = require_expression("momentum", momentum)
    require_flag("nesterov", nesterov)
    ahead = x + momentum * (x - z)
    place = ahead if nesterov else x
    loss = h * (x - c) ** 2 / 2
    slope = sp.factor(sp.diff(loss, x))
    note("The loss of a minibatch is a parabola, whose minimum is drawn anew.", (L, loss))
    note("Differentiate it.", (slope_of("L", x), slope))
    gradient = slope.subs(x, place)
    following = ahead - (eta * gradient).subs(eta, a / h)
    symbols = sorted(momentum.free_symbols, key=str)
    state, images = ((x, z), (following, x)) if momentum != 0 else ((x,), (following,))
    note("Take one step.", (a, eta * h), *next_state(state, images))
    return Update("minibatch-step", state, (a, c, *symbols), images, REFERENCE, NOTATION)


def averaged_step(rule: Update) -> Update:
    """Extend a rule by the exponential moving average ``y <- gamma y + (1 - gamma) x``.

    Examples
    --------
    >>> averaged_step(step()).state
    (x, y)
    """
    require_instance("rule", rule, Update, "an Update, as step returns")
    average = gamma * y + (1 - gamma) * rule.next[0]
    note("Average the iterates exponentially.", (later(y), average))
    return Update(
        f"averaged-{rule.name}",
        (*rule.state, y),
        (*rule.parameters, gamma),
        (*rule.next, average),
        rule.reference,
        NOTATION,
    )


def moments(rule: Update) -> Update:
    """Derive the update of the mean and the covariance of a rule's state, where c is random.

    Parameters
    ----------
    rule : Update
        Linear in its state and in ``c``.

    Returns
    -------
    Update
        Its state is the means ``mu_x, ...``, then the variances and covariances
        ``V_xx, V_xy, ...``; its parameters are those of the rule but for ``c``.

    Examples
    --------
    >>> print(*moments(step()).next)
    mu_x*(1 - a) V_xx*(a - 1)**2 + a**2
    """
    require_instance("rule", rule, Update, "an Update, as step returns")
    places = range(len(rule.state))
    matrix = sp.Matrix(rule.next).jacobian(sp.Matrix(rule.state))
    noise = sp.Matrix(rule.next).diff(c)
    mean = sp.Matrix([sp.Symbol(f"mu_{one}", real=True) for one in rule.state])
    pairs = list(combinations_with_replacement(places, 2))
    names = {pair: sp.Symbol("V_" + "".join(str(rule.state[i]) for i in pair)) for pair in pairs}
    covariance = sp.Matrix(len(places), len(places), lambda i, j: names[min(i, j), max(i, j)])
    spread = matrix * covariance * matrix.T + noise * noise.T
    means, spreads = tuple(matrix * mean), tuple(spread[pair] for pair in pairs)
    note(
        "Take the mean: the step is linear, and the minima have mean zero.",
        *next_state(tuple(mean), means),
    )
    note(
        "Take variances and covariances: the minimum has variance one, whatever the past.",
        *next_state(tuple(names.values()), spreads),
    )
    return concluded(
        "Collect.",
        Update(
            rule.name.replace("step", "moments"),
            (*mean, *names.values()),
            tuple(symbol for symbol in rule.parameters if symbol != c),
            tuple(map(_tidy, (*means, *spreads))),
            rule.reference,
            {**rule.notation, **{symbol: _indexed(symbol) for symbol in (*mean, *names.values())}},
        ),
    )


def _tidy(expression: sp.Expr) -> sp.Expr:
    """Collect an expression that is linear in means and covariances."""
    moment = [s for s in expression.free_symbols if s.name.startswith(("mu_", "V_"))]
    return sp.collect(sp.expand(expression), sorted(moment, key=str), sp.factor)


def _indexed(symbol: sp.Symbol) -> str:
    letter, _, index = symbol.name.partition("_")
    return f"{{{letter.replace('mu', chr(92) + 'mu')}^{{{index}}}}}"


@derivation("minibatch-sgd", symbols=MOMENTS)
def sgd_moments() -> Update:
    """Derive mean and variance of SGD's iterates on quadratic minibatch losses."""
    return replace(moments(step()), name="minibatch-sgd")


@derivation("minibatch-heavy-ball", symbols=MOMENTS)
def heavy_ball_moments() -> Update:
    """Derive mean and covariance of heavy ball's iterates on quadratic minibatch losses."""
    return replace(moments(step(beta)), name="minibatch-heavy-ball")


@derivation("minibatch-nesterov", symbols=MOMENTS)
def nesterov_moments() -> Update:
    """Derive mean and covariance of Nesterov's iterates on quadratic minibatch losses."""
    return replace(moments(step(beta, nesterov=True)), name="minibatch-nesterov")


@derivation("minibatch-averaged", symbols=MOMENTS)
def averaged_moments() -> Update:
    """Derive mean and covariance of SGD's iterates and their exponential moving average."""
    return replace(moments(averaged_step(step())), name="minibatch-averaged")


def stationary(rule: Update) -> Mapping[sp.Symbol, sp.Expr]:
    """Solve for the stationary mean and covariance of a rule for moments.

    Parameters
    ----------
    rule : Update
        As :func:`moments` returns it.

    Returns
    -------
    mapping of symbol to sympy.Expr

    Examples
    --------
    >>> print(*stationary(sgd_moments()).values())
    0 -a/(a - 2)
    """
    require_instance("rule", rule, Update, "an Update, as moments returns")
    equations = [new - old for new, old in zip(rule.next, rule.state, strict=True)]
    note("In the stationary state they do not change.", *zip(rule.state, rule.next, strict=True))
    (solution,) = sp.linsolve(equations, rule.state)
    solved = dict(zip(rule.state, map(sp.factor, solution), strict=True))
    note("Solve these linear equations.", *solved.items())
    return solved
