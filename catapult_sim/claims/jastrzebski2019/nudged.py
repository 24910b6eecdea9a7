"""Nudged-SGD in comparison with SGD [Jastrzebski2019]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import log

import numpy as np

from catapult_sim.claims.claim import Claim, at_most, measured
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.curvature import log_ratio, top
from catapult_sim.claims.jastrzebski2019.paper import on_images
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.sharpest_directions import Track
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure, mean
from catapult_sim.types import Array

LN_10 = log(10)
LAST_EPOCHS = 5  # of one alone, a measurement tells how far the step has just thrown the network
TOO_LONG_A_STEP = (
    "where SGD is at 2 / curvature already, five times its step is so far beyond that the digits "
    "are not learnt in that time"
)
AS_WELL = "a point of accuracy, the spread of seeds in the paper's tables"


def final_curvature(run: Track) -> Array:
    """Return the mean of the largest eigenvalue over the last epochs, ``(S,)``."""
    return top(run)[-LAST_EPOCHS:].mean(axis=0)


def halving_time(run: Track) -> Array:
    """Return the step at which the loss is half of its start, interpolated, ``(S,)``.

    That is the last step where it is never halved. So the logarithm of a ratio of two times comes
    out nearer to zero than it is, or at zero, and never has the other sign: no network is left out.
    """
    ratio = run.values["loss"] / run.values["loss"][0]
    return np.array([_first_crossing(run.step, column) for column in ratio.T])


def _first_crossing(step: Array, ratio: Array) -> float:
    below = ratio <= 0.5
    if not below.any():
        return float(step[-1])
    i = int(below.argmax())
    share = (ratio[i - 1] - 0.5) / (ratio[i - 1] - ratio[i])
    return float(step[i - 1] + share * (step[i] - step[i - 1]))


def sooner(bench: Bench, loss: str, gamma: float) -> Measured:
    """Return log(time at gamma / that of SGD) to half the loss; of which any has to be reached."""
    pair = [runs.nudged(bench, loss, one) for one in (gamma, 1.0)]
    nudged, sgd = map(halving_time, pair)
    if (np.minimum(nudged, sgd) == pair[0].step[-1]).all():
        raise NothingToMeasure
    return log_ratio(nudged, sgd)


def compared(
    bench: Bench, loss: str, gamma: float, of: Callable[[Track], Array], sign: int
) -> Measured:
    """Return log(quantity at gamma / that of SGD), times a sign."""
    nudged, sgd = (of(runs.nudged(bench, loss, one)) for one in (gamma, 1.0))
    return log_ratio(nudged, sgd, sign)


def tenfold(bench: Bench, loss: str) -> Measured:
    """Return log10 of the final curvature at gamma = 0.01 over that of SGD."""
    found = compared(bench, loss, 0.01, final_curvature, 1)
    return replace(found, value=found.value / LN_10, error=found.error / LN_10)


def accuracy_lost(bench: Bench, loss: str, gamma: float) -> Measured:
    """Return the test accuracy of SGD minus that at gamma, over the last epochs."""
    nudged, sgd = (runs.nudged(bench, loss, one) for one in (gamma, 1.0))
    lost = sgd.values["accuracy"] - nudged.values["accuracy"]
    return mean(lost[-LAST_EPOCHS:].mean(axis=0))


def nudged_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on Nudged-SGD."""
    claim = on_images(loss)
    for gamma in (0.01, 0.1):
        yield claim(
            f"nudged.{gamma:g}.faster",
            f"gamma = {gamma:g} halves the training loss sooner than SGD (log ratio of times)",
            at_most(partial(sooner, gamma=gamma), 0.0),
        )
        yield claim(
            f"nudged.{gamma:g}.sharper",
            f"gamma = {gamma:g} ends sharper than SGD (log of SGD's curvature over its)",
            at_most(partial(compared, gamma=gamma, of=final_curvature, sign=-1), 0.0),
        )
        yield claim(
            f"nudged.{gamma:g}.accuracy",
            f"gamma = {gamma:g} generalises as well as SGD, to 0.01 (test accuracy lost)",
            at_most(partial(accuracy_lost, gamma=gamma), 0.0, within=0.01, because=AS_WELL),
        )
        yield claim(
            f"nudged.{gamma:g}.better",
            f"gamma = {gamma:g} generalises better than SGD (test accuracy lost)",
            at_most(partial(accuracy_lost, gamma=gamma), 0.0),
            cost=0.1,
        )
    yield claim(
        "nudged.0.01.tenfold",
        "gamma = 0.01: how much sharper than SGD it ends, an order of magnitude in the first "
        "version (log10 of the ratio)",
        measured(tenfold),
    )
    yield claim(
        "nudged.5.flatter",
        "gamma = 5 ends flatter than SGD (log of its curvature over SGD's)",
        at_most(partial(compared, gamma=5.0, of=final_curvature, sign=1), 0.0),
    )
    yield claim(
        "nudged.5.accuracy",
        "gamma = 5 generalises as well as SGD, to 0.01 (test accuracy lost)",
        at_most(partial(accuracy_lost, gamma=5.0), 0.0, within=0.01, because=AS_WELL),
        reduced=f"{claim.reduced}; {TOO_LONG_A_STEP}",
    )
