"""Steps near the peak of the curvature, and escapes by parts of them [Jastrzebski2019]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, at_least, at_most, measured
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.curvature import log_ratio, top
from catapult_sim.claims.jastrzebski2019.paper import on_digits
from catapult_sim.claims.sources import JASTRZEBSKI as PAPER
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.curvature.step_response import MULTIPLES, THRESHOLDS, valley_widths
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.types import Array


def seen(bench: Bench, loss: str, of: Callable[[runs.Look], float]) -> Array:
    """Return a quantity of every look near the peak, ``(S, points)``."""
    return np.array([[of(look) for look in row] for row in runs.looks(bench, loss)])


def change(bench: Bench, loss: str, alpha: float, along: int = 0) -> Measured:
    """Return the relative change of the loss along e_1 or another row, averaged per seed."""
    return mean(seen(bench, loss, lambda look: look.change(alpha, along)).mean(axis=1))


def lowered(bench: Bench, loss: str, alpha: float) -> Measured:
    """Return the share of points at which :func:`change` is negative."""
    return share(seen(bench, loss, lambda look: look.change(alpha)) < 0)


def misprediction(bench: Bench, loss: str, alpha: float) -> Measured:
    """Return the mean change along e_1 minus the quadratic's, over the mean size of the latter."""
    found = seen(bench, loss, lambda look: look.change(alpha))
    predicted = seen(bench, loss, lambda look: look.predicted(alpha))
    return mean((found - predicted).mean(axis=1) / np.abs(predicted).mean())


def random_over_aligned(bench: Bench, loss: str, of: str) -> Measured:
    """Return |cos| of the angle to e_1, of random directions over that of gradients."""
    found = seen(bench, loss, lambda look: getattr(look, of)[0] / look.random)
    return mean(1 / found.mean(axis=1))


def valley(bench: Bench, loss: str, threshold: float) -> Measured:
    """Return log2 of the steps along e_1 until the loss is so many times as large, the farther way.

    A lower bound where some of the ways are longer than all that was looked at.
    """

    def width(look: runs.Look) -> float:
        sides = valley_widths(look.sections, (threshold,))[:, 0, 0]
        return float(np.nan_to_num(sides, nan=np.inf).max())

    widths = seen(bench, loss, width)
    found = mean(np.log2(np.minimum(widths, max(MULTIPLES))).mean(axis=1))
    return replace(found, at_least=bool(np.isinf(widths).any()))


def step_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on steps along the sharpest direction, near the peak."""
    claim = on_digits(loss)
    yield claim(
        "step.whole",
        "along e_1 the step fails to lower the loss, on average (relative change)",
        at_least(partial(change, alpha=1.0), 0.0),
    )
    yield claim(
        "step.commonly",
        "share of points at which the step along e_1 lowers the loss",
        measured(partial(lowered, alpha=1.0)),
    )
    for name, alpha in (("half", 1 / 2), ("quarter", 1 / 4)):
        yield claim(
            f"step.{name}",
            f"a {name} of the step along e_1 lowers the loss (relative change)",
            at_most(partial(change, alpha=alpha), 0.0),
        )
    for name, words, alpha, along in (
        ("double", "twice the step along e_1", 2.0, 0),
        ("fourfold", "four times the step along e_1", 4.0, 0),
        ("third", "the step along e_3", 1.0, 2),
        ("random", "the step along a random direction", 1.0, -2),
        ("all", "the whole step", 1.0, -1),
    ):
        yield claim(
            f"step.{name}",
            f"{words}: relative change of the loss",
            measured(partial(change, alpha=alpha, along=along)),
            cost=0.1,
        )
    yield claim(
        "step.quadratic",
        "a quarter of the step along e_1: change of the loss less the Hessian's prediction (in "
        "units of the prediction's mean size)",
        measured(partial(misprediction, alpha=1 / 4)),
    )
    for of, what in {"batch": "minibatch gradients", "full": "the full gradient"}.items():
        yield claim(
            f"alignment.{of}",
            f"{what}: at least 10 times as aligned with e_1 as a random direction "
            "(|cos| of the latter over that of the former)",
            at_most(
                partial(random_over_aligned, of=of),
                0.1,
                because="ours: the paper says aligned, and gives no number",
            ),
        )


def valley_claims(loss: str) -> Iterator[Claim]:
    """Yield the findings on how wide the valley along the sharpest direction is."""
    claim = on_digits(loss)
    for threshold in THRESHOLDS:
        yield claim(
            f"step.width-{threshold:g}",
            f"width of the valley along e_1, in steps: where the loss is {threshold:g} times as "
            "large, the farther way (log2)",
            measured(partial(valley, threshold=threshold)),
            cost=0.1,
        )


def descended(bench: Bench, loss: str, name: str) -> Measured:
    """Return the fall of the loss over its fall by SGD."""
    pair = (runs.escape(bench, loss, one) for one in (name, "normal"))
    row, normal = (run.values["loss"][0] - run.values["loss"][-1] for run in pair)
    return mean(row / normal)


def sharper(bench: Bench, loss: str, name: str) -> Measured:
    """Return log(curvature / that of SGD), means over the latter half of a run."""
    pair = (runs.escape(bench, loss, one) for one in (name, "normal"))
    late, normal = (top(run)[len(run.step) // 2 :].mean(axis=0) for run in pair)
    return log_ratio(late, normal)


def escape_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on SGD with parts of its steps changed."""
    claim = on_digits(loss, PAPER.at("first version"))
    epochs = f"{runs.ESCAPE_EPOCHS} epochs from about the peak"
    for name, row, along in (
        ("only", "only e1", "along e_1 alone"),
        ("without", "all but e1", "along all but e_1"),
    ):
        yield claim(
            f"escape.{name}",
            f"{epochs} {along}: how much of what SGD lowers the loss by is left (share)",
            measured(partial(descended, name=row)),
        )
    for name, row in (
        ("without-curvature", "all but e1"),
        ("quarter-curvature", "e1 times 1/4"),
        ("double-curvature", "e1 times 2"),
    ):
        yield claim(
            f"escape.{name}",
            f"{epochs}, {row.replace('e1', 'e_1')}: how much sharper than SGD (log ratio)",
            measured(partial(sharper, name=row)),
        )
