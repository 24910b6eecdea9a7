"""The losses of fixed batches along lines through a trajectory on digits [Sandler2023]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, at_most, equals
from catapult_sim.claims.sandler2023.digits import GAP, Experiment, experiment, on_digits
from catapult_sim.experiments.batch_losses import (
    OneStep,
    concave_share,
    loss_along,
    one_step,
    quadratic_fit,
)
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array

FIXED_BATCH = 32
SHAPE = "a twentieth: a departure from the shape that a figure would show"
LINES = {
    "step": "along its own gradient step, to twice the best learning rate",
    "later": f"from an iterate to that {GAP} steps later",
    "between": "from one iterate to the next",
}
TRIED = 2.0 ** np.arange(-6, 10, 0.25)


def fixed_batches(bench: Bench, found: Experiment, seen: bool) -> tuple[Array, Array]:
    """Draw a batch for every network, from the training or the test data."""
    X, y = found.train if seen else found.test
    rng = bench.rng(f"fixed batches {'seen' if seen else 'unseen'}")
    rows = rng.integers(len(X), size=(len(found.start), FIXED_BATCH))
    return X[rows], y[rows]


@once
def one_large_step(bench: Bench, loss: str, seen: bool) -> OneStep:
    """Return the best gradient step on a batch, with the test data as other data."""
    found = experiment(bench, loss)
    batch = fixed_batches(bench, found, seen)
    return one_step(found.net, found.start, batch, found.test, found.rate * TRIED)


def lines(bench: Bench, loss: str, line: str, seen: bool = True) -> tuple[Array, Array]:
    """Return positions and losses ``(n, S)`` of fixed batches along one of :data:`LINES`.

    Positions go from 0 to 1; along the gradient step, to 2 in units of the best learning rate.
    """
    found, step = experiment(bench, loss), one_large_step(bench, loss, seen)
    batch = fixed_batches(bench, found, seen)
    gradient = found.net.loss_and_gradient(found.start, *batch)[1]
    direction, end = {
        "step": (-step.rate[:, None] * gradient, 2.0),
        "later": (found.last - found.start, 1.0),
        "between": (found.following - found.start, 1.0),
    }[line]
    positions = np.linspace(0, end, 21)[:, None] + np.zeros(len(found.start))
    return positions, loss_along(found.net, found.start, direction, positions, *batch)


def misfit(bench: Bench, loss: str, line: str) -> Measured:
    """Return 1 - R^2 of the parabola through a batch's losses along a line."""
    return mean(1 - quadratic_fit(*lines(bench, loss, line)).goodness)


def concavity(bench: Bench, loss: str, line: str) -> Measured:
    """Return the share of negative second differences of a batch's losses along a line."""
    return mean(concave_share(lines(bench, loss, line)[1]))


def share_left(bench: Bench, loss: str) -> Measured:
    """Return a batch's loss after its best single step, over its loss before."""
    step = one_large_step(bench, loss, seen=True)
    return mean(step.batch_after / step.batch_before)


def fall_of_others(bench: Bench, loss: str) -> Measured:
    """Return by how much a batch's best step lowers the loss of test data."""
    step = one_large_step(bench, loss, seen=True)
    return mean(step.others_before - step.others_after)


def batch_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on the losses of fixed batches on digits."""
    claim = on_digits(loss, f", batches of {FIXED_BATCH}")
    for line, what in LINES.items():
        yield claim(
            f"quadratic.{line}",
            f"the loss is quadratic {what} (1 - R^2)",
            equals(partial(misfit, line=line), 0.0, within=0.05, because=SHAPE),
        )
        yield claim(
            f"convex.{line}",
            f"the loss is convex {what} (share of negative second differences)",
            equals(partial(concavity, line=line), 0.0, within=0.05, because=SHAPE),
        )
    yield claim(
        "one-step",
        "one large step leaves at most a tenth of a batch's loss (share left)",
        at_most(share_left, 0.1, because='"very low": ours, the paper gives no number'),
    )
    yield claim(
        "one-step-others",
        "that step does not lower the loss of other data, as in the model (fall)",
        at_most(fall_of_others, 0.0),
    )
