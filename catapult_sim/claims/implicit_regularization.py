r"""Smith et al. 2021: the implicit regularisation of stochastic gradient descent.

References
----------
.. [1] S. L. Smith, B. Dherin, D. Barrett and S. De, arXiv:2101.12176.
.. [2] D. Barrett and B. Dherin, arXiv:2009.11162: the modified loss of gradient descent.
.. [3] A. Ghosh, H. Lyu, X. Zhang and R. Wang, arXiv:2302.00849: that of heavy ball.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import eigsh

from catapult_sim.claims.bench import Bench
from catapult_sim.claims.on_data import unit_rate
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.batches import minibatches
from catapult_sim.numeric.convergence import convergence_order
from catapult_sim.numeric.epochs import Gradients, draws, mean_epoch
from catapult_sim.numeric.flows import flow, numeric_field
from catapult_sim.numeric.measured import Measured, mean, ratio
from catapult_sim.numeric.recovery import Recovered, recover_regularizer

if TYPE_CHECKING:
    import sympy as sp

    from catapult_sim.symbolic.backward_error import ModifiedField

__all__ = ["CLAIMS", "EXPLICIT", "LARGE", "QUANTITIES", "SMALL", "Recipe", "ends"]

Array = npt.NDArray[Any]


# How fast the error of a modified flow vanishes -----------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Losses of a few weights, one for each batch, and where epochs start."""

    losses: tuple[sp.Expr, ...]
    state: tuple[sp.Symbol, ...]
    start: Array  # (P,)

    def gradients(self) -> Gradients:
        """Compile the batch gradients, ``(..., P) -> (..., m, P)``."""
        import sympy as sp

        slopes = [loss.diff(w) for loss in self.losses for w in self.state]
        components = sp.lambdify(self.state, slopes, "numpy", cse=True)

        def gradients(weights: Array) -> Array:
            rows = components(*np.moveaxis(weights, -1, 0))
            stacked = np.stack([row + 0 * weights[..., 0] for row in rows], axis=-1)
            return stacked.reshape(*weights.shape[:-1], len(self.losses), len(self.state))

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


def modified_fields(bench: Bench, sampling: str) -> list[tuple[Problem, ModifiedField]]:
    """Derive the field of each problem to the highest order measured."""
    import sympy as sp

    from catapult_sim.symbolic.backward_error import modified_field

    def derive(problem: Problem) -> ModifiedField:
        losses, state, order = problem.losses, problem.state, ORDERS[sampling]
        return modified_field(losses, state, sp.Symbol("eps"), order=order, sampling=sampling)

    every = problems()
    fields = bench.once(("modified fields", sampling), lambda: [*map(derive, every)])
    return list(zip(every, fields, strict=True))


def epoch_of(problem: Problem, sampling: str) -> tuple[Callable[[Array, float], Array], int]:
    """Return the mean epoch of a sampling, and how many steps it takes."""
    gradients, batches = problem.gradients(), len(problem.losses)
    if sampling == "full":
        return lambda weights, step_size: weights - step_size * gradients(weights).mean(axis=-2), 1
    return mean_epoch(gradients, draws(sampling, batches)), batches


def local_order(problem: Problem, field: ModifiedField, sampling: str) -> Measured:
    """Measure the power of the step size with which the flow misses a mean epoch."""
    epoch, steps = epoch_of(problem, sampling)
    step_sizes = (0.1 if steps == 1 else 0.05) * 2.0 ** -np.arange(0, 3, 0.5)
    errors = [
        flow(numeric_field(field, h), problem.start, [0, steps * h])[-1] - epoch(problem.start, h)
        for h in step_sizes
    ]
    return convergence_order(step_sizes, np.linalg.norm(errors, axis=-1))


def worst_order(bench: Bench, order: int, sampling: str, followed: str, expected: int) -> Measured:
    """Return the slope farthest from the expected one of any problem.

    ``sampling`` and ``order`` name the field, ``followed`` the sampling whose epochs it follows.
    """
    found = [
        local_order(problem, field.truncate(order), followed)
        for problem, field in modified_fields(bench, sampling)
    ]
    return max(found, key=lambda slope: abs(slope.value - expected))


def series_error(bench: Bench) -> Measured:
    """Compare gradient descent's field in elementary differentials with the printed series."""
    from catapult_sim.symbolic.backward_error import modified_equation

    found = {str(tree): c for tree, c in modified_equation(3).coefficients.items()}
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
    from catapult_sim.symbolic.backward_error import NotAGradient

    # The curl is expanded to be printed, which takes minutes for the other problems.
    _, field = modified_fields(bench, sampling)[1]
    try:
        field.truncate(2).loss()
    except NotAGradient as refusal:
        return Measured(refusal.order, 0.0, 1)
    return Measured(math.inf, 0.0, 1)


