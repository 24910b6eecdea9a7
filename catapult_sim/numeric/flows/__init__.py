"""Gradient flow, modified flows and flows beyond stability, beside the iterates of training.

===================  =============================================================================
``flow``             integrate a field; compare flows with iterates
``fields``           the fields: gradient flow, principal flow, modified fields as NumPy functions
``epochs``           the mean over all orders of batches of one epoch of minibatch steps
``recovery``         coefficients of the implicit regulariser, fitted to discrete runs
``convergence``      the order at which an error vanishes with the step size
``breakdown``        the error of each order of modified flow, up to the catapult
``surface``          a loss with its derivatives, which flows beyond stability take
``central_flow``     gradient descent averaged over its oscillations at the edge of stability
``edge_flow``        a centre and the oscillation around it, at the edge and through a catapult
``complementarity``  the small semidefinite problem that central flows solve at every step
===================  =============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.flows import breakdown as breakdown
    from catapult_sim.numeric.flows import central_flow as central_flow
    from catapult_sim.numeric.flows import complementarity as complementarity
    from catapult_sim.numeric.flows import convergence as convergence
    from catapult_sim.numeric.flows import edge_flow as edge_flow
    from catapult_sim.numeric.flows import epochs as epochs
    from catapult_sim.numeric.flows import fields as fields
    from catapult_sim.numeric.flows import flow as flow
    from catapult_sim.numeric.flows import recovery as recovery
    from catapult_sim.numeric.flows import surface as surface
else:
    __getattr__, __dir__ = attach(__name__)
