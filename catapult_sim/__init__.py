"""Solvable models of deep-learning dynamics: derived, integrated, trained and judged.

The tree is the argument: :mod:`~catapult_sim.symbolic` derives what the equations are,
:mod:`~catapult_sim.numeric` integrates what they do, :mod:`~catapult_sim.mlp` trains real
networks, :mod:`~catapult_sim.claims` judges what the papers say about them.

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
=================  ==========================================================================

Networks use the NTK parametrisation unless named. ``rng`` is a numpy Generator, an integer
seed or None; NaN means not measured.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catapult_sim import claims, experiments, mlp, numeric, plots, sweeps, symbolic
    from catapult_sim.mlp.network import MLP
    from catapult_sim.mlp.observers import Observers
    from catapult_sim.mlp.taylor import TaylorModel
    from catapult_sim.mlp.training import train
    from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
    from catapult_sim.numeric.curvature.spectrum import spectral_density, trace
    from catapult_sim.numeric.linear_net import LinearNet
    from catapult_sim.numeric.runs.averages import EMA, SWA
    from catapult_sim.numeric.runs.batches import minibatches
    from catapult_sim.numeric.runs.boundary import Boundary, boundary
    from catapult_sim.numeric.runs.checkpoint import Checkpoint
    from catapult_sim.numeric.runs.iterate import iterate
    from catapult_sim.numeric.runs.measured import Measured
    from catapult_sim.numeric.runs.phases import Phase, classify
    from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
    from catapult_sim.sweeps.cell import physics
    from catapult_sim.sweeps.record import read_record
    from catapult_sim.sweeps.refinement import refine
    from catapult_sim.sweeps.sweep import sweep
    from catapult_sim.sweeps.workers import process_pool
    from catapult_sim.validation import InputError

__version__ = "0.1.0"

# Where each public name lives; imported on first use, so that NumPy users wait for neither
# SymPy nor Matplotlib.
_HOMES = {
    "Boundary": "numeric.runs.boundary",
    "Checkpoint": "numeric.runs.checkpoint",
    "EMA": "numeric.runs.averages",
    "InputError": "validation",
    "LinearNet": "numeric.linear_net",
    "MLP": "mlp.network",
    "Measured": "numeric.runs.measured",
    "Observers": "mlp.observers",
    "Outcome": "numeric.runs.trajectory",
    "Phase": "numeric.runs.phases",
    "SWA": "numeric.runs.averages",
    "TaylorModel": "mlp.taylor",
    "Trajectory": "numeric.runs.trajectory",
    "boundary": "numeric.runs.boundary",
    "classify": "numeric.runs.phases",
    "iterate": "numeric.runs.iterate",
    "minibatches": "numeric.runs.batches",
    "physics": "sweeps.cell",
    "process_pool": "sweeps.workers",
    "read_record": "sweeps.record",
    "refine": "sweeps.refinement",
    "spectral_density": "numeric.curvature.spectrum",
    "sweep": "sweeps.sweep",
    "top_eigenpairs": "numeric.curvature.eigenpairs",
    "trace": "numeric.curvature.spectrum",
    "train": "mlp.training",
}
_FLOORS = ("claims", "experiments", "mlp", "numeric", "plots", "sweeps", "symbolic")

__all__ = [
    "EMA",
    "MLP",
    "SWA",
    "Boundary",
    "Checkpoint",
    "InputError",
    "LinearNet",
    "Measured",
    "Observers",
    "Outcome",
    "Phase",
    "TaylorModel",
    "Trajectory",
    "boundary",
    "claims",
    "classify",
    "experiments",
    "iterate",
    "minibatches",
    "mlp",
    "numeric",
    "physics",
    "plots",
    "process_pool",
    "read_record",
    "refine",
    "spectral_density",
    "sweep",
    "sweeps",
    "symbolic",
    "top_eigenpairs",
    "trace",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"catapult_sim.{_HOMES[name]}"), name)
    if name in _FLOORS:
        return importlib.import_module(f"catapult_sim.{name}")
    raise AttributeError(f"module 'catapult_sim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
