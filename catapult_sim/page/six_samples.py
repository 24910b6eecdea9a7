"""The linear network on the six samples of rare catapults, in their principal coordinates."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import sympy as sp

from catapult_sim.claims.gess2026.six_samples import samples
from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.symbolic import Update
from catapult_sim.symbolic.linear_net.gram import closure
from catapult_sim.symbolic.voices.rule import Formula

x, s = sp.symbols("x_1 x_2", real=True), sp.symbols("s_1 s_2", positive=True)
o = sp.Symbol("o", real=True)


@cache
def one_sample_step() -> Update:
    """Return SGD's step on one sample ``(x_1, x_2)`` with label 0: the closure, exact at any width.

    Its state is ``A_1_1, A_1_2, A_2_2, F_1, F_2, B``, since A is symmetric; ``o`` is the output.
    """
    rule = closure(inputs=2, outputs=1).entrywise()
    A, A_12, A_21, D, *F, B = rule.state
    eta, n, *blocks = rule.parameters
    squares = [x[0] ** 2, x[0] * x[1], x[0] * x[1], x[1] ** 2]
    of_sample = dict(zip(blocks, [*squares, 0, 0], strict=True)) | {A_21: A_12}
    new_A, new_A_12, _, *rest = (component.subs(of_sample) for component in rule.next)
    where = {o: x[0] * F[0] + x[1] * F[1]} | dict(
        zip(rule.where, (x[0] * o, x[1] * o), strict=True)
    )
    state, new = (A, A_12, D, *F, B), (new_A, new_A_12, *rest)
    return Update("one-sample-step", state, (eta, n, *x), new, rule.reference, where=where)


def loss_and_kernel() -> Formula:
    """Return the loss of all samples and the kernel's top eigenvalue.

    Parameters are the scales ``s`` of the inputs along their principal axes.
    """
    A, A_12, D, *F, B = one_sample_step().state
    loss = sum((scale * one) ** 2 for scale, one in zip(s, F, strict=True)) / 2
    first, second, across = s[0] ** 2 * (A + B), s[1] ** 2 * (D + B), s[0] * s[1] * A_12
    top = (first + second) / 2 + sp.sqrt(((first - second) / 2) ** 2 + across**2)
    return Formula("loss-and-kernel", one_sample_step().state, {"loss": loss, "lam": top})


def constants() -> str:
    """Return the samples and their scales as constants of a JavaScript module."""
    data = PrincipalData.of(*samples())
    turned = samples()[0] @ data.directions
    named = {"SAMPLES": turned, "SCALES": data.scales}
    return "\n".join(
        f"export const {name} = {json.dumps(np.asarray(value).tolist())};"
        for name, value in named.items()
    )
