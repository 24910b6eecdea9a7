"""What the equations are: exact derivations in SymPy."""

from catapult_sim.symbolic import (
    backward_error,
    implicit_regularizer,
    linear_net,
    parsing,
    trees,
)
from catapult_sim.symbolic.update import Update

__all__ = ["Update", "backward_error", "implicit_regularizer", "linear_net", "parsing", "trees"]
