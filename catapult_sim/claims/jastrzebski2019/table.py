"""The table of Nudged-SGD: how fast, how sharp, how far, how accurate, by gamma, K and momentum.

All rows train equally long, at one learning rate, from the same starts and by the same batches.
Nothing is chosen by a validation set, so that there is no column of one. Curvature, loss and
accuracies are means over the last epochs; Frobenius norm of the Hessian and distance from the
start are of the last parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from catapult_sim.claims.claim import Claim, measured
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.nudged import LAST_EPOCHS, final_curvature, halving_time
from catapult_sim.claims.jastrzebski2019.paper import on_images
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.curvature.spectrum import trace
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array

PROBES = 8  # the norm is then known to a few percent, less than networks differ by


class Row(NamedTuple):
    """A row of the table; gamma of 1 is SGD."""

    gamma: float = 1.0
    k: int = runs.K
    momentum: float = 0.0

    @property
    def name(self) -> str:
        """The row in an id."""
        if self.gamma == 1:
            return f"momentum-{self.momentum:g}" if self.momentum else "sgd"
        return f"gamma-{self.gamma:g}" + (f"-k-{self.k}" if self.k != runs.K else "")

    @property
    def words(self) -> str:
        """The row in words."""
        if self.gamma == 1:
            return f"SGD with momentum {self.momentum:g}" if self.momentum else "SGD"
        return f"gamma = {self.gamma:g} along K = {self.k}"


SGD = Row()
GAMMAS = tuple(Row(gamma) for gamma in runs.GAMMAS if gamma != 1)
DIRECTIONS = tuple(Row(0.01, k) for k in (1, 3, 10, 20))
ROWS = (SGD, *GAMMAS, *DIRECTIONS, Row(momentum=0.9))
COLUMNS = {
    "halving": "steps to half the training loss (the last step where it never is)",
    "loss": "final training loss",
    "curvature": "final curvature",
    "frobenius": "Frobenius norm of the final Hessian",
    "distance": "distance from the start",
    "train": "training accuracy",
    "test": "test accuracy",
}


@once
def columns(bench: Bench, loss: str, row: Row) -> dict[str, Array]:
    """Return the :data:`COLUMNS` of a row, ``(S,)`` each."""
    run, given = runs.nudged(bench, loss, *row), runs.nudged_problem(bench, loss)
    late = {name: values[-LAST_EPOCHS:].mean(axis=0) for name, values in run.values.items()}
    rng = bench.rng("frobenius")
    return {
        "halving": halving_time(run),
        "loss": late["loss"],
        "curvature": final_curvature(run),
        "frobenius": np.array([_frobenius(given, theta, rng) for theta in run.state]),
        "distance": np.linalg.norm(run.state - given.theta, axis=-1),
        "train": late["train_accuracy"],
        "test": late["accuracy"],
    }


def _frobenius(given: runs.Problem, theta: Array, rng: np.random.Generator) -> float:
    """Return the root of the sum of squares of the Hessian's entries, the trace of its square."""
    if not np.isfinite(theta).all():
        return float("nan")
    product = given.net.at(theta, *given.train).hessian_product
    squared = trace(lambda v: product(product(v)), probes=PROBES, size=len(theta), rng=rng)
    return float(np.sqrt(squared.value))


def entry(bench: Bench, loss: str, row: Row, column: str) -> Measured:
    """Return the mean of a column over networks."""
    return mean(columns(bench, loss, row)[column])


def table_claims(loss: str) -> Iterator[Claim]:
    """Yield the findings, a row and column each."""
    claim = on_images(loss)
    for row in ROWS:
        for column, words in COLUMNS.items():
            yield claim(
                f"nudged.table.{row.name}.{column}",
                f"{row.words}: {words}",
                measured(partial(entry, row=row, column=column)),
                cost=0.5,
            )
