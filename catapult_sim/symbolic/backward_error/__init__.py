"""Backward error analysis: the flows that gradient descent, momentum and minibatches follow.

:mod:`~catapult_sim.symbolic.backward_error.modified_field` derives modified fields and losses,
:mod:`~catapult_sim.symbolic.backward_error.modified_equation` their coefficients, as
:mod:`~catapult_sim.symbolic.backward_error.series` over rooted
:mod:`~catapult_sim.symbolic.backward_error.trees`.
"""

from catapult_sim.symbolic.backward_error.field import ModifiedField, NotAGradient
from catapult_sim.symbolic.backward_error.modified_equation import (
    ModifiedEquation,
    modified_equation,
)
from catapult_sim.symbolic.backward_error.modified_field import modified_field, modified_loss

__all__ = [
    "ModifiedEquation",
    "ModifiedField",
    "NotAGradient",
    "modified_equation",
    "modified_field",
    "modified_loss",
]
