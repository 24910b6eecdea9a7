"""The modified flow: its distance from training, and its field [Smith2021].

The modified loss of gradient descent is that of [Barrett2021].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.sources import BARRETT, DERIVED, SMITH
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.flows.epochs import Gradients, draws, mean_epoch
from catapult_sim.numeric.flows.fields import numeric_field
from catapult_sim.numeric.flows.flow import flow
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic.backward_error.field import ModifiedField


PAPER = SMITH
GROUP = "implicit_regularization"
METHODS = {
    "full": "gradient descent",
    "shuffled": "shuffled batches",
    "reversed_pair": "an order and its reverse",
    "replacement": "draws with replacement",
}

# How fast the error of a modified flow vanishes -----------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Losses of a few weights, one for each batch, and where epochs start."""

    losses: tuple[sp.Expr, ...]
    state: tuple[sp.Symbol, ...]
    start: Array  # (P,)


@cache
def gradients_of(losses: tuple[sp.Expr, ...], state: tuple[sp.Symbol, ...]) -> Gradients:
    """Compile the batch gradients, ``(..., P) -> (..., m, P)``."""
    import sympy as sp

    slopes = [loss.diff(w) for loss in losses for w in state]
    components = sp.lambdify(state, slopes, "numpy", cse=True)

    def gradients(weights: Array) -> Array:
        rows = components(*np.moveaxis(weights, -1, 0))
        stacked = np.stack([row + 0 * weights[..., 0] for row in rows], axis=-1)
        return stacked.reshape(*weights.shape[:-1], len(losses), len(state))

    return gradients


def problems() -> tuple[Problem, ...]:
    """Return three problems of 2, 3 and 4 weights, none of them quadratic."""
    import sympy as sp

    a, b, c, d = state = sp.symbols("a b c d")
    samples = [(1, 1), (-2, 0), (sp.Rational(1, 2), -1)]
    squares = [(a * sp.tanh(b * x + c) + d - y) ** 2 / 2 for x, y in samples]
    plane = ((sp.tanh(a * b) - 1) ** 2 / 2, sp.sin(a + 2 * b), (a * b - 1) ** 2 / 2)
    space = (a * b * c, (a - b**2) ** 2 / 2, (a * c - 1) ** 2 / 2 + b**3 / 3, sp.exp(a - c))
    return (
        Problem(plane, (a, b), np.array([-0.5, 0.8])),
        Problem(space, (a, b, c), np.array([0.6, -0.4, 0.7])),
        Problem(tuple(squares), state, np.array([0.9, 0.6, -0.3, 0.2])),
    )


ORDERS = {"full": 4, "shuffled": 3, "reversed_pair": 2, "replacement": 2}  # the highest measured


@once
def modified_fields(
    bench: Bench, sampling: str, order: int, repeats: int = 1
) -> list[tuple[Problem, ModifiedField]]:
    """Derive the field of each problem."""
    import sympy as sp

    from catapult_sim.symbolic.backward_error import modified_field

    def derive(problem: Problem) -> ModifiedField:
        losses, state, eps = problem.losses, problem.state, sp.Symbol("eps")
        method: dict[str, Any] = {"sampling": sampling, "repeats": repeats}
        return modified_field(losses, state, eps, order=order, **method)

    return [(problem, derive(problem)) for problem in problems()]


def epoch_of(
    gradients: Gradients, batches: int, sampling: str, repeats: int = 1
) -> tuple[Callable[[Array, float], Array], int]:
    """Return the mean epoch of a sampling, and its number of steps."""
    if sampling == "full":
        return lambda weights, step_size: weights - step_size * gradients(weights).mean(axis=-2), 1
    sequences = np.repeat(draws(sampling, batches), repeats, axis=1)
    return mean_epoch(gradients, sequences), batches * repeats


def local_order(
    problem: Problem, field: ModifiedField, sampling: str, repeats: int = 1, factor: int = 1
) -> Measured:
    """Fit the power of the step size of the distance between the flow and a mean epoch.

    The field is that of ``factor`` times the step size.
    """
    gradients = gradients_of(problem.losses, problem.state)
    epoch, steps = epoch_of(gradients, len(problem.losses), sampling, repeats)
    # The error of a field of high order reaches rounding soon; that of a low one curves for long.
    largest = (0.1 if len(field.terms) > 2 else 0.025) / repeats
    step_sizes = (largest if steps == 1 else largest / 2) * 2.0 ** -np.arange(0, 3, 0.5)
    errors = [
        flow(numeric_field(field, factor * h), problem.start, [0, steps * h])[-1]
        - epoch(problem.start, h)
        for h in step_sizes
    ]
    return convergence_order(step_sizes, np.linalg.norm(errors, axis=-1))


def worst_order(bench: Bench, order: int, sampling: str, followed: str, expected: int) -> Measured:
    """Return the slope farthest from the expected one of any problem.

    ``sampling`` and ``order`` name the field, ``followed`` the sampling whose epochs it follows.
    """
    found = [
        local_order(problem, field.truncate(order), followed)
        for problem, field in modified_fields(bench, sampling, ORDERS[sampling])
    ]
    return farthest(found, expected)


