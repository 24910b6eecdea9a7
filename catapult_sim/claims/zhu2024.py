"""Catapults in SGD: spikes of the training loss and the features that networks learn [Zhu2024].

A network with one hidden layer learns the product of two of its inputs, a function of rank two, by
SGD on squared error. At c = eta lambda_0 = 1.5 full batches are lazy, and batches of 8 spike again
and again, since the kernel of a batch alone is larger than that of all samples.

A spike is where the loss of all samples rises above twice its smallest value so far, and ends where
it has come back to it; what happens below a thousandth of the loss at the start counts as nothing.
The largest spike is looked at from the last smallest value before it to its top. How much of its
rise lies in the span of the kernel's top eigenvectors is compared with a random subspace's share.

The gradients of the true function are (x_2, x_1, 0, ...), so that their average outer product is
the projection on the first two inputs. Alignment is the cosine between it and that of the network,
on test data, as between two vectors.

On images, even classes against odd ones, nobody knows the true function: a network that learns more
samples in small steps stands for it.

Sizes, time and learning rate were chosen on seed 100 of the product of inputs, where of c = 1, 1.2
and 1.5 the last one had the most spikes in batches of 8; there all of the comparisons below came
out as the paper says. Images are learnt in the same way, and nothing was chosen on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_least, at_most, measured
from catapult_sim.claims.sources import ZHU_SGD as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw
from catapult_sim.mlp import kernel
from catapult_sim.mlp.observers import Observers
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.types import Array

INPUTS, SAMPLES, TESTS, WIDTH = 20, 128, 1000, 256
C, STEPS = 1.5, 2000
BATCHES = (8, 32, SAMPLES)
RISE, FLOOR = 2.0, 1e-3  # of a spike; of the loss at the start
TOP = 5  # eigenvectors
KNOWN, GENTLE = 1024, 0.5  # samples that stand for the truth on images, at most; their c
Samples = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Task:
    """What networks learn, and what is known of the truth."""

    name: str  # of its random streams
    draw: Callable[[Bench, np.random.Generator], tuple[Samples, Samples]]  # to learn, to test
    truth: Callable[[Bench], Array]  # the average gradient outer product of the true function
    test: Callable[[Observers, Array], Array]  # how wrong a network is
    wrong: str  # the same in words
    gradients: str  # the true ones, in words
    reduced: str


@dataclass(frozen=True)
class Run:
    """What one network came to with batches of one size."""

    spikes: int
    share: float  # of the largest spike's rise in the span of the top eigenvectors; or NaN
    random: float  # the same in a random span of so many vectors
    alignment: float
    test: float


def product_of_inputs(rng: np.random.Generator, samples: int) -> Samples:
    """Draw standard normal inputs, and the product of their first two."""
    X = rng.normal(size=(samples, INPUTS))
    return X, X[:, :1] * X[:, 1:2]


def draw_products(bench: Bench, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Draw samples of the product of inputs to learn, and others to test on."""
    return product_of_inputs(rng, SAMPLES), product_of_inputs(rng, TESTS)


def first_two(bench: Bench) -> Array:
    """Return the projection on the first two inputs, ``(INPUTS, INPUTS)``."""
    return np.diag(np.arange(INPUTS) < 2).astype(float)


@once
def images(bench: Bench) -> tuple[Samples, Samples]:
    """Return images to learn, ``(at most KNOWN, d)``, and others to test on; classes are +-1.

    Raises
    ------
    NothingToMeasure
        Where there are none, or their labels are numbers to fit.
    """
    known, test = bench.images(KNOWN)
    return _of_two_classes(*known), _of_two_classes(*test)


def _of_two_classes(X: Array, y: Array) -> Samples:
    if y.shape[1] > 1:
        return X, np.where(y.argmax(axis=1) % 2, 1.0, -1.0)[:, None]
    if len(np.unique(y)) > 2:
        raise NothingToMeasure
    return X, y


