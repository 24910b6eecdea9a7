"""Gradient descent on quadratic minibatch losses: mean and covariance of iterates and averages.

=================  ===============================================================================
``moments``        mean and variance along a run, propagated exactly, or sampled
``stationary``     closed forms of the stationary variance; the rate equivalent to an average
``process``        the linear system that ``moments`` propagates
=================  ===============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.minibatch import moments as moments
    from catapult_sim.numeric.minibatch import process as process
    from catapult_sim.numeric.minibatch import stationary as stationary
else:
    __getattr__, __dir__ = attach(__name__)
