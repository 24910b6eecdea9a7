"""Pictures of measurements: seeds, errors, brackets, power laws, where runs end."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from catapult_sim import InputError, Measured, boundary, plots

X = np.array([1.0, 2.0, 4.0])
VALUES = np.array([[1.0, 3.0, 9.0], [2.0, 2.0, 2.0], [8.0, 1.0, 1.0]])


def ends_of_bars(ax):
    """The lower and upper ends of error bars."""
    (bars,) = ax.collections
    return np.array([segment[:, 1] for segment in bars.get_segments()])


def test_error_bars_of_seeds_are_standard_errors_of_the_mean():
    ax = plots.plot_seeds(X, VALUES)
    mean = VALUES.sum(axis=1) / 3
    error = np.sqrt(((VALUES - mean[:, None]) ** 2).sum(axis=1) / 2 / 3)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), mean)
    np.testing.assert_allclose(ends_of_bars(ax), np.stack([mean - error, mean + error], axis=1))


def test_a_geometric_mean_is_the_root_of_the_product():
    ax = plots.plot_seeds(X, VALUES, centre="geometric mean", spread="lines")
    assert len(ax.lines) == 4
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), np.cbrt([27, 8, 8]))


def test_a_band_about_the_median_holds_the_middle_half():
    values = np.random.default_rng(0).permuted(np.tile(np.arange(101.0), (3, 1)), axis=1)
    ax = plots.plot_seeds(X, values, centre="median", spread="band")
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max(), *ax.lines[0].get_ydata()) == (25, 75, 50, 50, 50)


def test_where_a_seed_diverged_there_is_no_centre_but_the_other_seeds():
    values = np.where(VALUES == 9, np.nan, VALUES)
    ax = plots.plot_seeds(X, values, centre="median", spread="dots", color="black")
    np.testing.assert_array_equal(ax.lines[-1].get_ydata(), [np.nan, 2, 1])
    assert [line.get_ydata()[0] for line in ax.lines[:2]] == [1, 3]
    assert {line.get_color() for line in ax.lines} == {"black"}


def test_one_seed_has_no_error():
    ax = plots.plot_seeds(X, VALUES[:, :1])
    assert not any(len(segment) > 1 for segment in ax.collections[0].get_segments())


@pytest.mark.parametrize(
    ("x", "values", "options", "message"),
    [
        (X, VALUES[:2], {}, r"shape \(3, 'S'\); got \(2, 3\)"),
        (X, X, {}, "a row for each x and a column for each seed"),
        (X, VALUES, {"centre": "mode"}, "centre must be one of"),
        (X, VALUES, {"spread": "all"}, "spread must be one of"),
    ],
)
def test_seeds_that_do_not_fit_are_refused(x, values, options, message):
    with pytest.raises(InputError, match=message):
        plots.plot_seeds(x, values, **options)


NUMBERS = [Measured(0.5, 0.1, 8), Measured(0.25, 0.05, 8)]


def test_measured_numbers_are_points_with_their_errors_in_the_scale_asked_for():
    ax = plots.plot_measured([1, 2], NUMBERS, scale=100)
    assert ax.lines[0].get_ydata().tolist() == [50, 25]
    np.testing.assert_allclose(ends_of_bars(ax), [[40, 60], [20, 30]])
    with pytest.raises(InputError, match="one number for each x, 3; got 2"):
        plots.plot_measured([1, 2, 3], NUMBERS)


def test_rows_go_down_and_are_compared_with_the_first():
    ax = plots.plot_measured_rows(dict(zip("ab", NUMBERS, strict=True)), colours=["red", "blue"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    dotted = [line.get_xdata() for line in ax.lines if line.get_linestyle() == ":"]
    assert dotted == [[0.5, 0.5]]
    with pytest.raises(InputError, match="colours must be 2 colours"):
        plots.plot_measured_rows(dict(zip("ab", NUMBERS, strict=True)), colours=["red"])


def test_a_row_of_brackets_has_every_seed_their_median_and_their_middle_half():
    crossings = np.array([2.0, 3.0, 4.0, 5.0, 99.0])
    found = boundary(lambda c: c > crossings, 1.0, 16.0, members=5, tolerance=1e-4)
    ax = plots.plot_brackets({"one": found, "other": found}, label="ends")
    ring, dots, arrows = ax.lines[:3]
    np.testing.assert_allclose(ring.get_xdata(), [4], rtol=1e-4)
    np.testing.assert_allclose(dots.get_xdata(), crossings[:4], rtol=1e-4)
    assert arrows.get_xdata().tolist() == [16]
    bar = ax.patches[0]
    np.testing.assert_allclose((bar.get_x(), bar.get_width()), (3, 2), rtol=1e-3)
    assert ax.get_legend_handles_labels()[1] == ["ends"]
    with pytest.raises(InputError, match="what boundary returns"):
        plots.plot_brackets({"one": 2.0})


def test_a_power_law_goes_through_the_values_that_count():
    values = np.array([3.0, 1.0, 0.5])
    (line,) = plots.plot_power_law(X, values, -1, weights=[0, 0, 1]).lines
    np.testing.assert_allclose(line.get_ydata(), 2 / X)
    (line,) = plots.plot_power_law(X, values, 0).lines
    np.testing.assert_allclose(line.get_ydata(), np.cbrt(1.5))
    with pytest.raises(InputError, match="not all weights 0"):
        plots.plot_power_law(X, values, -1, weights=[0, 0, 0])


def test_final_curvatures_have_the_colours_of_their_phases_and_theory_beside_them():
    ax = plots.plot_final_curvature([1.0, 3.0], [[1.0, 0.4], [1.0, 1.5]], [[1, 2], [1, 3]])
    lazy, catapult, *theory = ax.lines
    assert (lazy.get_xdata().tolist(), catapult.get_ydata().tolist()) == ([1, 1], [0.4])
    assert to_hex(catapult.get_color()) == plots.style.LINE_COLOURS["catapult"]
    assert [line.get_linestyle() for line in theory] == ["-", "--", ":"]
    with pytest.raises(InputError, match="broadcast"):
        plots.plot_final_curvature([1.0, 3.0], [1.0, 2.0, 3.0], 1)


def test_states_that_are_visited_often_are_dark_and_escaped_orbits_are_left_out():
    visited = np.tile([0.25, 0.75, np.inf], (10, 1))
    (mesh,) = plots.plot_attractor([0, 1, 2], visited, bins=2, range=[(0, 2), (0, 1)]).collections
    assert mesh.get_array().tolist() == [[10, None], [None, 10]]


def test_a_plane_of_values_is_blank_where_they_are_not_known():
    values = np.array([[0.5, np.nan], [1.5, 2.0]])
    ax = plots.plot_plane([1, 2], [1, 2], values)
    np.testing.assert_array_equal(ax.collections[0].get_array().filled(-1), [[0.5, -1], [1.5, 2]])
    with pytest.raises(InputError, match="values must have a row for each y"):
        plots.plot_plane([1, 2, 3], [1, 2], values)
