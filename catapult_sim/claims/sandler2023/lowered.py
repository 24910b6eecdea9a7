"""What averages still give once the learning rate is lowered [Sandler2023].

The networks of the table at its largest learning rate, without momentum, go on for 400 steps along
a cosine to zero, or for 400 steps at a tenth of the rate, and then 400 more. Averages are of these
last 400 steps. An average is a learning-rate schedule, so that little should be left for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, measured
from catapult_sim.claims.sandler2023 import digits, table
from catapult_sim.claims.sandler2023.model import GROUP
from catapult_sim.claims.sources import SANDLER as PAPER
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.mlp.schedules import cosine
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.measured import Measured, mean, ratio
from catapult_sim.types import Array

STEPS, FACTOR = max(table.GAPS), 0.1
WAYS = {"cosine": "along a cosine to zero", "tenth": "after the rate is lowered tenfold"}
AVERAGES = {"ema": EMA(0.99), "swa": SWA()}


@once
def ends(bench: Bench, way: str) -> dict[tuple[str, str], Array]:
    """Return test loss and error ``(S,)`` of the last point and of averages, and quantity."""
    run = table.late(bench, 0.0)
    networks, rate = replace(run.networks, start=run.networks.start[0]), run.rates[0]
    seeds, rng = (len(networks.start),), bench.rng("lowered batches")
    data = networks.X, networks.y
    batches = digits.drawn_anew(data, run.batch_size, 2 * STEPS, rng, seeds)
    first, second = batches[..., :STEPS, :], batches[..., STEPS:, :]
    if way == "cosine":
        schedule = partial(cosine, steps=STEPS)
        points = digits.averaged(networks, rate, first, AVERAGES, schedule=schedule)
    else:
        low = FACTOR * rate
        lowered = replace(networks, start=digits.descend(networks, low, first))
        points = digits.averaged(lowered, low, second, AVERAGES)
    return run.ends(points)


def last(bench: Bench, way: str, quantity: str) -> Measured:
    """Return a quantity of the last point."""
    return mean(ends(bench, way)["last", quantity])


def gain(bench: Bench, way: str, average: str, quantity: str) -> Measured:
    """Return how far an average lowers a quantity."""
    return mean(_gain(ends(bench, way), average, quantity))


def share_left(bench: Bench, way: str, average: str) -> Measured:
    """Return the gain in test loss over that at the constant learning rate."""
    constant = {key: values[0] for key, values in table.table(bench, 0.0).items()}
    return ratio(*(_gain(found, average, "loss") for found in (ends(bench, way), constant)))


def _gain(found: dict[tuple[str, str], Array], average: str, quantity: str) -> Array:
    return np.asarray(found["last", quantity] - found[average, quantity])


def lowered_claims() -> Iterator[Claim]:
    """Yield the findings on averages after the learning rate is lowered."""
    for way, how in WAYS.items():
        claim = Claims(
            PAPER,
            f"{GROUP}.table.{way}",
            f"images, {how}",
            reduced=table.REDUCED,
            cost=0.2,
            given={"way": way},
        )
        for quantity, what in table.QUANTITIES.items():
            yield claim(
                f"last.{quantity}",
                f"the last point: {what}",
                measured(partial(last, quantity=quantity)),
            )
            for average in AVERAGES:
                words = f"{table.WAYS[average]}: how far it lowers the {what}"
                yield claim(
                    f"{average}.{quantity}",
                    words,
                    measured(partial(gain, average=average, quantity=quantity)),
                )
        for average in AVERAGES:
            yield claim(
                f"{average}.share",
                f"{table.WAYS[average]}: its gain in test loss over that at the constant rate",
                measured(partial(share_left, average=average)),
            )
