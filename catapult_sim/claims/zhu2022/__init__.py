"""Zhu et al. 2022: quadratic models of networks catapult as the networks do."""

from catapult_sim.claims.zhu2022.digits import CLAIMS

__all__ = ["CLAIMS"]
