"""Lewkowycz et al. 2020: the catapult mechanism, in the one-sample model, on data, in networks."""

from catapult_sim.claims.lewkowycz2020 import accuracy, boundaries, linear_again, variants

__all__ = ["CLAIMS"]

CLAIMS = (*boundaries.CLAIMS, *variants.CLAIMS, *accuracy.CLAIMS, *linear_again.CLAIMS)
