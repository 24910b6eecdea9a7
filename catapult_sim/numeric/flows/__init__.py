"""Gradient flow and modified flows, compared with the discrete iterates of training.

=================  ===============================================================================
``flow``           integrate a field; compare flows with iterates
``fields``         the fields: gradient flow, principal flow, modified fields as NumPy functions
``epochs``         the mean over all orders of batches of one epoch of minibatch steps
``recovery``       coefficients of the implicit regulariser, fitted to discrete runs
``convergence``    the order at which an error vanishes with the step size
``breakdown``      the error of each order of modified flow, up to the catapult
=================  ===============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.flows import breakdown as breakdown
    from catapult_sim.numeric.flows import convergence as convergence
    from catapult_sim.numeric.flows import epochs as epochs
    from catapult_sim.numeric.flows import fields as fields
    from catapult_sim.numeric.flows import flow as flow
    from catapult_sim.numeric.flows import recovery as recovery
else:
    __getattr__, __dir__, __all__ = attach(__name__)
