"""Escape from sharp regions by parts of the step, from about the peak on [Jastrzebski2019]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, measured
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.curvature import log_ratio, top
from catapult_sim.claims.jastrzebski2019.paper import on_digits
from catapult_sim.claims.sources import JASTRZEBSKI as PAPER
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured, mean


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
