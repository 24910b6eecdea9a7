"""Averages of networks on digits compared with lowered learning rates [Sandler2023]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, at_most, equals
from catapult_sim.claims.sandler2023.digits import experiment, on_digits
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import loss_and_error
from catapult_sim.numeric.runs.measured import Measured, mean, ratio
from catapult_sim.types import Array


@once
def ends(bench: Bench, loss: str) -> dict[tuple[str, str], dict[str, Array]]:
    """Return test loss and error ``(S,)`` at the ends of an experiment.

    The keys are ``("last", "constant")`` and, for every average, ``(name, "averaged")`` and
    ``(name, "scheduled")``.
    """
    found = experiment(bench, loss)
    places = {("last", "constant"): found.last}
    places |= {(name, "averaged"): theta for name, theta in found.averages.items()}
    places |= {(name, "scheduled"): theta for name, theta in found.scheduled.items()}
    return {key: loss_and_error(found.net, theta, *found.test) for key, theta in places.items()}


def gain(bench: Bench, loss: str, average: str, quantity: str, way: str = "averaged") -> Array:
    """Return by how much an average, or its schedule, ends below the last iterate, ``(S,)``."""
    found = ends(bench, loss)
    return found["last", "constant"][quantity] - found[average, way][quantity]


def excess(bench: Bench, loss: str, average: str, quantity: str) -> Measured:
    """Return the quantity of an average minus that of the last iterate, seed by seed."""
    return mean(-gain(bench, loss, average, quantity))


def gain_ratio(bench: Bench, loss: str, average: str) -> Measured:
    """Return the gain of an average in test loss over that of its schedule."""
    return ratio(*(gain(bench, loss, average, "loss", way) for way in ("averaged", "scheduled")))


def average_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on averages of networks on digits."""
    claim = on_digits(loss)
    names = {
        "two-point": ("the mean of two points far apart", "halving the learning rate"),
        "ema": ("an EMA", "its exponential schedule"),
        "swa": ("the mean of all iterates", "a linear schedule"),
    }
    for name, (what, instead) in names.items():
        for quantity in ("loss", "error"):
            yield claim(
                f"{name}.{quantity}",
                f"the test {quantity} of {what} is below the last iterate's (difference)",
                at_most(partial(excess, average=name, quantity=quantity), 0.0),
            )
        yield claim(
            f"{name}.schedule",
            f"{what} lowers the test loss as much as {instead} (fraction)",
            equals(
                partial(gain_ratio, average=name),
                1.0,
                within=0.25,
                because='"almost identical", of figures: a quarter of a gain would be seen',
            ),
        )
