"""What the equations do: integrated in NumPy, exactly where possible, in ensembles of any shape.

===================  ===============================================================================
``runs``             iterate; trajectories, phases, boundaries, averages, batches, checkpoints
``linear_net``       the two-layer linear network on any data, exact at any width
``maps``             phase maps and attractors of maps with few state variables
``curvature``        eigenpairs, trace and spectral density of anything that multiplies a vector
``flows``            gradient flow, modified flows and flows beyond stability, beside iterates
``random_products``  growth rates of products of random matrices, such as SGD's linear steps
``minibatch``        quadratic minibatch losses: mean and covariance of iterates and averages
``scale``            lengths of vectors whose squares would overflow or vanish
===================  ===============================================================================

Leading axes of every state are an ensemble. Nothing here knows SymPy; compiled loops need numba
and are used where it is installed. An attribute path is an import path:
``catapult_sim.numeric.flows.epochs.mean_epoch``.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric import curvature as curvature
    from catapult_sim.numeric import flows as flows
    from catapult_sim.numeric import linear_net as linear_net
    from catapult_sim.numeric import maps as maps
    from catapult_sim.numeric import minibatch as minibatch
    from catapult_sim.numeric import random_products as random_products
    from catapult_sim.numeric import runs as runs
    from catapult_sim.numeric import scale as scale
else:
    __getattr__, __dir__ = attach(__name__)
