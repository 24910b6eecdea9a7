"""The figure scripts: drawn the same every time, and all in the gallery."""

import ast
import runpy
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from catapult_sim import plots

FIGURES = Path(__file__).parent.parent / "figures"
SCRIPTS = sorted(FIGURES.glob("*.py"))


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
    assert "style.save(" in source
    assert "savefig" not in source
    assert f"[{script.name}]({script.name}): " in (FIGURES / "README.md").read_text()


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
