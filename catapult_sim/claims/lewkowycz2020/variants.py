r"""Lewkowycz et al. 2020: where convergence ends for other activations and other training.

``c_act`` is the learning rate ``c = eta lambda_0`` at which a network on digits stops converging.
A variant changes one thing of full-batch gradient descent in the NTK parametrisation, and is
compared with it seed by seed. Activations of one kind are claimed to behave alike.

References
----------
.. [1] A. Lewkowycz et al., arXiv:2003.02218: c_act depends strongly on the activation and weakly
   on the rest; L2, parametrisation and SGD do not move the phases, unless noise dominates, which
   makes them smaller; momentum should move them up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.verdict import Claim, constant, negated
from catapult_sim.experiments import networks
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import Architecture, Networks, unit_rate
from catapult_sim.experiments.phase_cells import SETTLED
from catapult_sim.mlp import kernel
from catapult_sim.mlp.losses import squared_error
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, rise
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array

RANGE, GRID, PRECISION, STEPS = (1.0, 40.0), 12, 0.03, 150
DEPTHS = (1, 2)
WIDTHS = {"quick": {1: 256, 2: 96}, "full": {1: 1024, 2: 256}}
MEMBERS = {"quick": 8, "full": 24}


@dataclass(frozen=True)
class Variant:
    """What differs from full-batch gradient descent in the NTK parametrisation."""

    name: str
    words: str
    network: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    batches: int = 1  # into which the samples are dealt


PLAIN = Variant("plain", "full-batch gradient descent")
VARIANTS = (
    Variant("sgd-half", "SGD, half of the samples in a batch", batches=2),
    Variant("sgd-eighth", "SGD, an eighth of the samples in a batch", batches=8),
    Variant("l2", "L2 of 1e-4", network={"weight_decay": 1e-4}),
    Variant("standard", "standard parametrisation", network={"parametrization": "standard"}),
    Variant("momentum", "heavy ball, beta = 0.9", training={"optimizer": HeavyBall(0.9)}),
)


def c_act(bench: Bench, architecture: Architecture, variant: Variant = PLAIN) -> Boundary:
    """Bracket where convergence ends for every seed."""
    key = ("variant", architecture, variant.name)
    return bench.once(key, lambda: _c_act(bench, architecture, variant))


def _c_act(bench: Bench, architecture: Architecture, variant: Variant) -> Boundary:
    members = MEMBERS[bench.effort.name]
    width = WIDTHS[bench.effort.name][architecture.depth]
    drawn = networks.draw_networks(
        bench, architecture, width, members=members, dtype="float32", **variant.network
    )
    training = dict(variant.training)
    if variant.batches > 1:
        samples, rng = len(drawn.X), bench.rng("variant batches")
        size = samples // variant.batches
        training["batches"] = minibatches(samples, size, STEPS, rng=rng, ensemble=(members,))

    def side(c: Array) -> Array:
        run = drawn.run_at(
            c, steps=STEPS, tolerance=1e-3, observe={"error": partial(error, drawn)}, **training
        )
        return divergence(of_data(run), settled=SETTLED)

    return boundary(side, *RANGE, members=members, grid=GRID, tolerance=PRECISION)


def error(networks: Networks, theta: Array) -> Array:
    """Return the loss of the data, without that of the weights."""
    outputs = networks.net.forward(theta, networks.X)[0]
    return squared_error(outputs, networks.y)[0]


def of_data(run: Trajectory) -> Trajectory:
    """Return a run judged by the loss of the data alone."""
    return replace(run, values={"loss": run.values["error"]})


# What is measured -----------------------------------------------------------------------------


def end(bench: Bench, architecture: Architecture) -> Measured:
    """Find c_act of full-batch gradient descent."""
    return c_act(bench, architecture).measured


def ratio(above: Boundary, below: Boundary) -> Measured:
    """Compare two thresholds seed by seed, log2 of their ratio."""
    found = mean(np.log2(above.centres / below.centres), PRECISION / math.log(2))
    return replace(found, at_least=above.measured.at_least)


def depth_ratio(bench: Bench, activation: str) -> Measured:
    """Compare c_act with two hidden layers and with one, log2 of their ratio."""
    shallow, deep = (c_act(bench, Architecture(activation, depth)) for depth in DEPTHS)
    return ratio(deep, shallow)


def shift(bench: Bench, activation: str, variant: Variant) -> Measured:
    """Compare c_act of a variant with that of full-batch gradient descent, log2 of their ratio."""
    architecture = Architecture(activation, DEPTHS[-1])
    return ratio(c_act(bench, architecture, variant), c_act(bench, architecture))


# Softmax cross-entropy, in units of 1 / (curvature lambda_0) ----------------------------------


def classifiers(bench: Bench, activation: str) -> Networks:
    """Draw networks that tell ten digits apart by cross-entropy."""
    (X, y), _ = bench.split(bench.effort.samples, draw="classifiers")
    hidden = [WIDTHS[bench.effort.name][2]] * 2
    widths = [X.shape[1], *hidden, y.shape[1]]
    net = MLP(widths, activation=activation, loss="cross_entropy", dtype="float32")
    theta = net.init(rng=bench.rng("classifier"), ensemble=(MEMBERS[bench.effort.name],))
    curvature = net.loss_function.curvature * kernel.top_eigenvalue(net, theta, X)
    return Networks(net, theta, X, y, unit_rate(curvature))


def classifier_rise(bench: Bench, activation: str) -> Measured:
    """Find where the loss of cross-entropy first rises."""
    networks = classifiers(bench, activation)

    def side(c: Array) -> Array:
        return rise(networks.run_at(c, steps=60, escape=1.0))

    members = len(networks.theta)
    return boundary(side, 1.0, 400.0, members=members, grid=GRID, tolerance=PRECISION).measured


def classifier_catapults(bench: Bench, activation: str) -> Measured:
    """Return the share of seeds of which some learning rate makes a catapult."""
    networks = classifiers(bench, activation)
    c = np.repeat(np.geomspace(2, 2000, 16)[:, None], len(networks.theta), axis=1)
    run = networks.run_at(c, steps=STEPS)
    return share((classify(run, settled=0.5) == Phase.CATAPULT).any(axis=0))


# What is claimed ------------------------------------------------------------------------------

PAPER = "Lewkowycz et al. 2020"
GUESS = "a guess, made to be judged"
ACTIVATIONS = {  # c_act, and who says so
    "linear": (4.0, f"{PAPER}, section 2"),
    "tanh": (4.0, f"supplement of {PAPER}, at second hand"),
    "erf": (4.0, f"{GUESS}: as tanh"),
    "relu": (12.0, f"{PAPER}, section 3"),
    "leaky_relu": (12.0, f"{GUESS}: as ReLU"),
    "gelu": (12.0, f"{GUESS}: as ReLU"),
    "silu": (12.0, f"{GUESS}: as ReLU"),
    "softplus": (4.0, f"{GUESS}: as linear"),
    "quadratic": (4.0, f"{GUESS}: as linear"),
}
ELSEWHERE = ("linear", "tanh", "relu")  # what other claims judge
CLASSIFIERS = ("relu", "tanh")


def end_claims(activation: str) -> Iterator[Claim]:
    """State where convergence ends with one and with two hidden layers."""
    literature, source = ACTIVATIONS[activation]
    for depth in () if activation in ELSEWHERE else DEPTHS:
        architecture = Architecture(activation, depth)
        yield Claim(
            f"catapult.variants.{activation}-{depth}.end",
            f"{architecture.name}: convergence ends at c_act = {literature:g}",
            source,
            constant(literature),
            partial(end, architecture=architecture),
            tolerance=0.1 * literature,
            cost=6,
        )
    yield Claim(
        f"catapult.variants.{activation}.depth",
        f"{activation}: c_act depends weakly on the depth (log2 of 2 hidden layers over 1)",
        f"{PAPER}, section 3",
        constant(0.0),
        partial(depth_ratio, activation=activation),
        tolerance=0.3,
        cost=12,
    )


def shift_claims(activation: str) -> Iterator[Claim]:
    """State how c_act moves when the training changes."""
    for variant in VARIANTS:
        up, down = variant.name == "momentum", variant.name == "sgd-eighth"
        says = "moves up" if up else "is smaller, if moved" if down else "stays"
        measure = partial(shift, activation=activation, variant=variant)
        yield Claim(
            f"catapult.variants.{activation}-2.{variant.name}",
            f"{activation}, 2 hidden layers, {variant.words}: c_act {says} "
            f"({'minus ' * up}log2 of the ratio)",
            PAPER,
            constant(0.0),
            negated(measure) if up else measure,
            tolerance=0.0 if up else 0.15,
            relation="<=" if up or down else "=",
            cost=6,
        )


def classifier_claims(activation: str) -> Iterator[Claim]:
    """State what cross-entropy does."""
    group = f"catapult.variants.{activation}-2.cross-entropy"
    yield Claim(
        f"{group}.rise",
        f"{activation}, 2 hidden layers, cross-entropy: the loss does not rise below "
        "c = 2 / curvature (minus c)",
        "derived here, for a kernel that does not change",
        constant(-2.0),
        negated(partial(classifier_rise, activation=activation)),
        tolerance=0.1,
        relation="<=",
        cost=4,
    )
    yield Claim(
        f"{group}.catapults",
        f"{activation}, 2 hidden layers, cross-entropy: there are catapults (share of seeds)",
        f"{PAPER}, as expected there",
        constant(1.0),
        partial(classifier_catapults, activation=activation),
        tolerance=0.1,
        cost=4,
    )


CLAIMS = (
    *(claim for activation in ACTIVATIONS for claim in end_claims(activation)),
    *(claim for activation in CLASSIFIERS for claim in shift_claims(activation)),
    *(claim for activation in CLASSIFIERS for claim in classifier_claims(activation)),
)
