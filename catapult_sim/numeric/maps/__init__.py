"""Phase maps and attractors of maps with few state variables.

===================  =============================================================================
``phase_map``        the phases of the one-sample model, cell by cell, over millions of cells
``phase_map_numpy``  its loop in NumPy, and the rules by which a cell is judged
``attractor``        period, Lyapunov exponent and end point of orbits
===================  =============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.maps import attractor as attractor
    from catapult_sim.numeric.maps import judged as judged
    from catapult_sim.numeric.maps import orbits as orbits
    from catapult_sim.numeric.maps import phase_map as phase_map
    from catapult_sim.numeric.maps import phase_map_numba as phase_map_numba
    from catapult_sim.numeric.maps import phase_map_numpy as phase_map_numpy
else:
    __getattr__, __dir__, __all__ = attach(__name__)
