"""Figures: predictions are lines, measurements are points with error bars.

===========================================  =====================================================
``plot_phases``, ``plot_phase_grid``         phases over two quantities
``phase_grid``, ``runs``                     figures of a phase diagram, and of runs
``plot_runs``                                a quantity of runs, step by step
``plot_boundaries``, ``plot_boundary_rows``  boundaries against the width, or a row for each
``boundaries``, ``BOUNDARIES``               both for many networks; colour, marker and line of each
``phase_diagram``                            the boundaries that a verification measured
``plot_widths``, ``plot_architectures``      its two panels
``scan``, ``plot_scan``                      what training came to, against the learning rate
``AXES``, ``PHASE_COLOURS``, ``save``        labels of axes, colours of phases; write a figure
===========================================  =====================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.plots.boundary_panels import BOUNDARIES as BOUNDARIES
    from catapult_sim.plots.boundary_panels import boundaries as boundaries
    from catapult_sim.plots.boundary_panels import plot_boundaries as plot_boundaries
    from catapult_sim.plots.boundary_panels import plot_boundary_rows as plot_boundary_rows
    from catapult_sim.plots.phases import phase_grid as phase_grid
    from catapult_sim.plots.phases import plot_phase_grid as plot_phase_grid
    from catapult_sim.plots.phases import plot_phases as plot_phases
    from catapult_sim.plots.phases import plot_runs as plot_runs
    from catapult_sim.plots.phases import runs as runs
    from catapult_sim.plots.scans import plot_scan as plot_scan
    from catapult_sim.plots.scans import scan as scan
    from catapult_sim.plots.style import AXES as AXES
    from catapult_sim.plots.style import PHASE_COLOURS as PHASE_COLOURS
    from catapult_sim.plots.style import save as save
    from catapult_sim.plots.verification import phase_diagram as phase_diagram
    from catapult_sim.plots.verification import plot_architectures as plot_architectures
    from catapult_sim.plots.verification import plot_widths as plot_widths
else:
    __getattr__, __dir__, __all__ = attach(__name__)
