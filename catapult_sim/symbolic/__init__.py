"""Exact derivations of the models' equations, in SymPy.

=====================  ====================================================================

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

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.symbolic import backward_error as backward_error
    from catapult_sim.symbolic import catalogue as catalogue
    from catapult_sim.symbolic import linear_net as linear_net
    from catapult_sim.symbolic import loss_text as loss_text
    from catapult_sim.symbolic import minibatch as minibatch
    from catapult_sim.symbolic import orbits as orbits
    from catapult_sim.symbolic import printed as printed
    from catapult_sim.symbolic import update as update
    from catapult_sim.symbolic import voices as voices
    from catapult_sim.symbolic.backward_error import modified_equation as modified_equation
    from catapult_sim.symbolic.backward_error import modified_field as modified_field
    from catapult_sim.symbolic.backward_error import modified_loss as modified_loss
    from catapult_sim.symbolic.catalogue import derivations as derivations
    from catapult_sim.symbolic.update import Update as Update
else:
    __getattr__, __dir__, __all__ = attach(__name__)
