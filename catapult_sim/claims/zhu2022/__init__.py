"""Quadratic models of networks catapult as the networks do [Zhu2022]."""

from catapult_sim.claims.zhu2022.digits import digit_claims
from catapult_sim.claims.zhu2022.line import line_claims
from catapult_sim.claims.zhu2022.sample import sample_claims

CLAIMS = (*line_claims(), *sample_claims(), *digit_claims())
