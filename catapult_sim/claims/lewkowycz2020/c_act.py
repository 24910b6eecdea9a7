"""Where convergence ends, by activation, depth, scaling of inputs and training [Lewkowycz2020].

``c_act`` is the smallest learning rate ``c = eta lambda_0`` at which a network diverges: its loss
exceeds 1e5 times its start within 60 steps. Networks learn ten digits by full-batch gradient
descent on squared error in the NTK parametrisation, without biases; every seed draws its own
samples and its own network. Pixels are scaled by one mean and one variance, as images usually are.

The paper says that c_act is about 12 for ReLU, that it depends strongly on the activation and
weakly on the rest, and that L2, parametrisation and SGD do not move the phases unless noise
dominates. Of other activations, and of momentum beyond the first boundary, it gives no number:
those are findings. So is what scaling every pixel by itself does: it makes outliers of the samples
that use rare pixels, and c_act of ReLU networks with one hidden layer falls to 4 to 8 from beyond
the search.

In the standard parametrisation a layer learns at a rate in proportion to the number of its inputs.
Digits have 64 pixels: below layers of 512 units the first layer hardly moves, and a network ends
where one with a hidden layer less does. With two hidden layers that is beyond the search, as with
one; so the parametrisation is judged with three. Images of 784 pixels do not need that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_least, equals, measured
from catapult_sim.claims.lewkowycz2020.paper import (
    ABOUT,
    ABOUT_WHY,
    C_ACT,
    CONVOLUTIONS,
    NETWORKS,
    PAPER,
    RESIDUAL,
    SAME_WHY,
)
from catapult_sim.claims.sources import DERIVED, EXTENDED
from catapult_sim.experiments.architectures import KINDS, Architecture, halved
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import SETTLED, Networks, Search, bracket_each, draw, started
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.numeric.runs.phases import Phase, classify, escape, rise

LOW, HIGH, GRID, PRECISION = 2.0, 24.0, 10, 0.04
STEPS, BOUND = 60, 1e5
ACTIVATIONS = (
    "linear",
    "tanh",
    "erf",
    "relu",
    "leaky_relu",
    "gelu",
    "silu",
    "softplus",
    "quadratic",
)


@dataclass(frozen=True)
class Variant:
    """The differences from full-batch gradient descent in the NTK parametrisation."""

    name: str
    words: str
    network: Mapping[str, Any] = field(default_factory=dict, hash=False)
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)
    batches: int = 1  # of an epoch
    depth: int = 2  # hidden layers of the networks that are compared
    width: float = 1.0  # factor


NAMED = (Architecture("relu", 2), Architecture("relu", 3))
OTHERS = {
    Architecture("relu", 2, kind="residual"): RESIDUAL,
    Architecture("relu", 2, kind="scaled-residual"): RESIDUAL,
    Architecture("relu", 2, kind="convolutional"): CONVOLUTIONS,
}
"""Networks of other kinds, and how they differ from those of the paper."""
PLAIN = Variant("plain", "full-batch gradient descent")
STANDARD = Variant("standard", "standard parametrisation", {"parametrization": "standard"}, depth=3)
VARIANTS = (
    Variant("sgd-half", "SGD, half of the samples in a batch", batches=2),
    Variant("sgd-eighth", "SGD, an eighth of the samples in a batch", batches=8),
    Variant("l2", "L2 of 1e-4", network={"weight_decay": 1e-4}),
    STANDARD,
    Variant("momentum", "heavy ball, beta = 0.9", training={"optimizer": HeavyBall(0.9)}),
)


class Sizes(NamedTuple):
    """How many samples networks learn, how wide they are, and how many are drawn."""

    samples: int
    width: int
    seeds: int


def drawn(bench: Bench, architecture: Architecture, size: Sizes, **network: Any) -> list[Networks]:
    """Draw samples and a network for every seed, the same whatever the architecture."""
    # L2 changes the loss, but not the kernel.
    of_kernel = tuple((name, one) for name, one in network.items() if name != "weight_decay")

    def one(seed: int) -> Networks:
        (X, y), _ = bench.split(
            size.samples, draw=f"c_act {seed}", inputs=architecture.inputs, tests=0
        )
        if KINDS[architecture.kind].images:
            X = halved(X)
        shape = X.shape[1], y.shape[1], size.width
        net = architecture.network(*shape, dtype="float32", **network)
        start = started(net, *net.require_data(X, y), bench.rng(f"c_act network {seed}"))
        key = "c_act lambda_0", architecture, shape, len(X), of_kernel, seed
        return replace(start, lambda_0=bench.once(key, lambda: start.at_lambda_0().lambda_0))

    return [one(seed) for seed in range(size.seeds)]


def sizes(bench: Bench, architecture: Architecture) -> Sizes:
    """Return the sizes of an architecture; more seeds where the paper has a number."""
    effort = bench.effort
    if KINDS[architecture.kind].images:
        return Sizes(effort.c_act_images, effort.c_act_channels, effort.c_act_other_seeds)
    seeds = effort.c_act_seeds if architecture in NAMED else effort.seeds
    if architecture in OTHERS:
        seeds = effort.c_act_other_seeds
    return Sizes(effort.c_act_samples, effort.c_act_width, seeds)


def c_act(bench: Bench, architecture: Architecture, variant: Variant = PLAIN) -> Boundary:
    """Bracket where every seed begins to diverge."""
    size = sizes(bench, architecture)
    if variant is not PLAIN:
        return bracket(bench, architecture, variant, size._replace(seeds=bench.effort.seeds))
    return bench.boundary(
        architecture.name, "end", (size.width,), lambda: bracket(bench, architecture, PLAIN, size)
    )


@once
def bracket(bench: Bench, architecture: Architecture, variant: Variant, size: Sizes) -> Boundary:
    """Bracket where seeds of a size begin to diverge."""
    size = size._replace(width=round(variant.width * size.width))
    stop: dict[str, Any] = {"steps": STEPS, "escape": BOUND, **variant.training}
    if variant.batches > 1:
        batch, rng = size.samples // variant.batches, bench.rng("c_act batches")
        stop["batches"] = minibatches(size.samples, batch, STEPS, rng=rng)
    elif not variant.training:
        stop["tolerance"] = SETTLED  # no such run that came down has diverged later; SGD's do
    return bracket_each(
        drawn(bench, architecture, size, **variant.network),
        Search(LOW, HIGH, escape, stop).sides,
        LOW,
        HIGH,
        grid=GRID,
        tolerance=PRECISION,
    )


def in_octaves(found: Boundary) -> Measured:
    """Return log2 of a boundary, averaged over seeds."""
    logs = mean(np.log2(found.centres), PRECISION / 2 / math.log(2))
    bounds = found.measured
    return replace(logs, at_least=bounds.at_least, at_most=bounds.at_most)


def octaves_off(bench: Bench, architecture: Architecture) -> Measured:
    """Return log2 of c_act over what the paper says it is."""
    found = in_octaves(c_act(bench, architecture))
    return replace(found, value=found.value - math.log2(C_ACT[architecture.activation]))


def end(bench: Bench, architecture: Architecture) -> Measured:
    """Return c_act of full-batch gradient descent."""
    return c_act(bench, architecture).measured


def ratio(above: Boundary, below: Boundary) -> Measured:
    """Return log2 of the ratio of two boundaries, seed by seed, of the seeds that both have."""
    shared = min(len(above.lower), len(below.lower))
    ratios = above.centres[:shared] / below.centres[:shared]
    found = mean(np.log2(ratios), PRECISION / math.log(2))
    return replace(
        found,
        at_least=above.measured.at_least or below.measured.at_most,
        at_most=below.measured.at_least or above.measured.at_most,
    )


def depth_ratio(bench: Bench, activation: str) -> Measured:
    """Return log2 of c_act with three hidden layers over c_act with two."""
    shallow, deep = (c_act(bench, Architecture(activation, depth)) for depth in (2, 3))
    return ratio(deep, shallow)


def activation_ratio(bench: Bench) -> Measured:
    """Return log2 of c_act of ReLU over that of linear networks, with two hidden layers."""
    relu, linear = (c_act(bench, Architecture(name, 2)) for name in ("relu", "linear"))
    return ratio(relu, linear)


def shift(bench: Bench, activation: str, variant: Variant) -> Measured:
    """Return log2 of c_act of a variant over that of full-batch gradient descent."""
    architecture = Architecture(activation, variant.depth)
    return ratio(c_act(bench, architecture, variant), c_act(bench, architecture))


# Softmax cross-entropy, in units of 1 / (curvature lambda_0) ----------------------------------


def classifiers(bench: Bench, activation: str) -> Networks:
    """Draw networks that classify ten digits by cross-entropy."""
    data, _ = bench.split(bench.effort.samples, draw="classifiers")
    drawn = draw(
        data,
        [bench.effort.classifier_width] * 2,
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
    run = networks.run_at(c, steps=150)
    return share((classify(run, settled=0.5) == Phase.CATAPULT).any(axis=0))


# Claims ---------------------------------------------------------------------------------------

CLASSIFIERS = ("relu", "tanh")
DEEP = NETWORKS.format(layers="two or three hidden layers")
GROUP = "catapult.c_act"
ends_at_twelve = partial(equals, predict=0.0, within=ABOUT, because=ABOUT_WHY)
stays = partial(equals, predict=0.0, within=ABOUT, because=SAME_WHY)


def claims_of(activation: str, inputs: str = "global") -> Claims:
    """Return what claims on networks of an activation share, their boundaries among it."""
    topic = f"{GROUP}.{activation}.{inputs}"
    return Claims(PAPER.at("section 3"), GROUP, reduced=DEEP, cost=2.8, shares=topic)


def named_claims() -> Iterator[Claim]:
    """Yield the claims on the numbers that the paper gives."""
    claim = claims_of("relu")
    for relu in NAMED:
        yield claim(
            f"relu-{relu.depth}",
            f"{relu.name}: convergence ends at c = 12 (log2 of the ratio)",
            ends_at_twelve(partial(octaves_off, architecture=relu)),
            cost=4.4 * relu.depth,
        )
    yield claim(
        "activation",
        "c_act depends strongly on the activation: that of ReLU is at least twice that of linear "
        "networks, 2 hidden layers (log2 of the ratio)",
        at_least(
            activation_ratio,
            1.0,
            because='"strongly", with 12 against 4: a factor of 2 is left of 3 in any reading',
        ),
    )
    for activation in ("relu", "tanh"):
        yield claims_of(activation)(
            f"{activation}.depth",
            f"{activation}: c_act depends weakly on the depth (log2 of 3 hidden layers over 2)",
            stays(partial(depth_ratio, activation=activation)),
        )


def kind_claims() -> Iterator[Claim]:
    """Yield the claims that ReLU ends at 12 in networks of other kinds too."""
    for architecture, reduced in OTHERS.items():
        yield claims_of(architecture.activation)(
            architecture.id,
            f"{architecture.name}: convergence ends at c = 12 (log2 of the ratio)",
            ends_at_twelve(partial(octaves_off, architecture=architecture)),
            says=EXTENDED,
            reduced=reduced,
            cost=4,
            shares=f"{GROUP}.{architecture.id}",
        )


def shift_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on how c_act moves when the training changes."""
    claim = claims_of(activation)
    for variant in VARIANTS:
        moved = partial(shift, activation=activation, variant=variant)
        name = f"{activation}-{variant.depth}.{variant.name}"
        words = f"{activation}, {variant.depth} hidden layers"
        if variant.name == "momentum":
            yield claim(name, f"{words}, {variant.words}: how c_act moves (log2)", measured(moved))
        else:
            yield claim(
                name,
                f"{words}, {variant.words}: c_act stays (log2 of the ratio)",
                stays(moved),
            )


