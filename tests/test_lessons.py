"""The lessons: each runs as a script without a window, and is a notebook with the same code."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "lessons").glob("0*.py"))
PARTS = ("Predict first.", "Exercise with a pencil", "Exercise in code", "What you have learnt")


def source(lesson):
    return lesson.read_text(encoding="utf-8")


def test_there_are_seven_and_the_readme_lists_them():
    listed = re.findall(r"\((0\d_\w+\.py)\)", (ROOT / "lessons" / "README.md").read_text())
    assert [lesson.name for lesson in LESSONS] == listed
    assert len(listed) == 7


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_runs_and_draws_its_figures_without_a_window(lesson, tmp_path):
    pytest.importorskip("sklearn")
    # No such backend is installed: nothing may want a window.
    environment = os.environ | {"MPLBACKEND": "tkagg", "DISPLAY": ""}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(lesson)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(re.findall(r'savefig\("([^"]+)"\)', source(lesson)))
    assert len(drawn) >= 2
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_has_its_parts_in_order_and_ends_with_an_assertion(lesson):
    text = source(lesson)
    places = [text.index(part) for part in PARTS]
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") >= 1
    last = re.split(r"^# %%", text, flags=re.MULTILINE)[-1]
    checks = [ast.unparse(node) for node in ast.parse(last.partition("\n")[2]).body]
    assert len(checks) >= 3
    assert all(re.match(r"assert |np\.testing\.", check) or "=" in check for check in checks)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_lesson_is_a_valid_notebook_of_the_same_code(lesson):
    jupytext = pytest.importorskip("jupytext")
    nbformat = pytest.importorskip("nbformat")
    notebook = jupytext.read(lesson)
    read_back = nbformat.reads(nbformat.writes(notebook, version=4), as_version=4)
    nbformat.validate(read_back)
    code = [cell for cell in read_back.cells if cell.cell_type == "code"]
    magics = [line for cell in code for line in cell.source.splitlines() if line.startswith("%")]
    assert magics == ["%matplotlib inline"]
    cells = "\n".join(cell.source for cell in code).replace("%matplotlib inline", "")
    assert ast.dump(ast.parse(cells)) == ast.dump(ast.parse(source(lesson)))
    hidden = [cell for cell in code if "solution" in cell.metadata.get("tags", [])]
    assert len(hidden) == 1
    assert hidden[0].metadata.jupyter.source_hidden


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_a_figure_is_what_its_cell_shows(lesson):
    for cell in re.split(r"^# %%.*$", source(lesson), flags=re.MULTILINE):
        if "savefig" in cell:
            assert re.search(r"\n(figure|ax\.figure)\s*$", cell)


def test_names_of_the_package_in_the_teachers_page_exist():
    page = (ROOT / "docs" / "teaching.md").read_text()
    assert "lessons/README.md" in page
    for name in re.findall(r"catapult-sim (\w+)", page):
        assert name in ("derive", "page")
