r"""Gradient descent beyond stability, beside four flows: at the edge and through a catapult.

All start at the same weights. Distances, sharpness and loss are compared at equal times with those
of the centre of gradient descent: of three successive iterates, ``(a + 2 b + c) / 4``, which an
oscillation from step to step leaves alone. The oscillation itself is ``(a - 2 b + c) / 4``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw
from catapult_sim.numeric.flows.central_flow import central_flow
from catapult_sim.numeric.flows.edge_flow import edge_flow
from catapult_sim.numeric.flows.fields import Field, first_order_field, gradient_field
from catapult_sim.numeric.flows.flow import flow
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.printing import short_repr
from catapult_sim.types import Array

SAMPLES, HIDDEN, GAIN = 64, (24, 24), 3**-0.5
EDGE_C, EDGE_STEPS = 1.8, 400  # eta times the sharpness at the start
CATAPULT_C, CATAPULT_WIDTH, CATAPULT_STEPS = 2.5, 64, 60

EDGE = (
    f"tanh, {len(HIDDEN)} hidden layers of {HIDDEN[0]}, {SAMPLES} digits, eta = {EDGE_C} / "
    "sharpness at the start"
)
CATAPULT = f"linear networks of width {CATAPULT_WIDTH}, odd and even digits, from c = {CATAPULT_C}"
REDUCED = (
    "small networks on 8x8 digits. The learning rate was chosen looking at gradient descent alone; "
    "a first run took 300 steps, of which the second half, where two of six networks had not yet "
    "reached the edge"
)
# Catapults of one sample: outputs at the start, over sqrt(n) and the curvature.
OUTPUTS, ONE_STEPS = np.geomspace(1e-4, 1e-2, 12), 400

# Of flows without oscillations; far below their distances from gradient descent.
ACCURACY = 1e-5


@dataclass(frozen=True)
class Path:
    """A flow at the recorded steps; NaN from where it has diverged."""

    distance: Array  # (T,), from the centre of gradient descent
    mean_loss: Array  # (T,), that it predicts of gradient descent
    sharpness: Array  # (T,), times eta
    spread: Array  # (T,), mean square of the oscillation that it predicts

    __repr__ = short_repr


@dataclass(frozen=True)
class Comparison:
    """Gradient descent and flows from the same start."""

    step: npt.NDArray[np.int64]  # (T,), recorded, after the first
    loss: Array  # (steps + 1,), of gradient descent
    moved: Array  # (T,), from the start to the centre of gradient descent
    sharpness: Array  # (T,), times eta, at that centre
    spread: Array  # (T,), square of the oscillation
    flows: dict[str, Path]

    __repr__ = short_repr

    @property
    def beyond(self) -> npt.NDArray[np.bool_]:
        """The recorded steps from where the sharpness has reached its threshold, ``(T,)``."""
        return np.logical_or.accumulate(self.sharpness >= 2)

    @property
    def mean_loss(self) -> float:
        """The mean loss of gradient descent over all steps from there."""
        return float(self.loss[self.step[self.beyond][0] :].mean())


def compare(surface: Surface, start: Array, rate: float, steps: int, every: int) -> Comparison:
    """Run gradient descent and flows, and measure both at equal times, every few steps."""
    iterates = _iterates(surface, start, rate, steps + 1)
    step = np.arange(every, steps + 1, every)
    before, now, after = (iterates[step + shift] for shift in (-1, 0, 1))
    centre = (before + 2 * now + after) / 4
    spread = np.sum((before - 2 * now + after) ** 2, axis=1) / 16
    options: dict[str, Any] = {"learning_rate": rate, "steps": steps, "every": every}
    central = central_flow(surface, start, progress=False, **options)
    edge = edge_flow(surface, start, progress=False, **options)
    times = rate * np.concatenate([[0], step])

    def followed(field: Field) -> Path:
        weights = flow(field, start, times, tolerance=ACCURACY)[1:]
        losses = np.array([_loss(surface, one) for one in weights])
        sharpness = rate * _sharpness(surface, weights)
        return Path(_norm(weights - centre), losses, sharpness, np.zeros(len(step)))

    modified = first_order_field(surface.gradient, surface.hessian_product, rate)
    flows = {
        "gradient flow": followed(gradient_field(surface.gradient)),
        "modified flow": followed(modified),
        "central flow": Path(
            _norm(central.weights[1:] - centre),
            central.mean_loss[1:],
            rate * central.sharpness[1:],
            central.spread[1:],
        ),
        "Edge Flow": Path(
            _norm(edge.weights[1:] - centre),
            edge.mean_loss[1:],
            rate * _sharpness(surface, edge.weights[1:]),
            edge.magnitude[1:] ** 2,
        ),
    }
    losses = np.array([_loss(surface, one) for one in iterates[:-1]])
    sharpness = rate * _sharpness(surface, centre)
    return Comparison(step, losses, _norm(centre - start), sharpness, spread, flows)


def _iterates(surface: Surface, start: Array, rate: float, steps: int) -> Array:
    path = [start]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            path.append(path[-1] - rate * surface.gradient(path[-1]))
    return np.stack(path)


def _norm(vectors: Array) -> Array:
    lengths: Array = np.linalg.norm(vectors, axis=1)
    return lengths


def _loss(surface: Surface, weights: Array) -> float:
    return surface.loss(weights) if np.isfinite(weights).all() else np.nan


def _sharpness(surface: Surface, path: Array) -> Array:
    """Return the top eigenvalue of the Hessian along a path ``(T, P)``, ``(T,)``."""
    found, vectors = np.full(len(path), np.nan), None
    for row, weights in enumerate(path):
        if np.isfinite(weights).all():
            pairs = surface.top_eigenpairs(weights, 1, vectors)
            found[row], vectors = pairs.values[0], pairs.vectors
    return found


def edge_networks(bench: Bench) -> Networks:
    """Draw networks of tanh that learn digits, whose sharpness starts low.

    As in Cohen et al. 2021: squared error, standard parametrisation.
    """
    data, _ = bench.split(SAMPLES, draw="flows")
    return draw(
        data,
        HIDDEN,
        rng=bench.rng("flows network"),
        ensemble=(bench.effort.flowing,),
        activation="tanh",
        parametrization="standard",
        gain=GAIN,
    ).at_sharpness()


def catapult_networks(bench: Bench) -> Networks:
    """Draw linear networks that learn odd and even digits."""
    return draw(
        bench.samples(),
        (CATAPULT_WIDTH,),
        rng=bench.rng("flows catapult"),
        ensemble=(bench.effort.flowing,),
        activation="linear",
    ).at_lambda_0()


def compare_one(networks: Networks, member: int, c: float, steps: int, every: int) -> Comparison:
    """Compare gradient descent and flows from where one of the networks starts."""
    start = networks.start[member]
    surface = Surface.of(networks.net.at(start, networks.X, networks.y).move)
    return compare(surface, start, float(c * networks.unit[member]), steps, every)


@once
def edge(bench: Bench) -> list[Comparison]:
    """Compare them from below the edge of stability to its far side, for every seed."""
    networks, seeds = edge_networks(bench), range(bench.effort.flowing)
    return [compare_one(networks, seed, EDGE_C, EDGE_STEPS, 5) for seed in seeds]


@once
def catapult(bench: Bench) -> list[Comparison]:
    """Compare them through a catapult, for every seed."""
    networks, seeds = catapult_networks(bench), range(bench.effort.flowing)
    return [compare_one(networks, seed, CATAPULT_C, CATAPULT_STEPS, 5) for seed in seeds]


def at_the_edge(found: list[Comparison]) -> list[Comparison]:
    """Return those in which gradient descent reached its threshold with a quarter of time left.

    Raises
    ------
    NothingToMeasure
        Where it did so in none.
    """
    reached = [one for one in found if one.beyond.mean() > 0.25]
    if not reached:
        raise NothingToMeasure
    return reached


def distance_ratio(bench: Bench, flow: str, of: str) -> Measured:
    """Return a flow's mean distance from gradient descent at the edge, over that of another."""
    own, other = (
        np.array([one.flows[name].distance[one.beyond].mean() for one in at_the_edge(edge(bench))])
        for name in (flow, of)
    )
    return mean(own / other)


