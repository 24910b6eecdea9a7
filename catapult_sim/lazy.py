"""Import the public names of a package on first use (lazy imports).

So ``import catapult_sim`` takes milliseconds and loads neither SymPy nor Matplotlib, while every
name is an attribute, completed by editors and known to type checkers. All of them read one list,
the imports below ``if TYPE_CHECKING`` in a package's ``__init__``::

    if TYPE_CHECKING:
        from catapult_sim.mlp import kernel as kernel
        from catapult_sim.mlp.network import MLP as MLP
    else:
        __getattr__, __dir__, __all__ = attach(__name__)

The ``lazy_loader`` of Scientific Python does the same with a stub file beside each package; these
lines need neither the stubs nor the dependency.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from typing import Any


def attach(
    package: str, *own: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package, from its own imports.

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
    >>> get, names, _ = attach("catapult_sim.mlp")
    >>> "kernel" in names(), get("kernel").__name__
    (True, 'catapult_sim.mlp.kernel')
    """
    module = sys.modules[package]
    # pathlib takes longer to import than all else that comes before the commands heed Ctrl-C.
    with open(str(module.__file__), encoding="utf-8") as file:
        homes = _type_only_imports(file.read())

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if homes[name] == package:
            return importlib.import_module(f"{package}.{name}")
        found = getattr(importlib.import_module(homes[name]), name)
        setattr(module, name, found)  # so that this function is called once for each name
        return found

    public = sorted({*homes, *own})

    def __dir__() -> list[str]:
        return sorted({*public, *(name for name in vars(module) if name.startswith("__"))})

    return __getattr__, __dir__, public


def _type_only_imports(source: str) -> dict[str, str]:
    r"""Map each name that is imported for type checkers to the module it comes from.

    Examples
    --------
    >>> _type_only_imports("if TYPE_CHECKING:\n    from a.b import f as f, g as g")
    {'f': 'a.b', 'g': 'a.b'}
    """
    return {
        alias.name: str(node.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
