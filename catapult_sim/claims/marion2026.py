r"""Edge Flow: a centre and the oscillation around it [Marion2026].

The abstract, which is all that was read: three coupled differential equations for a centre, a
direction and a magnitude track gradient descent at the edge of stability at least as faithfully as
earlier models, and resolve the oscillation of the sharpness at its onset; each step of their
discretisation takes two gradients and one Hessian product. The equations are derived here
(:mod:`catapult_sim.numeric.flows.edge_flow`), and followed on small networks. Through a catapult,
which the abstract does not speak of, Edge Flow is tried here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals, measured
from catapult_sim.claims.sources import DERIVED, EXTENDED, MARION
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

FLOW = "Edge Flow"
SMALL, LARGE = 2.1, 3.0  # eta lambda at the start of catapults of one sample


def overshoot(bench: Bench) -> Measured:
    """Return by how much ``eta * sharpness`` exceeds 2 at most, over that of gradient descent."""
    peaks = [
        (one.flows[FLOW].sharpness.max(), one.sharpness.max()) for one in at_the_edge(edge(bench))
    ]
    return mean([(own - 2) / (seen - 2) for own, seen in peaks])


def end(bench: Bench, c: float, substeps: int) -> Measured:
    """Return ``eta lambda`` where Edge Flow ends."""
    return mean(final_curvature(bench, FLOW, c, substeps))


def end_difference(bench: Bench, c: float) -> Measured:
    """Return how far ``eta lambda`` ends from that of gradient descent, in the mean over starts."""
    own, seen = (final_curvature(bench, flow, c) for flow in (FLOW, "gradient descent"))
    return mean(np.abs(own - seen))


def edge_claims() -> Iterator[Claim]:
    """Yield the claims on the edge of stability."""
    claim = Claims(MARION, "edge_flow.edge", EDGE, reduced=REDUCED, cost=20)
    distance = partial(distance_ratio, flow=FLOW)
    when = f"at the edge, to step {EDGE_STEPS}"
    yield claim(
        "distance",
        f"Edge Flow is as near to the mean path of gradient descent as the central flow {when} "
        "(distance, over that of the central flow)",
        at_most(
            partial(distance, of="central flow"),
            1.0,
            within=0.1,
            because='"at least as faithfully": a tenth is the same',
        ),
    )
    yield claim(
        "onset",
        "it resolves by how much the sharpness exceeds 2 / eta at the onset (its largest excess, "
        "over that of gradient descent)",
        equals(
            overshoot,
            1.0,
            within=0.25,
            because='"resolving the oscillation of the sharpness": a quarter, where the central '
            "flow has none. At first the curvature along its direction stood for the sharpness "
            "of Edge Flow: 0.8(1), undecided",
        ),
    )
    yield claim(
        "share",
        f"its distance, over how far gradient descent has gone from its start, {when}",
        measured(partial(distance_share, flow=FLOW)),
    )
    yield claim(
        "loss",
        f"its mean loss, over that of gradient descent, {when}",
        measured(partial(loss_ratio, flow=FLOW)),
    )
    yield claim(
        "gradient-flow",
        f"its distance from the mean path of gradient descent {when}, over that of gradient flow",
        measured(partial(distance, of="gradient flow")),
    )


def catapult_claims() -> Iterator[Claim]:
    """Yield what Edge Flow does through a catapult."""
    within, because = 2 * (SMALL - 2) ** 2, "the next order, (eta lambda - 2)^2, twice"
    small = Claims(DERIVED, "edge_flow.catapult", f"one sample, from eta lambda = {SMALL}")
    yield small(
        "mirror",
        "the differential equations end as far below 2 as they began above (eta lambda)",
        equals(partial(end, c=SMALL, substeps=16), 4 - SMALL, within=within, because=because),
    )
    yield small(
        "small",
        "Edge Flow ends where gradient descent does (mean distance, eta lambda)",
        at_most(partial(end_difference, c=SMALL), 0.0, within=within, because=because),
    )
    large = Claims(EXTENDED, "edge_flow.catapult", f"one sample, from eta lambda = {LARGE}")
    yield large(
        "large",
        "Edge Flow ends where gradient descent does (mean distance, eta lambda)",
        at_most(
            partial(end_difference, c=LARGE),
            0.0,
            within=0.1,
            because="a tenth of what the catapult lowers below 1",
        ),
    )
    linear = Claims(EXTENDED, "edge_flow.catapult", CATAPULT, cost=8)
    yield linear(
        "network",
        "Edge Flow ends at the sharpness at which gradient descent ends (ratio)",
        equals(partial(end_ratio, flow=FLOW), 1.0, within=0.1, because="a tenth"),
    )


CLAIMS = (*edge_claims(), *catapult_claims())
