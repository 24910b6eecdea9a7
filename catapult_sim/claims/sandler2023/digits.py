"""Networks on digits, at constant and lowered learning rates and averaged [Sandler2023].

Every batch is drawn anew. Learning rates are in units of ``1 / (curvature lambda_0)``, with the
kernel's top eigenvalue on the first samples: at 2 gradient descent could first become unstable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.claim import Claims
from catapult_sim.claims.sandler2023.model import GROUP
from catapult_sim.claims.sources import EXTENDED
from catapult_sim.claims.sources import SANDLER as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw, require_fit
from catapult_sim.mlp.losses import IN_WORDS
from catapult_sim.mlp.network import Network
from catapult_sim.numeric.runs.averages import EMA, SWA, Average, IterateAverage, TwoPoint, schedule
from catapult_sim.numeric.runs.batches import Batches, minibatches
from catapult_sim.numeric.runs.trajectory import Trajectory
from catapult_sim.types import Array

SAMPLES, HIDDEN, ACTIVATION, BATCH_SIZE = 800, 32, "tanh", 4
# The curvature of cross-entropy falls as networks become sure of their labels.
RATES = {"squared_error": 1.0, "cross_entropy": 4.0}
WARM_UP, GAP = 1200, 400
RECURRENT: dict[str, Average] = {"swa": SWA(), "ema": EMA(0.99)}
AVERAGES: dict[str, IterateAverage] = {"two-point": TwoPoint(GAP), **RECURRENT}


SETTING = (
    "8x8 digits, a dense network of 32 units and no momentum, instead of ImageNet, ResNet and 0.9"
)


def on_digits(loss: str, more: str = "") -> Claims:
    """Return the fields that claims on networks on digits share.

    The paper trains by cross-entropy; squared error is tried besides.
    """
    return Claims(
        PAPER if loss == "cross_entropy" else EXTENDED,
        f"{GROUP}.digits.{loss}",
        f"digits, {IN_WORDS[loss]}{more}",
        reduced=SETTING,
        cost=0.4,
        given={"loss": loss},
    )


@dataclass(frozen=True)
class Experiment:
    """Networks after a warm-up, and after training at constant and lowered learning rates.

    They train in single precision. What is measured in double precision, such as differences of
    the losses of neighbouring iterates, is not rounded.
    """

    networks: Networks  # after the warm-up
    net: Network  # the same in double precision
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    rate: float
    following: Array  # (S, P), one step later
    last: Array  # (S, P), after GAP steps at a constant learning rate
    averages: dict[str, Array]  # (S, P) each, of :data:`AVERAGES` over those steps
    scheduled: dict[str, Array]  # (S, P) each, after the same batches at the average's schedule

    @property
    def start(self) -> Array:
        """The parameters after the warm-up, ``(S, P)``."""
        return self.networks.start


@once
def experiment(bench: Bench, loss: str) -> Experiment:
    """Train by one of :data:`RATES`; raise NothingToMeasure where the data do not fit the loss."""
    known, test = bench.split(SAMPLES, multiple_of=32)
    seeds = (bench.effort.averaged,)
    drawn, unit = network(bench, loss, known, [HIDDEN], seeds)
    rate = RATES[loss] * unit
    rng = bench.rng("averaged batches")
    batches = drawn_anew(known, BATCH_SIZE, WARM_UP + GAP, rng, seeds)

    warm_up, later = batches[:, :WARM_UP], batches[:, WARM_UP:]
    warm = replace(drawn, start=descend(drawn, rate, warm_up))
    follow = partial(descend, warm, rate)
    following, points = follow(later[:, :1]), averaged(warm, rate, later, RECURRENT)
    last = points.pop("last")
    # Two points need no memory of all that lies between them.
    averages = {"two-point": AVERAGES["two-point"].value((warm.start, last)), **points}
    scheduled = {
        name: follow(later, schedule=schedule(average, GAP)) for name, average in AVERAGES.items()
    }
    double = draw(known, [HIDDEN], rng=0, activation=ACTIVATION, loss=loss).net
    return Experiment(warm, double, known, test, rate, following, last, averages, scheduled)


def network(
    bench: Bench,
    loss: str,
    known: tuple[Array, Array],
    hidden: Sequence[int],
    ensemble: tuple[int, ...],
    dtype: str = "float32",
) -> tuple[Networks, float]:
    """Draw networks, in single precision if not told otherwise; return them and a learning rate.

    The rate is ``1 / (curvature lambda_0)`` of the first.

    Raises
    ------
    NothingToMeasure
        Where the data do not fit the loss.
    """
    options: dict[str, Any] = {"activation": ACTIVATION, "loss": loss, "dtype": dtype}
    rng = bench.rng("averaged network")
    drawn = draw(known, hidden, rng=rng, ensemble=ensemble, **options)
    require_fit(drawn)
    first = replace(drawn[0], X=known[0][:64], y=known[1][:64]).at_lambda_0()
    return drawn, float(first.unit) / drawn.net.loss_function.curvature


def descend(networks: Networks, rate: npt.ArrayLike, batches: Batches, **method: Any) -> Array:
    """Take a step on every batch; return the final parameters, or the given average of them."""
    run = _run(networks, rate, batches, **method)
    return run.state if run.average is None else run.average


def averaged(
    networks: Networks,
    rate: npt.ArrayLike,
    batches: Batches,
    averages: Mapping[str, Average],
    **method: Any,
) -> dict[str, Array]:
    """Take a step on every batch; return averages by name, and the final parameters as "last"."""
    points: dict[str, Any] = {}
    for name, average in averages.items():
        run = _run(networks, rate, batches, average=average, **method)
        # Averaged or not, the iterates are the same: no run without an average is needed.
        points |= {"last": run.state, name: run.average}
    return points


def _run(networks: Networks, rate: npt.ArrayLike, batches: Batches, **method: Any) -> Trajectory:
    count = batches.shape[-2]
    return networks.train(rate, steps=count, every=count, batches=batches, **method)


def drawn_anew(
    data: tuple[Array, Array],
    size: int,
    steps: int,
    rng: np.random.Generator,
    ensemble: tuple[int, ...],
) -> Batches:
    """Draw batches with replacement, independent of one another, as in the quadratic model."""
    count = len(data[0])
    return minibatches(count, size, steps, sampling="replacement", rng=rng, ensemble=ensemble)