def first_order_curl(bench: Bench, sampling: str) -> Measured:
    """Count the pairs of weights between which the first-order field has a curl."""
    from catapult_sim.symbolic.potentials import curl_of

    fields = modified_fields(bench, sampling)
    curls = [len(curl_of(field.terms[1], field.state)) for _, field in fields]
    return Measured(sum(curls), 0.0, len(curls))


# The first order, on a small network ----------------------------------------------------------


@dataclass(frozen=True)
class Batches:
    """A network of three hidden units and its batches."""

    net: MLP
    X: Array  # (m, B, d)
    y: Array  # (m, B, k)
    starts: Array  # (S, P)
    unit: float  # the learning rate at which the sharpest start has eta lambda = 1

    def gradients(self, theta: Array) -> Array:
        """Return the gradient of every batch, ``(..., P) -> (..., m, P)``."""
        return self.net.loss_and_gradient(theta[..., None, :], self.X, self.y)[1]

    def descend(self, theta: Array, step_size: float) -> Array:
        """Take a step of gradient descent on all batches."""
        stepped: Array = theta - step_size * self.gradients(theta).mean(axis=-2)
        return stepped

    def hessian_products(self, theta: Array, directions: Array) -> Array:
        """Return every batch's Hessian times its own direction, ``(..., m, P)``."""
        return self.net.loss_hessian_product(theta[..., None, :], self.X, self.y, directions)

    def descent_penalty(self, theta: Array) -> Array:
        """Return the gradient of ``|grad C|^2``, ``2 H g``, from all samples at once."""
        X, y = (a.reshape(-1, a.shape[-1]) for a in (self.X, self.y))
        gradient = self.net.loss_and_gradient(theta, X, y)[1]
        return 2 * self.net.loss_hessian_product(theta, X, y, gradient)


