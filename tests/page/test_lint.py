"""The page's JavaScript holds to the rules of ``eslint.config.js``."""

import subprocess

import pytest

from tests.page.javascript import HERE, NODE, PACKAGES, needs_package, written


def complaints(folder):
    """Return what the linter says of a folder of modules, beside its configuration."""
    for name in ("node_modules", "eslint.config.js"):
        if not (folder / name).exists():
            (folder / name).symlink_to(HERE / name)
    eslint = PACKAGES / "eslint" / "bin" / "eslint.js"
    return subprocess.run([NODE, eslint, "."], cwd=folder, capture_output=True, text=True).stdout


@needs_package("eslint")
def test_no_module_is_complained_of(tmp_path):
    assert complaints(written(tmp_path)) == ""


@needs_package("eslint")
def test_no_test_is_complained_of(tmp_path):
    for file in HERE.glob("*.mjs"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    assert complaints(tmp_path) == ""


@needs_package("eslint")
@pytest.mark.parametrize(
    "mistake", ["const unused = 1;", "export const x = y;", "if (1 == 2) x();"]
)
def test_a_mistake_is_complained_of(mistake, tmp_path):
    (tmp_path / "wrong.js").write_text(mistake)
    assert "wrong.js" in complaints(tmp_path)
