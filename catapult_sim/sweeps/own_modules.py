"""The source in a user's own modules of what statements import, such as a file beside a script.

Own are all modules but those of Python, of this package, and those that pip has installed; what a
module of one's own imports from another one is followed, too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

from catapult_sim.sweeps.dependencies import PACKAGE, dependencies

WHOLE = "*"  # stands for all names of a module
INSTALLED = {"site-packages", "dist-packages"}

Part = tuple[str, str]  # the name of a module, and a name in it


def with_imported(source: str, package: str, seen: set[Part]) -> str:
    """Return statements, and those in the user's own modules that their imports depend on.

    Parameters
    ----------
    source : str
    package : str
        Of the module that the statements are of; relative imports begin there.
    seen : set of (module, name)
        What was followed before, which is left out; what is followed now is added.
    """
    found = [source]
    for part in _imported(ast.parse(source), package):
        if part not in seen:
            seen.add(part)
            found.append(source_of(*part, seen))
    return "\n".join(filter(None, found))


def source_of(module: str, name: str, seen: set[Part]) -> str:
    """Return the source of a name in a module of the user's own, empty for any other module."""
    file, package = _read(module)
    found = dependencies(file, name)
    if not found and name != WHOLE and (inner := source_of(f"{module}.{name}", WHOLE, seen)):
        return inner
    return with_imported(found or ast.unparse(file), package, seen)


def _read(module: str) -> tuple[ast.Module, str]:
    """Return the statements of a user's own module and its package, no statements of others."""
    none = ast.Module([], [])
    if module.partition(".")[0] in sys.stdlib_module_names | {PACKAGE, ""}:
        return none, ""
    try:
        spec = find_spec(module)
        file = Path(spec.origin or "") if spec else Path()
        if spec is None or file.suffix != ".py" or INSTALLED & set(file.parts):
            return none, ""
        return ast.parse(file.read_bytes()), spec.parent or ""
    except Exception:  # whatever a package raises that is imported to find its parts
        return none, ""


def _imported(tree: ast.AST, package: str) -> Iterator[Part]:
    """Yield what statements import, in functions too, and by its name written out as a text."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom():
                module = _absolute("." * node.level + (node.module or ""), package)
                yield from ((module, alias.name) for alias in node.names)
            case ast.Import():
                for alias in node.names:
                    yield from ((alias.name, name) for name in _read_of(tree, alias))
            case (
                ast.Call(
                    func=ast.Name(id="import_module" | "__import__")
                    | ast.Attribute(attr="import_module"),
                    args=[ast.Constant(value=str(name)), *_],
                )
                | ast.Subscript(
                    value=ast.Attribute(attr="modules"), slice=ast.Constant(value=str(name))
                )
            ):
                yield _absolute(name, package), WHOLE


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:
        return ""


def _read_of(tree: ast.AST, module: ast.alias) -> list[str]:
    """Return the names that are read of an imported module, all where it is used otherwise."""
    called, nodes = module.asname or module.name, list(ast.walk(tree))
    if "." in called:
        return [WHOLE]
    parts = {node.value: node.attr for node in nodes if isinstance(node, ast.Attribute)}
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == called]
    return sorted({parts.get(node, WHOLE) for node in uses})
