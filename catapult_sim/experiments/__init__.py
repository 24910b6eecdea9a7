"""Experiments of commands and claims: networks on data at c = eta lambda_0.

=======================  =========================================================================
``networks``             the exact linear network or trained networks: draw, run at c, bracket
``architectures``        dense, residual and convolutional networks that are compared
``bench``                data, sizes and seeds of a verification; the efforts quick and full
``one_sample``           the derived map of the one-sample model, iterated
``phase_cells``          cells of sweeps: a run and its phase
``cell_options``         what a cell asks for: network, optimiser, average, decay
``study_cells``          cells of studies: a model in memory, of any kind, at one learning rate
``scan_rows``            what runs came to at each learning rate, of all seeds together
``boundary_cells``       cells of sweeps: the brackets of a boundary
``first_steps``          the thresholds of the first steps of training
``sharpest_directions``  SGD and Nudged-SGD, with the largest Hessian eigenpairs along the way
``beyond_stability``     gradient descent beside flows, at the edge of stability and in a catapult
``batch_losses``         the loss of fixed minibatches along lines through a trajectory
=======================  =========================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.experiments import architectures as architectures
    from catapult_sim.experiments import batch_losses as batch_losses
    from catapult_sim.experiments import bench as bench
    from catapult_sim.experiments import beyond_stability as beyond_stability
    from catapult_sim.experiments import boundary_cells as boundary_cells
    from catapult_sim.experiments import cell_options as cell_options
    from catapult_sim.experiments import first_steps as first_steps
    from catapult_sim.experiments import networks as networks
    from catapult_sim.experiments import one_sample as one_sample
    from catapult_sim.experiments import phase_cells as phase_cells
    from catapult_sim.experiments import scan_rows as scan_rows
    from catapult_sim.experiments import sharpest_directions as sharpest_directions
    from catapult_sim.experiments import study_cells as study_cells
else:
    __getattr__, __dir__ = attach(__name__)
