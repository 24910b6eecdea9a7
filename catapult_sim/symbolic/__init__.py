"""What the equations are: exact derivations in SymPy."""

from catapult_sim.symbolic import backward_error, linear_net, trees
from catapult_sim.symbolic.update import Update

__all__ = ["Update", "backward_error", "linear_net", "trees"]
