"""Averages along each eigenvector of a small network's Hessian [Sandler2023]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.sandler2023.digits import descend, drawn_anew
from catapult_sim.claims.sandler2023.model import GROUP
from catapult_sim.claims.sources import DERIVED
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw
from catapult_sim.mlp.network import Network
from catapult_sim.numeric.minibatch.moments import propagate
from catapult_sim.numeric.runs.averages import EMA, IterateAverage, TwoPoint
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array

HIDDEN, SAMPLES, BATCH_SIZE = 8, 256, 16
DESCENT, STEPS, GAP, MEMBERS = 4000, 300, 100, 128
QUADRATIC = "a tenth is left to what is not quadratic, and to a Hessian that moves"
STEEPEST = 0.2  # a of the sharpest direction
AVERAGES: dict[str, IterateAverage] = {"two-point": TwoPoint(GAP), "ema": EMA(0.98)}


@dataclass(frozen=True)
class Timescales:
    """Squared means and variances of iterates and averages, along a Hessian's eigenvectors.

    Measured over an ensemble of networks, and predicted from eigenvalues and gradient noise. The
    keys are "last" (the last iterate), "half" (the last iterate, with the learning rate halved
    between the two points) and the averages.
    """

    rates: Array  # (D,), a = eta h of every eigenvector
    measured: dict[str, tuple[Array, Array]]  # twice (D,)
    predicted: dict[str, tuple[Array, Array]]  # twice (D,)


@once
def timescales(bench: Bench) -> Timescales:
    """Train a small network by SGD at its minimum, and measure along the Hessian's eigenvectors."""
    data, _ = bench.split(SAMPLES, multiple_of=BATCH_SIZE)
    small = _descended(bench, data)
    net, bottom = small.net, small.start
    h, vectors, minimum, spread = _directions(net, bottom, *data)
    eta = STEEPEST / h[-1]
    # Far enough that slow directions have not converged when noise dominates the fast ones.
    displacement = np.sqrt(spread * eta * h) * 4
    start = bottom + vectors @ (minimum + displacement)
    measured, predicted = {}, {}
    for name, end in _ends(bench, replace(small, start=start), eta).items():
        distance = (end - bottom) @ vectors - minimum
        measured[name] = distance.mean(axis=0) ** 2, distance.var(axis=0, ddof=1)
        rates = np.full(STEPS, eta)
        rates[-GAP:] /= 2 if name == "half" else 1
        average = AVERAGES.get(name)
        exact = propagate(rates[:, None] * h, start=displacement, average=average)
        predicted[name] = exact.average_mean[-1] ** 2, spread * exact.average_variance[-1]
    return Timescales(eta * h, measured, predicted)


def _descended(bench: Bench, data: tuple[Array, Array]) -> Networks:
    """Train a small network by gradient descent, close to a minimum."""
    drawn = draw(data, [HIDDEN], rng=bench.rng("small averaged network"), activation="tanh")
    rate = replace(drawn, X=drawn.X[:64], y=drawn.y[:64]).at_lambda_0().unit
    return replace(drawn, start=drawn.train(rate, steps=DESCENT).state)


def _ends(bench: Bench, one: Networks, eta: float) -> dict[str, Array]:
    """Return the final parameters ``(S, P)`` of an ensemble with one start, by key."""
    ensemble = replace(one, start=np.broadcast_to(one.start, (MEMBERS, one.net.size)))
    rng = bench.rng("small averaged batches")
    batches = drawn_anew((one.X, one.y), BATCH_SIZE, STEPS, rng, (MEMBERS,))
    before = replace(one, start=descend(ensemble, eta, batches[:, :-GAP]))
    late = batches[:, -GAP:]
    last = descend(before, eta, late)
    return {
        "last": last,
        "half": descend(before, eta / 2, late),
        "two-point": AVERAGES["two-point"].value((before.start, last)),
        "ema": descend(ensemble, eta, batches, average=AVERAGES["ema"]),
    }


def _directions(
    net: Network, bottom: Array, X: Array, y: Array
) -> tuple[Array, Array, Array, Array]:
    """Return curvatures, eigenvectors, the minimum along them, and the variance of batches."""
    curvatures, vectors = np.linalg.eigh(net.loss_hessian_product(bottom, X, y, np.eye(net.size)))
    chosen = curvatures > 1e-3 * curvatures[-1]
    h, vectors = curvatures[chosen], vectors[:, chosen]
    single = net.loss_and_gradient(bottom, X[:, None], y[:, None])[1] @ vectors
    return h, vectors, -single.mean(axis=0) / h, single.var(axis=0) / BATCH_SIZE / h**2


BANDS: dict[str, Callable[[Array], Any]] = {
    "fast": lambda steps: steps > 1,
    "slow": lambda steps: steps < 0.3,
}


def relative(bench: Bench, band: str, part: int, name: str, to: str = "last") -> Measured:
    """Return the measured effect of an average over the predicted one, in directions of a band.

    The effect is on the squared mean (part 0) or on the variance (part 1).
    """
    found = timescales(bench)
    chosen = BANDS[band](found.rates * GAP)
    measured = found.measured[name][part] / found.measured[to][part]
    predicted = found.predicted[name][part] / found.predicted[to][part]
    return mean((measured / predicted)[chosen])


def slow_harm(bench: Bench) -> Measured:
    """Return the mean square of the last iterate over that of two points, in slow directions."""
    found = timescales(bench)
    chosen = BANDS["slow"](found.rates * GAP)
    last, averaged = (np.add(*found.measured[name]) for name in ("last", "two-point"))
    return mean((last / averaged)[chosen])


def timescale_claims() -> Iterator[Claim]:
    """Yield the claims on averages along the eigenvectors of a network's Hessian."""
    claim = Claims(DERIVED, f"{GROUP}.digits.timescale", cost=0.5)
    as_predicted = partial(equals, predict=1.0, within=0.1, because=QUADRATIC)
    for name, what in {"two-point": "the mean of two points", "ema": "an EMA"}.items():
        yield claim(
            name,
            f"digits, along the Hessian's eigenvectors that relax within {GAP} steps: {what} "
            "lowers the variance as predicted from the spectrum (measured / predicted)",
            as_predicted(partial(relative, band="fast", part=1, name=name)),
        )
        yield claim(
            f"{name}-slow",
            f"digits, along those that do not: {what} lags behind in the mean as predicted "
            "(measured / predicted, squares)",
            as_predicted(partial(relative, band="slow", part=0, name=name)),
        )
    yield claim(
        "halving",
        "digits, along the fast ones: two points against halving the learning rate, as predicted "
        "(measured / predicted)",
        as_predicted(partial(relative, band="fast", part=1, name="two-point", to="half")),
    )
    yield claim(
        "harm",
        "digits, along the slow ones: the mean of two points is no nearer to the minimum than the "
        "last iterate (mean square of the latter over the former)",
        at_most(slow_harm, 1.0),
    )
