"""Figures: predictions are lines, measurements are points with error bars.

===========================================  ======================================================
``plot_phases``, ``plot_phase_grid``         phases over two quantities
``plot_plane``                               any other value over two quantities
``plot_theory``                              the boundaries that are predicted there
``phase_grid``, ``runs``                     figures of a phase diagram, and of runs
``plot_runs``                                a quantity of runs, step by step
``plot_seeds``                               a quantity of several seeds
``plot_measured``, ``plot_measured_rows``    numbers with errors, in a plane or in rows
``plot_power_law``                           a power law through measurements
``plot_final_curvature``                     where runs end against where they begin
``plot_attractor``                           the states that orbits visit against a parameter
``plot_boundaries``, ``plot_boundary_rows``  boundaries against the width, or a row for each
``plot_brackets``                            boundaries as ``boundary`` returns them, a row for each
``boundaries``, ``BOUNDARIES``               both for many networks; colour, marker and line of each
``phase_diagram``                            the boundaries that a verification measured
``plot_widths``, ``plot_architectures``      its two panels
``scan``, ``plot_scan``                      what training came to, against the learning rate
``AXES``, ``PHASE_COLOURS``, ``save``        labels of axes, colours of phases; write a figure
===========================================  ======================================================

Functions ``plot_...`` draw on the axes ``ax`` that they are given and return them; without any, on
those of a new figure, ``.figure`` of what they return. The others return a figure in one style,
whatever that of the user is. No window opens, and pyplot is not needed.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.plots.boundary_panels import BOUNDARIES as BOUNDARIES
    from catapult_sim.plots.boundary_panels import boundaries as boundaries
    from catapult_sim.plots.boundary_panels import plot_boundaries as plot_boundaries
    from catapult_sim.plots.boundary_panels import plot_boundary_rows as plot_boundary_rows
    from catapult_sim.plots.brackets import plot_brackets as plot_brackets
    from catapult_sim.plots.canvas import save as save
    from catapult_sim.plots.ends import plot_attractor as plot_attractor
    from catapult_sim.plots.ends import plot_final_curvature as plot_final_curvature
    from catapult_sim.plots.phases import phase_grid as phase_grid
    from catapult_sim.plots.phases import plot_phase_grid as plot_phase_grid
    from catapult_sim.plots.phases import plot_phases as plot_phases
    from catapult_sim.plots.phases import plot_plane as plot_plane
    from catapult_sim.plots.run_panels import plot_runs as plot_runs
    from catapult_sim.plots.run_panels import runs as runs
    from catapult_sim.plots.scans import plot_scan as plot_scan
    from catapult_sim.plots.scans import scan as scan
    from catapult_sim.plots.seeds import plot_measured as plot_measured
    from catapult_sim.plots.seeds import plot_measured_rows as plot_measured_rows
    from catapult_sim.plots.seeds import plot_seeds as plot_seeds
    from catapult_sim.plots.style import AXES as AXES
    from catapult_sim.plots.style import PHASE_COLOURS as PHASE_COLOURS
    from catapult_sim.plots.theory import plot_power_law as plot_power_law
    from catapult_sim.plots.theory import plot_theory as plot_theory
    from catapult_sim.plots.verification import phase_diagram as phase_diagram
    from catapult_sim.plots.verification import plot_architectures as plot_architectures
    from catapult_sim.plots.verification import plot_widths as plot_widths
else:
    __getattr__, __dir__ = attach(__name__)
