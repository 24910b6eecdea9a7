"""Networks on digits beside the quadratic minibatch model: averages, fixed batches, timescales.

Every batch is drawn anew. Learning rates are in units of ``1 / (curvature lambda_0)``, with the
kernel's top eigenvalue on the first samples: at 2 gradient descent could first become unstable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.bench import Bench
from catapult_sim.claims.on_data import unit_rate
from catapult_sim.mlp import kernel
from catapult_sim.mlp.batch_losses import OneStep, loss_along, one_step
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.averages import EMA, SWA, IterateAverage, TwoPoint, schedule
from catapult_sim.numeric.batches import Batches, minibatches
from catapult_sim.numeric.minibatch_quadratic import propagate
from catapult_sim.numeric.requirements import InputError

__all__ = [
    "AVERAGES",
    "LINES",
    "RATES",
    "Experiment",
    "Timescales",
    "ends",
    "experiment",
    "lines",
    "one_large_step",
    "timescales",
]

Array = npt.NDArray[Any]

SAMPLES, HIDDEN, BATCH_SIZE = 800, 32, 4
SEEDS = 4  # in units of those that other claims train: these networks are small and quick
# The curvature of cross-entropy falls as networks become sure of their labels.
RATES = {"squared_error": 1.0, "cross_entropy": 4.0}
WARM_UP, GAP = 1200, 400
AVERAGES: dict[str, IterateAverage] = {"two-point": TwoPoint(GAP), "swa": SWA(), "ema": EMA(0.99)}


@dataclass(frozen=True)
class Experiment:
    """Networks after the warm-up, and where constant and lowered learning rates lead them."""

    net: MLP
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    rate: float
    start: Array  # (S, P), after the warm-up
    following: Array  # (S, P), one step later
    last: Array  # (S, P), after GAP steps at a constant learning rate
    averages: dict[str, Array]  # (S, P) each, of :data:`AVERAGES` over those steps
    scheduled: dict[str, Array]  # (S, P) each, after the same batches at the average's schedule


def experiment(bench: Bench, loss: str) -> Experiment | None:
    """Train by one of :data:`RATES`; None where the data do not allow it."""
    return bench.once(("averages", loss), lambda: _experiment(bench, loss))


def _experiment(bench: Bench, loss: str) -> Experiment | None:
    known, test = bench.split(SAMPLES, multiple_of=32)
    net = MLP([known[0].shape[1], HIDDEN, known[1].shape[1]], activation="tanh", loss=loss)
    try:
        net.require_data(*known)
    except InputError:  # there are no samples, or their labels are no probabilities
        return None
    seeds = (SEEDS * bench.effort.trained,)
    theta = net.init(rng=bench.rng("averaged network"), ensemble=seeds)
    unit = unit_rate(kernel.top_eigenvalue(net, theta[0], known[0][:64]))
    rate = RATES[loss] * float(unit) / net.loss_function.curvature
    rng = bench.rng("averaged batches")
    batches = drawn_anew(known, BATCH_SIZE, WARM_UP + GAP, rng, seeds)

    warm_up, later = batches[:, :WARM_UP], batches[:, WARM_UP:]
    start = descend(net, theta, known, rate, warm_up)
    follow = partial(descend, net, start, known, rate)
    following, last = follow(later[:, :1]), follow(later)
    # Two points need no memory of all that lies between them.
    averages = {
        name: average.value((start, last))
        if isinstance(average, TwoPoint)
        else follow(later, average=average)
        for name, average in AVERAGES.items()
    }
    scheduled = {
        name: follow(later, schedule=schedule(average, GAP)) for name, average in AVERAGES.items()
    }
    return Experiment(net, known, test, rate, start, following, last, averages, scheduled)


def descend(
    net: MLP, theta: Array, data: tuple[Array, Array], rate: float, batches: Batches, **method: Any
) -> Array:
    """Take a step on every batch; return where they lead, or the average that is asked for."""
    X, y = data
    count = batches.shape[-2]
    run = train(
        net, theta, X, y, learning_rate=rate, steps=count, every=count, batches=batches, **method
    )
    return run.state if run.average is None else run.average


def drawn_anew(
    data: tuple[Array, Array],
    size: int,
    steps: int,
    rng: np.random.Generator,
    ensemble: tuple[int, ...],
) -> Batches:
    """Draw batches as the quadratic model has them, independent of one another."""
    count = len(data[0])
    return minibatches(count, size, steps, sampling="replacement", rng=rng, ensemble=ensemble)


def ends(bench: Bench, loss: str) -> dict[tuple[str, str], dict[str, Array]]:
    """Return test loss and error ``(S,)`` of where an experiment leads.

    The keys are ``("last", "constant")`` and, for every average, ``(name, "averaged")`` and
    ``(name, "scheduled")``.
    """

    def measure() -> dict[tuple[str, str], dict[str, Array]]:
        found = experiment(bench, loss)
        if found is None:
            return {}
        places = {("last", "constant"): found.last}
        places |= {(name, "averaged"): theta for name, theta in found.averages.items()}
        places |= {(name, "scheduled"): theta for name, theta in found.scheduled.items()}
        return {
            key: {
                "loss": found.net.loss(theta, *found.test),
                "error": 1 - found.net.accuracy(theta, *found.test),
            }
            for key, theta in places.items()
        }

    return bench.once(("average ends", loss), measure)


# The loss on fixed batches --------------------------------------------------------------------

FIXED_BATCH = 32
LINES = {
    "step": "along its own gradient step, to twice the best learning rate",
    "later": f"from an iterate to that {GAP} steps later",
    "between": "from one iterate to the next",
}
TRIED = 2.0 ** np.arange(-6, 10, 0.25)


def fixed_batches(bench: Bench, found: Experiment, seen: bool) -> tuple[Array, Array]:
    """Draw a batch for every network, from data that training sees or does not see."""
    X, y = found.train if seen else found.test
    rng = bench.rng(f"fixed batches {'seen' if seen else 'unseen'}")
    rows = rng.integers(len(X), size=(len(found.start), FIXED_BATCH))
    return X[rows], y[rows]


def one_large_step(bench: Bench, loss: str, seen: bool) -> OneStep | None:
    """Take the step that is best for a batch; others are the data that training does not see."""

    def measure() -> OneStep | None:
        found = experiment(bench, loss)
        if found is None:
            return None
        batch = fixed_batches(bench, found, seen)
        return one_step(found.net, found.start, batch, found.test, found.rate * TRIED)

    return bench.once(("one step", loss, seen), measure)


def lines(
    bench: Bench, loss: str, line: str, seen: bool = True, points: int = 21
) -> tuple[Array, Array] | None:
    """Return positions and losses ``(n, S)`` of fixed batches along one of :data:`LINES`.

    Positions go from 0 to 1; along the gradient step, to 2 in units of the best learning rate.
    """
    found, step = experiment(bench, loss), one_large_step(bench, loss, seen)
    if found is None or step is None:
        return None
    batch = fixed_batches(bench, found, seen)
    gradient = found.net.loss_and_gradient(found.start, *batch)[1]
    direction, end = {
        "step": (-step.rate[:, None] * gradient, 2.0),
        "later": (found.last - found.start, 1.0),
        "between": (found.following - found.start, 1.0),
    }[line]
    positions = np.linspace(0, end, points)[:, None] + np.zeros(len(found.start))
    return positions, loss_along(found.net, found.start, direction, positions, *batch)


# Timescales -----------------------------------------------------------------------------------

SMALL_HIDDEN, SMALL_SAMPLES, SMALL_BATCH = 8, 256, 16
DESCENT, STEPS, SMALL_GAP, MEMBERS = 4000, 300, 100, 128
STEEPEST = 0.2  # a of the sharpest direction
SMALL_AVERAGES: dict[str, IterateAverage] = {"two-point": TwoPoint(SMALL_GAP), "ema": EMA(0.98)}


@dataclass(frozen=True)
class Timescales:
    """Squared means and variances of iterates and averages, along a Hessian's eigenvectors.

    Measured over an ensemble of networks, and predicted from eigenvalues and gradient noise. The
    keys are "last" (the last iterate), "half" (the same, the learning rate halved for the gap
    of the two points) and the averages.
    """

    rates: Array  # (D,), a = eta h of every eigenvector
    measured: dict[str, tuple[Array, Array]]  # twice (D,)
    predicted: dict[str, tuple[Array, Array]]  # twice (D,)


def timescales(bench: Bench) -> Timescales | None:
    """Let a small network fluctuate about its minimum; None where data are too few."""
    return bench.once("timescales", lambda: _timescales(bench))


def _timescales(bench: Bench) -> Timescales | None:
    (X, y), _ = bench.split(SMALL_SAMPLES, multiple_of=SMALL_BATCH)
    if not len(X):
        return None
    net = MLP([X.shape[1], SMALL_HIDDEN, y.shape[1]], activation="tanh")
    theta = net.init(rng=bench.rng("small averaged network"))
    rate = unit_rate(kernel.top_eigenvalue(net, theta, X[:64]))
    bottom = train(net, theta, X, y, learning_rate=rate, steps=DESCENT).state
    h, vectors, minimum, spread = _directions(net, bottom, X, y)
    eta = STEEPEST / h[-1]
    # Far enough that slow directions are still on their way when noise rules the fast ones.
    displacement = np.sqrt(spread * eta * h) * 4
    theta = np.broadcast_to(bottom + vectors @ (minimum + displacement), (MEMBERS, net.size))
    rng = bench.rng("small averaged batches")
    batches = drawn_anew((X, y), SMALL_BATCH, STEPS, rng, (MEMBERS,))
    early, late = batches[:, :-SMALL_GAP], batches[:, -SMALL_GAP:]
    before = descend(net, theta, (X, y), eta, early)
    last = descend(net, before, (X, y), eta, late)
    ends = {
        "last": last,
        "half": descend(net, before, (X, y), eta / 2, late),
        "two-point": SMALL_AVERAGES["two-point"].value((before, last)),
        "ema": descend(net, theta, (X, y), eta, batches, average=SMALL_AVERAGES["ema"]),
    }
    measured, predicted = {}, {}
    for name, end in ends.items():
        distance = (end - bottom) @ vectors - minimum
        measured[name] = distance.mean(axis=0) ** 2, distance.var(axis=0, ddof=1)
        rates = np.full(STEPS, eta)
        rates[-SMALL_GAP:] /= 2 if name == "half" else 1
        average = SMALL_AVERAGES.get(name)
        exact = propagate(rates[:, None] * h, start=displacement, average=average)
        predicted[name] = exact.average_mean[-1] ** 2, spread * exact.average_variance[-1]
    return Timescales(eta * h, measured, predicted)


def _directions(net: MLP, bottom: Array, X: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Return curvatures, eigenvectors, where the minimum is along them, and batches' variance."""
    curvatures, vectors = np.linalg.eigh(net.loss_hessian_product(bottom, X, y, np.eye(net.size)))
    chosen = curvatures > 1e-3 * curvatures[-1]
    h, vectors = curvatures[chosen], vectors[:, chosen]
    single = net.loss_and_gradient(bottom, X[:, None], y[:, None])[1] @ vectors
    return h, vectors, -single.mean(axis=0) / h, single.var(axis=0) / SMALL_BATCH / h**2
