"""Figures are the same files whatever the environment, its matplotlibrc, or pyplot's state."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from catapult_sim import plots

RUNS = {1.0: {"phase": "lazy", "loss": [1.0, 0.5], "top_eigenvalue": [2.0, 2.0]}}
SEED = {"width": 64, "curvature": "ntk", "at_least": False, "at_most": False, "depth": 1}
SEED |= {"activation": "relu", "model": "relu, 1 hidden layer"}
ROWS = [
    SEED | {"boundary": kind, "brackets": [[c, c + 0.1]]} for kind, c in (("rise", 2), ("end", 5))
]
ROWS += [row | {"model": "one sample"} for row in ROWS]
DRAWN = {
    "grid": lambda: plots.phase_grid(("c", [1, 2, 4]), ("depth", [1, 2]), [[1, 2, 3]] * 2, "title"),
    "runs": lambda: plots.runs(RUNS, "title"),
    "boundaries": lambda: plots.boundaries(ROWS[:2], "title"),
    "widths": lambda: plots.boundaries([*ROWS[:2], *(row | {"width": 99} for row in ROWS[:2])]),
    "verification": lambda: plots.phase_diagram(ROWS, "title"),
}
USERS = {
    "axes.facecolor": "black",
    "axes.grid": True,
    "axes.titlelocation": "left",
    "figure.dpi": 33,
    "figure.facecolor": "red",
    "font.family": "serif",
    "font.size": 23,
    "hatch.linewidth": 5,
    "legend.fontsize": 3,
    "lines.linewidth": 9,
    "savefig.bbox": "tight",
    "savefig.facecolor": "green",
    "svg.fonttype": "none",
    "text.color": "white",
    "text.usetex": True,
    "xtick.direction": "in",
}


def draw(folder):
    """The bytes of every figure, drawn into a folder."""
    folder.mkdir()
    for name, figure in DRAWN.items():
        plots.save(figure(), folder / name, dpi=50)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("figures") / "usual")


def test_settings_of_the_user_change_no_figure_and_are_left_alone(usual, tmp_path):
    with mpl.rc_context(USERS):
        before = dict(mpl.rcParams)
        assert draw(tmp_path / "styled") == usual
        assert dict(mpl.rcParams) == before
    assert len(usual) == 2 * len(DRAWN)


def test_a_style_and_a_backend_that_were_chosen_before_change_no_figure(usual, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    chosen = plt.get_backend()
    try:
        plt.switch_backend("svg")
        with plt.style.context("dark_background"):
            assert draw(tmp_path / "dark") == usual
        assert plt.get_backend() == "svg"
        assert not plt.get_fignums()
    finally:
        plt.switch_backend(chosen)


def test_axes_of_the_user_keep_their_style():
    with mpl.rc_context({"axes.facecolor": "black", "axes.edgecolor": "white"}):
        ax = mpl.figure.Figure().subplots()
        plots.plot_runs(RUNS, ax=ax)
    assert mpl.colors.to_hex(ax.get_facecolor()) == "#000000"


CODE = """
import sys
from catapult_sim import plots
figure = plots.runs({1.0: {"phase": "lazy", "loss": [1.0, 0.5], "top_eigenvalue": [2.0, 2.0]}})
plots.save(figure, "figure.png", dpi=50)
assert "matplotlib.pyplot" not in sys.modules
"""
BACKENDS = [
    "module://matplotlib_inline.backend_inline",
    "module://no.such",
    "nonsense",
    "tkagg",
    "",
]


def run(arguments, folder, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(plots.__file__).parents[2]), **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_whatever_backend_the_environment_names_files_are_drawn(backend, tmp_path):
    done = run(["-c", CODE], tmp_path, MPLBACKEND=backend)
    assert (done.returncode, done.stderr) == (0, b"")
    known = plots.runs(RUNS)
    plots.save(known, tmp_path / "known.png", dpi=50)
    assert (tmp_path / "figure.png").read_bytes() == (tmp_path / "known.png").read_bytes()


def test_a_backend_that_is_installed_stays_that_of_the_user(tmp_path):
    code = CODE + "import os, matplotlib; print(os.environ['MPLBACKEND'], matplotlib.get_backend())"
    assert run(["-c", code], tmp_path, MPLBACKEND="svg").stdout == b"svg svg\n"


def test_a_file_of_settings_changes_no_figure(tmp_path):
    lines = [f"{name}: {value}" for name, value in USERS.items()]
    (tmp_path / "matplotlibrc").write_text("\n".join(["backend: tkagg", *lines]))
    assert run(["-c", CODE], tmp_path).returncode == 0
    plots.save(plots.runs(RUNS), tmp_path / "known.png", dpi=50)
    assert (tmp_path / "figure.png").read_bytes() == (tmp_path / "known.png").read_bytes()


def test_a_command_of_a_notebook_draws_its_figure(tmp_path):
    options = ["--width", "100", "--samples", "8", "--c", "1", "--steps", "3", "--out", "out"]
    command = ["-m", "catapult_sim", "simulate", *options]
    done = run(command, tmp_path, MPLBACKEND=BACKENDS[0], MPLCONFIGDIR="/dev/null/none")
    assert done.returncode == 0
    assert b"Matplotlib" not in done.stderr
    assert {"simulation.png", "simulation.svg", "summary.json"} <= set(os.listdir(tmp_path / "out"))
