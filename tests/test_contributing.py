"""CONTRIBUTING.md: every path and every name that it mentions exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.test_package import FLOORS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))))
PATHS = [span for span in SPANS if re.fullmatch(r"[\w.-]*/[\w./-]*|\w+\.md", span)]
NAMES = [span for span in SPANS if re.fullmatch(r"\w+(\.[a-z]\w*)*", span) and span not in PATHS]
FILES = {"validation.py", "types.py", "randomness.py", "__init__.py"}


def names_in(path):
    """Whatever a file defines, or takes as an argument."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("path", PATHS)
def test_a_path_exists(path):
    assert (ROOT / path).exists()


def test_names_are_defined_in_the_package_or_its_tests():
    defined = {
        name
        for folder in ("catapult_sim", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for name in names_in(path)
    }
    assert len(NAMES) > 30
    used = {part for name in NAMES if name not in FILES for part in name.split(".")}
    assert used <= defined


def test_every_code_span_is_a_path_a_name_or_one_of_a_few_phrases():
    rest = set(SPANS) - {*PATHS, *NAMES}
    assert rest == {
        "(..., P)",
        "** 0.5",
        "--effort",
        "--format",
        "--out figures",
        ".venv",
        "python3.11",
        "[Lewkowycz2020]",
        "average=",
    }


def test_files_of_the_ground_exist():
    assert all((ROOT / "catapult_sim" / name).exists() for name in FILES)


def test_the_floors_are_those_that_imports_are_held_to():
    assert " → ".join(FLOORS) in PAGE


def test_the_ten_additions_are_described():
    titles = re.findall(r"^### (?:An?) (\w+(?: model)?)", PAGE, flags=re.MULTILINE)
    assert " ".join(titles) == (
        "activation layer optimiser average claim paper figure scene page lesson symbolic model "
        "voice"
    )
    assert PAGE.count("\n- Touch ") + PAGE.count("\n- Nothing else to touch") == len(titles)
