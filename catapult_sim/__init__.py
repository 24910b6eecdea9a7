"""Solvable models of deep-learning dynamics: derived, integrated, trained and judged.

Public names
------------
===============================================  ==============================================
``LinearNet``, ``MLP``, ``TaylorModel``          models: linear at any width, fully connected, and
                                                 their linear and quadratic approximations
``Network``, ``Dense``, ``Convolution``,         a network of layers, and the layers it lists
``MeanPooling``, ``Residual``
``train``, ``iterate``                           run an ensemble, of networks or of any step
``study``, ``Study``                             one model at many learning rates: phases, losses,
                                                 curvature, accuracy
``Observers``, ``ntk``                           what to measure along a run; the tangent kernel
``Trajectory``, ``Outcome``, ``Checkpoint``      a run, how its members ended, a run on disk
``classify``, ``Phase``                          lazy, catapult, divergent or undecided
``boundary``, ``Boundary``, ``Measured``         where phases meet, with a standard error
``minibatches``                                  which samples each step sees
``GradientDescent``, ``HeavyBall``,              optimisers; an explicit regulariser; Nudged-SGD
``Nesterov``, ``Regularized``, ``Nudged``,
``SharpestDirections``
``EMA``, ``SWA``, ``Window``, ``TwoPoint``       averages of iterates
``top_eigenpairs``, ``trace``,                   curvature of anything that multiplies a vector
``spectral_density``, ``largest_stable_rate``
``phase_map``, ``orbits``, ``attractor``         maps with few state variables
``Update``, ``modified_field``,                  derived rules; backward error analysis
``modified_loss``, ``modified_equation``,
``flow``
``sweep``, ``cell``, ``refine``,                 many cells on any executor, and their records
``read_record``, ``process_pool``
``InputError``                                   raised for input that a function cannot accept
===============================================  ==============================================

All else is reached by its path, such as ``catapult_sim.mlp.kernel.top_eigenpairs``; nothing needs
an import of its own. ``symbolic`` derives what the equations are, ``numeric`` integrates what they
do, ``mlp`` trains real networks on ``datasets``, ``sweeps`` computes many cells, ``experiments``
runs what ``claims`` judges, ``plots`` draws it, ``page`` teaches it. Any object with ``loss``,
``gradient``, ``hessian_product`` and ``kernel_product`` is a model for ``train`` and ``study``,
see ``catapult_sim.mlp.own_model``.

Glossary
--------
=================  ==========================================================================
``m, d, k, n``     samples, inputs, outputs, width
``eta``            learning rate, an array that broadcasts to the ensemble
``f, y``           outputs and labels, ``(..., m, k)``
loss               ``(1/2m) sum_a |f_a - y_a|^2``: mean over samples, sum over outputs
kernel             ``(1/m) J J^T``, the neural tangent kernel; gradient descent is linearly
                   stable up to ``eta = 2 / lambda``, its top eigenvalue
``lambda, lam``    that top eigenvalue; ``lambda_0`` at the start of a run
sharpness          the top eigenvalue of the Hessian of the loss, never the kernel's
``c``              ``eta lambda_0``, the learning rate that phase diagrams are drawn in
``theta``          parameters of networks, ``(..., P)``; leading axes are an ensemble
``steps``          updates of a run; ``batch_size`` samples are in a minibatch
``probes``         random vectors that an operator is multiplied with
=================  ==========================================================================

Networks use the NTK parametrisation unless named. ``rng`` is a numpy Generator, an integer
seed or None; NaN means not measured.
"""

from catapult_sim.lazy import attach

TYPE_CHECKING = False  # typing takes longer to import than all that runs before Ctrl-C is heeded

if TYPE_CHECKING:
    from catapult_sim import claims as claims
    from catapult_sim import datasets as datasets
    from catapult_sim import experiments as experiments
    from catapult_sim import mlp as mlp
    from catapult_sim import numeric as numeric
    from catapult_sim import page as page
    from catapult_sim import plots as plots
    from catapult_sim import sweeps as sweeps
    from catapult_sim import symbolic as symbolic
    from catapult_sim.mlp.convolution import Convolution as Convolution
    from catapult_sim.mlp.dense import Dense as Dense
    from catapult_sim.mlp.kernel import ntk as ntk
    from catapult_sim.mlp.network import MLP as MLP
    from catapult_sim.mlp.network import Network as Network
    from catapult_sim.mlp.observers import Observers as Observers
    from catapult_sim.mlp.pooling import MeanPooling as MeanPooling
    from catapult_sim.mlp.residual import Residual as Residual
    from catapult_sim.mlp.taylor import TaylorModel as TaylorModel
    from catapult_sim.mlp.training import train as train
    from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs as top_eigenpairs
    from catapult_sim.numeric.curvature.nudged import Nudged as Nudged
    from catapult_sim.numeric.curvature.nudged import SharpestDirections as SharpestDirections
    from catapult_sim.numeric.curvature.spectrum import spectral_density as spectral_density
    from catapult_sim.numeric.curvature.spectrum import trace as trace
    from catapult_sim.numeric.curvature.stability import largest_stable_rate as largest_stable_rate
    from catapult_sim.numeric.flows.flow import flow as flow
    from catapult_sim.numeric.linear_net.network import LinearNet as LinearNet
    from catapult_sim.numeric.maps.attractor import attractor as attractor
    from catapult_sim.numeric.maps.orbits import orbits as orbits
    from catapult_sim.numeric.maps.phase_map import phase_map as phase_map
    from catapult_sim.numeric.runs.averages import EMA as EMA
    from catapult_sim.numeric.runs.averages import SWA as SWA
    from catapult_sim.numeric.runs.averages import TwoPoint as TwoPoint
    from catapult_sim.numeric.runs.averages import Window as Window
    from catapult_sim.numeric.runs.batches import minibatches as minibatches
    from catapult_sim.numeric.runs.boundary import Boundary as Boundary
    from catapult_sim.numeric.runs.boundary import boundary as boundary
    from catapult_sim.numeric.runs.checkpoint import Checkpoint as Checkpoint
    from catapult_sim.numeric.runs.iterate import iterate as iterate
    from catapult_sim.numeric.runs.measured import Measured as Measured
    from catapult_sim.numeric.runs.optimizers import GradientDescent as GradientDescent
    from catapult_sim.numeric.runs.optimizers import HeavyBall as HeavyBall
    from catapult_sim.numeric.runs.optimizers import Nesterov as Nesterov
    from catapult_sim.numeric.runs.optimizers import Regularized as Regularized
    from catapult_sim.numeric.runs.phases import Phase as Phase
    from catapult_sim.numeric.runs.phases import classify as classify
    from catapult_sim.numeric.runs.trajectory import Outcome as Outcome
    from catapult_sim.numeric.runs.trajectory import Trajectory as Trajectory
    from catapult_sim.studies import Study as Study
    from catapult_sim.studies import study as study
    from catapult_sim.sweeps.cell import cell as cell
    from catapult_sim.sweeps.record import read_record as read_record
    from catapult_sim.sweeps.refinement import refine as refine
    from catapult_sim.sweeps.sweep import sweep as sweep
    from catapult_sim.sweeps.workers import process_pool as process_pool
    from catapult_sim.symbolic.backward_error import modified_equation as modified_equation
    from catapult_sim.symbolic.backward_error import modified_field as modified_field
    from catapult_sim.symbolic.backward_error import modified_loss as modified_loss
    from catapult_sim.symbolic.update import Update as Update
    from catapult_sim.validation import InputError as InputError
else:
    __getattr__, __dir__ = attach(__name__)

__version__ = "0.2.0"
