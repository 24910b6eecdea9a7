"""Phases of the first steps of training [Kalra2023early].

Networks in the standard parametrisation learn ten digits by full-batch gradient descent on squared
error. The thresholds c_loss, c_sharp, c_barrier and c_max are those of
:mod:`catapult_sim.experiments.first_steps`, with the sharpness of the Hessian and of the kernel.
[Kalra2023early] trains on batches of 512.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_least, at_most, equals
from catapult_sim.claims.sources import DERIVED
from catapult_sim.claims.sources import KALRA_EARLY as PAPER
from catapult_sim.experiments import networks
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.first_steps import KINDS, STEPS, FirstSteps, bracket
from catapult_sim.experiments.networks import Networks
from catapult_sim.mlp import kernel
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.types import Array

PRECISION = 0.03
VERSIONS = {"hessian": "Hessian", "kernel": "kernel"}
ACTIVATIONS = ("relu", "tanh")
DEPTH, WIDTH = 3, 96
DEEP = 7  # as in the paper
WIDE = "what an extrapolation from widths up to 1024 leaves"


@dataclass(frozen=True)
class Shape:
    """The shape of a network."""

    activation: str
    depth: int
    width: int


def draw(bench: Bench, shape: Shape) -> Networks:
    """Draw networks, from the same random stream for every shape."""
    data, _ = bench.split(bench.effort.samples, draw="early")
    drawn = networks.draw(
        data,
        [shape.width] * shape.depth,
        rng=bench.rng("early network"),
        ensemble=(bench.effort.seeds,),
        activation=shape.activation,
        parametrization="standard",
        dtype="float32",
    )
    X, y = drawn.net.require_data(*data)
    return replace(drawn, X=X, y=y)


@once
def starts(bench: Bench, shape: Shape) -> list[FirstSteps]:
    """Return the first steps of every seed of a shape."""
    drawn = draw(bench, shape)
    return [FirstSteps(drawn[seed]) for seed in range(bench.effort.seeds)]


@once
def in_kernel_units(bench: Bench, shape: Shape, name: str, curvature: str) -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of the kernel's ``lambda_0``."""
    return bracket(starts(bench, shape), name, curvature, tolerance=PRECISION)


def threshold(bench: Bench, shape: Shape, name: str, version: str = "hessian") -> Boundary:
    """Bracket a threshold for every seed of a shape, in units of that version's ``lambda_0``."""
    found = in_kernel_units(bench, shape, name, version if name == "sharp" else "kernel")
    ratios = [one.top(version) / one.top("kernel") for one in starts(bench, shape)]
    return found.scaled(np.array(ratios))


def by_width(bench: Bench, activation: str) -> list[Shape]:
    """Return the networks that differ in width."""
    return [Shape(activation, DEPTH, width) for width in bench.effort.early_widths]


def by_depth(bench: Bench, activation: str) -> list[Shape]:
    """Return the networks that differ in depth."""
    return [Shape(activation, depth, WIDTH) for depth in bench.effort.early_depths]


def ordered(bench: Bench, activation: str, version: str) -> Measured:
    """Return the share of seeds of all widths whose thresholds are in order, within brackets."""

    def in_order(shape: Shape) -> Array:
        ladder = [threshold(bench, shape, name, version) for name in KINDS]
        pairs = itertools.pairwise(ladder)
        return np.all([below.lower <= above.upper for below, above in pairs], axis=0)

    return share(np.transpose([in_order(shape) for shape in by_width(bench, activation)]))


def exponent(
    bench: Bench, activation: str, version: str, name: str, among: Callable[..., list[Shape]]
) -> Measured:
    """Fit the exponent of a threshold in the width or the depth, seed by seed."""
    shapes = among(bench, activation)
    sizes = np.log([shape.depth * shape.width for shape in shapes])
    values = np.log([threshold(bench, shape, name, version).centres for shape in shapes])
    return mean(np.polyfit(sizes, values, 1)[0], PRECISION / np.ptp(sizes))


def wide_limit(bench: Bench, activation: str) -> Measured:
    """Extrapolate c_loss of the kernel to infinite width, linearly in 1 / width."""
    widths = np.array(bench.effort.early_wide)
    found = [threshold(bench, Shape(activation, 1, width), "loss", "kernel") for width in widths]
    return mean(np.polyfit(1 / widths, [one.centres for one in found], 1)[1], PRECISION)


