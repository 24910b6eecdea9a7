"""Import the public names of a package on first use (lazy imports).

So ``import catapult_sim`` takes milliseconds and loads neither SymPy nor Matplotlib, while every
name is an attribute, completed by editors and known to type checkers. All of them read one list,
the imports below ``if TYPE_CHECKING`` in a package's ``__init__``::

    if TYPE_CHECKING:
        from catapult_sim.mlp import kernel as kernel
        from catapult_sim.mlp.network import MLP as MLP
    else:
        __getattr__, __dir__ = attach(__name__)

The ``lazy_loader`` of Scientific Python does the same with a stub file beside each package; these
lines need neither the stubs nor the dependency.
"""

from __future__ import annotations

import sys

# All that is imported here is imported before the command line heeds Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def attach(package: str, *own: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, from its own imports.

    Its ``__all__`` is what ``__getattr__`` says: nothing is read before a name is asked for.

    Parameters
    ----------
    package : str
        Its ``__name__``. The names that its source imports under ``if TYPE_CHECKING`` are public.
        A module and a function of the same name cannot both be: importing the module would hide
        the function.
    *own : str
        Public names that the package defines itself.

    Examples
    --------
    >>> import catapult_sim.mlp
    >>> get, names = attach("catapult_sim.mlp")
    >>> "kernel" in names(), get("kernel").__name__
    (True, 'catapult_sim.mlp.kernel')
    """
    module = sys.modules[package]
    read: dict[str, str] = {}

    def homes() -> dict[str, str]:
        if not read:
            with open(str(module.__file__), encoding="utf-8") as file:
                read.update(_type_only_imports(file.read()))
        return read

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name == "__all__":
            return sorted({*homes(), *own})
        if name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes()[name]
        if home == package:
            return import_module(f"{package}.{name}")
        found = getattr(import_module(home), name)
        setattr(module, name, found)  # so that this function is called once for each name
        return found

    def __dir__() -> list[str]:
        special = {name for name in vars(module) if name.startswith("__")}
        return sorted({*homes(), *own, *special})

    return __getattr__, __dir__


def _type_only_imports(source: str) -> dict[str, str]:
    r"""Map each name that is imported for type checkers to the module it comes from.

    Examples
    --------
    >>> _type_only_imports("if TYPE_CHECKING:\n    from a.b import f as f, g as g")
    {'f': 'a.b', 'g': 'a.b'}
    """
    import ast

    return {
        alias.name: str(node.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
