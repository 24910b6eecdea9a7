r"""Kalra and Barkeshli 2023: the phases of the first ten steps of training.

The thresholds c_loss, c_sharp, c_barrier and c_max are those of
:mod:`catapult_sim.experiments.first_steps`, with the sharpness of the Hessian and of the kernel.

References
----------
.. [1] D. S. Kalra and M. Barkeshli, arXiv:2302.12250.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from catapult_sim.claims.kalra2023_early.networks import PRECISION, VERSIONS, Shape, draw, threshold
from catapult_sim.claims.verdict import Claim, constant, negated
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.first_steps import KINDS, STEPS
from catapult_sim.mlp import kernel
from catapult_sim.numeric.runs.boundary import boundary
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.types import Array


@dataclass(frozen=True)
class Effort:
    """Which networks are measured."""

    widths: tuple[int, ...]  # with DEPTH hidden layers
    depths: tuple[int, ...]  # hidden layers of WIDTH units
    wide: tuple[int, ...]  # widths with one hidden layer, where only the loss is watched
    deep: int  # width with DEEP hidden layers


EFFORTS = {
    "quick": Effort((24, 48, 96, 192), (1, 2, 3, 5), (256, 512, 1024), 256),
    "full": Effort((48, 96, 192, 384), (1, 2, 3, 5, 7), (512, 1024, 2048), 512),
}
ACTIVATIONS = ("relu", "tanh")
DEPTH, WIDTH = 3, 96
DEEP = 7  # as in the paper


# What is measured -----------------------------------------------------------------------------


def by_width(bench: Bench, activation: str) -> list[Shape]:
    """Return the networks that differ in width."""
    return [Shape(activation, DEPTH, width) for width in EFFORTS[bench.effort.name].widths]


def by_depth(bench: Bench, activation: str) -> list[Shape]:
    """Return the networks that differ in depth."""
    return [Shape(activation, depth, WIDTH) for depth in EFFORTS[bench.effort.name].depths]


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
    widths = np.array(EFFORTS[bench.effort.name].wide)
    found = [threshold(bench, Shape(activation, 1, width), "loss", "kernel") for width in widths]
    return mean(np.polyfit(1 / widths, [one.centres for one in found], 1)[1], PRECISION)


def linear_limit(bench: Bench, activation: str) -> float:
    """Return c_loss of the widest networks if their kernels stayed what they are at the start.

    The modes of the residual then decay apart, ``L_t / L_0 = sum_i p_i (1 - c lam_i / lam_0)^2t``.
    """
    starts = draw(bench, Shape(activation, 1, EFFORTS[bench.effort.name].wide[-1]))
    net, X, y = starts[0].network, starts[0].X, starts[0].y
    theta = np.stack([start.theta for start in starts])
    values, modes = np.linalg.eigh(kernel.ntk(net, theta, X).astype(float))
    residual = (net.predict(theta, X) - y).reshape(len(values), -1, 1)
    parts = np.sum(modes * residual, axis=-2) ** 2
    parts /= parts.sum(axis=-1, keepdims=True)
    times = 2 * np.arange(1, STEPS + 1)[:, None]

    def side(c: Array) -> Array:
        factor = np.abs(1 - c[..., None] * values / values[:, -1:])
        loss = np.sum(parts[..., None, :] * factor[..., None, :] ** times, axis=-1)
        return np.where(loss.max(axis=-1) > 1, 1, -1)

    return boundary(side, 1.0, 8.0, members=len(values), tolerance=1e-3).measured.value


def deep_end(bench: Bench) -> Measured:
    """Find c_max of ReLU networks as deep as the paper's, and of a width among its widths."""
    return threshold(bench, Shape("relu", DEEP, EFFORTS[bench.effort.name].deep), "max").measured


# What is claimed ------------------------------------------------------------------------------

PAPER = "Kalra and Barkeshli 2023, arXiv:2302.12250"


def trend_claims(activation: str, version: str) -> Iterator[Claim]:
    """State how thresholds move with the width and the depth."""
    group, word = f"early_training.{activation}", VERSIONS[version]
    fit = partial(partial, exponent, activation=activation, version=version)
    claim = partial(Claim, source=PAPER, predict=constant(0.0), cost=4)
    for name in ("loss", "sharp"):
        in_width, in_depth = fit(name=name, among=by_width), fit(name=name, among=by_depth)
        yield claim(
            f"{group}.width.{name}.{version}",
            f"{activation}: c_{name} falls with the width, {word} (exponent)",
            measure=in_width,
            tolerance=0.0,
            relation="<=",
        )
        yield claim(
            f"{group}.depth.{name}.{version}",
            f"{activation}: c_{name} rises with the depth, {word} (minus the exponent)",
            measure=negated(in_depth),
            tolerance=0.0,
            relation="<=",
        )
    yield claim(
        f"{group}.width.max.{version}",
        f"{activation}: c_max does not depend on the width, {word} (exponent)",
        measure=fit(name="max", among=by_width),
        tolerance=0.1,
    )


def claims_of(activation: str) -> Iterator[Claim]:
    """State what the thresholds of an activation do."""
    group = f"early_training.{activation}"
    for version, word in VERSIONS.items():
        yield Claim(
            f"{group}.order.{version}",
            f"{activation}: c_loss <= c_sharp <= c_barrier <= c_max, {word} (share of seeds)",
            PAPER,
            constant(1.0),
            partial(ordered, activation=activation, version=version),
            tolerance=0.05,
            cost=16,
        )
        yield from trend_claims(activation, version)
    limit = partial(
        Claim, measure=partial(wide_limit, activation=activation), tolerance=0.1, cost=4
    )
    yield limit(
        f"{group}.wide",
        f"{activation}, 1 hidden layer: c_loss is 2 at infinite width, kernel (extrapolated)",
        source=PAPER,
        predict=constant(2.0),
    )
    yield limit(
        f"{group}.wide.linear",
        f"{activation}, 1 hidden layer: at infinite width c_loss is that of the linearised "
        "network, kernel (extrapolated)",
        source="derived here",
        predict=partial(linear_limit, activation=activation),
    )


CLAIMS = (
    *(claim for activation in ACTIVATIONS for claim in claims_of(activation)),
    Claim(
        "early_training.relu.deep.max",
        f"relu, {DEEP} hidden layers: c_max is 12 to 14, Hessian",
        PAPER,
        constant(13.0),
        deep_end,
        tolerance=1.0,
        cost=8,
    ),
)
