"""Refined diagrams against full ones."""

import numpy as np
import pytest

from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.sweeps.refinement import paint, refine
from catapult_sim.validation import InputError

CURVES = {
    "line": lambda x, y: x + 0.3 * y > 0.7,
    "circle": lambda x, y: x**2 + y**2 < 0.6,
    "three phases": lambda x, y: (x > 0.33 + 0.1 * y).astype(int) + (x > 0.61 - 0.2 * y),
    "wave": lambda x, y: y > 0.5 + 0.3 * np.sin(9 * x),
    # Its bays are narrower than the coarse grid, and reached along the boundary.
    "comb": lambda x, y: y > 0.3 + 0.5 * (np.sin(70 * x) > 0),
    "one phase": lambda x, y: np.zeros(x.shape),
}


def on_grid(curve, shape, asked=None):
    def phases_at(places):
        if asked is not None:
            asked.extend(map(tuple, places))
        return curve(places[:, 0] / (shape[0] - 1), places[:, 1] / (shape[1] - 1)).astype(int)

    return phases_at


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("shape", "levels"), [((129, 129), 3), ((65, 97), 4), ((65, 5), (4, 0))])
def test_the_picture_is_that_of_the_full_grid(curve, shape, levels):
    asked = []
    found = refine(on_grid(CURVES[curve], shape, asked), shape, levels)
    full = refine(on_grid(CURVES[curve], shape), shape, 0)
    np.testing.assert_array_equal(found.phases, full.phases)
    assert full.computed.all()
    assert len(asked) == len(set(asked)) == found.computed.sum()  # none twice
    assert found.fraction == len(asked) / found.phases.size


def test_cells_are_spent_along_the_boundary():
    shape = (257, 257)
    found = refine(on_grid(CURVES["circle"], shape), shape, 5)
    assert found.fraction < 0.07
    uniform = refine(on_grid(CURVES["one phase"], shape), shape, 5)
    assert uniform.computed.sum() == 9**2


def network_phases(c, widths):
    """Phases ``(len(c), len(widths))``, one network for each width."""
    nets = [LinearNet([[1.0]], [0.0], width=width) for width in widths]
    states = [net.init(rng=0) for net in nets]
    runs = [
        net.train(learning_rate=c / net.top_eigenvalue(state), steps=200, state=state)
        for net, state in zip(nets, states, strict=True)
    ]
    return np.stack([classify(run) for run in runs], axis=1)


def test_a_networks_diagram_is_that_of_the_full_grid_but_for_islands():
    full = network_phases(np.geomspace(0.5, 8, 65), np.geomspace(8, 8192, 33).round())
    found = refine(lambda places: full[tuple(places.T)], full.shape, 3)
    different = found.phases != full
    # Runs that have not come down in time are scattered among catapults, one by one.
    assert (full[different] == Phase.UNDECIDED).all()
    assert different.sum() < 0.5 * (full == Phase.UNDECIDED).sum()
    assert set(np.unique(full)) == set(Phase)
    assert found.fraction < 0.5


def test_paint_fills_what_lies_between_cells_of_one_phase():
    shape = (17, 17)
    half = np.full(shape, -1)
    half[::4, ::4] = 1
    half[8, 8] = 2
    painted = paint(half, 2)
    assert (painted[:5] == 1).all()
    assert painted[6, 6] == -1
    half[12:] = -1
    assert (paint(half, 2)[13:] == -1).all()


def test_what_was_refined_is_painted_alike():
    shape = (33, 33)
    found = refine(on_grid(CURVES["wave"], shape), shape, 3)
    np.testing.assert_array_equal(
        paint(np.where(found.computed, found.phases, -1), 3), found.phases
    )


@pytest.mark.parametrize(
    ("shape", "levels", "sentence"),
    [
        ((10, 9), 3, "must be a multiple of 8 .* and one more, such as 9; got 10"),
        ((9, 1), 0, "cells along an axis must be an integer of at least 2; got 1"),
        ((9, 9), 4, "levels must be at most 3 for 9 cells; got 4"),
        ((9, 9), 10**9, "levels must be at most 100000000; got 1000000000"),
        ((9, 9), True, "levels must be an integer of at least 0; got True"),
        ((9, 9), 1.5, "levels must be an integer of at least 0; got 1.5"),
        ((9.0, 9), 1, "cells along an axis must be an integer of at least 2; got 9.0"),
        ((2**20 + 1, 2**20 + 1), 3, "at most 100,000,000 cells; got 1,099,513,724,929"),
        ((9, 9), -1, "levels must be an integer of at least 0; got -1"),
        ((9,), 3, r"shape must name two axes; got shape \(9,\)"),
        ((9, 9), (1, 1, 1), "shape must name two axes; got shape .*levels"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(shape, levels, sentence):
    with pytest.raises(InputError, match=sentence):
        refine(on_grid(CURVES["line"], shape), shape, levels)


@pytest.mark.parametrize(
    ("phases", "sentence"),
    [
        (np.zeros(3), r"phases_at must return shape \(4,\) for 4 cells; got \(3,\)"),
        (np.full(4, -1), "phases_at must return integers from 0 to 32767; got array"),
        (np.full(4, 40000), "phases_at must return integers from 0 to 32767; got array"),
        (np.full(4, 0.5), "phases_at must return integers from 0 to 32767; got array"),
        (np.full(4, np.nan), "phases_at must return integers from 0 to 32767; got array"),
        ([0, 1, np.inf, 2], "phases_at must return integers from 0 to 32767; got .0, 1, inf"),
        (["a", "b", "c", "d"], "phases_at must return integers from 0 to 32767; got .'a'"),
        ([None, 1, 1, 1], "phases_at must return integers from 0 to 32767; got .None"),
        ([1j, 1, 1, 1], "phases_at must return integers from 0 to 32767; got .1j"),
        ([[0], [1, 2], [3], [4]], r"phases_at must return shape \(4,\) for 4 cells; got"),
    ],
)
def test_what_are_no_phases_is_refused(phases, sentence):
    with pytest.raises(InputError, match=sentence):
        refine(lambda places: phases, (9, 9))
