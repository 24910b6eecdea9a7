"""Every rule that can be derived, at small sizes, and two written by hand."""

from functools import cache

import sympy as sp

from catapult_sim.symbolic import Update, derivations

SIZES = {"closure": {"inputs": 2, "outputs": 2}, "function-space": {"samples": 2}}

x, y, a = sp.symbols("x y a")
QUOTIENT = Update("quotient", (x, y), (a,), (x + sp.sqrt(a) * y / 3, sp.Integer(1)), "none")
ROTATION = Update("rotation", (x, y), (a,), (x - a * y, y + a * x), "none", {a: r"\alpha"})

RULES = [name for name in derivations() if not name.startswith(("modified-", "variance-"))]
RULES.append("quotient")


@cache
def rule_named(name):
    """Return a rule of ``RULES``: only tests that need it wait until it is derived."""
    return QUOTIENT if name == "quotient" else derivations()[name].derive(**SIZES.get(name, {}))
