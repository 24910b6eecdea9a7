"""Where convergence ends for variants of activations and of training [Lewkowycz2020].

``c_act`` is the learning rate ``c = eta lambda_0`` at which a network on digits stops converging.
A variant changes one thing of full-batch gradient descent in the NTK parametrisation, and is
compared with it seed by seed. Activations of one kind are claimed to behave alike.

The paper says that c_act depends strongly on the activation and weakly on the rest; that L2,
parametrisation and SGD do not move the phases, unless noise dominates, which makes them smaller;
and that momentum should move them up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals, negated
from catapult_sim.claims.lewkowycz2020.paper import ENDS, PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import (
    SETTLED,
    Architecture,
    Networks,
    Search,
    draw,
    draw_networks,
)
from catapult_sim.mlp.losses import squared_error
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, rise
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array

RANGE, GRID, PRECISION, STEPS = (1.0, 40.0), 12, 0.03, 150
DEPTHS = (1, 2)


@dataclass(frozen=True)
class Variant:
    """The differences from full-batch gradient descent in the NTK parametrisation."""

    name: str
    words: str
    network: Mapping[str, Any] = field(default_factory=dict, hash=False)
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)
    batches: int = 1  # of an epoch


PLAIN = Variant("plain", "full-batch gradient descent")
VARIANTS = (
    Variant("sgd-half", "SGD, half of the samples in a batch", batches=2),
    Variant("sgd-eighth", "SGD, an eighth of the samples in a batch", batches=8),
    Variant("l2", "L2 of 1e-4", network={"weight_decay": 1e-4}),
    Variant("standard", "standard parametrisation", network={"parametrization": "standard"}),
    Variant("momentum", "heavy ball, beta = 0.9", training={"optimizer": HeavyBall(0.9)}),
)


@once
def c_act(bench: Bench, architecture: Architecture, variant: Variant = PLAIN) -> Boundary:
    """Bracket where convergence ends for every seed."""
    width = bench.effort.varied[architecture.depth]
    drawn = draw_networks(bench, architecture, width, dtype="float32", **variant.network)
    stop: dict[str, Any] = {"steps": STEPS, "tolerance": 1e-3, **variant.training}
    stop["observe"] = {"error": partial(error, drawn)}
    if variant.batches > 1:
        size, members = len(drawn.X) // variant.batches, (bench.effort.members,)
        rng = bench.rng("variant batches")
        stop["batches"] = minibatches(len(drawn.X), size, STEPS, rng=rng, ensemble=members)

    def side(run: Trajectory) -> Array:
        """Decide by the loss on the data, without that of the weights."""
        return divergence(replace(run, values={"loss": run.values["error"]}), settled=SETTLED)

    how = Search(*RANGE, side, stop)
    return drawn.bracket(how, grid=GRID, tolerance=PRECISION)


def error(networks: Networks, theta: Array) -> Array:
    """Return the loss of the data, without that of the weights."""
    outputs = networks.net.forward(theta, networks.X)[0]
    return squared_error(outputs, networks.y)[0]


def end(bench: Bench, architecture: Architecture) -> Measured:
    """Find c_act of full-batch gradient descent."""
    return c_act(bench, architecture).measured


def ratio(above: Boundary, below: Boundary) -> Measured:
    """Return log2 of the ratio of two boundaries, seed by seed."""
    found = mean(np.log2(above.centres / below.centres), PRECISION / math.log(2))
    return replace(found, at_least=above.measured.at_least)


def depth_ratio(bench: Bench, activation: str) -> Measured:
    """Return log2 of c_act with two hidden layers over c_act with one."""
    shallow, deep = (c_act(bench, Architecture(activation, depth)) for depth in DEPTHS)
    return ratio(deep, shallow)


def shift(bench: Bench, activation: str, variant: Variant) -> Measured:
    """Return log2 of c_act of a variant over that of full-batch gradient descent."""
    architecture = Architecture(activation, DEPTHS[-1])
    return ratio(c_act(bench, architecture, variant), c_act(bench, architecture))


# Softmax cross-entropy, in units of 1 / (curvature lambda_0) ----------------------------------


def classifiers(bench: Bench, activation: str) -> Networks:
    """Draw networks that classify ten digits by cross-entropy."""
    data, _ = bench.split(bench.effort.samples, draw="classifiers")
    drawn = draw(
        data,
        [bench.effort.varied[2]] * 2,
        rng=bench.rng("classifier"),
        ensemble=(bench.effort.members,),
        activation=activation,
        loss="cross_entropy",
        dtype="float32",
    )
    return drawn.at_lambda_0(drawn.net.loss_function.curvature)


def classifier_rise(bench: Bench, activation: str) -> Measured:
    """Find where the loss of cross-entropy first rises."""
    how = Search(1.0, 400.0, rise, {"steps": 60, "escape": 1.0})
    return classifiers(bench, activation).bracket(how, grid=GRID, tolerance=PRECISION).measured


def classifier_catapults(bench: Bench, activation: str) -> Measured:
    """Return the share of seeds with a catapult at some learning rate."""
    networks = classifiers(bench, activation)
    c = np.repeat(np.geomspace(2, 2000, 16)[:, None], len(networks.start), axis=1)
    run = networks.run_at(c, steps=STEPS)
    return share((classify(run, settled=0.5) == Phase.CATAPULT).any(axis=0))


ELSEWHERE = ("linear", "tanh", "relu")  # what other claims judge
CLASSIFIERS = ("relu", "tanh")


def end_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on where convergence ends with one and with two hidden layers."""
    claim, said = Claims(f"{PAPER}, section 3", "catapult.variants"), ENDS[activation]
    for depth in () if activation in ELSEWHERE else DEPTHS:
        architecture = Architecture(activation, depth)
        yield claim(
            f"{activation}-{depth}.end",
            f"{architecture.name}: convergence ends at c_act = {said.c_act:g}",
            equals(partial(end, architecture=architecture), said.c_act, within=0.1 * said.c_act),
            source=said.source,
            kind=said.kind,
            cost=6,
        )
    yield claim(
        f"{activation}.depth",
        f"{activation}: c_act depends weakly on the depth (log2 of 2 hidden layers over 1)",
        equals(partial(depth_ratio, activation=activation), 0.0, within=0.3),
        cost=12,
    )


