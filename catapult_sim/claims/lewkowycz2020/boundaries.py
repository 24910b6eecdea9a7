r"""Lewkowycz et al. 2020: the catapult mechanism.

Theory against explicit networks: :mod:`~catapult_sim.claims.lewkowycz2020.closure`. One sample:
:mod:`~catapult_sim.claims.lewkowycz2020.one_sample`. Here, linear and other networks on data.

References
----------
.. [1] A. Lewkowycz et al., arXiv:2003.02218.
.. [2] D. Kalra and M. Barkeshli, arXiv:2302.12250: where the loss first rises, as c_loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.lewkowycz2020.closure import exact_claims, optimiser_claims
from catapult_sim.claims.lewkowycz2020.one_sample import (
    boundary_claims,
    curvature_claims,
    momentum_claims,
    theorem_claims,
    width_claims,
)
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.experiments import networks
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES, Architecture
from catapult_sim.experiments.one_sample import WIDTHS
from catapult_sim.numeric.runs.measured import Measured, mean

PAPER = "Lewkowycz et al. 2020"
LITERATURE = {  # c_act, and who says so
    "linear": (4.0, f"{PAPER}, section 2"),
    "tanh": (4.0, f"supplement of {PAPER}, at second hand"),
    "relu": (12.0, f"{PAPER}, section 3"),
}

EDGES = ("lower", "upper")


def widest(bench: Bench, kind: str) -> Measured:
    """Find a boundary of the widest linear network on data."""
    return networks.linear_boundary(bench, kind, WIDTHS[-1]).measured


def rise_excess(bench: Bench) -> Measured:
    """Measure the exponent in the width of how far above 2 the linear network stays lazy."""
    widths = (1000, 3000, 10000)
    found = [networks.linear_boundary(bench, "rise", width) for width in widths]
    excess = np.array([one.centres - 2 for one in found])
    half = np.array([one.upper - one.lower for one in found]) / 2
    weights = np.linalg.pinv(np.vander(np.log10(widths), 2))[0]
    # Brackets may all err to the side that turns the line.
    turned = np.abs(weights) @ (half / excess / math.log(10))
    return mean(weights @ np.log10(excess), float(turned.mean()))


def earliest_end(bench: Bench) -> Measured:
    """Find by how much any seed of any width is known to diverge below c = 4."""
    found = [networks.linear_boundary(bench, "end", width) for width in WIDTHS[1:]]
    lower, upper = (np.concatenate([getattr(one, edge) for one in found]) for edge in EDGES)
    first = np.argmin(upper)
    middle, half = (upper + lower)[first] / 2, (upper - lower)[first] / 2
    return Measured(float(4 - middle), float(half), upper.size)


def network_end(bench: Bench, architecture: Architecture) -> Measured:
    """Find where the widest networks trained stop converging."""
    width = bench.effort.hidden[architecture.depth][-1]
    return networks.network_boundary(bench, "end", architecture, width).measured


# What is claimed ------------------------------------------------------------------------------


def data_claims() -> Iterator[Claim]:
    """State what the linear network on many samples does."""
    at_widest = f"linear network on data, width 1e{round(math.log10(WIDTHS[-1]))}"
    yield Claim(
        "catapult.data.rise",
        f"{at_widest}: it stops being lazy at c = 2",
        f"{PAPER}, section 2",
        constant(2.0),
        partial(widest, kind="rise"),
        tolerance=0.05,
        cost=8,
    )
    yield Claim(
        "catapult.data.rise.width",
        "linear network on data: it stays lazy above 2 by O(n^-1/2) (exponent)",
        "derived here",
        constant(-0.5),
        rise_excess,
        tolerance=0.1,
        cost=20,
    )
    yield Claim(
        "catapult.data.end",
        f"{at_widest}: it stops converging at c = 4",
        f"{PAPER}, section 2",
        constant(4.0),
        partial(widest, kind="end"),
        tolerance=0.1,
        cost=8,
    )
    yield Claim(
        "catapult.data.end.width",
        "linear network on data, widths 1e4 to 1e12: no seed diverges below c = 4 (by how much)",
        "conjectured here",
        constant(0.0),
        earliest_end,
        tolerance=0.1,
        relation="<=",
        cost=20,
    )


def network_claims(architecture: Architecture) -> Iterator[Claim]:
    """State what trained networks do."""
    (end, end_source), effort = LITERATURE[architecture.activation], architecture.depth**2
    group = f"catapult.{architecture.activation}-{architecture.depth}"
    group += "" if architecture.centred else "-uncentred"
    claim = partial(Claim, source=f"{PAPER}, section 3")
    yield claim(
        f"{group}.rise",
        f"{architecture.name}: the loss first rises at c = 2 (extrapolated to infinite width)",
        predict=constant(2.0),
        measure=partial(networks.wide_limit, architecture=architecture),
        tolerance=0.1,
        cost=10 * effort,
    )
    yield claim(
        f"{group}.end",
        f"{architecture.name}, widest trained: convergence ends at c_act = {end:g}",
        source=end_source,
        predict=constant(end),
        measure=partial(network_end, architecture=architecture),
        tolerance=0.1 * end,
        cost=10 * effort,
    )
    yield claim(
        f"{group}.final-curvature",
        f"{architecture.name}: catapults end at eta lambda below 2 (mean at the worst c)",
        predict=constant(2.0),
        measure=partial(networks.final_curvature, architecture=architecture),
        tolerance=0.05,
        relation="<=",
        cost=4 * effort,
    )


CLAIMS = (
    *exact_claims(),
    *optimiser_claims(),
    *boundary_claims(),
    *theorem_claims(),
    *width_claims(),
    *curvature_claims(),
    *momentum_claims(),
    *data_claims(),
    *(claim for architecture in ARCHITECTURES for claim in network_claims(architecture)),
)
