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
    from catapult_sim import claims, mlp, numeric, plots, symbolic
    from catapult_sim.mlp.network import MLP
    from catapult_sim.mlp.observers import Observers
    from catapult_sim.mlp.taylor import TaylorModel
    from catapult_sim.mlp.training import train
    from catapult_sim.numeric.averages import EMA, SWA
    from catapult_sim.numeric.batches import minibatches
    from catapult_sim.numeric.cells import physics
    from catapult_sim.numeric.checkpoint import Checkpoint
    from catapult_sim.numeric.curvature import top_eigenpairs
    from catapult_sim.numeric.linear_net import LinearNet
    from catapult_sim.numeric.measured import Measured
    from catapult_sim.numeric.phases import Boundary, Phase, boundary, classify
    from catapult_sim.numeric.record import read_record
    from catapult_sim.numeric.refinement import refine
    from catapult_sim.numeric.requirements import InputError
    from catapult_sim.numeric.spectrum import spectral_density, trace
    from catapult_sim.numeric.sweep import sweep
    from catapult_sim.numeric.trajectory import Outcome, Trajectory, iterate
    from catapult_sim.numeric.workers import process_pool

__version__ = "0.1.0"

# Where each public name lives; imported on first use, so that NumPy users wait for neither
# SymPy nor Matplotlib.
_HOMES = {
    "Boundary": "numeric.phases",
    "Checkpoint": "numeric.checkpoint",
    "EMA": "numeric.averages",
    "InputError": "numeric.requirements",
    "LinearNet": "numeric.linear_net",
    "MLP": "mlp.network",
    "Measured": "numeric.measured",
    "Observers": "mlp.observers",
    "Outcome": "numeric.trajectory",
    "Phase": "numeric.phases",
    "SWA": "numeric.averages",
    "TaylorModel": "mlp.taylor",
    "Trajectory": "numeric.trajectory",
    "boundary": "numeric.phases",
    "classify": "numeric.phases",
    "iterate": "numeric.trajectory",
    "minibatches": "numeric.batches",
    "physics": "numeric.cells",
    "process_pool": "numeric.workers",
    "read_record": "numeric.record",
    "refine": "numeric.refinement",
    "spectral_density": "numeric.spectrum",
    "sweep": "numeric.sweep",
    "top_eigenpairs": "numeric.curvature",
    "trace": "numeric.spectrum",
    "train": "mlp.training",
}
_FLOORS = ("claims", "mlp", "numeric", "plots", "symbolic")

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
