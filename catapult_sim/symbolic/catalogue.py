"""The catalogue of derivations: their names, options, and the meaning of their symbols."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeVar

Derive = TypeVar("Derive", bound=Callable[..., Any])

CATALOGUE: dict[str, Derivation] = {}
"""The derivations of all imported modules, by name."""


@dataclass(frozen=True)
class Derivation:
    """An entry of the catalogue: a function that derives an equation."""

    name: str
    derive: Callable[..., Any]
    symbols: Mapping[str, str]  # the meaning of each
    options: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The first line of the function's docstring, with the catalogue's names of functions."""
        first_line = str(inspect.getdoc(self.derive)).partition("\n")[0]
        plain = re.sub(r":func:|`|\.$", "", first_line)
        return re.sub(r"\w+_\w+", lambda name: name[0].replace("_", "-"), plain)


def derivation(
    name: str, *, symbols: Mapping[str, str], options: tuple[str, ...] = ()
) -> Callable[[Derive], Derive]:
    """Return a decorator that adds a function to the catalogue.

    Parameters
    ----------
    name : str
        The name in ``catapult-sim derive``.
    symbols : mapping of str to str
        The meaning of each symbol that may be printed, a defining formula first.
    options : tuple of str
        The keywords that a caller may give.
    """

    def enter(derive: Derive) -> Derive:
        CATALOGUE[name] = Derivation(name, derive, symbols, options)
        return derive

    return enter


def derivations() -> Mapping[str, Derivation]:
    """Return everything that can be derived, by name.

    Examples
    --------
    >>> derivations()["sample-map"].summary
    'Derive the exact gradient-descent update of (f, lam) at width n'
    """
    for package in ("backward_error", "linear_net", "minibatch"):
        import_module(f"catapult_sim.symbolic.{package}")
    return MappingProxyType(dict(sorted(CATALOGUE.items())))


def meanings(symbols: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the meanings of the symbols that a text names."""
    names = set(re.findall(r"\w+", text))
    return {symbol: meaning for symbol, meaning in symbols.items() if symbol in names}


def legend(symbols: Mapping[str, str], text: str) -> str:
    """Return the meanings of the symbols in a printed derivation, on one line.

    Examples
    --------
    >>> legend({"s": "eta^2 f^2 / n", "D": "F - Y, the residual"}, "s' = s*(-Lam + s + 1)**2")
    "s = eta^2 f^2 / n; ' = one step later"
    """
    words = [f"{symbol} = {meaning}" for symbol, meaning in meanings(symbols, text).items()]
    return "; ".join(words + ["' = one step later"] * bool(re.search(r"^\w+' = ", text, re.M)))
