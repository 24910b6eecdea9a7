"""Every name that the benchmarks import from the package exists; no test runs them."""

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = sorted((Path(__file__).parent.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_name_that_a_benchmark_takes_from_the_package_exists(script):
    tree, taken = ast.parse(script.read_text()), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("catapult_sim"):
            for name in (alias.name for alias in node.names):
                owner = import_module(node.module)
                if not hasattr(owner, name):
                    import_module(f"{node.module}.{name}")
                taken[name] = getattr(owner, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = taken.get(node.value.id)
            assert not isinstance(owner, ModuleType) or hasattr(owner, node.attr), node.attr
