"""Runs of networks on digits by SGD and Nudged-SGD, with their sharpest directions.

Six hidden layers of 32 ReLU units, biases zero and weights of variance 1 / fan in: for layers of
equal width the initialisation of the paper (Glorot), and about the depth of its smallest network.
So deep, curvature grows more than tenfold by cross-entropy at small learning rates; with two hidden
layers it does not even double, and from variance 2 / fan in it starts at its peak.

Every network has its own unit of the learning rate, 1 / curvature at its start. In the paper the
curvature peaks at about 2 / learning rate, far above its start. So it does here at the middle rate;
at the smallest it peaks by itself, at about 1 / learning rate, and neighbouring rates differ by
about a factor of 3. They were chosen on seed 100, and are judged on others. Runs have equal time,
learning rate times steps, long enough for the curvature to peak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import draw, require_fit
from catapult_sim.experiments.sharpest_directions import Track, track
from catapult_sim.mlp.losses import fraction_right_or_nan
from catapult_sim.mlp.network import Network
from catapult_sim.numeric.curvature.directions import ESCAPES, alignment
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.operators import Product
from catapult_sim.numeric.curvature.step_response import (
    SCALES,
    CrossSections,
    StepResponse,
    cross_sections,
    step_response,
)
from catapult_sim.types import Array

SAMPLES, HIDDEN = 512, (32,) * 6
BATCHES = (8, 32, 128)
POINTS = 30  # measurements along a run
# Of residuals; the top eigenvalue is then within 0.7 % of its value at 1e-6 wherever compared.
TOLERANCE = 0.05


class Recipe(NamedTuple):
    """Learning rates and times (rate times steps), in units of 1 / curvature at the start."""

    time: float
    rates: tuple[float, float, float]
    nudged_time: float  # 25 epochs at the rate in the middle


RECIPES = {
    "cross_entropy": Recipe(24.0, (0.01, 0.03, 0.1), 12.0),
    "squared_error": Recipe(500.0, (0.3, 0.8, 2.0), 320.0),
}
MIDDLE = 32


@dataclass(frozen=True)
class Problem:
    """Networks before training, ``theta (S, P)``, and data."""

    net: Network
    theta: Array
    unit: Array  # (S,), 1 / curvature at the start
    train: tuple[Array, Array]
    test: tuple[Array, Array]

    def follow(self, bench: Bench, c: float, theta: Array | None = None, **options: Any) -> Track:
        """Train at a learning rate in every network's unit, by the same batches at every rate."""
        start = self.theta if theta is None else theta
        options |= {"tolerance": TOLERANCE, "rng": bench.rng("sharpest batches")}
        return track(self.net, start, *self.train, learning_rate=c * self.unit, **options)


@once
def problem(bench: Bench, loss: str) -> Problem:
    """Draw networks and data; raise NothingToMeasure where the data do not fit the loss."""
    data = bench.split(SAMPLES, multiple_of=max(BATCHES))
    return _drawn(bench, loss, *data, HIDDEN, bench.effort.followed)


def _drawn(
    bench: Bench,
    loss: str,
    known: tuple[Array, Array],
    test: tuple[Array, Array],
    hidden: Sequence[int],
    members: int,
) -> Problem:
    drawn = draw(
        known,
        hidden,
        rng=bench.rng("sharpest network"),
        ensemble=(members,),
        parametrization="standard",
        gain="lecun",
        biases=True,
        loss=loss,
        dtype="float32",  # eigenvalues are known to 1 % at best
    )
    require_fit(drawn)
    return Problem(drawn.net, drawn.start, drawn.at_sharpness().unit, known, test)


