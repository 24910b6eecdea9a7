"""Pictures of what was measured: theory is a line, measurement is points with error bars."""

from catapult_sim.plots.boundary_panels import (
    BOUNDARIES,
    boundaries,
    plot_boundaries,
    plot_boundary_rows,
)
from catapult_sim.plots.phases import phase_grid, plot_phase_grid, plot_phases, plot_runs, runs
from catapult_sim.plots.style import AXES, PHASE_COLOURS, save
from catapult_sim.plots.verification import phase_diagram, plot_architectures, plot_widths

__all__ = [
    "AXES",
    "BOUNDARIES",
    "PHASE_COLOURS",
    "boundaries",
    "phase_diagram",
    "phase_grid",
    "plot_architectures",
    "plot_boundaries",
    "plot_boundary_rows",
    "plot_phase_grid",
    "plot_phases",
    "plot_runs",
    "plot_widths",
    "runs",
    "save",
]