def linear_limit(bench: Bench, activation: str) -> float:
    """Return c_loss of the widest networks with their kernels fixed at the start.

    Modes of the residual are then independent, ``L_t / L_0 = sum_i p_i (1 - c lam_i / lam_0)^2t``.
    """
    drawn = draw(bench, Shape(activation, 1, bench.effort.early_wide[-1]))
    values, modes = np.linalg.eigh(kernel.ntk(drawn.net, drawn.start, drawn.X).astype(float))
    residual = (drawn.outputs(drawn.start) - drawn.y).reshape(len(values), -1, 1)
    parts = np.sum(modes * residual, axis=-2) ** 2
    parts /= parts.sum(axis=-1, keepdims=True)
    times = 2 * np.arange(1, STEPS + 1)[:, None]

    def side(c: Array) -> Array:
        factor = np.abs(1 - c[..., None] * values / values[:, -1:])
        loss = np.sum(parts[..., None, :] * factor[..., None, :] ** times, axis=-1)
        return np.where(loss.max(axis=-1) > 1, 1, -1)

    return boundary(side, 1.0, 8.0, members=len(values), tolerance=1e-3).measured.value


def deep_end(bench: Bench) -> Measured:
    """Find c_max of ReLU networks with a depth and a width of the paper's."""
    return threshold(bench, Shape("relu", DEEP, bench.effort.early_deep), "max").measured


SMALLER = "8x8 digits, smaller networks and full batches instead of CIFAR-10 and batches of 512"


def trend_claims(activation: str, version: str) -> Iterator[Claim]:
    """Yield the claims on how thresholds move with the width and the depth."""
    claim = Claims(
        PAPER,
        f"early_training.{activation}",
        activation,
        reduced=SMALLER,
        cost=2,
        given={"activation": activation, "version": version},
    )
    word = VERSIONS[version]
    for name in ("loss", "sharp"):
        yield claim(
            f"width.{name}.{version}",
            f"c_{name} falls with the width, {word} (exponent)",
            at_most(partial(exponent, name=name, among=by_width), 0.0),
        )
        yield claim(
            f"depth.{name}.{version}",
            f"c_{name} rises with the depth, {word} (exponent)",
            at_least(partial(exponent, name=name, among=by_depth), 0.0),
        )
    yield claim(
        f"width.max.{version}",
        f"c_max does not depend on the width, {word} (exponent)",
        equals(
            partial(exponent, name="max", among=by_width),
            0.0,
            within=0.1,
            because="an eightfold width then moves it by less than a quarter",
        ),
    )


def activation_claims(activation: str) -> Iterator[Claim]:
    """Yield the claims on the thresholds of an activation."""
    claim = Claims(
        PAPER,
        f"early_training.{activation}",
        reduced=SMALLER,
        cost=2,
        given={"activation": activation},
    )
    for version, word in VERSIONS.items():
        yield claim(
            f"order.{version}",
            f"{activation}: c_loss <= c_sharp <= c_barrier <= c_max, {word} (share of seeds, most)",
            at_least(partial(ordered, version=version), 0.5, because="most: more than half"),
        )
        yield from trend_claims(activation, version)
    yield claim(
        "wide",
        f"{activation}, 1 hidden layer: c_loss is 2 at infinite width, kernel (extrapolated)",
        equals(wide_limit, 2.0, within=0.1, because=WIDE),
    )
    yield claim(
        "wide.linear",
        f"{activation}, 1 hidden layer: at infinite width c_loss is that of the linearised "
        "network, kernel (extrapolated)",
        equals(wide_limit, partial(linear_limit, activation=activation), within=0.1, because=WIDE),
        says=DERIVED,
        reduced="",
    )


CLAIMS = (
    *(claim for activation in ACTIVATIONS for claim in activation_claims(activation)),
    Claims(PAPER, "early_training.relu.deep", reduced=SMALLER, cost=8)(
        "max",
        f"relu, {DEEP} hidden layers: c_max is 12 to 14, Hessian",
        equals(deep_end, 13.0, within=1.0, because="the range that the paper gives"),
    ),
)
