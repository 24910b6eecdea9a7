"""Exact derivations of the models' equations, in SymPy.

:func:`derivations` lists them, by the names of ``catapult-sim derive``:

- :mod:`~catapult_sim.symbolic.linear_net`, the two-layer linear network: its exact update at any
  width, on one sample (``sample_map``) and on any data (``closure``, ``function_space``), its
  Hessian, its fixed points;
- :mod:`~catapult_sim.symbolic.backward_error`, the flows that gradient descent, momentum and
  minibatches follow: ``modified_field``, ``modified_loss``, ``modified_equation``;
- :mod:`~catapult_sim.symbolic.minibatch`, SGD and averages on quadratic minibatch losses;
- :class:`Update`, a rule: ``Update.descent`` makes one of any loss, and its methods write it as
  NumPy, Python, JavaScript, LaTeX, MathML or text;
- :func:`~catapult_sim.symbolic.loss_text.parse_loss` reads a loss from text.

Examples
--------
>>> from catapult_sim import symbolic
>>> print(symbolic.linear_net.sample_map().text())
f' = f*(eta**2*f**2/n - eta*lam + 1)
lam' = eta*f**2*(eta*lam - 4)/n + lam
>>> import sympy as sp
>>> x, y, eps = sp.symbols("x y eps")
>>> sp.factor(symbolic.modified_loss([(x * y - 1) ** 2 / 2], [x, y], eps))
(x*y - 1)**2*(eps*x**2 + eps*y**2 + 2)/4
>>> symbolic.Update.descent((x * y - 1) ** 2 / 2, [x, y]).next[0]
-eta*y*(x*y - 1) + x
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catapult_sim.symbolic import backward_error, linear_net, loss_text, minibatch
    from catapult_sim.symbolic.backward_error import (
        modified_equation,
        modified_field,
        modified_loss,
    )
    from catapult_sim.symbolic.catalogue import Derivation
    from catapult_sim.symbolic.update import Update

_HOMES = {
    "Update": "update",
    "modified_equation": "backward_error",
    "modified_field": "backward_error",
    "modified_loss": "backward_error",
}
_MODULES = ("backward_error", "linear_net", "loss_text", "minibatch")

__all__ = [
    "Update",
    "backward_error",
    "derivations",
    "linear_net",
    "loss_text",
    "minibatch",
    "modified_equation",
    "modified_field",
    "modified_loss",
]


def derivations() -> Mapping[str, "Derivation"]:
    """Return all derivations, by name.

    Examples
    --------
    >>> derivations()["sample-map"].summary
    'Derive the exact gradient-descent update of (f, lam) at width n'
    """
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    from catapult_sim.symbolic.catalogue import CATALOGUE

    return MappingProxyType(dict(sorted(CATALOGUE.items())))


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