def small_network(bench: Bench, batches: int, batch_size: int) -> Batches:
    """Deal the first samples of the bench into batches for a small tanh network."""
    X, y = bench.samples()
    used = min(batches, len(X)), min(batch_size, max(1, len(X) // batches))
    X, y = (array[: math.prod(used)] for array in (X, y))
    net = MLP([X.shape[1], 3, y.shape[1]], activation="tanh")
    starts = net.init(rng=bench.rng("small network"), ensemble=(8,))
    unit = float(unit_rate(kernel.top_eigenvalue(net, starts, X)).min())
    return Batches(net, X.reshape(*used, -1), y.reshape(*used, -1), starts, unit)


def second_order_drift(problem: Batches, sampling: str) -> Array:
    """Average ``sum of H_j g_k over steps j after k`` over all draws of an epoch, ``(P,)``."""
    theta, m = problem.starts[0], len(problem.X)
    gradients = problem.gradients(theta)
    taken = np.eye(m)[draws(sampling, m)]  # (D, steps, m)
    earlier = np.cumsum(taken, axis=1) - taken
    pairs = np.einsum("dtj,dtk->jk", taken, earlier) / len(taken)
    return problem.hessian_products(theta, pairs @ gradients).sum(axis=0)


def identity_error(bench: Bench, sampling: str) -> Measured:
    """Compare that average with a closed form, relative to the size of its terms."""
    problem = small_network(bench, 4, 3)
    theta, m = problem.starts[0], len(problem.X)
    descent = problem.descent_penalty(theta) / 2
    every_batch = problem.hessian_products(theta, problem.gradients(theta)).sum(axis=0)
    once_each = (m**2 * descent - every_batch) / 2
    expected = m * (m - 1) / 2 * descent if sampling == "replacement" else once_each
    gap = np.linalg.norm(second_order_drift(problem, sampling) - expected)
    return Measured(float(gap / np.linalg.norm(m**2 * descent)), 0.0, len(draws(sampling, m)))


def finite_batch_error(bench: Bench) -> Measured:
    """Enumerate batches of N = 8 samples: their variance over that of single samples' mean."""
    problem = small_network(bench, 8, 1)
    gradients = problem.gradients(problem.starts[0])
    n, deviations = len(gradients), gradients - gradients.mean(axis=0)
    single = np.mean(np.sum(deviations**2, axis=-1))
    errors = []
    for size in range(1, n):
        means = [deviations[list(rows)].mean(axis=0) for rows in combinations(range(n), size)]
        ratio = size * np.mean(np.sum(np.square(means), axis=-1)) / single
        errors.append(abs(ratio / ((n - size) / (n - 1)) - 1))
    return Measured(max(errors, default=math.nan), 0.0, len(errors))


STEP_SIZES = np.array([0.02, 0.01, 0.005, 0.0025])  # times the duration, in units of 1 / lambda


def recovered(bench: Bench, sampling: str) -> Recovered:
    """Fit both coefficients of the regulariser to epochs of the small network."""

    def measure() -> Recovered:
        problem = small_network(bench, 4, 3)
        steps = 1 if sampling == "full" else len(problem.X)
        averaged = None if steps == 1 else mean_epoch(problem.gradients, draws(sampling, steps))
        epoch = averaged or problem.descend
        rates = problem.unit * STEP_SIZES / steps
        derivatives = problem.gradients, problem.hessian_products
        return recover_regularizer(epoch, *derivatives, problem.starts, rates, epoch_steps=steps)

    return bench.once(("recovered", sampling), measure)


def coefficient(bench: Bench, sampling: str, part: str) -> Measured:
    """Return one of them, ``"descent"`` or ``"variance"``."""
    found: Measured = getattr(recovered(bench, sampling), part)
    return found


def momentum_coefficient(bench: Bench, beta: float) -> Measured:
    """Fit the coefficient of ``step_size |grad C|^2`` to a step of heavy ball, after transients."""
    problem = small_network(bench, 4, 3)
    transient = math.ceil(math.log(1e-14) / math.log(beta))
    rates = problem.unit * (1 - beta) * np.array([0.004, 0.003, 0.002, 0.001])

    def coefficients(step_size: float) -> Array:
        now = before = problem.starts
        for _ in range(transient + 1):
            last, pull = now, problem.gradients(now).mean(axis=-2)
            now, before = now - step_size * pull + beta * (now - before), now
        smooth = [
            flow(lambda w: -problem.gradients(w).mean(axis=-2), start, [0, step_size / (1 - beta)])
            for start in last
        ]
        excess = (now - np.stack([path[-1] for path in smooth])) / step_size
        penalty = -problem.descent_penalty(last) / (1 - beta)
        return np.sum(excess * penalty, axis=-1) / np.sum(penalty**2, axis=-1) / step_size

    per_start = np.stack([coefficients(rate) for rate in rates])
    powers = np.vander(rates / rates[0], 3, increasing=True)
    return mean(np.linalg.lstsq(powers, per_start, rcond=None)[0][0])


# The experiment of the paper ------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: to a fixed time, learning rate times steps.

    Learning rate and regulariser are in units of ``1 / (curvature lambda_0)``: at 2 full-batch
    gradient descent would begin to be unstable, had the outputs the largest curvature that their
    loss can have.
    """

    batch_size: int
    learning_rate: float
    regularizer: float = 0.0

    @property
    def epochs(self) -> int:
        """How many epochs make up the time, 32 at batch size 16 and learning rate 1."""
        return round(2 * self.batch_size / self.learning_rate)


LARGE, SMALL = Recipe(16, 1.0), Recipe(16, 1 / 8)
EXPLICIT = Recipe(16, 1 / 8, regularizer=7 / 8)  # with what is implicit, as much as LARGE has
QUANTITIES = {
    "error": "test error",
    "loss": "test loss",
    "penalty": "mean squared batch gradient",
}


def ends(bench: Bench, recipe: Recipe) -> dict[str, Array]:
    """Train an ensemble, the same members by every recipe; return :data:`QUANTITIES`, ``(S,)``.

    NaN where there are too few samples to deal into batches.
    """
    return bench.once(("sgd", recipe), lambda: _ends(bench, recipe))


HIDDEN, SAMPLES, LARGEST_BATCH = 64, 256, 32


@np.errstate(all="ignore")  # a network that diverges has no quantities
def _ends(bench: Bench, recipe: Recipe) -> dict[str, Array]:
    seeds = bench.effort.trained
    (X, y), test = bench.split(SAMPLES, multiple_of=LARGEST_BATCH)
    if not len(X):
        return {name: np.full(seeds, np.nan) for name in QUANTITIES}
    labels = "cross_entropy" if _one_hot(y) else "squared_error"
    net = MLP([X.shape[1], HIDDEN, y.shape[1]], activation="relu", loss=labels)
    theta = net.init(rng=bench.rng("sgd network"), ensemble=(seeds,))
    unit = sgd_unit(bench, net, theta[0], X)
    epoch = len(X) // recipe.batch_size
    run = train(
        net,
        theta,
        X,
        y,
        learning_rate=recipe.learning_rate * unit,
        regularizer=recipe.regularizer * unit,
        steps=recipe.epochs * epoch,
        batches=minibatches(
            len(X),
            recipe.batch_size,
            recipe.epochs * epoch,
            sampling="shuffled",
            rng=bench.rng("sgd batches"),
            ensemble=(seeds,),
        ),
        every=epoch,
    )
    batches = (a.reshape(-1, LARGE.batch_size, a.shape[-1]) for a in (X, y))
    gradients = net.loss_and_gradient(run.state[:, None], *batches)[1]
    found = {
        "error": 1 - net.accuracy(run.state, *test),
        "loss": net.loss(run.state, *test),
        "penalty": np.mean(np.sum(gradients**2, axis=-1), axis=-1),
    }
    return {name: np.where(np.isfinite(array), array, np.nan) for name, array in found.items()}


def _one_hot(y: Array) -> bool:
    return y.shape[1] > 1 and bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def sgd_unit(bench: Bench, net: MLP, theta: Array, X: Array) -> float:
    """Return the learning rate ``1 / (curvature lambda_0)`` of the first member."""

    def measure() -> float:
        matrix = kernel.ntk(net, theta, X)
        unit_rate(matrix.trace())  # of constant data there is none, and Lanczos would not say so
        top = eigsh(matrix, 1, v0=np.ones(len(matrix)), return_eigenvectors=False)
        return float(unit_rate(top)[0] / net.loss_function.curvature)

    return bench.once("sgd unit", measure)


def excess(bench: Bench, quantity: str, recipe: Recipe) -> Measured:
    """Measure by how much a recipe ends above plain SGD at a small learning rate, in pairs."""
    return mean(ends(bench, recipe)[quantity] - ends(bench, SMALL)[quantity])


def effect_ratio(bench: Bench, quantity: str, recipe: Recipe) -> Measured:
    """Measure what a recipe changes, in units of what a large learning rate changes."""
    small = ends(bench, SMALL)[quantity]
    return ratio(*(ends(bench, one)[quantity] - small for one in (recipe, LARGE)))


# What is claimed ------------------------------------------------------------------------------

PAPER = "Smith et al. 2021"
GROUP = "implicit_regularization"
METHODS = {
    "full": "gradient descent",
    "shuffled": "shuffled batches",
    "reversed_pair": "an order and its reverse",
    "replacement": "draws with replacement",
}


def order_claims() -> Iterator[Claim]:
    """State how fast the error of the modified flow vanishes, order by order."""
    for sampling, highest in ORDERS.items():
        for order in range(highest + 1):
            yield order_claim(
                f"{sampling}-{order}",
                f"{METHODS[sampling]}: the field to order {order} misses a mean epoch by the power "
                f"{order + 2} of the step size",
                order + 2,
                partial(worst_order, order=order, sampling=sampling, followed=sampling),
            )
    for field, followed in (("full", "shuffled"), ("shuffled", "replacement")):
        yield order_claim(
            f"{followed}-1-not-{field}",
            f"{METHODS[followed]}: the first-order field of {METHODS[field]} misses a mean epoch "
            "by the power 2",
            2,
            partial(worst_order, order=1, sampling=field, followed=followed),
        )


def order_claim(name: str, text: str, slope: int, measure: Callable[..., Measured]) -> Claim:
    """State a slope, which the measurement is told to find the farthest from it."""
    return Claim(
        f"{GROUP}.order.{name}",
        f"{text} (slope, worst of 3 problems)",
        PAPER if "-1" in name else "derived here",
        constant(slope),
        partial(measure, expected=slope),
        tolerance=0.1,
        cost=2,
    )


def identity_claims() -> Iterator[Claim]:
    """State the averages that make the regulariser, on a real network."""
    closed = {
        "shuffled": ("order-average", "all orders", "(m^2 H g - sum_j H_j g_j) / 2"),
        "reversed_pair": ("reversal", "an order and its reverse", "the mean over all orders"),
        "replacement": ("replacement", "draws with replacement", "(m (m - 1) / 2) H g"),
    }
    for sampling, (name, averaged, form) in closed.items():
        yield Claim(
            f"{GROUP}.identity.{name}",
            f"sum of H_j g_k over steps j after k, averaged over {averaged}, is {form} "
            "(relative error)",
            PAPER,
            constant(0.0),
            partial(identity_error, sampling=sampling),
            tolerance=1e-10,
        )
    yield Claim(
        f"{GROUP}.finite-batch",
        "batches of B of N samples: the variance of their gradients is (N - B) / (N - 1) / B of "
        "the samples' (relative error, every batch of every size enumerated)",
        PAPER,
        constant(0.0),
        finite_batch_error,
        tolerance=1e-10,
    )


def coefficient_claims() -> Iterator[Claim]:
    """State the coefficients that runs of a small network betray."""
    for sampling, variance in (("full", 0.0), ("shuffled", 0.25), ("replacement", 0.0)):
        for part, value in (("descent", 0.25), ("variance", variance)):
            squared = {"descent": "|grad C|^2", "variance": "the batch gradients' variance"}[part]
            yield Claim(
                f"{GROUP}.coefficient.{sampling}-{part}",
                f"{METHODS[sampling]}: coefficient of {squared}, per unit of step size",
                PAPER,
                constant(value),
                partial(coefficient, sampling=sampling, part=part),
                tolerance=0.005,
                cost=3,
            )


def field_claims() -> Iterator[Claim]:
    """State what the modified field is, and where it stops being a gradient."""
    yield Claim(
        f"{GROUP}.series",
        "gradient descent's field to third order: coefficients 1/2; 1/3, 1/12; 1/4, 1/12, 1/12, 0 "
        "(largest difference)",
        "Barrett & Dherin 2021; derived here",
        constant(0.0),
        series_error,
        tolerance=1e-15,
    )
    for sampling in ("full", "shuffled"):
        claim = partial(Claim, source="derived here", tolerance=0.0, cost=2)
        yield claim(
            f"{GROUP}.curl.{sampling}-1",
            f"{METHODS[sampling]}: to first order a modified loss exists (curls found, 3 problems)",
            predict=constant(0.0),
            measure=partial(first_order_curl, sampling=sampling),
        )
        yield claim(
            f"{GROUP}.curl.{sampling}-2",
            f"{METHODS[sampling]}: at second order none does (order of the first curl, 3 weights)",
            predict=constant(2.0),
            measure=partial(curl_order, sampling=sampling),
        )
    for beta in (0.5, 0.9):
        value = (1 + beta) / (4 * (1 - beta) ** 2)
        yield Claim(
            f"{GROUP}.momentum.beta-{beta:g}",
            f"heavy ball, beta = {beta:g}: coefficient (1 + beta) / (4 (1 - beta)^2) of |grad C|^2",
            "Ghosh et al. 2023",
            constant(value),
            partial(momentum_coefficient, beta=beta),
            tolerance=0.02 * value,
            cost=3,
        )


def experiment_claims(quantity: str) -> Iterator[Claim]:
    """State what the regulariser does to networks on data, at equal time of training."""
    what = QUANTITIES[quantity]
    claim = partial(Claim, source=PAPER, cost=20)
    below = partial(claim, predict=constant(0.0), tolerance=0.0, relation="<=")
    yield below(
        f"{GROUP}.experiment.{quantity}.large",
        f"{what}: SGD at a large learning rate ends below SGD at an eighth of it (difference)",
        measure=partial(excess, quantity=quantity, recipe=LARGE),
    )
    yield below(
        f"{GROUP}.experiment.{quantity}.explicit",
        f"{what}: so does SGD at the small one with the regulariser made explicit (difference)",
        measure=partial(excess, quantity=quantity, recipe=EXPLICIT),
    )
    yield claim(
        f"{GROUP}.experiment.{quantity}.recovered",
        f"{what}: the explicit regulariser recovers what the large learning rate gains (fraction)",
        predict=constant(1.0),
        measure=partial(effect_ratio, quantity=quantity, recipe=EXPLICIT),
        tolerance=0.5,
    )
    for name, factor in (("half", 1 / 2), ("double", 2)):
        recipe = Recipe(round(16 * factor), factor)
        yield claim(
            f"{GROUP}.experiment.{quantity}.{name}-batch",
            f"{what}: {name} the learning rate with {name} the batch gains as much (fraction)",
            predict=constant(1.0),
            measure=partial(effect_ratio, quantity=quantity, recipe=recipe),
            tolerance=0.25,
        )


CLAIMS = (
    *order_claims(),
    *identity_claims(),
    *coefficient_claims(),
    *field_claims(),
    *(claim for quantity in QUANTITIES for claim in experiment_claims(quantity)),
)
