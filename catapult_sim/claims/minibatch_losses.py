r"""Sandler et al. 2023: the losses of minibatches, and what averaging iterates is worth.

Three parts. The quadratic model: closed forms, propagated moments and samples against one
another, and the learning rates that averages are worth. The losses of fixed batches along lines
through the trajectory of networks on digits. Averages of those networks against trajectories
whose learning rate is lowered instead, also eigenvector by eigenvector.

References
----------
.. [1] M. Sandler, A. Zhmoginov, M. Vladymyrov and N. Miller, *Training trajectories,
   mini-batch losses and the curious role of the learning rate*, arXiv:2301.02312 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.claims import minibatch_digits as digits
from catapult_sim.claims import minibatch_model as model
from catapult_sim.claims.bench import Bench
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp.batch_losses import concave_share, quadratic_fit
from catapult_sim.numeric.measured import Measured, mean, ratio

__all__ = ["CLAIMS"]

Array = npt.NDArray[Any]

PAPER, GROUP = "Sandler et al. 2023", "minibatch_losses"
NOTHING = Measured(np.nan, np.nan, 0)

# Fixed batches --------------------------------------------------------------------------------


def misfit(bench: Bench, loss: str, line: str) -> Measured:
    """Measure 1 - R^2 of the parabola through a batch's losses along a line."""
    found = digits.lines(bench, loss, line)
    return NOTHING if found is None else mean(1 - quadratic_fit(*found).goodness)


def concavity(bench: Bench, loss: str, line: str) -> Measured:
    """Measure the share of negative second differences of those losses."""
    found = digits.lines(bench, loss, line)
    return NOTHING if found is None else mean(concave_share(found[1]))


def share_left(bench: Bench, loss: str) -> Measured:
    """Measure which part of a batch's loss its best single step leaves."""
    step = digits.one_large_step(bench, loss, seen=True)
    return NOTHING if step is None else mean(step.batch_after / step.batch_before)


def fall_of_others(bench: Bench, loss: str) -> Measured:
    """Measure by how much that step lowers the loss of unseen data."""
    step = digits.one_large_step(bench, loss, seen=True)
    return NOTHING if step is None else mean(step.others_before - step.others_after)


# Averages of networks -------------------------------------------------------------------------


def gain(
    bench: Bench, loss: str, average: str, quantity: str, way: str = "averaged"
) -> Array | None:
    """Return by how much an average, or its schedule, ends below the last iterate, ``(S,)``."""
    found = digits.ends(bench, loss)
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


BANDS: dict[str, Callable[[Array], Any]] = {
    "fast": lambda steps: steps > 1,
    "slow": lambda steps: steps < 0.3,
}


def relative(bench: Bench, band: str, part: int, name: str, to: str = "last") -> Measured:
    """Divide the measured effect of an average by the predicted one, over the directions of a band.

    The effect is on the squared mean (part 0) or on the variance (part 1).
    """
    found = digits.timescales(bench)
    if found is None:
        return NOTHING
    chosen = BANDS[band](found.rates * digits.SMALL_GAP)
    measured = found.measured[name][part] / found.measured[to][part]
    predicted = found.predicted[name][part] / found.predicted[to][part]
    return mean((measured / predicted)[chosen])


def slow_harm(bench: Bench) -> Measured:
    """Measure the mean square of the last iterate over that of two points, in slow directions."""
    found = digits.timescales(bench)
    if found is None:
        return NOTHING
    chosen = BANDS["slow"](found.rates * digits.SMALL_GAP)
    last, averaged = (np.add(*found.measured[name]) for name in ("last", "two-point"))
    return mean((last / averaged)[chosen])


# What is claimed ------------------------------------------------------------------------------


def model_claims() -> Iterator[Claim]:
    """State what holds in the quadratic model."""
    derived = partial(Claim, source="derived here")
    for name, (what, options) in model.MODEL.items():
        yield derived(
            f"{GROUP}.model.closed.{name}",
            f"quadratic minibatch losses, {what}: the closed form of the stationary variance is "
            "where exact propagation settles (relative error)",
            predict=constant(0.0),
            measure=partial(model.closed_form_error, options=options),
            tolerance=1e-12,
        )
        yield derived(
            f"{GROUP}.model.sampled.{name}",
            f"quadratic minibatch losses, {what}: samples have that variance (ratio)",
            predict=constant(1.0),
            measure=partial(model.sampled_ratio, name=name),
            tolerance=0.05,
        )
    yield derived(
        f"{GROUP}.model.inverse-time",
        "no schedule lowers the variance faster than 1 / t, which is V / (1 + V) at each step "
        "(relative error of V)",
        predict=constant(0.0),
        measure=model.inverse_time_error,
        tolerance=1e-12,
    )


