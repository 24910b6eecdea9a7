"""The table of averages: learning rate, kind of average, momentum [Sandler2023].

Networks learn by cross-entropy for as many steps at each learning rate, from the same starts and
by the same batches. An average is of the last steps of a run: of its last point and that of
50 or 400 steps before, exponential, or of the last 400 points. With momentum the learning rate is
multiplied by 1 - beta, so that runs with and without it have the same effective rate; its velocity
begins anew at the last 400 steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, measured
from catapult_sim.claims.sandler2023 import digits
from catapult_sim.claims.sandler2023.model import GROUP
from catapult_sim.claims.sources import SANDLER as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, loss_and_error
from catapult_sim.numeric.runs.batches import Batches
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.numeric.runs.optimizers import AnyOptimizer, GradientDescent, HeavyBall
from catapult_sim.types import Array


class Setting(NamedTuple):
    """Sizes of the networks, and how they are trained."""

    samples: int
    hidden: tuple[int, ...]
    members: int
    batch_size: int
    steps: int


DIGITS = Setting(800, (digits.HIDDEN,), 8, digits.BATCH_SIZE, digits.WARM_UP + digits.GAP)
# Chosen on seed 100, so that the largest rate is too large for the last point, not for averages.
CLOTHING = Setting(4096, (128, 128), 8, 16, 4000)
LOSS, RATES, MOMENTA = "cross_entropy", (1.0, 1 / 2, 1 / 4, 1 / 8), (0.0, 0.9)
GAPS = (50, 400)
WAYS = {
    "last": "the last point",
    "two-point-50": "the mean of two points, 50 steps apart",
    "two-point-400": "the mean of two points, 400 steps apart",
    "ema": "an EMA",
    "swa": "the mean of the last 400 points",
}
REDUCED = (
    "8x8 digits and 32 units, with full effort 14x14 Fashion-MNIST and two layers of 128, instead "
    "of ImageNet and ResNet"
)
QUANTITIES = {"loss": "test loss", "error": "test error"}


class Late(NamedTuple):
    """Networks 400 steps before the end of training, at every learning rate."""

    networks: Networks  # with a start of (rates, S, P)
    rates: Array  # (rates, 1)
    optimizer: AnyOptimizer
    after: Batches  # (S, 400, b), the last
    batch_size: int
    test: tuple[Array, Array]

    def ends(self, points: Mapping[str, Array]) -> dict[tuple[str, str], Array]:
        """Return the :data:`QUANTITIES` of parameters ``(..., P)``, by name and quantity."""
        return {
            (name, quantity): value
            for name, theta in points.items()
            for quantity, value in loss_and_error(self.networks.net, theta, *self.test).items()
        }


@once
def late(bench: Bench, momentum: float) -> Late:
    """Train at every learning rate, but for the last steps."""
    how = CLOTHING if bench.clothed else DIGITS
    known, test = bench.images(how.samples, multiple_of=32)
    seeds = (how.members,)
    drawn, unit = digits.network(bench, LOSS, known, how.hidden, seeds)
    rng = bench.rng("averaged batches")
    batches = digits.drawn_anew(known, how.batch_size, how.steps, rng, seeds)
    rates = digits.RATES[LOSS] * unit * (1 - momentum) * np.array(RATES)[:, None]
    optimizer = HeavyBall(momentum) if momentum else GradientDescent()
    before, after = np.split(batches, [-max(GAPS)], axis=-2)
    begin = replace(drawn, start=np.repeat(drawn.start[None], len(RATES), 0))
    start = digits.descend(begin, rates, at_every_rate(before), optimizer=optimizer)
    return Late(replace(begin, start=start), rates, optimizer, after, how.batch_size, test)


def at_every_rate(batches: Batches) -> Batches:
    """Repeat batches for every learning rate."""
    return np.broadcast_to(batches, (len(RATES), *batches.shape))


@once
def table(bench: Bench, momentum: float) -> dict[tuple[str, str], Array]:
    """Return test loss and error of every way, ``(rates, S)``, by way and quantity."""
    run = late(bench, momentum)
    after, long = at_every_rate(run.after), run.networks.start
    given: dict[str, Any] = {"optimizer": run.optimizer}
    points = digits.averaged(run.networks, run.rates, after, digits.RECURRENT, **given)
    short = digits.descend(run.networks, run.rates, after[..., : -min(GAPS), :], **given)
    points |= {
        "two-point-50": (short + points["last"]) / 2,
        "two-point-400": (long + points["last"]) / 2,
    }
    return run.ends(points)


def entry(bench: Bench, momentum: float, rate: int, way: str, quantity: str) -> Measured:
    """Return a quantity of the last point; of an average, how far it is below that."""
    found = table(bench, momentum)
    last, value = (found[one, quantity][rate] for one in ("last", way))
    return mean(last if way == "last" else last - value)


def beside_half(bench: Bench, momentum: float, rate: int, quantity: str) -> Measured:
    """Return a quantity of two points far apart, less that of the last point at half the rate."""
    found = table(bench, momentum)
    return mean(found["two-point-400", quantity][rate] - found["last", quantity][rate + 1])


def table_claims() -> Iterator[Claim]:
    """Yield the findings, and how far two points are from half the learning rate."""
    for momentum in MOMENTA:
        claim = Claims(
            PAPER,
            f"{GROUP}.table.momentum-{momentum:g}",
            f"images, momentum {momentum:g}",
            reduced=REDUCED,
            cost=0.3,
            given={"momentum": momentum},
        )
        for i, rate in enumerate(RATES):
            for way, words in WAYS.items():
                for quantity, what in QUANTITIES.items():
                    of = what if way == "last" else f"how far it lowers the {what}"
                    yield claim(
                        f"rate-{rate:g}.{way}.{quantity}",
                        f"learning rate {rate:g}, {words}: {of}",
                        measured(partial(entry, rate=i, way=way, quantity=quantity)),
                    )
        for i, (rate, half) in enumerate(pairwise(RATES)):
            for quantity, what in QUANTITIES.items():
                yield claim(
                    f"rate-{rate:g}.half.{quantity}",
                    f"two points, 400 steps apart, at learning rate {rate:g} less the last point "
                    f"at {half:g}: {what}",
                    measured(partial(beside_half, rate=i, quantity=quantity)),
                )
