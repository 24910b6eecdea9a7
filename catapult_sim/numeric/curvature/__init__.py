"""Curvature of anything that multiplies a vector.

=================  ===============================================================================
``eigenpairs``     largest or smallest eigenvalues with their vectors and residuals
``spectrum``       trace and spectral density, estimated with random vectors
``stability``      the largest stable learning rate of a quadratic loss, with momentum
``directions``     steps and gradients split into components along a few eigenvectors
``nudged``         Nudged-SGD: steps rescaled along the sharpest directions
``step_response``  how the loss changes along multiples of a step, direction by direction
``krylov``         block Krylov spaces: the basis behind eigenpairs and spectrum
``operators``      what counts as a symmetric operator, and how its products are checked
=================  ===============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.curvature import directions as directions
    from catapult_sim.numeric.curvature import eigenpairs as eigenpairs
    from catapult_sim.numeric.curvature import krylov as krylov
    from catapult_sim.numeric.curvature import nudged as nudged
    from catapult_sim.numeric.curvature import operators as operators
    from catapult_sim.numeric.curvature import spectrum as spectrum
    from catapult_sim.numeric.curvature import stability as stability
    from catapult_sim.numeric.curvature import step_response as step_response
else:
    __getattr__, __dir__ = attach(__name__)
