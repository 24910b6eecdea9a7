"""Boundaries of the phases of networks on data, linear and other ones [Lewkowycz2020].

The learning rate where the loss first rises is the c_loss of [Kalra2023early].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals, measured
from catapult_sim.claims.lewkowycz2020.paper import EXACT_WHY, ONE_OR_TWO, PAPER
from catapult_sim.claims.sources import DERIVED
from catapult_sim.experiments import networks
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES
from catapult_sim.experiments.one_sample import WIDTHS
from catapult_sim.numeric.runs.measured import Measured, mean

EDGES = ("lower", "upper")


def widest(bench: Bench, kind: str) -> Measured:
    """Find a boundary of the widest linear network on data."""
    return networks.linear_boundary(bench, kind, WIDTHS[-1]).measured


def rise_excess(bench: Bench) -> Measured:
    """Fit the exponent e of ``c - 2 ~ width^e``, with c where the linear network's loss rises."""
    widths = (1000, 3000, 10000)
    found = [networks.linear_boundary(bench, "rise", width) for width in widths]
    excess = np.array([one.centres - 2 for one in found])
    half = np.array([one.upper - one.lower for one in found]) / 2
    weights = np.linalg.pinv(np.vander(np.log10(widths), 2))[0]
    # The worst case of the slope: every bracket errs to the side that changes it most.
    bracket_error = np.abs(weights) @ (half / excess / math.log(10))
    return mean(weights @ np.log10(excess), float(bracket_error.mean()))


def earliest_end(bench: Bench) -> Measured:
    """Return the smallest c at which a seed of any width diverges, minus 4."""
    found = [networks.linear_boundary(bench, "end", width) for width in WIDTHS[1:]]
    lower, upper = (np.concatenate([getattr(one, edge) for one in found]) for edge in EDGES)
    first = np.argmin(upper)
    middle, half = (upper + lower)[first] / 2, (upper - lower)[first] / 2
    return Measured(float(middle - 4), float(half), upper.size)


def data_claims() -> Iterator[Claim]:
    """Yield the claims on the linear network on many samples.

    Near the threshold the peak loss is ``n (c - 2)^2 / (4 eta^2)``: it exceeds a start that does
    not grow with the width from ``c - 2`` of order ``n^(-1/2)`` on.
    """
    theorem = Claims(PAPER.at("section 2"), "catapult.data", kind="theorem")
    at_widest = f"linear network on data, width 1e{round(math.log10(WIDTHS[-1]))}"
    yield theorem(
        "rise",
        f"{at_widest}: it stops being lazy at c = 2",
        equals(partial(widest, kind="rise"), 2.0, within=0.05),
    )
    yield theorem(
        "rise.width",
        "linear network on data: it stays lazy above 2 by O(n^-1/2) (exponent)",
        equals(rise_excess, -0.5, within=0.1),
        says=DERIVED,
        cost=3,
    )
    yield theorem(
        "end",
        f"{at_widest}: it stops converging at c = 4",
        equals(
            partial(widest, kind="end"),
            4.0,
            within=0.1,
            because="the boundary of the paper's phase diagram, to a fortieth of c",
        ),
        kind="statement",
    )
    yield theorem(
        "end.width",
        "linear network on data, widths 1e4 to 1e12: the smallest c at which a seed diverges, "
        "minus 4",
        measured(earliest_end),
        says=DERIVED,
    )


def network_claims(architecture: Architecture) -> Iterator[Claim]:
    """Yield the claims on trained networks of an architecture."""
    name = architecture.name
    claim = Claims(
        PAPER.at("section 3"),
        f"catapult.{architecture.activation}-{architecture.depth}",
        reduced=ONE_OR_TWO,
        cost=3,
        given={"architecture": architecture},
    )
    yield claim(
        "rise",
        f"{name}: the loss first rises at c = 2 (extrapolated to infinite width)",
        equals(networks.wide_limit, 2.0, within=0.1, because=EXACT_WHY),
    )
    yield claim(
        "final-curvature",
        f"{name}: catapults end at eta lambda below 2 (mean at the worst c)",
        at_most(
            networks.final_curvature,
            2.0,
            within=0.05,
            because="runs are stopped at 1e-4 of their loss, before the curvature has settled",
        ),
    )


CLAIMS = (
    *data_claims(),
    *(claim for architecture in ARCHITECTURES for claim in network_claims(architecture)),
)
