"""Networks on digits and their quadratic models [Zhu2022]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.sources import DERIVED
from catapult_sim.claims.zhu2022.runs import PAPER, bracket, end
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import (
    CATAPULTS,
    Networks,
    draw_networks,
    ends_at,
    largest_mean,
    network_boundary,
)
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.numeric.runs.measured import Measured

ON_DIGITS = (Architecture("relu", 1), Architecture("tanh", 1), Architecture("relu", 1, "pixel"))
SMALLER = "32 of the 8x8 digits, widths up to 1024"


def expanded(bench: Bench, architecture: Architecture) -> list[Networks]:
    """Return the quadratic models of the widest networks on data, one per seed."""
    drawn = draw_networks(bench, architecture, bench.effort.hidden[1][-1])
    return [drawn[seed].expanded() for seed in range(bench.effort.seeds)]


@once
def digits_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where quadratic models on data stop converging."""
    return bracket(expanded(bench, architecture), end(bench.effort.steps)).measured


def beyond_the_model(bench: Bench, architecture: Architecture) -> Measured:
    """Return c where the network stops converging minus that of its quadratic model."""
    width = bench.effort.hidden[1][-1]
    network = network_boundary(bench, "end", architecture, width).measured
    model = digits_end(bench, architecture)
    return replace(
        network,
        value=network.value - model.value,
        error=float(np.hypot(network.error, model.error)),
    )


def final_curvature(bench: Bench, architecture: Architecture) -> Measured:
    """Return the mean final ``eta lambda`` of catapults, at the c where it is largest."""
    ends = [ends_at(bench, model, CATAPULTS) for model in expanded(bench, architecture)]
    return largest_mean(*map(np.array, zip(*ends, strict=True)))


def update_error(bench: Bench, printed: bool) -> Measured:
    """Return the error of the kernel's update formula, relative to the kernel's change."""
    one = expanded(bench, ON_DIGITS[0])[0]
    model, rate = TaylorModel(one.net, one.start), 3 * one.unit
    before = one.run_at(3.0, steps=3).state
    gradient = model.gradient(before, one.X, one.y)
    A, B = model.kernel_terms(before, one.X, one.y)
    change = model.kernel(before - rate * gradient, one.X) - model.kernel(before, one.X)
    update = -rate * A + rate**2 / 4 * B if printed else -rate * (A + A.T) + rate**2 * B
    return Measured(float(np.linalg.norm(update - change) / np.linalg.norm(change)), 0.0, 1)


def update_claims() -> Iterator[Claim]:
    """Yield the claims on the kernel's update, as derived and as printed."""
    claim = Claims(DERIVED, "quadratic_models", "quadratic model on data")
    yield claim(
        "kernel-update",
        "a step's kernel is K' = K - eta (G J^T + J G^T) + eta^2 G G^T (error over the change)",
        equals(partial(update_error, printed=False), 0.0, within=1e-8),
        kind="theorem",
    )
    yield claim(
        "kernel-update.printed",
        "a step's kernel is K' = K - (eta / 4) (4 G J^T - eta G G^T) (error over the change)",
        equals(
            partial(update_error, printed=True),
            0.0,
            within=1e-8,
            because="none but rounding: an equation as printed",
        ),
        says=PAPER.at("section 3.2"),
    )


def network_claims(architecture: Architecture) -> Iterator[Claim]:
    """Yield the claims on where a network and its quadratic model stop converging."""
    group = f"quadratic_models.{architecture.activation}{architecture.suffix}"
    name = architecture.name
    claim = Claims(
        PAPER.at("section 3"), group, reduced=SMALLER, cost=5, given={"architecture": architecture}
    )
    yield claim(
        "end",
        f"quadratic model of {name}, on data: it converges up to c = 4",
        equals(digits_end, 4.0, within=0.2, because="a twentieth of the 4 that is stated"),
    )
    yield claim(
        "network-end",
        f"{name}: the network stops converging where its quadratic model does (difference)",
        equals(beyond_the_model, 0.0, within=0.4, because="a tenth of 4: the same, in figures"),
    )
    if architecture.inputs == "global":
        yield claim(
            "final-curvature",
            f"quadratic model of {name}: catapults end at eta lambda below 2 (worst c)",
            at_most(final_curvature, 2.0, within=0.05, because="runs stop at 1e-4 of their loss"),
        )


def digit_claims() -> Iterator[Claim]:
    """Yield the claims on networks on digits."""
    yield from update_claims()
    for architecture in ON_DIGITS:
        yield from network_claims(architecture)
