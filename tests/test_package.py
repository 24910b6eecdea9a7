"""The house: its public names, who may import whom, and what importing costs."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import catapult_sim

ROOT = Path(catapult_sim.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "catapult_sim.")
    if not module.name.endswith("__main__")
]
GROUND = {"validation", "types", "randomness", "datasets", "plurals"}
FLOORS = ["ground", "symbolic", "numeric", "mlp", "sweeps", "experiments", "claims", "roof"]


def test_public_names_are_these():
    assert sorted(catapult_sim.__all__) == [
        "Boundary",
        "Checkpoint",
        "EMA",
        "InputError",
        "LinearNet",
        "MLP",
        "Measured",
        "Observers",
        "Outcome",
        "Phase",
        "SWA",
        "TaylorModel",
        "Trajectory",
        "boundary",
        "cell",
        "claims",
        "classify",
        "experiments",
        "iterate",
        "minibatches",
        "mlp",
        "numeric",
        "plots",
        "process_pool",
        "read_record",
        "refine",
        "spectral_density",
        "sweep",
        "sweeps",
        "symbolic",
        "top_eigenpairs",
        "trace",
        "train",
    ]
    for name in catapult_sim.__all__:
        assert getattr(catapult_sim, name) is not None
    assert set(catapult_sim.__all__) <= set(dir(catapult_sim))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'catapult'"):
        catapult_sim.catapult  # noqa: B018


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_and_declares_its_names(module):
    imported = importlib.import_module(module)
    for name in getattr(imported, "__all__", []):
        assert hasattr(imported, name)


def floor(module):
    second = module.split(".")[1] if "." in module else "roof"
    name = "ground" if second in GROUND else second
    return FLOORS.index(name) if name in FLOORS else FLOORS.index("roof")


def imported_by(module):
    """Return the modules of the package that a module names in its imports, whenever they run."""
    tree = ast.parse(Path(importlib.import_module(module).__file__).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (named & set(MODULES)) or {node.module}
    return {name for name in found if name.startswith("catapult_sim.")}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    assert all(floor(name) <= floor(module) for name in imported_by(module))


def test_no_paper_imports_another():
    def paper(module):
        found = re.match(r"catapult_sim\.claims\.([a-z]+\d{4}\w*)", module)
        return found and found[1]

    papers = {module: paper(module) for module in MODULES}
    assert len(set(papers.values())) > 5
    for module, own in papers.items():
        if own:
            others = {paper(name) for name in imported_by(module)} - {None, own}
            assert not others, f"{module} imports {others}"


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_using_the_numeric_floors_imports_neither_sympy_nor_matplotlib():
    used = (
        "import sys, catapult_sim as cs; cs.LinearNet, cs.MLP, cs.claims, cs.boundary, cs.sweep; "
    )
    heavy = "('sympy', 'matplotlib', 'numba', 'sklearn', 'dask', 'distributed')"
    assert run(used + f"print([m for m in {heavy} if m in sys.modules])") == "[]\n"


def test_importing_the_plots_leaves_the_backend_alone():
    code = (
        "import matplotlib; before = matplotlib.rcParams._get_backend_or_none(); "
        "import catapult_sim.plots; print(before == matplotlib.rcParams._get_backend_or_none())"
    )
    assert run(code) == "True\n"


def test_only_the_command_line_prints():
    for path in ROOT.rglob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        prints = [call for call in calls if getattr(call.func, "id", "") == "print"]
        assert path.name == "cli.py" or path.parent.name == "commands" or not prints, path


def test_nothing_touches_the_global_random_state():
    legacy = {"seed", "rand", "randn", "normal", "choice", "get_state", "set_state", "shuffle"}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in legacy:
                assert ast.unparse(node.value) not in ("np.random", "numpy.random", "random"), path