def shift_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on how c_act moves when the training changes."""
    claim = Claims(PAPER, f"catapult.variants.{activation}-2", cost=6)
    for variant in VARIANTS:
        moved = partial(shift, activation=activation, variant=variant)
        words = f"{activation}, 2 hidden layers, {variant.words}"
        said, compared = "stays (log2 of the ratio)", equals(moved, 0.0, within=0.15)
        if variant.name == "momentum":
            said, compared = "moves up (minus log2 of the ratio)", at_most(negated(moved), 0.0)
        if variant.name == "sgd-eighth":
            said = "is smaller, if moved (log2 of the ratio)"
            compared = at_most(moved, 0.0, within=0.15)
        yield claim(variant.name, f"{words}: c_act {said}", compared)


def classifier_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on cross-entropy."""
    claim = Claims(
        f"{PAPER}, as expected there",
        f"catapult.variants.{activation}-2.cross-entropy",
        f"{activation}, 2 hidden layers, cross-entropy",
        cost=4,
        given={"activation": activation},
    )
    yield claim(
        "rise",
        "the loss does not rise below c = 2 / curvature (minus c)",
        at_most(negated(classifier_rise), -2.0, within=0.1),
        source="derived here, for a kernel that does not change",
    )
    yield claim(
        "catapults",
        "there are catapults (share of seeds)",
        equals(classifier_catapults, 1.0, within=0.1),
    )


CLAIMS = (
    *(claim for activation in ENDS for claim in end_claims(activation)),
    *(claim for activation in CLASSIFIERS for claim in shift_claims(activation)),
    *(claim for activation in CLASSIFIERS for claim in classifier_claims(activation)),
)
