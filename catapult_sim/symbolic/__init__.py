"""Exact derivations of the models' equations, in SymPy.

=====================  ===========================================================================
``derivations``        everything that can be derived, by the names of ``catapult-sim derive``
``derivation_steps``   any of them step by step: sentences and equations, from the loss on
``Update``             a rule ``state -> next state``; ``Update.descent`` makes that of any loss
``modified_field``     the vector field that gradient descent, momentum or mini-batches follow
``modified_loss``      the loss whose gradient flow they follow, where there is one
``modified_equation``  the modified field of any loss, as a sum over trees
``linear_net``         the two-layer linear network: its exact update at any width, on one sample
                       and on any data, its Hessian, its fixed points
``backward_error``     backward error analysis: trees, series, modified fields
``minibatch``          SGD and averages of iterates on quadratic mini-batch losses
``orbits``             fixed points and periodic orbits of any rule, and their stability
``voices``             a rule as NumPy, Python, JavaScript, LaTeX, MathML or text
``expressions``        what users give as expressions: numbers and SymPy's, never texts
``reality``            whether losses are real numbers anywhere
``loss_text``          read a loss that is typed as text
``update``             the class of rules
``catalogue``          the decorator that enters a derivation under a name
``steps``              how a derivation notes its steps
``step_by_step``       steps as text, LaTeX, beamer frames or MathML
``printed``            derive by name, with options typed as text
=====================  ===========================================================================

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
    from catapult_sim.symbolic import expressions as expressions
    from catapult_sim.symbolic import linear_net as linear_net
    from catapult_sim.symbolic import loss_text as loss_text
    from catapult_sim.symbolic import minibatch as minibatch
    from catapult_sim.symbolic import orbits as orbits
    from catapult_sim.symbolic import printed as printed
    from catapult_sim.symbolic import reality as reality
    from catapult_sim.symbolic import step_by_step as step_by_step
    from catapult_sim.symbolic import steps as steps
    from catapult_sim.symbolic import update as update
    from catapult_sim.symbolic import voices as voices
    from catapult_sim.symbolic.backward_error import modified_equation as modified_equation
    from catapult_sim.symbolic.backward_error import modified_field as modified_field
    from catapult_sim.symbolic.backward_error import modified_loss as modified_loss
    from catapult_sim.symbolic.catalogue import derivations as derivations
    from catapult_sim.symbolic.printed import derivation_steps as derivation_steps
    from catapult_sim.symbolic.update import Update as Update
else:
    __getattr__, __dir__ = attach(__name__)