def rate_claims() -> Iterator[Claim]:
    """State what learning rates, and what schedules, averages are worth."""
    for name, (text, value, measure) in model.WORTH.items():
        yield Claim(
            f"{GROUP}.model.rate.{name}",
            f"quadratic minibatch losses, small rates: {text}",
            PAPER if name in ("two-point", "ema", "swa") else "derived here",
            constant(value),
            measure,
            tolerance=0.01 * value,
        )
    for name, (what, average) in model.SCHEDULED.items():
        yield Claim(
            f"{GROUP}.model.schedule.{name}",
            f"quadratic minibatch losses, {what}: its mean leaves that of its schedule at second "
            "order in a (power)",
            "derived here",
            constant(2.0),
            partial(model.schedule_order, average=average),
            tolerance=0.05,
        )


def batch_claims(loss: str) -> Iterator[Claim]:
    """State what the losses of fixed batches look like on digits."""
    claim = partial(Claim, source=PAPER, cost=5)
    where = f"digits, {loss.replace('_', ' ')}, batches of {digits.FIXED_BATCH}"
    for line, what in digits.LINES.items():
        yield claim(
            f"{GROUP}.digits.{loss}.quadratic.{line}",
            f"{where}: the loss is quadratic {what} (1 - R^2)",
            predict=constant(0.0),
            measure=partial(misfit, loss=loss, line=line),
            tolerance=0.05,
        )
        yield claim(
            f"{GROUP}.digits.{loss}.convex.{line}",
            f"{where}: the loss is convex {what} (share of negative second differences)",
            predict=constant(0.0),
            measure=partial(concavity, loss=loss, line=line),
            tolerance=0.05,
        )
    yield claim(
        f"{GROUP}.digits.{loss}.one-step",
        f"{where}: one large step leaves at most a tenth of a batch's loss (share left)",
        predict=constant(0.1),
        measure=partial(share_left, loss=loss),
        tolerance=0.0,
        relation="<=",
    )
    yield claim(
        f"{GROUP}.digits.{loss}.one-step-others",
        f"{where}: that step does not lower the loss of other data, as in the model (fall)",
        predict=constant(0.0),
        measure=partial(fall_of_others, loss=loss),
        tolerance=0.0,
        relation="<=",
    )


def average_claims(loss: str) -> Iterator[Claim]:
    """State what averages do to networks on digits."""
    claim = partial(Claim, source=PAPER, cost=5)
    where = f"digits, {loss.replace('_', ' ')}"
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


def timescale_claims() -> Iterator[Claim]:
    """State what averages do along the eigenvectors of a network's Hessian."""
    claim = partial(Claim, predict=constant(1.0), tolerance=0.1, cost=10)
    steps = f"{digits.SMALL_GAP} steps"
    for name, what in {"two-point": "the mean of two points", "ema": "an EMA"}.items():
        yield claim(
            f"{GROUP}.digits.timescale.{name}",
            f"digits, along the Hessian's eigenvectors that relax within {steps}: {what} lowers "
            "the variance as predicted from the spectrum (measured / predicted)",
            PAPER,
            measure=partial(relative, band="fast", part=1, name=name),
        )
        yield claim(
            f"{GROUP}.digits.timescale.{name}-slow",
            f"digits, along those that do not: {what} lags behind in the mean as predicted "
            "(measured / predicted, squares)",
            PAPER,
            measure=partial(relative, band="slow", part=0, name=name),
        )
    yield claim(
        f"{GROUP}.digits.timescale.halving",
        "digits, along the fast ones: two points against halving the learning rate, as predicted "
        "(measured / predicted)",
        PAPER,
        measure=partial(relative, band="fast", part=1, name="two-point", to="half"),
    )
    yield claim(
        f"{GROUP}.digits.timescale.harm",
        "digits, along the slow ones: the mean of two points is no nearer to the minimum than the "
        "last iterate (mean square of the latter over the former)",
        PAPER,
        measure=slow_harm,
        tolerance=0.0,
        relation="<=",
    )


CLAIMS = (
    *model_claims(),
    *rate_claims(),
    *(claim for loss in digits.RATES for claim in batch_claims(loss)),
    *(claim for loss in digits.RATES for claim in average_claims(loss)),
    *timescale_claims(),
)
