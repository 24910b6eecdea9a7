r"""Zhu et al. 2022: the quadratic model of a network catapults as the network does.

On one input: :mod:`~catapult_sim.claims.zhu2022.line`. On one sample:
:mod:`~catapult_sim.claims.zhu2022.sample`. Here, on digits.

References
----------
.. [1] L. Zhu, C. Liu, A. Radhakrishnan and M. Belkin, arXiv:2205.11787.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from catapult_sim.claims.verdict import NOTHING, Claim, constant
from catapult_sim.claims.zhu2022.line import line_claims
from catapult_sim.claims.zhu2022.runs import PAPER, bracket, end
from catapult_sim.claims.zhu2022.sample import sample_claims
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import (
    CONVERGED,
    SETTLED,
    Architecture,
    Networks,
    draw_networks,
    network_boundary,
)
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.runs.phases import Phase, classify

ON_DIGITS = (
    *(Architecture(activation, 1) for activation in ("relu", "tanh")),
    Architecture("relu", 1, centred=False),
)
CATAPULTS = np.array([2.6, 3.0, 3.4, 3.8])


def expanded(bench: Bench, architecture: Architecture) -> list[Networks]:
    """Return the quadratic models of the widest networks on data, of some of the seeds."""
    drawn = draw_networks(bench, architecture, bench.effort.hidden[1][-1])
    return [drawn[seed].expanded() for seed in range(bench.effort.seeds)]


@once
def digits_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where quadratic models on data stop converging."""
    return bracket(expanded(bench, architecture), end(bench.effort.steps)).measured


def beyond_the_model(bench: Bench, architecture: Architecture) -> Measured:
    """Compare where the network itself stops converging."""
    width = bench.effort.hidden[1][-1]
    network = network_boundary(bench, "end", architecture, width).measured
    model = digits_end(bench, architecture)
    return replace(
        network,
        value=network.value - model.value,
        error=float(np.hypot(network.error, model.error)),
    )


def final_curvature(bench: Bench, architecture: Architecture) -> Measured:
    """Measure the mean final ``eta lambda`` of catapults, at the c where it is largest."""
    rows = []
    for model in expanded(bench, architecture):
        run = model.run_at(CATAPULTS, steps=bench.effort.steps, tolerance=CONVERGED)
        scaled = CATAPULTS * model.unit * model.top_eigenvalue(run.state)
        caught = classify(run, settled=SETTLED) == Phase.CATAPULT
        rows.append(np.where(caught, scaled, np.nan))
    columns = [column[np.isfinite(column)] for column in np.array(rows).T]
    usable = [mean(column) for column in columns if len(column) > 2]
    return max(usable, key=lambda found: found.value, default=NOTHING)


def update_error(bench: Bench, printed: bool) -> Measured:
    """Compare a kernel after a step with its update, in units of the change."""
    one = expanded(bench, ON_DIGITS[0])[0]
    model, rate = TaylorModel(one.net, one.start), 3 * one.unit
    before = one.run_at(3.0, steps=3).state
    gradient = model.gradient(before, one.X, one.y)
    A, B = model.kernel_terms(before, one.X, one.y)
    change = model.kernel(before - rate * gradient, one.X) - model.kernel(before, one.X)
    update = -rate * A + rate**2 / 4 * B if printed else -rate * (A + A.T) + rate**2 * B
    return Measured(float(np.linalg.norm(update - change) / np.linalg.norm(change)), 0.0, 1)


# What is claimed ------------------------------------------------------------------------------


def digit_claims() -> Iterator[Claim]:
    """State what happens on many samples."""
    for printed, formula in (
        (False, "K' = K - eta (G J^T + J G^T) + eta^2 G G^T"),
        (True, "K' = K - (eta / 4) (4 G J^T - eta G G^T)"),
    ):
        yield Claim(
            f"quadratic_models.kernel-update{'.printed' * printed}",
            f"quadratic model on data: a step's kernel is {formula} (error over the change)",
            f"{PAPER}, section 3.2" if printed else "derived here",
            constant(0.0),
            partial(update_error, printed=printed),
            tolerance=1e-8,
        )
    for architecture in ON_DIGITS:
        group, name = f"quadratic_models.{architecture.activation}", architecture.name
        group += "" if architecture.centred else "-uncentred"
        claim = partial(Claim, source=f"{PAPER}, section 3", cost=8)
        yield claim(
            f"{group}.end",
            f"quadratic model of {name}, on data: it converges up to c = 4",
            predict=constant(4.0),
            measure=partial(digits_end, architecture=architecture),
            tolerance=0.2,
        )
        yield claim(
            f"{group}.network-end",
            f"{name}: the network stops converging where its quadratic model does (difference)",
            predict=constant(0.0),
            measure=partial(beyond_the_model, architecture=architecture),
            tolerance=0.4,
        )
        if not architecture.centred:
            continue
        yield claim(
            f"{group}.final-curvature",
            f"quadratic model of {name}: catapults end at eta lambda below 2 (worst c)",
            predict=constant(2.0),
            measure=partial(final_curvature, architecture=architecture),
            tolerance=0.05,
            relation="<=",
        )


CLAIMS = (*line_claims(), *sample_claims(), *digit_claims())