def distance_share(bench: Bench, flow: str) -> Measured:
    """Return a flow's mean distance from gradient descent at the edge, as a share of the way."""
    shares = [
        np.mean(one.flows[flow].distance[one.beyond] / one.moved[one.beyond])
        for one in at_the_edge(edge(bench))
    ]
    return mean(shares)


def loss_ratio(bench: Bench, flow: str) -> Measured:
    """Return the mean loss at the edge that a flow predicts, over that of gradient descent."""
    ratios = [
        one.flows[flow].mean_loss[one.beyond].mean() / one.mean_loss
        for one in at_the_edge(edge(bench))
    ]
    return mean(ratios)


def end_ratio(bench: Bench, flow: str) -> Measured:
    """Return the last sharpness of a flow through a catapult over that of gradient descent."""
    return mean([one.flows[flow].sharpness[-1] / one.sharpness[-1] for one in catapult(bench)])


# One sample, any width -----------------------------------------------------------------------


def one_sample() -> Surface:
    """Return the loss ``(a^2 - b^2)^2 / 8`` of the linear network on one sample with label 0.

    a and b are ``|u + v|`` and ``|u - v|`` over ``sqrt(2 n)``; the curvature is ``a^2 + b^2``, the
    output ``sqrt(n) (a^2 - b^2) / 2``.
    """

    def difference(weights: Array) -> float:
        a, b = weights
        return float((a**2 - b**2) / 2)

    def hessian_product(weights: Array, direction: Array) -> Array:
        a, b = weights
        outer = np.array([a, -b]) * (a * direction[0] - b * direction[1])
        product: Array = outer + difference(weights) * np.array([1, -1]) * direction
        return product

    def sharpness_gradient(weights: Array, direction: Array) -> Array:
        (a, b), (p, q) = weights, direction
        along = a * p - b * q
        return np.array([2 * along * p + a * (p**2 - q**2), -2 * along * q - b * (p**2 - q**2)])

    return Surface(
        lambda w: difference(w) ** 2 / 2,
        lambda w: difference(w) * np.array([w[0], -w[1]]),
        hessian_product,
        sharpness_gradient,
    )


@once
def final_curvature(bench: Bench, flow: str, c: float, substeps: int = 1) -> Array:
    """Return ``eta lambda`` where catapults of one sample end, by descent or a flow, ``(S,)``.

    Starts are the same for every bench. ``substeps`` are those of Edge Flow.
    """
    surface = one_sample()
    starts = [np.sqrt([0.5 + output, 0.5 - output]) for output in OUTPUTS]
    options: dict[str, Any] = {"learning_rate": c, "steps": ONE_STEPS, "every": ONE_STEPS}
    options["progress"] = False

    def path(start: Array) -> Array:
        if flow == "central flow":
            return central_flow(surface, start, **options).weights
        if flow == "Edge Flow":
            return edge_flow(surface, start, substeps=substeps, **options).weights
        return _iterates(surface, start, c, ONE_STEPS)

    return np.array([c * np.sum(path(start)[-1] ** 2) for start in starts])