def table() -> Iterator[Claim]:
    """Yield the findings: c_act of every activation, depth and scaling of inputs."""
    shallow = replace(STANDARD, depth=2)
    yield claims_of("relu")(
        "relu-2.standard",
        f"relu, 2 hidden layers, {shallow.words}: how c_act moves (log2)",
        measured(partial(shift, activation="relu", variant=shallow)),
    )
    nets = [Architecture(name, depth) for name in ACTIVATIONS for depth in (1, 2)]
    nets += [Architecture("relu", depth, "pixel") for depth in (1, 2, 3)]
    nets += [Architecture("relu", depth, "raw") for depth in (1, 2, 3)]
    for one in nets:
        yield claims_of(one.activation, one.inputs)(
            f"table.{one.id}",
            f"{one.name}: c where convergence ends",
            measured(partial(end, architecture=one)),
        )


def classifier_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on cross-entropy."""
    softmax = Claims(
        PAPER.at("as expected there"),
        f"{GROUP}.{activation}-2.cross-entropy",
        f"{activation}, 2 hidden layers, cross-entropy",
        reduced=DEEP,
        cost=3.5,
        shares=f"{GROUP}.{activation}-2.cross-entropy",
        given={"activation": activation},
    )
    yield softmax(
        "rise",
        "the loss does not rise below c = 2 / curvature",
        at_least(
            classifier_rise,
            2.0,
            within=0.1,
            because="where the kernel does not change 2 is a bound; it changes at finite width",
        ),
        says=DERIVED,
        reduced="",
    )
    yield softmax(
        "catapults",
        "most seeds have catapults (share of seeds)",
        at_least(classifier_catapults, 0.5, because="most: more than half"),
    )


CLAIMS = (
    *named_claims(),
    *kind_claims(),
    *(one for activation in CLASSIFIERS for one in shift_claims(activation)),
    *(one for activation in CLASSIFIERS for one in classifier_claims(activation)),
    *table(),
)
