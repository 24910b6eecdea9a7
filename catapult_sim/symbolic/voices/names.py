"""Names of symbols in code: ASCII, no word of the language, and different for each symbol."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

import sympy as sp

from catapult_sim.symbolic.expressions import free_name


def identifiers(symbols: Iterable[sp.Symbol], reserved: Collection[str]) -> dict[sp.Symbol, str]:
    """Return a name for each symbol, its own one wherever that can be had.

    Examples
    --------
    >>> names = identifiers(sp.symbols("lambda λ x_1 x'"), {"lambda"})
    >>> list(names.values())
    ['lambda_', 'lambda__', 'x_1', 'x_']
    """
    spelt = {symbol: identifier(symbol.name) for symbol in dict.fromkeys(symbols)}
    names: dict[sp.Symbol, str] = {}
    # Those that keep their own names come first.
    for symbol in sorted(spelt, key=lambda symbol: spelt[symbol] != symbol.name):
        names[symbol] = free_name(spelt[symbol], {*reserved, *names.values()})
    return {symbol: names[symbol] for symbol in spelt}


def identifier(name: str) -> str:
    """Return a name in ASCII letters, digits and underscores.

    Examples
    --------
    >>> [identifier(name) for name in ("sample-map", "λ₁", "2x", "")]
    ['sample_map', 'lambda1', '_2x', '_']
    """
    spelt = re.sub(
        r"\W", "_", "".join(map(_spelt, unicodedata.normalize("NFKC", name))), flags=re.A
    )
    return f"_{spelt}" if re.match(r"\d|$", spelt) else spelt


def _spelt(letter: str) -> str:
    """Return a Greek letter's name, with a capital if it is one; other letters as they are."""
    words = unicodedata.name(letter, "").split()
    if words[:1] != ["GREEK"] or "LETTER" not in words:
        return letter
    name = words[words.index("LETTER") + 1].replace("LAMDA", "LAMBDA").lower()
    return name.capitalize() if "CAPITAL" in words else name
