"""The package: its public names, which modules import which, and what importing costs."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import catapult_sim

ROOT = Path(catapult_sim.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "catapult_sim.")
    if not module.name.endswith("__main__")
]
GROUND = {
    "validation",
    "types",
    "randomness",
    "datasets",
    "lazy",
    "printing",
    "tables",
    "memory",
    "progress",
}
FLOORS = ["ground", "symbolic", "numeric", "mlp", "sweeps", "experiments", "claims", "roof"]


def folder_of(package):
    return ROOT.joinpath(*package.split(".")[1:])


def source_of(package):
    return (folder_of(package) / "__init__.py").read_text()


def test_public_names_are_these():
    assert catapult_sim.__all__ == [
        "Boundary",
        "Checkpoint",
        "Convolution",
        "Dense",
        "EMA",
        "GradientDescent",
        "HeavyBall",
        "InputError",
        "LinearNet",
        "MLP",
        "MeanPooling",
        "Measured",
        "Nesterov",
        "Network",
        "Nudged",
        "Observers",
        "Outcome",
        "Phase",
        "Regularized",
        "Residual",
        "SWA",
        "SharpestDirections",
        "Study",
        "TaylorModel",
        "Trajectory",
        "TwoPoint",
        "Update",
        "Window",
        "attractor",
        "boundary",
        "cell",
        "claims",
        "classify",
        "datasets",
        "experiments",
        "flow",
        "iterate",
        "largest_stable_rate",
        "minibatches",
        "mlp",
        "modified_equation",
        "modified_field",
        "modified_loss",
        "ntk",
        "numeric",
        "orbits",
        "page",
        "phase_map",
        "plots",
        "process_pool",
        "read_record",
        "refine",
        "spectral_density",
        "study",
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


@pytest.mark.parametrize("module", ["optimizers", "averages"])
def test_every_optimiser_and_average_is_public(module):
    file = importlib.import_module(f"catapult_sim.numeric.runs.{module}")
    found = {name for name, one in vars(file).items() if dataclasses.is_dataclass(one)}
    assert found <= set(catapult_sim.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'catapult'"):
        catapult_sim.catapult  # noqa: B018


PACKAGES = [name for name in ["catapult_sim", *MODULES] if folder_of(name).is_dir()]
LAZY = [name for name in PACKAGES if "attach(__name__" in source_of(name)]
OPTIONAL = "_numba"  # how modules end that only import where an optional package is installed


@pytest.mark.parametrize("package", LAZY)
def test_a_package_shows_its_public_names_and_no_helpers(package):
    found = importlib.import_module(package)
    shown = [name for name in dir(found) if not name.startswith("_")]
    assert shown == found.__all__
    assert not {"annotations", "np", "Any", "TYPE_CHECKING", "attach"} & set(shown)
    assert all(getattr(found, name) is not None for name in shown)


@pytest.mark.parametrize("package", [name for name in PACKAGES if ".claims." not in name])
def test_a_package_shows_nothing_that_it_imports_from_elsewhere(package):
    found = importlib.import_module(package)
    shown = [getattr(found, name) for name in dir(found) if not name.startswith("_")]
    kinds = inspect.ismodule, inspect.isclass, inspect.isfunction
    named = [one for one in shown if any(is_one(one) for is_one in kinds)]
    homes = [one.__name__ if inspect.ismodule(one) else one.__module__ for one in named]
    assert [home for home in homes if not home.startswith("catapult_sim")] == []


@pytest.mark.parametrize("package", [name for name in LAZY if name.count(".") > 0])
def test_a_package_names_all_of_its_files_or_none(package):
    files = {Path(file.name).name for file in pkgutil.iter_modules([str(folder_of(package))])}
    public = {name for name in files if not name.endswith(OPTIONAL)}
    named = set(importlib.import_module(package).__all__) & files
    assert named in (public, set())


@pytest.mark.parametrize("package", LAZY)
def test_no_module_hides_a_public_function_of_its_name(package):
    # Importing a module binds its name in its package, whatever the name was bound to before.
    found = importlib.import_module(package)
    for file in pkgutil.iter_modules(found.__path__):
        if file.name in found.__all__:
            assert getattr(found, file.name).__name__ == f"{package}.{file.name}"


@pytest.mark.parametrize("package", LAZY)
def test_help_of_a_package_says_what_is_in_it(package):
    found = importlib.import_module(package)
    names = set(found.__all__) - set(getattr(found, "PAPERS", ()))  # a list of its own
    assert [name for name in names if f"``{name}``" not in found.__doc__] == []
    shown = pydoc.render_doc(found, renderer=pydoc.plaintext)
    assert [line for line in found.__doc__.splitlines() if line not in shown] == []


@pytest.mark.parametrize("package", LAZY)
def test_paths_in_the_documentation_of_a_package_exist(package):
    for path in re.findall(r"catapult_sim(?:\.\w+)+", importlib.import_module(package).__doc__):
        assert pydoc.locate(path) is not None, path


def test_a_module_is_reached_by_its_path_without_an_import():
    code = (
        "import catapult_sim as cs; "
        "print(cs.mlp.kernel.ntk is cs.ntk, cs.numeric.maps.phase_map.phase_map is cs.phase_map, "
        "cs.datasets.digits.__name__, cs.numeric.curvature.eigenpairs.Eigenpairs.__name__)"
    )
    assert run(code) == "True True digits Eigenpairs\n"


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
    source = Path(importlib.import_module(module).__file__)
    tree = ast.parse(source.read_text())
    # What an __init__ imports for type checkers is its list of lazy names: nothing of that runs.
    listed = isinstance(tree, ast.Module) and source.name == "__init__.py"
    blocks = [one for one in tree.body if not (listed and is_type_only(one))]
    found = set()
    for node in (node for block in blocks for node in ast.walk(block)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {home_of(node.module, alias.name) for alias in node.names}
    return {name for name in found if name.startswith("catapult_sim.")}


def is_type_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def lazy_names(package):
    """Return the module that each lazy name of a package comes from."""
    blocks = filter(is_type_only, ast.parse(source_of(package)).body)
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}


def home_of(module, name):
    """Return the module that ``from module import name`` imports in the end."""
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    return lazy_names(module).get(name, module) if folder_of(module).is_dir() else module


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    assert all(floor(name) <= floor(module) for name in imported_by(module))


def test_no_imports_form_a_circle():
    left = {module: imported_by(module) & set(MODULES) for module in MODULES}
    assert len(left) > 100
    while ends := {module for module in left if not left[module] & set(left)}:
        left = {module: names for module, names in left.items() if module not in ends}
    assert not left, f"these import each other, or what does: {', '.join(left)}"


def words_of(text):
    """Return the words of a name or a sentence, singular and plural alike, in British spelling."""
    words = re.findall(r"[a-z]+|\d+", text.lower().replace("z", "s"))
    return {re.sub(r"(ies|y|es|s|e)$", "", word) for word in words}


@pytest.mark.parametrize("module", [name for name in MODULES if not folder_of(name).is_dir()])
def test_a_file_is_named_by_its_subject(module):
    # An __init__ and __main__ have names that Python gives.
    imported = importlib.import_module(module)
    name, first_line = module.rpartition(".")[2], imported.__doc__.partition("\n")[0]
    own = [one for one in vars(imported).values() if getattr(one, "__module__", None) == module]
    exported = {one.__name__.lower() for one in own if hasattr(one, "__name__")}
    is_exported = name.replace("_", "") in {one.replace("_", "") for one in exported}
    assert is_exported or words_of(name) <= words_of(first_line), f"{module}: {first_line}"


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
    heavy = "('sympy', 'matplotlib', 'numba', 'pandas', 'sklearn', 'dask', 'distributed')"
    assert run(used + f"print([m for m in {heavy} if m in sys.modules])") == "[]\n"


def test_the_help_of_a_command_needs_numpy_alone():
    code = (
        "import sys; from contextlib import suppress; from catapult_sim.cli import main; "
        "sys.stdout, real = open('/dev/null', 'w'), sys.stdout\n"
        "with suppress(SystemExit): main(['simulate', '--help'])\n"
        "print([m for m in ('scipy', 'sympy', 'matplotlib') if m in sys.modules], file=real)"
    )
    assert run(code) == "[]\n"


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