def farthest(slopes: list[Measured], expected: int) -> Measured:
    """Return the slope farthest from the expected one."""
    return max(slopes, key=lambda slope: abs(slope.value - expected))


def worst_order_in_a_row(bench: Bench, repeats: int, factor: int, expected: int) -> Measured:
    """Return that slope for several steps on each batch and the field of ``factor`` their size."""
    found = [
        local_order(problem, field, "shuffled", repeats, factor)
        for problem, field in modified_fields(bench, "shuffled", 1, repeats)
    ]
    return farthest(found, expected)


def order_claims() -> Iterator[Claim]:
    """Yield the claims on how fast the error of the modified flow vanishes, order by order."""
    claim = Claims(DERIVED, f"{GROUP}.order", kind="theorem", cost=0.65)
    worst = "(slope, worst of 3 problems)"
    for sampling, highest in ORDERS.items():
        for order in range(highest + 1):
            slope = order + 2
            measure = partial(worst_order, sampling=sampling, followed=sampling, expected=slope)
            yield claim(
                f"{sampling}-{order}",
                f"{METHODS[sampling]}: the field to order {order} misses a mean epoch by the power "
                f"{slope} of the step size {worst}",
                equals(partial(measure, order=order), slope, within=0.1),
                says=PAPER if order == 1 else None,
            )
    for field, followed in (("full", "shuffled"), ("shuffled", "replacement")):
        measure = partial(worst_order, sampling=field, followed=followed, expected=2)
        yield claim(
            f"{followed}-1-not-{field}",
            f"{METHODS[followed]}: the first-order field of {METHODS[field]} misses a mean epoch "
            f"by the power 2 {worst}",
            equals(partial(measure, order=1), 2, within=0.1),
            says=PAPER,
        )
    for steps in (2, 4):
        method = f"shuffled batches, {steps} steps in a row on each"
        for name, words, factor, slope in (
            ("", "of one step", 1, 3),
            ("-not-sum", f"of {steps} steps in one", steps, 2),
        ):
            measure = partial(worst_order_in_a_row, repeats=steps, factor=factor, expected=slope)
            yield claim(
                f"in-a-row-{steps}{name}",
                f"{method}: the first-order field with the size {words} misses a mean epoch by "
                f"the power {slope} {worst}",
                equals(measure, slope, within=0.1),
                says=PAPER.at("finite learning rates and stochasticity"),
            )


# What the field is ----------------------------------------------------------------------------


def series_error(bench: Bench) -> Measured:
    """Compare gradient descent's field in elementary differentials with the printed series."""
    from catapult_sim.symbolic.backward_error import modified_equation

    found = {str(tree): c for tree, c in modified_equation(3, sampling="full").coefficients.items()}
    every = found.keys() | PRINTED.keys()
    gaps = [abs(float(found.get(tree, 0)) - PRINTED.get(tree, 0.0)) for tree in every]
    return Measured(max(gaps), 0.0, len(gaps))


PRINTED = {
    "f": 1.0,
    "f'f": -1 / 2,
    "f'f'f": 1 / 3,
    "f''(f, f)": 1 / 12,
    "f'f'f'f": -1 / 4,
    "f'f''(f, f)": -1 / 12,
    "f''(f, f'f)": -1 / 12,
    "f'''(f, f, f)": 0.0,
}


def curl_order(bench: Bench, sampling: str) -> Measured:
    """Find the lowest order at which the field is no gradient; infinite if that is beyond 2."""
    from catapult_sim.symbolic.backward_error.field import turns

    _, field = modified_fields(bench, sampling, 2)[1]
    beyond = range(len(field.losses), len(field.terms))  # up to there a loss is known
    orders = (order for order in beyond if turns(field.terms[order], field.state))
    return Measured(next(orders, math.inf), 0.0, 1)


def first_order_curl(bench: Bench, sampling: str) -> Measured:
    """Count the nonzero components of the first-order field's curl."""
    from catapult_sim.symbolic.backward_error.field import curl_of

    fields = modified_fields(bench, sampling, 2)
    curls = [len(curl_of(field.terms[1], field.state)) for _, field in fields]
    return Measured(sum(curls), 0.0, len(curls))


def field_claims() -> Iterator[Claim]:
    """Yield the claims on the modified field, and on the order at which it is no gradient."""
    theorem = Claims(DERIVED, GROUP, kind="theorem")
    yield theorem(
        "series",
        "gradient descent's field to third order: coefficients 1/2; 1/3, 1/12; 1/4, 1/12, 1/12, 0 "
        "(largest difference)",
        equals(series_error, 0.0, within=1e-15),
        says=BARRETT,
    )
    for sampling in ("full", "shuffled"):
        yield theorem(
            f"curl.{sampling}-1",
            f"{METHODS[sampling]}: to first order a modified loss exists (curls found, 3 problems)",
            equals(partial(first_order_curl, sampling=sampling), 0.0, within=0.0),
        )
        yield theorem(
            f"curl.{sampling}-2",
            f"{METHODS[sampling]}: at second order none does (order of the first curl, 3 weights)",
            equals(partial(curl_order, sampling=sampling), 2.0, within=0.0),
        )
