"""The catapult mechanism [Lewkowycz2020]: one sample, data, networks, accuracy."""

from catapult_sim.claims.lewkowycz2020 import (
    accuracy,
    boundaries,
    c_act,
    c_act_axes,
    closure,
    decay,
    early_time,
    linear_again,
    one_sample,
)

CLAIMS = (
    *closure.CLAIMS,
    *one_sample.CLAIMS,
    *boundaries.CLAIMS,
    *c_act.CLAIMS,
    *c_act_axes.CLAIMS,
    *early_time.CLAIMS,
    *accuracy.CLAIMS,
    *decay.CLAIMS,
    *linear_again.CLAIMS,
)
