r"""Central flows describe gradient descent at the edge of stability [Cohen2025].

The abstract, which was read, with the authors' code: a differential equation, the central flow,
characterises the time-averaged path of an optimiser at the edge of stability, and predicts long
paths of networks with a high degree of numerical accuracy. Here: of gradient descent on small
networks that learn digits. A catapult is outside what the paper claims: from above ``2 / eta`` the
central flow goes back to it at once, and what it misses is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from catapult_sim.claims.claim import Claim, Claims, at_most, equals, measured
from catapult_sim.claims.sources import COHEN_FLOWS, DERIVED
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.beyond_stability import (
    CATAPULT,
    EDGE,
    EDGE_STEPS,
    REDUCED,
    at_the_edge,
    distance_ratio,
    distance_share,
    edge,
    end_ratio,
    final_curvature,
    loss_ratio,
)
from catapult_sim.numeric.runs.measured import Measured, mean

FLOW = "central flow"
C = 3.0  # eta lambda at the start of catapults of one sample


def spread(bench: Bench) -> Measured:
    """Return the predicted mean square of the oscillation over that of gradient descent."""
    ratios = [
        one.flows[FLOW].spread[one.beyond].mean() / one.spread[one.beyond].mean()
        for one in at_the_edge(edge(bench))
    ]
    return mean(ratios)


def largest_sharpness(bench: Bench) -> Measured:
    """Return the largest ``eta * sharpness`` along central flows."""
    return mean([one.flows[FLOW].sharpness.max() for one in edge(bench)])


def end(bench: Bench, of: str) -> Measured:
    """Return ``eta lambda`` where catapults of one sample end."""
    return mean(final_curvature(bench, of, C))


def edge_claims() -> Iterator[Claim]:
    """Yield the claims on the edge of stability."""
    claim = Claims(COHEN_FLOWS, "central_flow.edge", EDGE, reduced=REDUCED, cost=20)
    distance = partial(distance_ratio, of="gradient flow")
    when = f"at the edge, to step {EDGE_STEPS}"
    yield claim(
        "distance",
        f"the central flow stays near the mean path of gradient descent {when} (distance, over "
        "that of gradient flow)",
        at_most(
            partial(distance, flow=FLOW),
            0.25,
            because='"a high degree of numerical accuracy": a quarter',
        ),
    )
    yield claim(
        "loss",
        f"it predicts the mean loss of gradient descent {when} (ratio)",
        equals(
            partial(loss_ratio, flow=FLOW),
            1.0,
            within=0.1,
            because='"a high degree of numerical accuracy": 10 %',
        ),
    )
    yield claim(
        "spread",
        f"and the mean square of its oscillation {when} (ratio)",
        equals(spread, 1.0, within=0.25, because="a second moment of few oscillations: a quarter"),
    )
    yield claim(
        "share",
        f"the same distance, over how far gradient descent has gone from its start, {when}",
        measured(partial(distance_share, flow=FLOW)),
    )
    yield claim(
        "modified",
        f"the modified flow of first order {when} (distance, over that of gradient flow)",
        measured(partial(distance, flow="modified flow")),
    )
    derived = Claims(DERIVED, "central_flow.edge", EDGE, cost=20)
    yield derived(
        "bound",
        "the sharpness of the central flow does not exceed 2 / eta (largest eta * sharpness)",
        at_most(
            largest_sharpness,
            2.0,
            within=0.01,
            because="second order of the integration: half a step changes the sharpness by a few "
            "per cent, whose square this is",
        ),
    )


def catapult_claims() -> Iterator[Claim]:
    """Yield what the central flow misses of a catapult."""
    claim = Claims(DERIVED, "central_flow.catapult", f"one sample, from eta lambda = {C:g}")
    yield claim(
        "end",
        "the central flow ends at 2 / eta (eta lambda)",
        equals(partial(end, of=FLOW), 2.0, within=0.01, because="second order of the integration"),
    )
    yield claim(
        "descent",
        "gradient descent ends far below (eta lambda, mean over starts)",
        measured(partial(end, of="gradient descent")),
    )
    yield claim(
        "network",
        f"{CATAPULT}: last sharpness of the central flow, over that of gradient descent",
        measured(partial(end_ratio, flow=FLOW)),
        cost=8,
    )


CLAIMS = (*edge_claims(), *catapult_claims())
