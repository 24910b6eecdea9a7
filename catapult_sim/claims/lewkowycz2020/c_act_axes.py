"""Axes of c_act: what moves it in residual and convolutional networks [Lewkowycz2020].

The paper says that c_act depends weakly on all but the activation, of networks with hundreds of
units. Here ReLU networks of other kinds than dense ones are compared with themselves, seed by seed:
at another width, with biases, from smaller weights, in another parametrisation, by SGD. Of such
networks the paper has no numbers, so that these are findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, Claims, measured
from catapult_sim.claims.lewkowycz2020.c_act import OTHERS, PLAIN, Sizes, Variant, bracket, ratio
from catapult_sim.claims.sources import EXTENDED
from catapult_sim.experiments.architectures import KINDS, Architecture
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured

IMAGES, ROWS = (64, 32), (256, 128)  # samples, and channels or units, with any effort
AXES = (
    Variant("narrow", "half the width", width=1 / 2),
    Variant("wide", "twice the width", width=2),
    Variant("biases", "biases of deviation 0.05 at the start", network={"biases": 0.05}),
    Variant(
        "small", "weights before ReLU of half the variance at the start", network={"gain": "lecun"}
    ),
    Variant("standard", "standard parametrisation", network={"parametrization": "standard"}),
    Variant("sgd-half", "SGD, half of the samples in a batch", batches=2),
    Variant("sgd-eighth", "SGD, an eighth of the samples in a batch", batches=8),
)


def shift(bench: Bench, architecture: Architecture, variant: Variant) -> Measured:
    """Return log2 of c_act of a variant over that of full-batch gradient descent."""
    shape = IMAGES if KINDS[architecture.kind].images else ROWS
    size = Sizes(*shape, bench.effort.c_act_other_seeds)
    return ratio(*(bracket(bench, architecture, one, size) for one in (variant, PLAIN)))


def axis_claims() -> Iterator[Claim]:
    """Yield the findings, a kind of network and an axis each."""
    for architecture, reduced in OTHERS.items():
        claim = Claims(
            EXTENDED,
            f"catapult.axes.{architecture.id}",
            architecture.name,
            reduced=reduced,
            cost=5,
            given={"architecture": architecture},
        )
        for variant in AXES:
            yield claim(
                variant.name,
                f"{variant.words}: how c_act moves (log2)",
                measured(partial(shift, variant=variant)),
            )


CLAIMS = tuple(axis_claims())
