"""The figure scripts: drawn the same every time, and all in the gallery."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from catapult_sim import plots
from catapult_sim.commands.gallery import run_script
from catapult_sim.numeric.runs.blas_threads import threads

FIGURES = Path(__file__).parent.parent / "figures"
SCRIPTS = sorted(FIGURES.glob("[!_]*.py"))


def test_a_figure_drawn_twice_is_the_same_bytes(tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        figure = Figure()
        figure.subplots().plot([1, 2], label="line", clip_on=True)
        plots.save(figure, tmp_path / folder / "picture.py", dpi=50)
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("one", "other")
    )
    assert set(one) == {"picture.png", "picture.svg"}
    assert one == other


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_draws_through_that_door_and_is_in_the_gallery(script):
    source = script.read_text()
    assert "run_script(main, __file__" in source
    assert "save" not in source
    assert f"[{script.name}]({script.name}): " in (FIGURES / "README.md").read_text()


def test_a_script_draws_elsewhere_unless_it_is_told_to_draw_here(tmp_path):
    tracked = {path: path.read_bytes() for path in FIGURES.glob("phase_diagram.*")}
    for asked, folder in (([], "gallery"), (["--out", "mine"], "mine")):
        call = [sys.executable, FIGURES / "phase_diagram.py", *asked]
        done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == f"{folder}/phase_diagram.png\n"
        assert {path.suffix for path in (tmp_path / folder).iterdir()} == {".png", ".svg"}
    assert {path: path.read_bytes() for path in FIGURES.glob("phase_diagram.*")} == tracked
    one, other = (sorted((tmp_path / folder).iterdir()) for folder in ("gallery", "mine"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_script_that_cannot_write_says_so_before_it_draws(tmp_path):
    (tmp_path / "file").touch()
    call = [sys.executable, FIGURES / "sharpest_grid.py", "--out", "file"]  # takes minutes
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("sharpest_grid.py: error: --out must be a folder; file is a file\n")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_has_been_run(script):
    assert script.with_suffix(".png").exists()
    assert script.with_suffix(".svg").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_finds_what_it_imports_and_what_it_takes_from_modules(script):
    names = runpy.run_path(str(script))
    assert callable(names["main"])
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            assert not isinstance(owner, ModuleType) or hasattr(owner, node.attr), node.attr


@pytest.mark.parametrize("asked", [[], ["--effort", "quick"], ["--effort", "full"]])
def test_a_script_measures_at_the_effort_asked_for_with_one_thread(asked, tmp_path, monkeypatch):
    seen = []

    def main(bench):
        seen.append((bench.effort.name, threads()))
        return Figure()

    monkeypatch.setattr(sys, "argv", ["picture.py", "--out", str(tmp_path), *asked])
    with threadpool_limits(2):
        run_script(main, "picture.py", effort="quick")
    assert seen == [((asked or ["quick"])[-1], 1)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_an_effort_where_its_picture_is_of_measurements(script):
    source = script.read_text()
    assert "Bench(" not in source
    assert ("def main(bench):" in source) == ("effort=" in source)


def test_a_script_measures_on_the_data_asked_for(tmp_path, monkeypatch, capsys):
    seen, file = [], tmp_path / "two.csv"
    file.write_text("\n".join(f"{i},{i % 3},{i % 2}" for i in range(40)))

    def main(bench):
        seen.append((bench.source, bench.split(10)[0][0].shape))
        return Figure()

    ask = ["picture.py", "--out", str(tmp_path), "--data"]
    monkeypatch.setattr(sys, "argv", [*ask, str(file)])
    run_script(main, "picture.py", effort="quick")
    assert seen == [(str(file), (10, 2))]
    monkeypatch.setattr(sys, "argv", [*ask, str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit) as ended:
        run_script(main, "picture.py", effort="quick")
    assert ended.value.code == 2
    assert "none.csv" in capsys.readouterr().err.splitlines()[-1]
