"""The sharpest directions of the loss and the length of SGD steps [Jastrzebski2019].

The runs are in :mod:`~catapult_sim.claims.jastrzebski2019.runs`; every other file has the claims on
one subject.
"""

from catapult_sim.claims.jastrzebski2019.curvature import curvature_claims
from catapult_sim.claims.jastrzebski2019.exact import exact_claims
from catapult_sim.claims.jastrzebski2019.nudged import nudged_claims
from catapult_sim.claims.jastrzebski2019.runs import RECIPES
from catapult_sim.claims.jastrzebski2019.steps import escape_claims, step_claims, valley_claims
from catapult_sim.claims.jastrzebski2019.table import table_claims

CLAIMS = (
    *exact_claims(),
    *(
        claim
        for loss in RECIPES
        for kind in (curvature_claims, step_claims, valley_claims, nudged_claims, escape_claims)
        for claim in kind(loss)
    ),
    *table_claims("cross_entropy"),
)
