"""Sandler et al. 2023: averages of networks on digits against lowered learning rates.

References
----------
.. [1] M. Sandler, A. Zhmoginov, M. Vladymyrov and N. Miller, *Training trajectories,
   mini-batch losses and the curious role of the learning rate*, arXiv:2301.02312 (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.sandler2023.digits import experiment
from catapult_sim.claims.sandler2023.model import GROUP, PAPER
from catapult_sim.claims.verdict import NOTHING, Claim, constant
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.mlp.losses import IN_WORDS
from catapult_sim.numeric.runs.measured import Measured, mean, ratio
from catapult_sim.types import Array


@once
def ends(bench: Bench, loss: str) -> dict[tuple[str, str], dict[str, Array]]:
    """Return test loss and error ``(S,)`` of where an experiment leads.

    The keys are ``("last", "constant")`` and, for every average, ``(name, "averaged")`` and
    ``(name, "scheduled")``.
    """
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


def gain(
    bench: Bench, loss: str, average: str, quantity: str, way: str = "averaged"
) -> Array | None:
    """Return by how much an average, or its schedule, ends below the last iterate, ``(S,)``."""
    found = ends(bench, loss)
    if not found:
        return None
    return found["last", "constant"][quantity] - found[average, way][quantity]


def excess(bench: Bench, loss: str, average: str, quantity: str) -> Measured:
    """Measure by how much an average ends above the last iterate, in pairs."""
    gained = gain(bench, loss, average, quantity)
    return NOTHING if gained is None else mean(-gained)


def gain_ratio(bench: Bench, loss: str, average: str, quantity: str = "loss") -> Measured:
    """Measure the gain of an average in units of that of its schedule."""
    averaged, scheduled = (
        gain(bench, loss, average, quantity, way) for way in ("averaged", "scheduled")
    )
    return NOTHING if averaged is None or scheduled is None else ratio(averaged, scheduled)


# What is claimed ------------------------------------------------------------------------------


def average_claims(loss: str) -> Iterator[Claim]:
    """State what averages do to networks on digits."""
    claim = partial(Claim, source=PAPER, cost=5)
    where = f"digits, {IN_WORDS[loss]}"
    names = {
        "two-point": ("the mean of two points far apart", "halving the learning rate"),
        "ema": ("an EMA", "its exponential schedule"),
        "swa": ("the mean of all iterates", "a linear schedule"),
    }
    for name, (what, instead) in names.items():
        for quantity in ("loss", "error"):
            yield claim(
                f"{GROUP}.digits.{loss}.{name}.{quantity}",
                f"{where}: the test {quantity} of {what} is below the last iterate's (difference)",
                predict=constant(0.0),
                measure=partial(excess, loss=loss, average=name, quantity=quantity),
                tolerance=0.0,
                relation="<=",
            )
        yield claim(
            f"{GROUP}.digits.{loss}.{name}.schedule",
            f"{where}: {what} lowers the test loss as much as {instead} (fraction)",
            predict=constant(1.0),
            measure=partial(gain_ratio, loss=loss, average=name),
            tolerance=0.25,
        )
