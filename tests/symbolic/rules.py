"""Every rule that can be derived, at small sizes, and two written by hand."""

import sympy as sp

from catapult_sim.symbolic import Update, derivations

SIZES = {"closure": {"inputs": 2, "outputs": 2}, "function-space": {"samples": 2}}

x, y, a = sp.symbols("x y a")
QUOTIENT = Update("quotient", (x, y), (a,), (x + sp.sqrt(a) * y / 3, sp.Integer(1)), "none")
ROTATION = Update("rotation", (x, y), (a,), (x - a * y, y + a * x), "none", {a: r"\alpha"})

RULES = {
    name: one.derive(**SIZES.get(name, {}))
    for name, one in derivations().items()
    if not name.startswith(("modified-", "variance-"))
} | {"quotient": QUOTIENT}
