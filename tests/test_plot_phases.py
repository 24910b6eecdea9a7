"""The plane of phases, as it is drawn."""

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import PHASE_COLOURS, plot_phases


def test_each_phase_has_its_colour_and_masked_cells_are_blank():
    ax = Figure().subplots()
    codes = np.array([[Phase.LAZY, Phase.CATAPULT], [Phase.DIVERGENT, Phase.UNDECIDED]])
    masked = np.ma.masked_where([[False, False], [False, True]], codes)
    assert plot_phases([0, 1], [0, 1], masked, ax=ax) is ax
    (mesh,) = ax.collections
    mesh.update_scalarmappable()
    colours = mesh.get_facecolors().reshape(-1, 4)
    assert [to_hex(colour) for colour in colours[:3]] == list(PHASE_COLOURS.values())
    assert colours[3, 3] == 0
