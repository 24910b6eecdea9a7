"""Claims on the linear network on one sample [Lewkowycz2020].

The measurements are in :mod:`~catapult_sim.experiments.one_sample`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, Claims, at_most, equals, measured
from catapult_sim.claims.lewkowycz2020.paper import PAPER
from catapult_sim.claims.sources import COHEN, DERIVED
from catapult_sim.experiments import one_sample
from catapult_sim.numeric.curvature.stability import largest_stable_rate
from catapult_sim.numeric.runs.phases import Phase

NEAR = 0.02  # above the threshold; corrections to the leading order are of this relative size


def boundary_claims() -> Iterator[Claim]:
    """Yield the claims on where the phases of one sample end."""
    theorem = Claims(PAPER.at("theorem 1"), "catapult.one-sample", "one sample", kind="theorem")
    yield theorem(
        "rise",
        "the loss first rises at c = 2 + eta^2 f_0^2 / n",
        equals(
            lambda bench: one_sample.paired(one_sample.rise_boundary(bench)),
            one_sample.predicted_rise,
            within=1e-3,
        ),
        says=PAPER.at("eq. 2"),
    )
    yield theorem(
        "end",
        "convergence ends at c = 4, whatever the width",
        equals(lambda bench: one_sample.end_boundary(bench).measured, 4.0, within=0.01),
        cost=3,
    )


def phase_claims() -> Iterator[Claim]:
    """Yield the claims on the parts of theorem 1 that no other claim states."""
    theorem = Claims(PAPER.at("theorem 1"), "catapult.theorem", kind="theorem", cost=0.1)
    yield theorem(
        "lazy.duration",
        "one sample, c = 1.5: the steps to a loss of 1e-6 do not grow with the width (per decade)",
        equals(one_sample.lazy_duration, 0.0, within=0.1),
    )
    for c, phase, every in (
        (1.5, Phase.LAZY, True),
        (2.5, Phase.CATAPULT, True),
        (3.9, Phase.DIVERGENT, False),
        (4.05, Phase.DIVERGENT, True),
    ):
        runs, exceptions = ("every", "is not") if every else ("no", "is")
        yield theorem(
            f"{phase}-{c:g}",
            f"one sample, c = {c:g}: {runs} run is {phase} (share that {exceptions})",
            equals(partial(one_sample.exceptions, c=c, phase=phase, every=every), 0.0, within=0.0),
        )


def width_claims() -> Iterator[Claim]:
    """Yield the claims on how the catapult of one sample scales with the width."""
    theorem = Claims(PAPER.at("theorem 1"), "catapult", kind="theorem", cost=0.1)
    yield theorem(
        "peak.width",
        "one sample: the peak loss grows as n^1 (exponent at c = 3)",
        equals(one_sample.peak_growth, 1.0, within=0.05),
    )
    for c in (2.5, 3.0):
        yield theorem(
            f"peak.time-{c:g}",
            f"one sample, c = {c:g}: the peak comes ln 10 / (2 ln(c - 1)) steps later per "
            "decade of width",
            equals(
                partial(one_sample.time_to_peak, c=c),
                math.log(10) / (2 * math.log(c - 1)),
                within=0.1,
            ),
            says=PAPER.at("section 2"),
        )
    yield theorem(
        "lazy.width",
        "one sample, lazy phase: lambda moves by O(1/n) (exponent of the mean movement at c = 1)",
        equals(one_sample.lazy_movement, -1.0, within=0.05),
    )


def curvature_claims() -> Iterator[Claim]:
    """Yield the claims on where the catapult of one sample ends.

    Near the threshold, at ``c = 2 + d``, a step changes ``eta lambda`` by ``-2 s`` and ``log s``
    by ``2 (eta lambda - 2 - s)``, with ``s = eta^2 f^2 / n``. To leading order in d and in the
    start this integrates to ``s = (d^2 - (eta lambda - 2)^2) / 2``: s peaks at ``d^2 / 2``, and
    ``eta lambda`` ends at ``2 - d``.
    """
    theorem = Claims(DERIVED, "catapult", kind="theorem", cost=0.3)
    yield theorem(
        "one-sample.final-curvature",
        "one sample: every catapult ends at eta lambda below 2 (largest)",
        at_most(one_sample.largest_final_curvature, 2.0),
        says=PAPER.at("theorem 1"),
    )
    yield theorem(
        "invariant",
        "one sample: (eta lambda)^2 - 4 s shrinks by (1 - s)^2 in every step (relative error)",
        equals(one_sample.invariant_error, 0.0, within=1e-10),
    )
    yield theorem(
        "final-curvature.wide",
        "one sample, c = 2.5, width 1e12: where eta lambda ends",
        measured(partial(one_sample.final_curvature, c=2.5)),
    )
    yield theorem(
        "threshold.peak",
        f"one sample, c = 2 + {NEAR:g}: peak loss over n (c - 2)^2 / (4 eta^2)",
        equals(lambda bench: one_sample.near_threshold(bench, NEAR)[0], 1.0, within=0.05),
    )
    yield theorem(
        "threshold.final-curvature",
        f"one sample, c = 2 + {NEAR:g}: eta lambda ends at 4 - c",
        equals(lambda bench: one_sample.near_threshold(bench, NEAR)[1], 2 - NEAR, within=0.001),
    )


def momentum_claims() -> Iterator[Claim]:
    """Yield the claims on where convergence ends with momentum."""
    for name, momentum in itertools.product(("heavy-ball", "nesterov"), (0.5, 0.9)):
        nesterov = name == "nesterov"
        linear = float(largest_stable_rate(1.0, momentum=momentum, nesterov=nesterov))
        claim = Claims(
            COHEN,
            f"catapult.momentum.{name}-{momentum:g}",
            cost=0.4,
            given={"momentum": momentum, "nesterov": nesterov},
        )
        formula = "2 (1 + beta) / (1 + 2 beta)" if nesterov else "2 (1 + beta)"
        yield claim(
            "linear",
            f"{name}, beta = {momentum:g}, infinite width: convergence ends at c = {formula}",
            equals(partial(one_sample.momentum_boundary, kind="linear"), linear, within=0.02),
            kind="theorem",
        )
        yield claim(
            "end",
            f"{name}, beta = {momentum:g}, width 1e8: c where convergence ends; {linear:.3g} at "
            "infinite width",
            measured(partial(one_sample.momentum_boundary, kind="end")),
            says=DERIVED,
        )


CLAIMS = (
    *boundary_claims(),
    *phase_claims(),
    *width_claims(),
    *curvature_claims(),
    *momentum_claims(),
)
