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

Sizes, time and learning rate were chosen on seed 100, where of c = 1, 1.2 and 1.5 the last one had
the most spikes in batches of 8; there all of the comparisons below came out as the paper says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.claim import Claim, Claims, at_least, at_most
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
REDUCED = (
    "one of the paper's kinds of tasks, a function of rank two, with 20 inputs and one hidden "
    "layer of 256 units; the paper was read in its abstract alone"
)


@dataclass(frozen=True)
class Run:
    """What one network came to with batches of one size."""

    spikes: int
    share: float  # of the largest spike's rise in the span of the top eigenvectors; or NaN
    alignment: float
    test_loss: float


def product_of_inputs(rng: np.random.Generator, samples: int) -> tuple[Array, Array]:
    """Draw standard normal inputs, and the product of their first two."""
    X = rng.normal(size=(samples, INPUTS))
    return X, X[:, :1] * X[:, 1:2]


@once
def runs(bench: Bench, batch_size: int) -> list[Run]:
    """Return a run for every seed, which draws its own samples, network and batches."""
    return [_run(bench, batch_size, seed) for seed in range(bench.effort.seeds)]


def _run(bench: Bench, batch_size: int, seed: int) -> Run:
    rng = bench.rng(f"product of inputs {seed}")
    known, test = product_of_inputs(rng, SAMPLES), product_of_inputs(rng, TESTS)
    drawn = draw(known, [WIDTH], rng=rng, activation="relu", dtype="float32").at_lambda_0()
    options = {}
    if batch_size < SAMPLES:
        options["batches"] = minibatches(SAMPLES, batch_size, STEPS, rng=rng)
    run = drawn.run_at(C, steps=STEPS, **options)
    loss, found = run.values["loss"], Observers(drawn.net, *test)
    start, top = largest_spike(loss)
    ends = (drawn.run_at(C, steps=steps, **options).state for steps in (start, top))
    share = share_of_rise(drawn, *ends) if start < top else np.nan
    test_loss = float(found.loss(run.state))
    return Run(count_spikes(loss), share, alignment(found, run.state), test_loss)


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


def share_of_rise(networks: Networks, before: Array, after: Array) -> float:
    """Return the share of the loss's rise in the span of the kernel's top eigenvectors before."""
    modes = np.linalg.eigh(kernel.ntk(networks.net, before, networks.X))[1][:, -TOP:]
    low, high = (networks.outputs(theta) - networks.y for theta in (before, after))

    def rise(columns: Array) -> float:
        return float(np.sum((columns.T @ high) ** 2) - np.sum((columns.T @ low) ** 2))

    return rise(modes) / rise(np.eye(len(low)))


def alignment(found: Observers, theta: Array) -> float:
    """Return the cosine between the network's average gradient outer product and the true one."""
    product = found.gradient_outer_product(theta)
    true: npt.NDArray[np.float64] = np.diag(np.arange(INPUTS) < 2).astype(float)
    return float(np.sum(product * true) / np.linalg.norm(product) / np.linalg.norm(true))


def of_seeds(bench: Bench, batch_size: int, what: str) -> Array:
    """Return a quantity of every seed, ``(S,)``."""
    return np.array([getattr(run, what) for run in runs(bench, batch_size)])


def in_the_span(bench: Bench) -> Measured:
    """Return the share of the largest spike in the span of the top eigenvectors."""
    found = of_seeds(bench, BATCHES[0], "share")
    if np.isnan(found).all():
        raise NothingToMeasure
    return mean(found[~np.isnan(found)])


def gained(bench: Bench, what: str, small: int, large: int) -> Measured:
    """Return how much more of a quantity small batches end with than large ones."""
    more, less = (of_seeds(bench, size, what) for size in (small, large))
    if not (more.any() or less.any()):  # without a spike there is nothing to compare
        raise NothingToMeasure
    return mean(more - less)


def _claims() -> Iterator[Claim]:
    claim = Claims(PAPER, "sgd_catapults", reduced=REDUCED, cost=3.0)
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
            f"batches of {less} end more aligned with the gradients of the true function than "
            f"{versus} (difference of cosines)",
            at_least(partial(compared, what="alignment"), 0.0),
        )
        yield claim(
            f"test.{name}",
            f"and with a smaller test loss than {versus} (difference)",
            at_most(partial(compared, what="test_loss"), 0.0),
        )


CLAIMS = tuple(_claims())
