"""The plane of phases: cells lie where their values are, and nothing that is written is cut."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from catapult_sim import InputError, plots
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.plots import PHASE_COLOURS, plot_phase_grid, plot_phases


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


def test_of_more_cells_than_pixels_every_few_are_drawn_where_they_are():
    c, width = np.geomspace(0.5, 8, 10_001), np.arange(3)
    phases = np.where(c < 2, Phase.LAZY, Phase.DIVERGENT)
    (mesh,) = plot_phases(c, width, [phases] * 3).collections
    corners, shown = mesh.get_coordinates()[0, :, 0], np.asarray(mesh.get_array())[0]
    assert shown.size < 2000
    turn = corners[np.flatnonzero(np.diff(shown)) + 1]
    np.testing.assert_allclose(turn, 2, rtol=(8 / 0.5) ** (1 / 1000) - 1)  # a pixel of 1000
    np.testing.assert_allclose(corners[[0, -1]], [0.5, 8], rtol=3e-3)


def edges_of(ax):
    """The edges of the cells that are drawn, along x and y."""
    corners = ax.collections[0].get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


SPACINGS = {
    "geometric, steep": (np.geomspace(0.01, 100, 5), True),
    "geometric, falling": (np.geomspace(1000, 1, 4), True),
    "geometric, rounded": (np.array([8, 11, 16, 23, 32]), True),
    "even": (np.linspace(0, 0.9, 10), False),
    "even, falling": (np.arange(5, 0, -1), False),
    "even, far from zero": (1e6 + np.arange(4), False),
    "two": (np.array([1.0, 9.0]), False),
    "one": (np.array([3.0]), False),
    "uneven, with zero": (np.array([0.0, 0.5, 0.9, 0.99]), False),
}


@pytest.mark.parametrize("drawn", [plot_phases, plot_phase_grid])
@pytest.mark.parametrize(("values", "geometric"), SPACINGS.values(), ids=SPACINGS)
def test_every_cell_is_where_its_value_is(values, geometric, drawn):
    ax = drawn(values, np.arange(3), np.ones((3, len(values))))
    found, _ = edges_of(ax)
    middle = np.sqrt(values[1:] * values[:-1]) if geometric else (values[1:] + values[:-1]) / 2
    np.testing.assert_allclose(found[1:-1], middle, rtol=1e-12)
    assert (np.minimum(found[1:], found[:-1]) < values).all()
    assert (values < np.maximum(found[1:], found[:-1])).all()
    np.testing.assert_allclose(sorted(ax.get_xlim()), sorted(found[[0, -1]]))
    if drawn is plot_phase_grid:
        assert ax.get_xscale() == ("log" if geometric else "linear")


def test_random_geometric_axes_have_all_cells_in_the_picture_and_of_equal_size():
    rng = np.random.default_rng(0)
    for _ in range(50):
        low, ratio, n = 10 ** rng.uniform(-6, 6), 10 ** rng.uniform(0.05, 4), rng.integers(3, 30)
        values = low * ratio ** np.arange(n)
        ax = plot_phase_grid(values, values, np.ones((n, n)))
        for edges in edges_of(ax):
            np.testing.assert_allclose(edges[1:] / edges[:-1], ratio, rtol=1e-9)
            assert edges[0] > 0


def test_on_a_logarithmic_axis_any_values_have_geometric_edges():
    ax = Figure().subplots()
    ax.set_xscale("log")
    found, _ = edges_of(plot_phases([1, 9], [0, 1], np.ones((2, 2)), ax=ax))
    np.testing.assert_allclose(found, [1 / 3, 3, 27])
    with pytest.raises(InputError, match="x must be positive; got 0"):
        plot_phases([0, 9], [0, 1], np.ones((2, 2)), ax=ax)


def test_values_that_occur_twice_are_one_column():
    once = plot_phases([1, 2, 4], [0, 1], [[1, 2, 3]] * 2)
    twice = plot_phases([1, 1, 1, 2, 4, 4], [0, 1], [[1, 1, 1, 2, 3, 3]] * 2)
    for one, other in zip(edges_of(once), edges_of(twice), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("x", "y", "phase", "message"),
    [
        ([1, 3, 2], [1], np.ones((1, 3)), "x must be numbers in one dimension that increase"),
        ([1], [[1]], np.ones((1, 1)), r"y must be numbers in one dimension.*got shape \(1, 1\)"),
        ([], [1], np.ones((1, 0)), "x must be numbers in one dimension"),
        ([1, np.nan], [1], np.ones((1, 2)), "x must be finite"),
        (["a"], [1], np.ones((1, 1)), "x must be an array of numbers"),
        ([1, 2], [1, 2, 3], np.ones((2, 3)), r"shape \(3, 2\); got \(2, 3\)"),
    ],
)
def test_what_is_no_plane_is_refused_in_one_sentence(x, y, phase, message):
    for drawn in (plot_phases, plot_phase_grid):
        with pytest.raises(InputError, match=message):
            drawn(x, y, phase)


def grid(x, y, codes, title="title", network=None):
    figure = plots.phase_grid(x, y, codes, title, network)
    figure.draw_without_rendering()
    return figure


def texts(figure):
    """All that is written in a figure and is not empty."""
    (ax,) = figure.axes
    found = [figure._suptitle, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().texts]
    return [text for text in found if text.get_text()]


LONG = "a network with a name that is long, on data $x$ in " + "a_file_of_many_letters" * 12
PLANES = {
    "one phase": (("c", [1, 2, 4]), ("width", [8, 16]), np.ones((2, 3))),
    "undecided in the corner": (("c", [1, 2, 4]), ("width", [8, 16]), [[1, 1, 0], [1, 1, 1]]),
    "one row": (("c", [1, 2, 4]), ("depth", [3]), [[0, 1, 2]]),
    "one column": (("batch_size", [8]), ("momentum", [0, 0.5, 0.9]), [[0], [1], [2]]),
    "one cell": (("scale", [1.0]), ("width", [16]), [[0]]),
    "nothing yet": (("c", [1, 2, 4]), ("width", [8, 16]), np.full((2, 3), -1)),
    "many": (("c", np.geomspace(1, 9, 200)), ("depth", range(1, 90)), np.zeros((89, 200))),
    "widths that coincide": (("width", [1, 1, 1, 2]), ("c", [1, 3]), np.ones((2, 4))),
}


@pytest.mark.parametrize("title", ["", "short", LONG, "W" * 300])
@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_nothing_that_is_written_is_cut_or_covers_a_cell(plane, title):
    figure = grid(*plane, title)
    (ax,) = figure.axes
    page, cells = figure.bbox, ax.get_window_extent()
    for text in texts(figure):
        box = text.get_window_extent()
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
        assert not cells.overlaps(box), text
    assert not ax.texts
    written = figure.get_suptitle().replace("\n", "").replace(" ", "")
    assert written == title.replace(" ", "")


def test_axes_that_count_have_ticks_at_whole_numbers_only():
    for values in (range(1, 5), range(1, 60), [3]):
        (ax,) = grid(("depth", values), ("c", [1, 2, 4]), np.ones((3, len(values)))).axes
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(float(tick).is_integer() for tick in ticks)


def test_ticks_of_large_widths_are_written_in_full():
    (ax,) = grid(("width", [2**20, 2**21, 2**22]), ("c", [1, 2]), np.ones((2, 3))).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1048576", "2097152", "4194304"]


def lines_of(figure):
    return {line.get_label(): line for line in figure.axes[0].lines if line.get_xdata().size}


C, WIDTH = ("c", np.geomspace(0.5, 16, 9)), ("width", [8, 16, 32])


def test_theory_is_drawn_over_the_learning_rate_on_either_axis():
    first, end = "linear theory, c = 2", "end of the linear network, c = 4"
    upright = lines_of(grid(C, WIDTH, np.ones((3, 9))))
    lying = lines_of(grid(WIDTH, C, np.ones((9, 3))))
    assert [line.get_xdata().tolist() for line in upright.values()] == [[2, 2], [4, 4]]
    assert [line.get_ydata().tolist() for line in lying.values()] == [[2, 2], [4, 4]]
    assert list(upright) == list(lying) == [first, end]


def test_theory_follows_the_momentum():
    (label, line), *rest = lines_of(grid(C, WIDTH, np.ones((3, 9)), "", {"momentum": 0.5})).items()
    assert (label, line.get_xdata().tolist(), rest) == ("linear theory, c = 3", [3, 3], [])
    momentum = ("momentum", np.linspace(0, 0.9, 10))
    (curve,) = lines_of(grid(momentum, C, np.ones((9, 10)))).values()
    np.testing.assert_allclose(curve.get_ydata(), 2 * (1 + curve.get_xdata()))
    assert curve.get_xdata().min() == 0
    (line,) = lines_of(grid(momentum, WIDTH, np.ones((3, 10)), "", {"c": 3.0})).values()
    assert line.get_xdata().tolist() == [0.5, 0.5]


def test_theory_outside_the_axes_is_not_drawn_and_leaves_them_alone():
    (ax,) = grid(("c", [0.1, 0.2, 0.4]), WIDTH, np.ones((3, 3))).axes
    assert lines_of(ax.figure) == {}
    np.testing.assert_allclose(ax.get_xlim(), np.array([0.1, 0.4]) * 2 ** np.array([-0.5, 0.5]))
    assert lines_of(grid(WIDTH, ("depth", [1, 2]), np.ones((2, 3)), "", {"c": 2.0})) == {}


def test_theory_of_full_batches_says_so_where_batches_are_small():
    for network in ({"batch_size": 8}, {}):
        found = lines_of(grid(C, WIDTH, np.ones((3, 9)), "", network))
        assert all(label.endswith("(full batches)") == bool(network) for label in found)
