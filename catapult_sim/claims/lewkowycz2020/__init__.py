"""The catapult mechanism [Lewkowycz2020]: one sample, data, networks, accuracy."""

from catapult_sim.claims.lewkowycz2020 import (
    accuracy,
    boundaries,
    closure,
    linear_again,
    one_sample,
    variants,
)

CLAIMS = (
    *closure.CLAIMS,
    *one_sample.CLAIMS,
    *boundaries.CLAIMS,
    *variants.CLAIMS,
    *accuracy.CLAIMS,
    *linear_again.CLAIMS,
)