@once
def grid(bench: Bench, loss: str, rate: int = 1, size: int = MIDDLE) -> Track:
    """Return SGD at one of the three learning rates, with "theta" observed."""
    recipe = RECIPES[loss]
    steps = round(recipe.time / recipe.rates[rate])
    return problem(bench, loss).follow(
        bench,
        recipe.rates[rate],
        batch_size=size,
        steps=steps,
        k=1,
        every=max(1, steps // POINTS),
        observe={"theta": lambda theta: theta},
    )


# Nudged-SGD -----------------------------------------------------------------------------------

GAMMAS = (0.01, 0.1, 1.0, 5.0)
K = 5


class Setting(NamedTuple):
    """How long Nudged-SGD trains, and by which batches."""

    batch_size: int
    rate: float  # in units of 1 / curvature at the start
    steps: int


# With 3 x 64 units and this rate SGD's curvature comes to about 1 / rate by itself, and stays;
# chosen on other samples and networks, by runs of SGD alone.
CLOTHING = Setting(32, 0.1, 30 * 32)
CLOTHES, CLOTHING_HIDDEN, CLOTHING_MEMBERS = 1024, (64,) * 3, 8


def setting(bench: Bench, loss: str) -> Setting:
    """Return how Nudged-SGD trains."""
    if on_clothing(bench, loss):
        return CLOTHING
    recipe = RECIPES[loss]
    return Setting(MIDDLE, recipe.rates[1], round(recipe.nudged_time / recipe.rates[1]))


def on_clothing(bench: Bench, loss: str) -> bool:
    """Return whether Nudged-SGD learns Fashion-MNIST: with full effort, by the paper's loss."""
    return bench.clothed and loss == "cross_entropy"


@once
def nudged_problem(bench: Bench, loss: str) -> Problem:
    """Draw the networks and data of Nudged-SGD: with little effort those of :func:`problem`."""
    if not on_clothing(bench, loss):
        return problem(bench, loss)
    data = bench.images(CLOTHES, multiple_of=CLOTHING.batch_size)
    return _drawn(bench, loss, *data, CLOTHING_HIDDEN, CLOTHING_MEMBERS)


@once
def nudged(bench: Bench, loss: str, gamma: float, k: int = K, momentum: float = 0.0) -> Track:
    """Return Nudged-SGD with k eigenvectors recomputed every epoch, as in the paper.

    With gamma = 1 it is SGD: then only the largest eigenvalue is measured.
    """
    how, given = setting(bench, loss), nudged_problem(bench, loss)

    def right(theta: Array, samples: tuple[Array, Array]) -> Array:
        return fraction_right_or_nan(given.net.predict(theta, samples[0]), samples[1])

    return given.follow(
        bench,
        how.rate,
        batch_size=how.batch_size,
        steps=how.steps,
        k=1 if gamma == 1 else k,
        every=len(given.train[0]) // how.batch_size,
        gamma=gamma,
        momentum=momentum,
        observe={
            "accuracy": lambda theta: right(theta, given.test),
            "train_accuracy": lambda theta: right(theta, given.train),
        },
    )


# The step against the curvature ---------------------------------------------------------------

ABOUT_THE_PEAK = (0.3, 0.4, 0.5, 0.6, 0.7)  # of a run
DIRECTIONS, STEPS = 3, 10  # eigenvectors, minibatches
PARTS = (1 / 4, 1 / 2, 1.0)  # of a step along e_1


class Look:
    """Steps and gradients along the sharpest directions, at one point of a run.

    What is not asked for is not measured: most of it no statement is about.
    """

    def __init__(self, given: Problem, rate: float, theta: Array, rng: np.random.Generator) -> None:
        (X, y), net = given.train, given.net
        self._net, self._rate, self._theta, self._data = net, rate, theta, (X, y)
        options: dict[str, Any] = {"size": net.size, "tolerance": 1e-3, "rng": rng}
        self._vectors = top_eigenpairs(self._hessian(), DIRECTIONS, **options).vectors
        self._rows = rng.permutation(len(X))[: STEPS * MIDDLE].reshape(-1, MIDDLE)
        self._rng = deepcopy(rng)
        rng.normal(size=net.size)  # the random direction, drawn again for each response

    @cached_property
    def first(self) -> StepResponse:
        """The response along e_1 to the parts of a step that statements are about."""
        return self._response(self._vectors[:, :1], PARTS)

    @cached_property
    def response(self) -> StepResponse:
        """The response along all directions to all parts and multiples of a step."""
        return self._response(self._vectors, SCALES)

    @cached_property
    def sections(self) -> CrossSections:
        """The loss along all directions."""
        return cross_sections(self._losses(), self._theta, self._steps(), self._vectors)

    @cached_property
    def batch(self) -> Array:
        """The mean |cos| of the angle of minibatch gradients to each direction."""
        return alignment(self._gradients(), self._vectors).magnitude

    @cached_property
    def full(self) -> Array:
        """The |cos| of the angle of the gradient to each direction."""
        return alignment(self._gradient(), self._vectors).magnitude

    @cached_property
    def random(self) -> float:
        """The expectation of |cos| of a random direction."""
        return float(np.sqrt(2 / (np.pi * self._net.size)))

    def change(self, alpha: float, along: int = 0) -> float:
        """Return the mean relative change of the loss along e_1, or another row of the response."""
        found = self.first if along == 0 and alpha in PARTS else self.response
        return float(found.change[along, found.scales == alpha][0])

    def predicted(self, alpha: float) -> float:
        """Return the quadratic prediction of :meth:`change` along e_1."""
        return float(self.first.predicted[0, self.first.scales == alpha][0])

    def _response(self, vectors: Array, scales: tuple[float, ...]) -> StepResponse:
        return step_response(
            self._losses(),
            self._theta,
            self._steps(),
            vectors,
            gradient=self._gradient(),
            hessian=self._hessian(),
            scales=scales,
            rng=deepcopy(self._rng),
        )

    def _hessian(self) -> Product:
        return self._net.at(self._theta, *self._data).hessian_product

    def _gradient(self) -> Array:
        return self._net.gradient(self._theta, *self._data)

    def _gradients(self) -> Array:
        """Return the gradients of the minibatches, ``(STEPS, P)``."""
        X, y = self._data
        return self._net.loss_and_gradient(self._theta, X[self._rows], y[self._rows])[1]

    def _steps(self) -> Array:
        return self._rate * self._gradients()

    def _losses(self) -> Callable[[Array], Array]:
        """Return the loss of points ``(A, P)``, in arrays that all of them share."""
        at = self._net.along(*self._data, orders=1)
        return lambda points: at(points).loss


@once
def looks(bench: Bench, loss: str) -> list[list[Look]]:
    """Return the looks at every network, at points of its run at the middle learning rate."""
    given, theta = problem(bench, loss), _states(bench, loss, ABOUT_THE_PEAK)
    rng = bench.rng("sharpest steps")
    return [
        [Look(given, RECIPES[loss].rates[1] * unit, one, rng) for one in theta[:, member]]
        for member, unit in enumerate(given.unit)
    ]


def _states(bench: Bench, loss: str, shares: tuple[float, ...]) -> Array:
    """Return parameters at shares of the run at the middle learning rate, ``(shares, S, P)``."""
    run = grid(bench, loss)
    return run.values["theta"][[round(share * (len(run.step) - 1)) for share in shares]]


# The escape -----------------------------------------------------------------------------------

SHARP = 0.4  # of a run: about the peak
ESCAPE_EPOCHS = 8


@once
def escape(bench: Bench, loss: str, name: str) -> Track:
    """Continue from near the peak for some epochs, with a part of the step changed."""
    given = problem(bench, loss)
    epoch = len(given.train[0]) // MIDDLE
    return given.follow(
        bench,
        RECIPES[loss].rates[1],
        _states(bench, loss, (SHARP,))[0],
        batch_size=MIDDLE,
        steps=ESCAPE_EPOCHS * epoch,
        k=1,
        every=max(1, epoch // 2),
        **ESCAPES[name]._asdict(),
    )
