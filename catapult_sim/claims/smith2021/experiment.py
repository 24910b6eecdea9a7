"""The experiment of [Smith2021]: large learning rates against an explicit regulariser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.sparse.linalg import eigsh

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.smith2021.flow import GROUP
from catapult_sim.claims.sources import SMITH as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import draw, loss_and_error, require_lambda_0
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import Network
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.measured import Measured, mean, ratio
from catapult_sim.numeric.runs.optimizers import GradientDescent, Regularized
from catapult_sim.types import Array

HIDDEN, SAMPLES, LARGEST_BATCH = 64, 256, 32
SETTING = "8x8 digits and 64 hidden units instead of CIFAR-10 and a residual network"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: to a fixed time, learning rate times steps.

    Learning rate and regulariser are in units of ``1 / (curvature lambda_0)``: at 2 full-batch
    gradient descent would begin to be unstable, had the outputs the largest curvature that their
    loss can have.
    """

    batch_size: int
    learning_rate: float
    regularizer: float = 0.0
    repeats: int = 1  # steps in a row on each batch, which share the learning rate
    time: float = 2.0  # over the number of samples

    @property
    def epochs(self) -> int:
        """The number of epochs, 32 at batch size 16, learning rate 1 and time 2."""
        return round(self.time * self.batch_size / self.learning_rate)


LARGE, SMALL = Recipe(16, 1.0), Recipe(16, 1 / 8)
EXPLICIT = Recipe(16, 1 / 8, regularizer=7 / 8)  # with what is implicit, as much as LARGE has
DIVIDED = Recipe(16, 1.0, repeats=8)  # the noise of LARGE, the steps of SMALL
QUANTITIES = {"error": "test error", "loss": "test loss", "penalty": "mean squared batch gradient"}


@once
def ends(bench: Bench, recipe: Recipe) -> dict[str, Array]:
    """Return the :data:`QUANTITIES` after training, ``(S,)``; every recipe has the same members."""
    data, test = bench.split(SAMPLES, multiple_of=LARGEST_BATCH)
    return quantities(*trained(bench, recipe, data, bench.effort.trained), data, test)


@np.errstate(all="ignore")  # a network that diverges has no quantities
def quantities(
    net: Network, theta: Array, data: tuple[Array, Array], test: tuple[Array, Array]
) -> dict[str, Array]:
    """Return the :data:`QUANTITIES` of parameters ``(S, P)``, NaN where they are not finite."""
    batches = (a.reshape(-1, LARGE.batch_size, a.shape[-1]) for a in data)
    gradients = net.loss_and_gradient(theta[:, None], *batches)[1]
    penalty = np.mean(np.sum(gradients**2, axis=-1), axis=-1)
    found = loss_and_error(net, theta, *test) | {"penalty": penalty}
    return {name: np.where(np.isfinite(array), array, np.nan) for name, array in found.items()}


def trained(
    bench: Bench, recipe: Recipe, data: tuple[Array, Array], count: int
) -> tuple[Network, Array]:
    """Return the network, and the parameters of an ensemble of so many after training, (S, P)."""
    members, samples = (count,), len(data[0])
    loss = "cross_entropy" if _one_hot(data[1]) else "squared_error"
    network = {"loss": loss, "dtype": "float32"}
    drawn = draw(data, [HIDDEN], rng=bench.rng("sgd network"), ensemble=members, **network)
    unit = sgd_unit(bench, drawn.net, drawn.start[0], drawn.X)
    epoch, repeats = samples // recipe.batch_size, recipe.repeats
    visits = recipe.epochs * epoch
    rng = bench.rng("sgd batches")
    batches = minibatches(
        samples, recipe.batch_size, visits, sampling="shuffled", rng=rng, ensemble=members
    )
    run = drawn.train(
        recipe.learning_rate / repeats * unit,
        optimizer=Regularized(GradientDescent(), recipe.regularizer * unit),
        steps=visits * repeats,
        batches=np.repeat(batches, repeats, axis=-2),
        every=visits * repeats,  # the loss of all samples tells nothing of the end
    )
    return drawn.net, run.state


def _one_hot(y: Array) -> bool:
    return y.shape[1] > 1 and bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def sgd_unit(bench: Bench, net: Network, theta: Array, X: Array) -> float:
    """Return the learning rate ``1 / (curvature lambda_0)`` of the first member."""

    def measure() -> float:
        matrix = kernel.ntk(net, theta, X)
        require_lambda_0(matrix.trace())  # eigsh does not fail on constant data
        top = eigsh(matrix, 1, v0=np.ones(len(matrix)), return_eigenvectors=False)
        return float((1 / require_lambda_0(top))[0] / net.loss_function.curvature)

    return bench.once(("sgd unit", X.shape), measure)


def excess(bench: Bench, quantity: str, recipe: Recipe) -> Measured:
    """Return the final quantity minus that of plain SGD at a small learning rate, seed by seed."""
    return mean(ends(bench, recipe)[quantity] - ends(bench, SMALL)[quantity])


def effect_ratio(bench: Bench, quantity: str, recipe: Recipe) -> Measured:
    """Return the change by a recipe over the change by a large learning rate."""
    small = ends(bench, SMALL)[quantity]
    return ratio(*(ends(bench, one)[quantity] - small for one in (recipe, LARGE)))


def experiment_claims(quantity: str) -> Iterator[Claim]:
    """Yield the claims on what the regulariser does to networks, at equal training time."""
    claim = Claims(
        PAPER,
        f"{GROUP}.experiment.{quantity}",
        QUANTITIES[quantity],
        reduced=SETTING,
        cost=1,
        given={"quantity": quantity},
    )
    yield claim(
        "large",
        "SGD at a large learning rate ends below SGD at an eighth of it (difference)",
        at_most(partial(excess, recipe=LARGE), 0.0),
    )
    yield claim(
        "explicit",
        "so does SGD at the small one with the regulariser made explicit (difference)",
        at_most(partial(excess, recipe=EXPLICIT), 0.0),
    )
    if quantity == "error":  # its ratios are those of noise: the effect is a twentieth of a point
        return
    yield claim(
        "recovered",
        "the explicit regulariser recovers what the large learning rate gains (fraction)",
        equals(
            partial(effect_ratio, recipe=EXPLICIT),
            1.0,
            within=0.5,
            because='"recovers most of the benefit": more than half, and not half as much again',
        ),
    )
    yield claim(
        "divided",
        "eight steps in a row on each batch, each with an eighth of the large rate, lose what it "
        "gains (fraction left)",
        at_most(
            partial(effect_ratio, recipe=DIVIDED),
            0.0,
            within=0.5,
            because="the paper says that the benefit falls with the number of steps: at eight, "
            "less than half may be left",
        ),
        says=PAPER.at("finite learning rates and stochasticity"),
    )
    for name, factor in (("half", 1 / 2), ("double", 2)):
        yield claim(
            f"{name}-batch",
            f"{name} the learning rate with {name} the batch gains as much (fraction)",
            equals(
                partial(effect_ratio, recipe=Recipe(round(16 * factor), factor)),
                1.0,
                within=0.25,
                because="the scale is eps / B to first order in eps: a quarter is left to the next",
            ),
        )
