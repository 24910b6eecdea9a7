"""Iterate a rule or a step over an ensemble, and record its loss and other quantities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.memory import Limit
from catapult_sim.numeric.runs.strides import (
    announced,
    iterate_in_strides,
    require_state,
    run_bytes,
)
from catapult_sim.numeric.runs.trajectory import ESCAPE, Trajectory, require_quantities
from catapult_sim.printing import counted
from catapult_sim.types import Array, Every, Progress, Quantities
from catapult_sim.validation import (
    InputError,
    ensemble_shape,
    require_count,
    require_instance,
    require_reals,
    require_result,
    shown,
)

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic import Update

Function = Callable[..., Array]

# Names of parameters besides their symbols.
_WORDS = {"learning_rate": "eta"}


def iterate(
    rule: Update | Function,
    state: npt.ArrayLike,
    *parameters: npt.ArrayLike,
    steps: int,
    loss: sp.Expr | Function | None = None,
    observe: Quantities | None = None,
    every: Every = 1,
    tolerance: float = 0.0,
    escape: float = ESCAPE,
    state_ndim: int = 1,
    progress: Progress | bool | None = None,
    memory_limit: Limit = None,
    **named: npt.ArrayLike,
) -> Trajectory:
    """Apply a rule up to ``steps`` times to every member of an ensemble.

    Parameters
    ----------
    rule : Update or callable
        A derived rule; or a step ``(state (N, S), *parameters (N,)) -> next state (N, S)``.
        A step returns the next state and nothing else.
    state : array_like, shape (..., S)
        The initial states.
    *parameters, **named : array_like
        Constant along a run, such as learning rates. Their shapes and that
        of the state's leading axes broadcast to the shape of the ensemble. Those of an Update
        are given by name or in its order; ``learning_rate`` is another word for ``eta``.
        Those of a step are given in its order.
    steps : int
        How many updates; losses are recorded at steps 0 to ``steps``.
    loss : sympy.Expr or callable, optional
        By default that of the Update. An expression in the symbols of the Update, or a function
        ``(state (N, S), *parameters (N,)) -> (N,)``. Without any, no loss is recorded, members
        diverge when their state is no longer finite, and by default the state is observed.
    observe : mapping of str to callable
        Quantities ``state (N, S) -> (N, ...)`` measured at the steps of ``every``.
    every : int or sequence of int
        Multiples of this step, or a list of steps, such as ``[0, 1, 3, 10]``. The loss is recorded
        at every step.
    tolerance : float
        A member has converged when its loss is at most this fraction of its start.
    escape : float
        A member has diverged when its loss exceeds this multiple of its start.
    state_ndim : int
        How many trailing axes make up one member's state.
    progress : callable, bool or None
        A function that is called with the number of steps just taken, summed over members. By
        default a bar appears after two seconds on a terminal or in a notebook; False: never.
    memory_limit : float, str or None
        Memory that the run may take, without what the rule allocates: bytes, or a size such as
        "6GB"; by default half of what is free.

    Returns
    -------
    Trajectory
        With the key ``"loss"`` and those of ``observe``.

    Raises
    ------
    InputError
        If the parameters are not those of the rule, a step returns more than the next state, or
        the run exceeds the memory limit.

    Examples
    --------
    A derived rule, its runs, their phases:

    >>> from catapult_sim.numeric.runs.phases import Phase, classify
    >>> from catapult_sim.symbolic import linear_net
    >>> rule = linear_net.sample_map()
    >>> run = iterate(rule, [1.0, 2.0], learning_rate=[0.5, 1.5, 2.1], n=1e6, steps=300)
    >>> [Phase(phase).name for phase in classify(run)]
    ['LAZY', 'CATAPULT', 'DIVERGENT']

    A step of one's own:

    >>> def descend(x, rate):
    ...     return x * (1 - rate[:, None])
    >>> run = iterate(descend, [1.0], [0.5, 3.0], loss=lambda x, rate: x[:, 0] ** 2 / 2, steps=2)
    >>> print(run.values["loss"])
    [[0.5     0.5    ]
     [0.125   2.     ]
     [0.03125 8.     ]]
    """
    state = require_state(state)
    if not callable(rule):
        _fits(require_rule(rule), state)
    step, of_state = _functions(rule, loss)
    if callable(rule) and named:
        raise InputError(
            f"a step takes its parameters in its order; got {', '.join(named)} (a derivation is a "
            "function that returns its rule, such as sample_map())"
        )
    rates = parameters if callable(rule) else parameters_of(rule, parameters, named)
    measure = of_state or _finite
    if of_state is None and observe is None:
        observe = {"state": lambda now: now}
    begin = state.astype(float, copy=False)
    constant = tuple(require_reals("each parameter", rate) for rate in rates)
    seen, steps = require_quantities(observe), require_count("steps", steps)
    if begin.ndim < require_count("state_ndim", state_ndim, 1):
        raise InputError(f"state must have {state_ndim} axes or more; got shape {begin.shape}")
    required = run_bytes(begin, constant, steps, seen, state_ndim=state_ndim)
    members = math.prod(ensemble_shape(begin, constant, state_ndim))
    with announced(members, steps, required, memory_limit, progress) as tell:
        run = iterate_in_strides(
            lambda now, *rates, first, count: (step(now, *rates), measure(now, *rates)[None]),
            state,
            *rates,
            steps=steps,
            longest=1,
            observe=seen,
            every=every,
            tolerance=tolerance if of_state else 0.0,
            escape=escape,
            state_ndim=state_ndim,
            tell=tell,
        )
    if of_state:
        return run
    return replace(run, values={name: v for name, v in run.values.items() if name != "loss"})


def _fits(rule: Update, state: Array) -> None:
    """Raise InputError where a state is not that of a rule."""
    variables = len(rule.entrywise().state)
    if state.shape[-1:] != (variables,):
        raise InputError(
            f"{rule.name} requires a state of shape (..., {variables}); got shape {state.shape}"
        )


def _functions(
    rule: Update | Function, loss: sp.Expr | Function | None
) -> tuple[Function, Function | None]:
    """Return the step and, where there is one, the loss as functions of state and parameters."""
    if callable(rule):
        if not (loss is None or callable(loss)):
            raise InputError(
                f"the loss of a step must be a function of its state; got {shown(loss)}"
            )
        return _alone(rule), loss and _one_each(loss)
    loss = rule.loss if loss is None else loss
    if loss is None or callable(loss):
        return rule.numpy(), loss and _one_each(loss)
    import sympy as sp

    described = "a function, or an expression in its symbols"
    return rule.numpy(), rule.numpy_quantity(require_instance("loss", loss, sp.Expr, described))


def _one_each(loss: Function) -> Function:
    """Return a loss that raises InputError where it is not one number for each member."""
    return lambda state, *rates: require_result("loss", loss(state, *rates), len(state))


def _alone(step: Function) -> Function:
    """Return a step that raises InputError where it returns more than the next state."""

    def checked(state: Array, *parameters: Array) -> Array:
        following = step(state, *parameters)
        if isinstance(following, tuple):
            raise InputError(
                "a step must return the next state alone, its loss be given as loss=; got a tuple"
            )
        return require_result("a step", following, *state.shape)

    return checked


def _finite(state: Array, *_: Array) -> Array:
    """Return 1 where a state is finite, else infinity: the loss where none is given."""
    finite = np.isfinite(state).all(axis=tuple(range(1, state.ndim)))
    return np.where(finite, 1.0, np.inf)


def require_rule(rule: Any) -> Update:
    """Return a rule, or raise InputError."""
    from catapult_sim.symbolic import Update

    return require_instance("rule", rule, Update, "an Update, such as Update.descent returns")


def parameter_names(rule: Update) -> list[str]:
    """Return the names of a rule's parameters in its order, blocks entry by entry."""
    return [str(symbol) for symbol in rule.entrywise().parameters]


def by_symbol(names: Sequence[str], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by their symbols, ``learning_rate`` being another word for ``eta``."""
    return {name if name in names else _WORDS.get(name, name): v for name, v in named.items()}


def parameters_of(
    rule: Update, parameters: Sequence[npt.ArrayLike], named: Mapping[str, Any]
) -> tuple[npt.ArrayLike, ...]:
    """Return the parameters of a rule in its order, some given in order and others by name.

    Examples
    --------
    >>> from catapult_sim.symbolic import linear_net
    >>> parameters_of(linear_net.sample_map(), [], {"n": 100, "learning_rate": 0.1})
    (0.1, 100)
    """
    names = parameter_names(rule)
    given = dict(zip(names, parameters, strict=False)) | by_symbol(names, named)
    if len(parameters) + len(named) != len(names) or set(given) != set(names):
        got = ", ".join([*("a value" for _ in parameters), *named]) or "none"
        raise InputError(
            f"{rule.name} requires the {counted(len(names), 'parameter')} "
            f"{', '.join(names) or '(none)'}, in this order or by name; got {got}"
        )
    return tuple(given[name] for name in names)
