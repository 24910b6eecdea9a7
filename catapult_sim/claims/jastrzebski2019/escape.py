"""Escape from sharp regions by parts of the step, from about the peak on [Jastrzebski2019]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, at_most
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.curvature import log_ratio, top
from catapult_sim.claims.jastrzebski2019.paper import PAPER, on_digits
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured, mean


def descended(bench: Bench, loss: str, name: str) -> Measured:
    """Return the fall of the loss over its fall by SGD."""
    pair = (runs.escape(bench, loss, one) for one in (name, "normal"))
    row, normal = (run.values["loss"][0] - run.values["loss"][-1] for run in pair)
    return mean(row / normal)


def left_out(bench: Bench, loss: str, name: str) -> Measured:
    """Return 1 minus the fall of the loss over its fall by SGD."""
    found = descended(bench, loss, name)
    return Measured(1 - found.value, found.error, found.n)


def flatter(bench: Bench, loss: str, name: str, sign: int) -> Measured:
    """Return log(curvature / that of SGD), means over the latter half of a run, times a sign."""
    pair = (runs.escape(bench, loss, one) for one in (name, "normal"))
    late, normal = (top(run)[len(run.step) // 2 :].mean(axis=0) for run in pair)
    return log_ratio(late, normal, sign)


def escape_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on SGD with parts of its steps changed."""
    claim = on_digits(loss, f"observed here; ablation of {PAPER}, first version")
    epochs = f"{runs.ESCAPE_EPOCHS} epochs from about the peak"
    yield claim(
        "escape.only",
        f"{epochs} along e_1 alone lower the loss by at most a quarter of what SGD does (share)",
        at_most(partial(descended, name="only e1"), 0.25),
    )
    yield claim(
        "escape.without",
        f"{epochs} along all but e_1 lower it by at least three quarters of that (share left out)",
        at_most(partial(left_out, name="all but e1"), 0.25),
    )
    for name, row, sign in (
        ("without-curvature", "all but e1", -1),
        ("quarter-curvature", "e1 times 1/4", -1),
        ("double-curvature", "e1 times 2", 1),
    ):
        how = "sharper" if sign < 0 else "flatter"
        yield claim(
            f"escape.{name}",
            f"{epochs}, {row.replace('e1', 'e_1')}: {how} than SGD (log ratio)",
            at_most(partial(flatter, name=row, sign=sign), 0.0),
        )