def draw_images(bench: Bench, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Draw some of the images to learn, and return all to test on."""
    (X, y), test = images(bench)
    rows = rng.permutation(len(X))[:SAMPLES]
    return (X[rows], y[rows]), test


@once
def of_many_images(bench: Bench) -> Array:
    """Return the average gradient outer product of a network that has learnt all images."""
    known, test = images(bench)
    rng = bench.rng("all images")
    drawn = draw(known, [WIDTH], rng=rng, activation="relu", dtype="float32").at_lambda_0()
    batches = minibatches(len(known[0]), 32, STEPS, rng=rng)
    run = drawn.run_at(GENTLE, steps=STEPS, batches=batches)
    return Observers(drawn.net, *test).gradient_outer_product(run.state)


def misclassified(found: Observers, theta: Array) -> Array:
    """Return the share of samples that are not classified correctly."""
    wrong: Array = 1 - found.accuracy(theta)
    return wrong


PRODUCT = Task(
    "product of inputs",
    draw_products,
    first_two,
    Observers.loss,
    "test loss",
    "the gradients of the true function",
    "one of the paper's kinds of tasks, a function of rank two, with 20 inputs and one hidden "
    "layer of 256 units; the paper was read in its abstract alone",
)
IMAGES = Task(
    "images",
    draw_images,
    of_many_images,
    misclassified,
    "share of wrong answers",
    "the gradients of a network that learns more samples",
    f"{SAMPLES} digits, with full effort 14x14 Fashion-MNIST, one hidden layer of 256 units; the "
    "paper was read in its abstract alone",
)


@once
def runs(bench: Bench, task: Task, batch_size: int) -> list[Run]:
    """Return a run for every seed, which draws its own samples, network and batches."""
    return [_run(bench, task, batch_size, seed) for seed in range(bench.effort.seeds)]


def _run(bench: Bench, task: Task, batch_size: int, seed: int) -> Run:
    rng = bench.rng(f"{task.name} {seed}")
    known, test = task.draw(bench, rng)
    drawn = draw(known, [WIDTH], rng=rng, activation="relu", dtype="float32").at_lambda_0()
    options = {}
    if batch_size < SAMPLES:
        options["batches"] = minibatches(SAMPLES, batch_size, STEPS, rng=rng)
    run = drawn.run_at(C, steps=STEPS, **options)
    loss, found = run.values["loss"], Observers(drawn.net, *test)
    shares = np.nan, np.nan
    start, top = largest_spike(loss)
    if start < top:
        before, after = (drawn.run_at(C, steps=steps, **options).state for steps in (start, top))
        shares = shares_of_rise(drawn, before, after, bench.rng(f"random subspace {seed}"))
    aligned = alignment(found, run.state, task.truth(bench))
    return Run(count_spikes(loss), *shares, aligned, float(task.test(found, run.state)))


def count_spikes(loss: Array) -> int:
    """Count the spikes of a loss ``(T,)``."""
    floor, spikes, above = FLOOR * loss[0], 0, False
    smallest = loss[0]
    for value in loss:
        risen = value > RISE * max(smallest, floor)
        spikes += risen and not above
        above = risen or (above and value > max(smallest, floor))
        smallest = min(smallest, value)
    return spikes


def largest_spike(loss: Array) -> tuple[int, int]:
    """Return where the largest rise over the smallest loss so far begins, and its top."""
    smallest = np.maximum(np.minimum.accumulate(loss), FLOOR * loss[0])
    top = int(np.argmax(loss / smallest))
    return int(np.argmin(loss[: top + 1])), top


def shares_of_rise(
    networks: Networks, before: Array, after: Array, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the share of the loss's rise in the span of the kernel's top eigenvectors before.

    And that in a random span of so many vectors.
    """
    modes = np.linalg.eigh(kernel.ntk(networks.net, before, networks.X))[1][:, -TOP:]
    other = np.linalg.qr(rng.normal(size=modes.shape))[0]
    low, high = (networks.outputs(theta) - networks.y for theta in (before, after))

    def rise(columns: Array) -> float:
        return float(np.sum((columns.T @ high) ** 2) - np.sum((columns.T @ low) ** 2))

    whole = rise(np.eye(len(low)))
    return rise(modes) / whole, rise(other) / whole


def alignment(found: Observers, theta: Array, true: Array) -> float:
    """Return the cosine between the network's average gradient outer product and the true one."""
    product = found.gradient_outer_product(theta)
    return float(np.sum(product * true) / np.linalg.norm(product) / np.linalg.norm(true))


def of_seeds(bench: Bench, task: Task, batch_size: int, what: str) -> Array:
    """Return a quantity of every seed, ``(S,)``."""
    return np.array([getattr(run, what) for run in runs(bench, task, batch_size)])


def in_the_span(bench: Bench, task: Task, what: str = "share") -> Measured:
    """Return the share of the largest spike in the span of the top eigenvectors."""
    found = of_seeds(bench, task, BATCHES[0], what)
    if np.isnan(found).all():
        raise NothingToMeasure
    return mean(found[~np.isnan(found)])


def gained(bench: Bench, task: Task, what: str, small: int, large: int) -> Measured:
    """Return how much more of a quantity small batches end with than large ones."""
    more, less = (of_seeds(bench, task, size, what) for size in (small, large))
    if not (more.any() or less.any()):  # without a spike there is nothing to compare
        raise NothingToMeasure
    return mean(more - less)


def task_claims(task: Task, group: str, about: str, cost: float) -> Iterator[Claim]:
    """Yield what the abstract says, of one task."""
    given = {"task": task}
    claim = Claims(PAPER, group, about, reduced=task.reduced, cost=cost, given=given)
    small, middle, large = BATCHES
    yield claim(
        "span",
        f"batches of {small}: the largest spike lies in the span of the kernel's top {TOP} "
        "eigenvectors (share of its rise)",
        at_least(
            in_the_span,
            0.5,
            because=f'"in a low-dimensional subspace": most of it; a random one has {TOP} of '
            f"{SAMPLES}, 0.04",
        ),
    )
    yield claim(
        "span.random",
        f"the share of it in the span of {TOP} random vectors",
        measured(partial(in_the_span, what="random")),
        cost=0.1,
    )
    for name, less, more in (("few", middle, large), ("many", small, middle)):
        versus = "all samples" if more == SAMPLES else f"batches of {more}"
        compared = partial(gained, small=less, large=more)
        yield claim(
            f"spikes.{name}",
            f"batches of {less} spike more often than {versus} (difference of counts)",
            at_least(partial(compared, what="spikes"), 0.0),
        )
        yield claim(
            f"alignment.{name}",
            f"batches of {less} end more aligned with {task.gradients} than {versus} (difference "
            "of cosines)",
            at_least(partial(compared, what="alignment"), 0.0),
        )
        yield claim(
            f"test.{name}",
            f"and with a smaller {task.wrong} than {versus} (difference)",
            at_most(partial(compared, what="test"), 0.0),
        )


CLAIMS = (
    *task_claims(PRODUCT, "sgd_catapults", "", 3.0),
    *task_claims(IMAGES, "sgd_catapults.images", "digits, odd against even", 6.0),
)
