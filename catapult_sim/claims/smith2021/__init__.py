"""The implicit regularisation of stochastic gradient descent [Smith2021].

The modified flow is in :mod:`~catapult_sim.claims.smith2021.flow`, the regulariser's coefficients
in :mod:`~catapult_sim.claims.smith2021.coefficients`, its minima in
:mod:`~catapult_sim.claims.smith2021.minima`, how long epochs may be in
:mod:`~catapult_sim.claims.smith2021.validity`, the experiment of the paper in
:mod:`~catapult_sim.claims.smith2021.experiment`, learning rate over batch size in
:mod:`~catapult_sim.claims.smith2021.scale`.
"""

from catapult_sim.claims.smith2021.coefficients import (
    coefficient_claims,
    identity_claims,
    momentum_claims,
)
from catapult_sim.claims.smith2021.experiment import QUANTITIES, experiment_claims
from catapult_sim.claims.smith2021.flow import field_claims, order_claims
from catapult_sim.claims.smith2021.minima import minimum_claims
from catapult_sim.claims.smith2021.scale import scale_claims
from catapult_sim.claims.smith2021.validity import validity_claims

CLAIMS = (
    *order_claims(),
    *identity_claims(),
    *coefficient_claims(),
    *field_claims(),
    *momentum_claims(),
    *minimum_claims(),
    *validity_claims(),
    *(claim for quantity in QUANTITIES for claim in experiment_claims(quantity)),
    *scale_claims(),
)
