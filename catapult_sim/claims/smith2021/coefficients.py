"""The coefficients of the implicit regulariser, on a small network [Smith2021].

That of gradient descent is from [Barrett2021], that of heavy ball from [Ghosh2023].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.smith2021.flow import GROUP, METHODS, epoch_of
from catapult_sim.claims.sources import GHOSH
from catapult_sim.claims.sources import SMITH as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import draw
from catapult_sim.mlp.network import Network
from catapult_sim.numeric.flows.epochs import draws
from catapult_sim.numeric.flows.flow import flow
from catapult_sim.numeric.flows.recovery import Recovered, recover_regularizer
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array


@dataclass(frozen=True)
class Batches:
    """A network of three hidden units and its batches."""

    net: Network
    X: Array  # (m, B, d)
    y: Array  # (m, B, k)
    starts: Array  # (S, P)
    unit: float  # the learning rate at which the sharpest start has eta lambda = 1

    def gradients(self, theta: Array) -> Array:
        """Return the gradient of every batch, ``(..., P) -> (..., m, P)``."""
        return self.net.loss_and_gradient(theta[..., None, :], self.X, self.y)[1]

    def hessian_products(self, theta: Array, directions: Array) -> Array:
        """Return every batch's Hessian times its own direction, ``(..., m, P)``."""
        return self.net.loss_hessian_product(theta[..., None, :], self.X, self.y, directions)

    def descent_penalty(self, theta: Array) -> Array:
        """Return the gradient of ``|grad C|^2``, ``2 H g``, from all samples at once."""
        X, y = (a.reshape(-1, a.shape[-1]) for a in (self.X, self.y))
        gradient = self.net.loss_and_gradient(theta, X, y)[1]
        return 2 * self.net.loss_hessian_product(theta, X, y, gradient)


