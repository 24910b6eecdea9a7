"""What the equations are: exact derivations in SymPy."""

from catapult_sim.symbolic import linear_net
from catapult_sim.symbolic.update import Update

__all__ = ["Update", "linear_net"]
