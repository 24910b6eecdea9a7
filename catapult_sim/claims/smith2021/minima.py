"""Minima of the modified loss, and where SGD comes to rest on average [Smith2021].

Gradients of gradient descent's regulariser vanish where that of the loss does, so that minima
stay where they are. The regulariser of shuffled batches moves them, unless all batches have the
minimum in common. Two parabolas show it: their mean epoch is linear, so that where it rests is the
mean of SGD at the ends of epochs, and both minima are quotients of derived polynomials.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.smith2021.flow import GROUP
from catapult_sim.claims.sources import SMITH as PAPER
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array

CURVATURES = np.array([1.0, 3.0])
APART, TOGETHER = (-1, 2), (2, 2)  # the minima of the batches
STEP_SIZES = 0.05 * 2.0 ** -np.arange(6)
EPOCHS = 12_000  # all that is not at rest shrinks by exp(-4 step_size) or more in each


def rest(centres: tuple[int, int], step_size: float) -> float:
    """Return where the mean epoch of the two batches comes to rest."""

    def pull(x: Array) -> Array:
        return CURVATURES[:, None] * (x[..., None, :] - np.array(centres)[:, None])

    epoch, x = mean_epoch(pull, draws("shuffled", 2)), np.zeros(1)
    for _ in range(EPOCHS):
        before, x = x, epoch(x, step_size)
        if x == before:
            break
    return float(x[0])


def minimum(centres: tuple[int, int], step_size: float, sampling: str) -> float:
    """Return the minimum of the derived modified loss."""
    import sympy as sp

    from catapult_sim.symbolic.backward_error import modified_loss

    x, eps = sp.symbols("x eps")
    pairs = zip(CURVATURES.astype(int).tolist(), centres, strict=True)
    losses = [a * (x - centre) ** 2 / 2 for a, centre in pairs]
    (found,) = sp.solve(modified_loss(losses, (x,), eps, sampling=sampling).diff(x), x)
    return float(found.subs(eps, step_size))


def order_of_distance(bench: Bench, sampling: str) -> Measured:
    """Fit the power of the step size in the distance of rest from the minimum."""
    gaps = [abs(rest(APART, h) - minimum(APART, h, sampling)) for h in STEP_SIZES]
    return convergence_order(STEP_SIZES, np.array(gaps))


def moved(bench: Bench, centres: tuple[int, int], sampling: str) -> Measured:
    """Return how far a modified loss moves the minimum, at the largest step size."""
    loss = CURVATURES @ np.array(centres) / CURVATURES.sum()
    gap = abs(minimum(centres, STEP_SIZES[0], sampling) - loss)
    return Measured(float(gap), 0.0, 1)


def moved_rest(bench: Bench) -> Measured:
    """Return how far SGD rests from a minimum that its batches have in common."""
    return Measured(abs(rest(TOGETHER, STEP_SIZES[0]) - TOGETHER[0]), 0.0, 1)


def minimum_claims() -> Iterator[Claim]:
    """Yield the claims on minima of the modified loss."""
    claim = Claims(PAPER, f"{GROUP}.minimum", kind="theorem", cost=0.3)
    for name, sampling, whose, slope in (
        ("modified", "shuffled", "the modified loss", 2),
        ("loss", "full", "the loss", 1),
    ):
        yield claim(
            name,
            f"two parabolas, shuffled: SGD rests on average at the minimum of {whose}, up to the "
            f"power {slope} of the step size (slope)",
            equals(partial(order_of_distance, sampling=sampling), slope, within=0.1),
        )
    yield claim(
        "full",
        "gradient descent's modified loss has the minimum of the loss (distance)",
        equals(partial(moved, centres=APART, sampling="full"), 0.0, within=1e-12),
    )
    yield claim(
        "interpolated",
        "so has that of SGD where all batches have it in common (distance)",
        equals(partial(moved, centres=TOGETHER, sampling="shuffled"), 0.0, within=1e-12),
    )
    yield claim("at-rest", "and there SGD rests (distance)", equals(moved_rest, 0.0, within=1e-12))
