"""Smith et al. 2021: the implicit regularisation of stochastic gradient descent.

The modified flow is in :mod:`~catapult_sim.claims.implicit_flow`, the regulariser's coefficients
in :mod:`~catapult_sim.claims.implicit_coefficients`, the experiment of the paper in
:mod:`~catapult_sim.claims.implicit_experiment`.

References
----------
.. [1] S. L. Smith, B. Dherin, D. Barrett and S. De, arXiv:2101.12176.
"""

from catapult_sim.claims.implicit_coefficients import (
    coefficient_claims,
    identity_claims,
    momentum_claims,
)
from catapult_sim.claims.implicit_experiment import QUANTITIES, experiment_claims
from catapult_sim.claims.implicit_flow import field_claims, order_claims

__all__ = ["CLAIMS"]

CLAIMS = (
    *order_claims(),
    *identity_claims(),
    *coefficient_claims(),
    *field_claims(),
    *momentum_claims(),
    *(claim for quantity in QUANTITIES for claim in experiment_claims(quantity)),
)
