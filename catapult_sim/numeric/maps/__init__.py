"""Phase maps, orbits and attractors of maps with few state variables.

===================  =============================================================================
``phase_map``        the phases of a rule with few variables, cell by cell, over millions of cells
``phase_map_numpy``  its loop in NumPy
``phase_rules``      the criteria by which a cell has converged or diverged
``orbits``           fixed points and periodic orbits of a rule, and their stability
``attractor``        period, Lyapunov exponent and end point of orbits
===================  =============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.maps import attractor as attractor
    from catapult_sim.numeric.maps import orbits as orbits
    from catapult_sim.numeric.maps import phase_map as phase_map
    from catapult_sim.numeric.maps import phase_map_numpy as phase_map_numpy
    from catapult_sim.numeric.maps import phase_rules as phase_rules
else:
    __getattr__, __dir__ = attach(__name__)
