"""Bundle JavaScript modules into scripts, which need no server to load them from.

A module becomes a function of what it imports. It may import names from files beside it, on one
line each, and export functions, classes and constants where they are declared. Comments between
``/**`` and ``*/`` are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from catapult_sim.validation import InputError

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
_DOCUMENTED = re.compile(r"^ */\*\*.*?\*/\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const) (\w+)", re.MULTILINE)


def bundle(modules: Mapping[str, str], entry: str, *others: str) -> list[str]:
    r"""Return scripts that run the module ``entry`` and those that it imports, each once.

    With ``others``, further modules to run elsewhere, such as in a worker, the first script is what
    all of them need, and each of the next, run after it, the rest that one of them needs.

    Parameters
    ----------
    modules : mapping of str to str
        The sources of modules, by path.
    entry : str
        The path of the one to run.
    *others : str
        Paths of further ones.

    Raises
    ------
    InputError
        If a module imports what there is not, in a form that is not supported, or in a circle.

    Examples
    --------
    >>> modules = {"two.js": "export const two = 2;\n"}
    >>> modules["main.js"] = 'import { two } from "./two.js";\nconsole.log(two);\n'
    >>> print(*bundle(modules, "main.js"))
    "use strict";
    const modules = {};
    modules["two.js"] = (() => {
    const two = 2;
    return { two };
    })();
    modules["main.js"] = (() => {
    const { two } = modules["two.js"];
    console.log(two);
    return {  };
    })();
    """
    orders = [_in_order(modules, one, ()) for one in (entry, *others)]
    shared = [path for path in orders[0] if all(path in order for order in orders)]
    rests = [[path for path in order if path not in shared] for order in orders]
    first = ["const modules = {};", *(_wrapped(path, modules[path]) for path in shared)]
    parts = [[_wrapped(path, modules[path]) for path in rest] for rest in rests if others]
    return ["\n".join(['"use strict";', *part]) for part in (first, *parts)]


def _in_order(modules: Mapping[str, str], path: str, above: tuple[str, ...]) -> list[str]:
    """Return a module after all that it needs, each once."""
    if path not in modules or path in above:
        what = "in a circle" if path in above else "a module that there is not"
        raise InputError(f"{(*above, path)[-2:][0]} imports {path}, {what}")
    order: dict[str, None] = {}
    for names, target in _IMPORT.findall(modules[path]):
        needed = _beside(path, target)
        order |= dict.fromkeys(_in_order(modules, needed, (*above, path)))
        if missing := {name.strip() for name in names.split(",")} - {*_exported(modules[needed])}:
            raise InputError(
                f"{path} requires names of {needed}, which does not export "
                f"{', '.join(sorted(missing))}"
            )
    return [*order, path]


def _exported(source: str) -> list[str]:
    return _EXPORT.findall(source)


def _wrapped(path: str, source: str) -> str:
    """Return a module as a function that is called at once and returns what it exports."""
    body = _IMPORT.sub(
        lambda one: f'const {{{one[1]}}} = modules["{_beside(path, one[2])}"];\n', source
    )
    body = _DOCUMENTED.sub("", re.sub(r"^export ", "", body, flags=re.MULTILINE)).strip()
    if left := re.search(r"^import .*", body, re.MULTILINE):
        raise InputError(f'{path} must import as in import {{ a }} from "./b.js"; got {left[0]}')
    names = ", ".join(_exported(source))
    return f'modules["{path}"] = (() => {{\n{body}\nreturn {{ {names} }};\n}})();'


def _beside(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
