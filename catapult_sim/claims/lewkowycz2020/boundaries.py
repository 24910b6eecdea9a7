"""Boundaries of the phases of networks on data, linear and other ones [Lewkowycz2020].

The learning rate where the loss first rises is the c_loss of [Kalra2023early].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, at_most, equals
from catapult_sim.claims.lewkowycz2020.paper import ENDS, PAPER
from catapult_sim.experiments import networks
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES, Architecture
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
    """Return 4 minus the smallest c at which a seed of any width diverges."""
    found = [networks.linear_boundary(bench, "end", width) for width in WIDTHS[1:]]
    lower, upper = (np.concatenate([getattr(one, edge) for one in found]) for edge in EDGES)
    first = np.argmin(upper)
    middle, half = (upper + lower)[first] / 2, (upper - lower)[first] / 2
    return Measured(float(4 - middle), float(half), upper.size)


def network_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where the widest networks trained stop converging."""
    width = bench.effort.hidden[architecture.depth][-1]
    return networks.network_boundary(bench, "end", architecture, width).measured


def data_claims() -> Iterator[Claim]:
    """Yield the claims on the linear network on many samples.

    Near the threshold the peak loss is ``n (c - 2)^2 / (4 eta^2)``: it exceeds a start that does
    not grow with the width from ``c - 2`` of order ``n^(-1/2)`` on.
    """
    theorem = Claims(f"{PAPER}, section 2", "catapult.data", kind="theorem")
    at_widest = f"linear network on data, width 1e{round(math.log10(WIDTHS[-1]))}"
    yield theorem(
        "rise",
        f"{at_widest}: it stops being lazy at c = 2",
        equals(partial(widest, kind="rise"), 2.0, within=0.05),
        cost=8,
    )
    yield theorem(
        "rise.width",
        "linear network on data: it stays lazy above 2 by O(n^-1/2) (exponent)",
        equals(rise_excess, -0.5, within=0.1),
        source="derived here",
        cost=20,
    )
    yield theorem(
        "end",
        f"{at_widest}: it stops converging at c = 4",
        equals(partial(widest, kind="end"), 4.0, within=0.1),
        cost=8,
    )
    yield theorem(
        "end.width",
        "linear network on data, widths 1e4 to 1e12: no seed diverges below c = 4 (by how much)",
        at_most(earliest_end, 0.0, within=0.1),
        source="guessed here",
        kind="conjecture",
        cost=20,
    )


def network_claims(architecture: Architecture) -> Iterator[Claim]:
    """Yield the claims on trained networks of an architecture."""
    name, effort, end = architecture.name, architecture.depth**2, ENDS[architecture.activation]
    group = f"catapult.{architecture.activation}-{architecture.depth}{architecture.suffix}"
    claim = Claims(
        f"{PAPER}, section 3", group, cost=10 * effort, given={"architecture": architecture}
    )
    yield claim(
        "rise",
        f"{name}: the loss first rises at c = 2 (extrapolated to infinite width)",
        equals(networks.wide_limit, 2.0, within=0.1),
    )
    yield claim(
        "end",
        f"{name}, widest trained: convergence ends at c_act = {end.c_act:g}",
        equals(network_end, end.c_act, within=0.1 * end.c_act),
        source=end.source,
    )
    yield claim(
        "final-curvature",
        f"{name}: catapults end at eta lambda below 2 (mean at the worst c)",
        at_most(networks.final_curvature, 2.0, within=0.05),
        cost=4 * effort,
    )


CLAIMS = (
    *data_claims(),
    *(claim for architecture in ARCHITECTURES for claim in network_claims(architecture)),
)
