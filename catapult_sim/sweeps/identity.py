"""Identity of a function whose results are recorded: its name, with its version or its source.

A function that is marked with :func:`~catapult_sim.sweeps.cell.cell` is known by the version that
its author counts up. Any other is known by a digest of its source, without comments: of its own
definition, and of what that uses at the top level of its file, such as other functions and
constants, with all that may change them; see :mod:`~catapult_sim.sweeps.dependencies`. Imports are
followed in the same way through the user's own modules, and what stands in other cells of a
notebook counts by its value. A method is known by what its object holds, too.

Not seen is what a name at run time selects, as in ``getattr(module, cell["what"])``, beyond the
modules that are named; what the command line, the environment, a file or another module sets; and
what objects of classes hold, but arrays. Cells should have such values as entries.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import pickle
import re
import sys
from collections.abc import Callable
from numbers import Number
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from catapult_sim.sweeps.dependencies import dependencies, global_names
from catapult_sim.sweeps.own_modules import WHOLE, Part, source_of, with_imported
from catapult_sim.validation import InputError, as_array


def name_of(function: Callable[..., Any], version: int | None = None) -> str:
    """Return the name that records know a function by: ``module.function/version``.

    Without a version it is ``module.function@digest``, of the source. The module is left out for
    functions of this package, where files move; that of a script is the name of its file.

    Examples
    --------
    >>> from textwrap import shorten
    >>> name_of(shorten, version=3)
    'textwrap.shorten/3'
    """
    module = _module_of(function)
    inner = module.partition(".")[0] == __name__.partition(".")[0]
    name = function.__qualname__ if inner else f"{module}.{function.__qualname__}"
    return f"{name}@{_digest(function)}" if version is None else f"{name}/{version}"


def difference(recorded: str, asked: str) -> str:
    """Return a clause that says how the function of a record differs from the one asked for.

    Examples
    --------
    >>> difference("cells.f@12ab", "cells.f@34cd")
    'the source of cells.f has changed since'
    >>> difference("cells.f/1", "cells.f/2")
    'it is of version 1 of cells.f, this sweep of version 2'
    """
    (old, before), (new, now) = (re.split(r"(?=[/@])", name) for name in (recorded, asked))
    if new.endswith(f".{old}"):
        return f"it was written when functions had no module in their name; this one is {new}"
    if old != new:
        return f"it is of {old}, this sweep of {new}"
    if before[0] != now[0]:
        return f"{new} was {'not ' * (now[0] == '/')}marked with a version then"
    if now[0] == "@":
        return f"the source of {new} has changed since"
    return f"it is of version {before[1:]} of {new}, this sweep of version {now[1:]}"


def _module_of(function: Callable[..., Any]) -> str:
    module = str(function.__module__)
    if module not in ("__main__", "__mp_main__"):
        return module
    main = sys.modules[module]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec else Path(file).stem if file else module


def _digest(function: Callable[..., Any]) -> str:
    digest = hashlib.blake2b(_source(function, {_part(function)}).encode(), digest_size=8)
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type | ModuleType):
        digest.update(_held(owner))
    return digest.hexdigest()


def _held(owner: object) -> bytes:
    """Return what an object holds, as workers would be sent it, or raise InputError."""
    try:
        return pickle.dumps(owner.__getstate__())
    except Exception as error:
        raise InputError(
            f"cell must be a function, or a method of an object that can be pickled; {error}"
        ) from None


def _source(function: Callable[..., Any], seen: set[Part]) -> str:
    """Return the source that a function depends on, or its byte code where there is no source.

    Values of names that no file sets follow: in a notebook, where any cell may set them, of all.
    """
    inner = inspect.unwrap(function)
    around = getattr(inner, "__globals__", {})
    try:
        file = ast.parse("".join(inspect.findsource(inner)[0]))
        source = dependencies(file, function.__qualname__.partition(".")[0])
    except (OSError, TypeError, SyntaxError):
        source = ""
    code = getattr(inner, "__code__", None)
    used, bound = global_names(source) if source else (_names(code), set[str]())
    in_file = "__file__" in around or around.get("__name__") != "__main__"
    names = used - bound if in_file else used
    found = with_imported(source, around.get("__package__") or "", seen) or _bytecode(code)
    values = ((name, around[name]) for name in sorted(names & set(around)) if name[:2] != "__")
    return "\n".join([found, *(f"{name} = {_text(value, seen)}" for name, value in values)])


def _text(value: Any, seen: set[Part]) -> str:
    """Return what a value is known by: its source, its numbers, or its class alone."""
    value = inspect.unwrap(value) if callable(value) else value
    match value:
        case ModuleType():
            return source_of(value.__name__, WHOLE, seen) or value.__name__
        case FunctionType() | type():
            return _defined(value, seen)
        case np.ndarray(dtype=dtype) if not dtype.hasobject:
            return f"{dtype}{value.shape}{hashlib.blake2b(value.tobytes()).hexdigest()}"
        case dict():
            return _text(list(value.items()), seen)
        case list() | tuple() | set() | frozenset():
            texts = [_text(one, seen) for one in value]
            return str(sorted(texts) if isinstance(value, set | frozenset) else texts)
        case None | Number() | str() | bytes():
            return repr(value)
    if hasattr(value, "__array__"):  # data frames, tensors
        array = as_array(value)
        return _text(array.tolist() if array.dtype.hasobject else array, seen)
    return str(getattr(value, "__name__", type(value).__qualname__))


def _defined(value: Any, seen: set[Part]) -> str:
    """Return the source of a function or class, or its name where it is not the user's own."""
    part = _part(value)
    known = ".".join(part)
    if part in seen:
        return known
    seen.add(part)
    if part[0] != "__main__":
        return source_of(part[0], part[1].partition(".")[0], seen) or known
    if isinstance(value, type):
        return _text([one for one in vars(value).items() if not isinstance(one[1], str)], seen)
    return _source(value, seen)


def _part(function: Any) -> Part:
    return str(function.__module__), function.__qualname__


def _names(code: CodeType | None) -> set[str]:
    """Return the names of attributes and globals in byte code."""
    inner = [_names(one) for one in code.co_consts if isinstance(one, CodeType)] if code else []
    return set(code.co_names).union(*inner) if code else set()


def _bytecode(code: CodeType | None) -> str:
    if code is None:
        return ""
    inner = [_bytecode(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return " ".join([code.co_code.hex(), *code.co_names, *inner])
