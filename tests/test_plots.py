"""Pictures: what they draw, and what they leave alone."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from catapult_sim import plots
from catapult_sim.plots import canvas, style
from catapult_sim.validation import InputError

ROWS = [
    {"model": "one sample", "boundary": "rise", "width": 100, "brackets": [[2.0, 2.01]]},
    {"model": "one sample", "boundary": "end", "width": 100, "brackets": [[3.99, 4.01]]},
    {
        "model": "tanh, 1 hidden layer",
        "boundary": "rise",
        "width": 64,
        "brackets": [[2.2, 2.3], [2.4, 2.5]],
    },
    {
        "model": "tanh, 1 hidden layer",
        "boundary": "end",
        "width": 64,
        "brackets": [[4.2, 4.3], [40.0, None]],
    },
    {"model": "relu, 1 hidden layer", "boundary": "end", "width": 32, "brackets": [[30.0, None]]},
]


@pytest.mark.parametrize("plot", [plots.plot_widths, plots.plot_architectures])
def test_axes_level_functions_draw_on_the_given_axes(plot):
    ax = Figure().subplots()
    before = dict(mpl.rcParams)
    assert plot(ROWS, ax=ax) is ax
    assert dict(mpl.rcParams) == before
    assert ax.get_xlabel()


def test_three_regions_are_labelled_and_theory_is_a_line():
    ax = plots.plot_widths(ROWS, ax=Figure().subplots())
    assert [text.get_text() for text in ax.texts] == ["lazy", "catapult", "divergent"]
    dashed = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == [2, 4]


def test_architectures_keep_their_order():
    ax = plots.plot_architectures(ROWS, ax=Figure().subplots())
    labels = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert labels == ["tanh, 1 hidden layer", "relu, 1 hidden layer"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_nothing_is_called_divergent_where_no_divergence_was_met():
    ax = plots.plot_architectures(ROWS, ax=Figure().subplots())
    colours = {mpl.colors.to_hex(patch.get_facecolor()) for patch in ax.patches}
    assert plots.PHASE_COLOURS["divergent"] not in colours


def boundary_rows(widths=(8, 16), kinds=("loss", "sharp", "max"), **entries):
    base = {"model": "tanh, 1 hidden layer", "activation": "tanh", "depth": 1, "curvature": "ntk"}
    found = {"loss": (2.1, 2.2), "sharp": (0.0, 1.0), "max": (30.0, None)}
    return [
        base
        | {"width": width, "boundary": kind, "brackets": [found[kind], found[kind]]}
        | {"at_least": kind == "max", "at_most": kind == "sharp"}
        | entries
        for width in widths
        for kind in kinds
    ]


def test_boundaries_are_lines_against_the_width_with_an_arrow_to_each_open_side():
    ax = plots.plot_boundaries(boundary_rows(), "width", ax=Figure().subplots())
    means = {bar.get_label(): bar.lines[0].get_ydata().tolist() for bar in ax.containers}
    assert list(means) == [rf"$c_\mathrm{{{kind}}}$" for kind in ("loss", "sharp", "max")]
    assert np.allclose(list(means.values()), [[2.15] * 2, [1.0] * 2, [30.0] * 2])
    arrows = {(text.xy, np.sign(text.xyann[1])) for text in ax.texts}
    assert arrows == {((n, 1.0), -1) for n in (8, 16)} | {((n, 30.0), 1) for n in (8, 16)}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "16"]


def test_an_infinite_width_is_drawn_beyond_the_others():
    ax = plots.plot_boundaries(boundary_rows((8, "inf")), "width", ax=Figure().subplots())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "inf"]
    assert ax.containers[0].lines[0].get_xdata().tolist() == [8, 32]


def test_of_one_network_every_boundary_has_a_row_and_every_seed_a_dot():
    ax = plots.plot_boundary_rows(boundary_rows((8,)), ax=Figure().subplots())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [rf"$c_\mathrm{{{kind}}}$" for kind in ("loss", "sharp", "max")]
    dots = {line.get_marker(): len(line.get_xdata()) for line in ax.lines if len(line.get_xdata())}
    assert (dots["."], dots["<"], dots[">"]) == (2, 2, 2)


@pytest.mark.parametrize("widths", [(8,), (8, 16)])
def test_curvatures_are_rows_of_panels_and_networks_columns(widths):
    rows = [
        row
        for curvature in ("ntk", "hessian")
        for name in ("tanh", "relu")
        for row in boundary_rows(widths, curvature=curvature, model=name, activation=name)
    ]
    figure = plots.boundaries(rows)
    titles = [ax.get_title().split(",")[0] for ax in figure.axes]
    assert titles == ["tanh", "relu", "", ""]
    named = "".join(ax.get_xlabel() + ax.get_ylabel() for ax in figure.axes)
    assert "of the NTK" in named
    assert "of the Hessian" in named
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1


def test_the_diagram_draws_whatever_there_is():
    for rows, panels in ((ROWS, 2), (ROWS[:1], 1), (ROWS[2:], 1), ([], 1)):
        assert len(plots.phase_diagram(rows).axes) == panels


def test_no_panel_of_a_part_of_a_verification_is_empty():
    for rows in (ROWS, ROWS[:1], ROWS[2:3], ROWS[4:]):
        assert all(ax.containers for ax in plots.phase_diagram(rows, "title").axes)


def test_a_diagram_colours_phases_names_them_and_hatches_what_is_none():
    codes = np.repeat([[1], [1], [2], [2], [3], [3], [-1], [4]], 6, axis=1)
    x, y = np.geomspace(1, 8, 8), np.arange(6)
    ax = plots.plot_phase_grid(x, y, codes.T, ax=Figure().subplots())
    legend = [text.get_text() for text in ax.get_legend().texts]
    assert legend == ["lazy", "catapult", "divergent", "no result"]
    assert ax.patch.get_hatch()
    painted = sum((~mesh.get_array().mask).sum() for mesh in ax.collections)
    assert painted == 36
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")


def test_runs_are_lines_named_by_rate_and_phase():
    runs = {
        1.0: {"phase": "lazy", "loss": [1.0, 0.5]},
        9.0: {"phase": "divergent", "loss": [1, None]},
    }
    ax = plots.plot_runs(runs, ax=Figure().subplots())
    assert [line.get_label() for line in ax.lines] == ["c = 1, lazy", "c = 9, divergent"]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1, np.nan])


@pytest.mark.parametrize("bracket", [[0.0, None], [0.0, 4.4]])
def test_where_no_rate_converged_no_catapult_is_drawn(bracket):
    rows = [
        {"model": "relu, 1 hidden layer", "boundary": "rise", "width": 8, "brackets": [[2, 2.1]]},
        {"model": "relu, 1 hidden layer", "boundary": "end", "width": 8, "brackets": [bracket]},
    ]
    ax = plots.plot_architectures(rows, ax=Figure().subplots())
    colours = {mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches}
    assert plots.PHASE_COLOURS["lazy"] in colours
    assert plots.PHASE_COLOURS["catapult"] not in colours
    more = {"depth": 1, "curvature": "ntk", "at_least": False, "at_most": bracket[1] is not None}
    boundaries = [row | more for row in rows]
    plots.boundaries([boundaries[1]]).canvas.draw()
    plots.boundaries(boundaries + [row | {"width": 16} for row in boundaries]).canvas.draw()


def test_panels_get_letters_in_order_with_or_without_titles():
    _, axes = canvas.panels(2, 2, size=(4, 3))
    style.letter_panels(axes.flat, ["one", "two", "three", "four"])
    titles = [ax.get_title(loc="left") for ax in axes.flat]
    assert titles == ["(a) one", "(b) two", "(c) three", "(d) four"]
    style.letter_panels(axes[0])
    assert [ax.get_title(loc="left") for ax in axes[0]] == ["(a)", "(b)"]


def test_ticks_are_where_they_are_asked_for_and_nowhere_else():
    ax = Figure().subplots()
    ax.set(xscale="log", xlim=(1, 20))
    style.set_ticks(ax.xaxis, [2, 4.5, 16])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "4.5", "16"]
    assert not len(ax.xaxis.get_minorticklocs())
    style.set_ticks(ax.xaxis, [2, 4], ["two", "four"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["two", "four"]


def test_phases_are_shaded_between_as_many_edges_as_there_are():
    ax = Figure().subplots()
    style.shade_phases(ax, (1.0, 2.0, 4.0))
    colours = [mpl.colors.to_hex(patch.get_facecolor()) for patch in ax.patches]
    assert colours == list(plots.PHASE_COLOURS.values())[:2]
    assert [patch.get_x() for patch in ax.patches] == [1.0, 2.0]


def test_a_band_lies_around_its_line_in_the_same_colour():
    ax = Figure().subplots()
    x = np.arange(3.0)
    style.band(ax, x, x - 1, x, x + 2, color=style.BLUE)
    (line,), (area,) = ax.lines, ax.collections
    np.testing.assert_array_equal(line.get_ydata(), x)
    heights = area.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (-1, 4)
    colours = line.get_color(), mpl.colors.to_hex(area.get_facecolor()[0])
    assert colours == (style.BLUE, style.BLUE)


def test_a_grid_of_phases_is_named_by_its_axes_and_title():
    codes = np.ones((4, 3))
    figure = plots.phase_grid(("c", [1, 2, 4]), ("width", [8, 9, 10, 11]), codes, "four widths")
    (ax,) = figure.axes
    assert ax.get_xlabel() == plots.AXES["c"]
    assert ax.get_ylabel() == plots.AXES["width"]
    assert figure.get_suptitle() == "four widths"


def test_runs_that_diverge_leave_the_frame_and_the_others_fill_it():
    runs = {
        1.0: {"phase": "lazy", "loss": [1.0, 0.5], "top_eigenvalue": [2.0, 2.0]},
        9.0: {"phase": "divergent", "loss": [1.0, 1e9], "top_eigenvalue": [2.0, 7.0]},
    }
    figure = plots.runs(runs)
    losses, curvatures = figure.axes
    assert losses.get_ylim() == (0.5 / 1.5, 1.5)
    assert curvatures.get_ylim() == (0, 9 * 1.5)  # the start of the one that diverges
    np.testing.assert_allclose(curvatures.lines[1].get_ydata(), [9, 9 * 7 / 2])
    (legend,) = figure.legends
    assert len(legend.texts) == 3  # two runs, and theory


TABLES = {
    "plot_runs": (),
    "plot_scan": ("peak",),
    "plot_boundaries": ("width",),
    "plot_boundary_rows": (),
    "plot_widths": (),
    "plot_architectures": (),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "given", [object(), np.ones(3), [1.0, 2.0], "loss", [{}], {1.0: 2.0}, None]
)
def test_what_is_no_table_is_refused_in_a_sentence(name, given):
    with pytest.raises(InputError, match=r"(rows|runs) must be a (list|mapping)"):
        getattr(plots, name)(given, *TABLES[name])


def test_a_column_that_there_is_not_is_named():
    found = {1.0: {"phase": "lazy", "loss": [1.0]}}
    with pytest.raises(InputError, match="must be a list of mappings with phase, curvature"):
        plots.plot_runs(found, "curvature")
    with pytest.raises(InputError, match="name must be one of peak, loss"):
        plots.plot_scan([{"c": 1.0, "phases": ["lazy"]}], "height")
    with pytest.raises(InputError, match="must be a list of mappings with c, phases, loss"):
        plots.plot_scan([{"c": 1.0, "phases": ["lazy"]}], "loss")
    with pytest.raises(InputError, match="x must be one of width, depth"):
        plots.plot_boundaries([], "c")
    with pytest.raises(InputError, match="y must be one of c, width"):
        plots.plot_theory("c", "height", {})
    with pytest.raises(InputError, match="network must be a mapping"):
        plots.plot_theory("c", "width", [0.9])