def small_network(bench: Bench, batches: int, batch_size: int) -> Batches:
    """Return a small tanh network, with the bench's first samples in batches."""
    X, y = bench.samples()
    used = min(batches, len(X)), min(batch_size, max(1, len(X) // batches))
    X, y = (array[: math.prod(used)] for array in (X, y))
    drawn = draw((X, y), [3], rng=bench.rng("small network"), ensemble=(8,), activation="tanh")
    unit = float(drawn.at_lambda_0().unit.min())
    return Batches(drawn.net, X.reshape(*used, -1), y.reshape(*used, -1), drawn.start, unit)


# Averages over draws --------------------------------------------------------------------------


def second_order_drift(problem: Batches, sampling: str) -> Array:
    """Average ``sum of H_j g_k over steps j after k`` over all draws of an epoch, ``(P,)``."""
    theta, m = problem.starts[0], len(problem.X)
    gradients = problem.gradients(theta)
    taken = np.eye(m)[draws(sampling, m)]  # (D, steps, m)
    earlier = np.cumsum(taken, axis=1) - taken
    pairs = np.einsum("dtj,dtk->jk", taken, earlier) / len(taken)
    return problem.hessian_products(theta, pairs @ gradients).sum(axis=0)


def identity_error(bench: Bench, sampling: str) -> Measured:
    """Compare :func:`second_order_drift` with its closed form, relative to its terms' size."""
    problem = small_network(bench, 4, 3)
    theta, m = problem.starts[0], len(problem.X)
    descent = problem.descent_penalty(theta) / 2
    every_batch = problem.hessian_products(theta, problem.gradients(theta)).sum(axis=0)
    once_each = (m**2 * descent - every_batch) / 2
    expected = m * (m - 1) / 2 * descent if sampling == "replacement" else once_each
    gap = np.linalg.norm(second_order_drift(problem, sampling) - expected)
    return Measured(float(gap / np.linalg.norm(m**2 * descent)), 0.0, len(draws(sampling, m)))


def finite_batch_error(bench: Bench) -> Measured:
    """Compare the variance of all batches of N = 8 samples with its closed form."""
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


def identity_claims() -> Iterator[Claim]:
    """Yield the claims on the averages in the regulariser, on a real network."""
    theorem = Claims(PAPER, GROUP, kind="theorem", cost=0.1)
    closed = {
        "shuffled": ("order-average", "all orders", "(m^2 H g - sum_j H_j g_j) / 2"),
        "reversed_pair": ("reversal", "an order and its reverse", "the mean over all orders"),
        "replacement": ("replacement", "draws with replacement", "(m (m - 1) / 2) H g"),
    }
    for sampling, (name, averaged, form) in closed.items():
        yield theorem(
            f"identity.{name}",
            f"sum of H_j g_k over steps j after k, averaged over {averaged}, is {form} "
            "(relative error)",
            equals(partial(identity_error, sampling=sampling), 0.0, within=1e-10),
        )
    yield theorem(
        "finite-batch",
        "batches of B of N samples: the variance of their gradients is (N - B) / (N - 1) / B of "
        "the samples' (relative error, every batch of every size enumerated)",
        equals(finite_batch_error, 0.0, within=1e-10),
    )


# Coefficients fitted to runs ------------------------------------------------------------------


STEP_SIZES = np.array([0.02, 0.01, 0.005, 0.0025])  # times the duration, in units of 1 / lambda


@once
def recovered(bench: Bench, sampling: str, repeats: int) -> Recovered:
    """Fit both coefficients of the regulariser to epochs of the small network."""
    problem = small_network(bench, 4, 3)
    epoch, steps = epoch_of(problem.gradients, len(problem.X), sampling, repeats)
    return recover_regularizer(
        epoch,
        problem.gradients,
        problem.hessian_products,
        problem.starts,
        problem.unit * STEP_SIZES / steps,
        epoch_steps=steps,
    )


def coefficient(bench: Bench, sampling: str, part: str, repeats: int = 1) -> Measured:
    """Return a fitted coefficient, ``"descent"`` or ``"variance"``."""
    found: Measured = getattr(recovered(bench, sampling, repeats), part)
    return found


def coefficient_claims() -> Iterator[Claim]:
    """Yield the claims on the coefficients fitted to runs of a small network."""
    theorem = Claims(PAPER, f"{GROUP}.coefficient", kind="theorem", cost=0.2)
    squared = {"descent": "|grad C|^2", "variance": "the batch gradients' variance"}
    for sampling, variance in (("full", 0.0), ("shuffled", 0.25), ("replacement", 0.0)):
        for part, value in (("descent", 0.25), ("variance", variance)):
            yield theorem(
                f"{sampling}-{part}",
                f"{METHODS[sampling]}: coefficient of {squared[part]}, per unit of step size",
                equals(partial(coefficient, sampling=sampling, part=part), value, within=0.005),
            )
    for part, words in squared.items():
        measure = partial(coefficient, sampling="shuffled", part=part, repeats=4)
        yield theorem(
            f"in-a-row-4-{part}",
            f"shuffled batches, 4 steps in a row on each: coefficient of {words}, per unit of the "
            "size of one",
            equals(measure, 0.25, within=0.005),
            says=PAPER.at("finite learning rates and stochasticity"),
        )


def momentum_coefficient(bench: Bench, beta: float) -> Measured:
    """Fit the coefficient of ``step_size |grad C|^2`` to a step of heavy ball, after transients."""
    problem = small_network(bench, 4, 3)
    rates = problem.unit * (1 - beta) * np.array([0.002, 0.0015, 0.001, 0.0005])
    per_start = np.stack([heavy_ball_coefficients(problem, rate, beta) for rate in rates])
    powers = np.vander(rates / rates[0], 3, increasing=True)
    return mean(np.linalg.lstsq(powers, per_start, rcond=None)[0][0])


def heavy_ball_coefficients(problem: Batches, step_size: float, beta: float) -> Array:
    """Project a step minus the flow on the gradient of ``|grad C|^2``; return ``(S,)``."""
    last, now = after_transients(problem, step_size, beta)
    duration = step_size / (1 - beta)
    smooth = [
        flow(lambda w: -problem.gradients(w).mean(axis=-2), start, [0, duration])[-1]
        for start in last
    ]
    excess = (now - np.stack(smooth)) / step_size
    penalty = -problem.descent_penalty(last) / (1 - beta)
    return np.sum(excess * penalty, axis=-1) / np.sum(penalty**2, axis=-1) / step_size


def after_transients(problem: Batches, step_size: float, beta: float) -> tuple[Array, Array]:
    """Return weights before and after a step of heavy ball, once ``beta**t`` is below 1e-14."""
    now = before = problem.starts
    for _ in range(math.ceil(math.log(1e-14) / math.log(beta)) + 1):
        last, pull = now, problem.gradients(now).mean(axis=-2)
        now, before = now - step_size * pull + beta * (now - before), now
    return last, now


def momentum_claims() -> Iterator[Claim]:
    """Yield the claims on the coefficient of heavy ball."""
    theorem = Claims(GHOSH, f"{GROUP}.momentum", kind="theorem", cost=0.2)
    for beta in (0.5, 0.9):
        value = (1 + beta) / (4 * (1 - beta) ** 2)
        yield theorem(
            f"beta-{beta:g}",
            f"heavy ball, beta = {beta:g}: coefficient (1 + beta) / (4 (1 - beta)^2) of |grad C|^2",
            equals(partial(momentum_coefficient, beta=beta), value, within=0.02 * value),
        )
