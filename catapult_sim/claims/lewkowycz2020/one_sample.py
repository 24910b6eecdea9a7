r"""Lewkowycz et al. 2020: what is claimed of the linear network on one sample.

How it is measured is in :mod:`~catapult_sim.experiments.one_sample`.

References
----------
.. [1] A. Lewkowycz et al., arXiv:2003.02218.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.experiments import one_sample
from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.numeric.runs.phases import Phase

PAPER = "Lewkowycz et al. 2020"
NEAR = 0.02  # above the threshold; corrections to the leading order are of this relative size


def boundary_claims() -> Iterator[Claim]:
    """State where the phases of one sample end."""
    yield Claim(
        "catapult.one-sample.rise",
        "one sample: the loss first rises at c = 2 + eta^2 f_0^2 / n",
        f"{PAPER}, eq. 2",
        one_sample.predicted_rise,
        lambda bench: one_sample.paired(one_sample.rise_boundary(bench)),
        tolerance=1e-3,
    )
    yield Claim(
        "catapult.one-sample.end",
        "one sample: convergence ends at c = 4, whatever the width",
        f"{PAPER}, theorem 1",
        constant(4.0),
        lambda bench: one_sample.end_boundary(bench).measured,
        tolerance=0.01,
        cost=3,
    )


def theorem_claims() -> Iterator[Claim]:
    """State theorem 1 part by part, as far as no other claim does."""
    theorem = partial(Claim, source=f"{PAPER}, theorem 1")
    yield theorem(
        "catapult.theorem.lazy.duration",
        "one sample, c = 1.5: the steps to a loss of 1e-6 do not grow with the width (per decade)",
        predict=constant(0.0),
        measure=one_sample.lazy_duration,
        tolerance=0.1,
    )
    for c, phase, share in (
        (1.5, Phase.LAZY, 1),
        (2.5, Phase.CATAPULT, 1),
        (3.9, Phase.DIVERGENT, 0),
        (4.05, Phase.DIVERGENT, 1),
    ):
        yield theorem(
            f"catapult.theorem.{phase.name.lower()}-{c:g}",
            f"one sample, c = {c:g}: {'every' if share else 'no'} run is {phase.name.lower()} "
            "(share)",
            predict=constant(share),
            measure=partial(one_sample.share, c=c, phase=phase),
            tolerance=0.02,
        )


def width_claims() -> Iterator[Claim]:
    """State how the catapult of one sample scales with the width."""
    yield Claim(
        "catapult.peak.width",
        "one sample: the peak loss grows as n^1 (exponent at c = 3)",
        f"{PAPER}, theorem 1",
        constant(1.0),
        one_sample.peak_growth,
        tolerance=0.05,
    )
    for c in (2.5, 3.0):
        yield Claim(
            f"catapult.peak.time-{c:g}",
            f"one sample, c = {c:g}: the peak comes ln 10 / (2 ln(c - 1)) steps later per "
            "decade of width",
            f"{PAPER}, section 2",
            constant(math.log(10) / (2 * math.log(c - 1))),
            partial(one_sample.time_to_peak, c=c),
            tolerance=0.1,
        )
    yield Claim(
        "catapult.lazy.width",
        "one sample, lazy phase: lambda moves by O(1/n) (exponent at c = 1)",
        f"{PAPER}, theorem 1",
        constant(-1.0),
        one_sample.lazy_movement,
        tolerance=0.05,
    )


def curvature_claims() -> Iterator[Claim]:
    """State where the catapult of one sample ends."""
    yield Claim(
        "catapult.one-sample.final-curvature",
        "one sample: every catapult ends at eta lambda below 2 (largest)",
        f"{PAPER}, theorem 1",
        constant(2.0),
        one_sample.largest_final_curvature,
        tolerance=0.0,
        relation="<=",
    )
    yield Claim(
        "catapult.invariant",
        "one sample: (eta lambda)^2 - 4 s shrinks by (1 - s)^2 in every step (relative error)",
        "derived here",
        constant(0.0),
        one_sample.invariant_error,
        tolerance=1e-10,
    )
    yield Claim(
        "catapult.final-curvature.wide",
        "one sample, c = 2.5, n to infinity: eta lambda ends at 1.28",
        "derived here",
        constant(1.28),
        partial(one_sample.final_curvature, c=2.5),
        tolerance=0.01,
    )
    yield Claim(
        "catapult.threshold.peak",
        f"one sample, c = 2 + {NEAR:g}: peak loss over n (c - 2)^2 / (4 eta^2)",
        "derived here",
        constant(1.0),
        lambda bench: one_sample.near_threshold(bench, NEAR)[0],
        tolerance=0.05,
    )
    yield Claim(
        "catapult.threshold.final-curvature",
        f"one sample, c = 2 + {NEAR:g}: eta lambda ends at 4 - c",
        "derived here",
        constant(2 - NEAR),
        lambda bench: one_sample.near_threshold(bench, NEAR)[1],
        tolerance=0.001,
    )


def momentum_claims() -> Iterator[Claim]:
    """State where convergence ends with momentum."""
    for name, nesterov in (("heavy-ball", False), ("nesterov", True)):
        for momentum in (0.5, 0.9):
            linear = float(largest_stable_rate(1.0, momentum=momentum, nesterov=nesterov))
            claim = partial(Claim, cost=3)
            method: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov}
            formula = "2 (1 + beta) / (1 + 2 beta)" if nesterov else "2 (1 + beta)"
            yield claim(
                f"catapult.momentum.{name}-{momentum:g}.linear",
                f"{name}, beta = {momentum:g}, infinite width: convergence ends at c = {formula}",
                source="Cohen et al. 2021, arXiv:2103.00065",
                predict=constant(linear),
                measure=partial(one_sample.momentum_boundary, kind="linear", **method),
                tolerance=0.02,
            )
            yield claim(
                f"catapult.momentum.{name}-{momentum:g}.end",
                f"{name}, beta = {momentum:g}, width 1e8: catapults reach twice as far, as without "
                "momentum",
                source="a guess, made to be judged",
                predict=constant(2 * linear),
                measure=partial(one_sample.momentum_boundary, kind="end", **method),
                tolerance=0.1,
            )
