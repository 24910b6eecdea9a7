"""The rules and formulas of the page, generated from the derivations: nothing is typed again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import sympy as sp

from catapult_sim.claims.gess2026.six_samples import samples
from catapult_sim.numeric.linear_net.data import PrincipalData
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.symbolic import Update, backward_error, linear_net, minibatch
from catapult_sim.symbolic.linear_net.gram import closure
from catapult_sim.symbolic.printed import derivation_steps
from catapult_sim.symbolic.step_by_step import DerivationSteps
from catapult_sim.symbolic.steps import recording
from catapult_sim.symbolic.voices.presentation import element, written
from catapult_sim.symbolic.voices.rule import Formula, Rule
from catapult_sim.symbolic.voices.source import javascript_source

w, u, v = sp.symbols("w u v", real=True)
curvature = sp.Symbol("lam", positive=True)
p, q, y, beta, delta = sp.symbols("p q y beta delta", real=True)
n, step_size = sp.symbols("n eps", positive=True)
x, s = sp.symbols("x_1 x_2", real=True), sp.symbols("s_1 s_2", positive=True)
o = sp.Symbol("o", real=True)

DESCENTS = ("parabola", "two-weights", "heavy-ball")
STEP_BY_STEP = (
    "sample-map",
    "labelled-sample-map",
    "infinite-width-map",
    "residual-map",
    "edge-map",
    "minibatch-averaged",
    "closure",
)


@cache
def updates() -> dict[str, Update]:
    """Return the update rules of the page, by name.

    Besides those of the catalogue: ``parabola``, one weight; ``two-weights``, the smallest network
    with a catapult; ``heavy-ball``, the one-sample network at any width under momentum, in
    ``p = |u + v| / sqrt(2)`` and ``q = |u - v| / sqrt(2)``, along which all its weights move;
    ``first-batch`` and ``second-batch``, two weights on labels ``1 + delta`` and ``1 - delta``;
    ``one-sample-step``, SGD on two inputs at any width.
    """
    model = (p**2 - q**2) / (2 * sp.sqrt(n)) - y
    descents = {
        "parabola": Update.descent(curvature * w**2 / 2, [w]),
        "two-weights": Update.descent((u * v) ** 2 / 2, [u, v]),
        "heavy-ball": Update.descent(model**2 / 2, [p, q], HeavyBall(beta)),
        "first-batch": Update.descent(batches()[0], [u, v]),
        "second-batch": Update.descent(batches()[1], [u, v]),
    }
    known = [
        linear_net.sample_map(),
        linear_net.sample_map(label=linear_net.y),
        linear_net.infinite_width_map(),
        linear_net.residual_map(),
        linear_net.edge_map(),
        linear_net.balanced_map(),
        minibatch.averaged_moments(),
        one_sample_step(),
    ]
    letters = {curvature: r"\lambda"}
    named = [replace(rule, name=name, notation=letters) for name, rule in descents.items()]
    return {rule.name: rule for rule in [*known, *named]}


def batches() -> tuple[sp.Expr, sp.Expr]:
    """Return the losses of two minibatches of two weights, whose labels differ by 2 delta."""
    return (u * v - 1 - delta) ** 2 / 2, (u * v - 1 + delta) ** 2 / 2


@cache
def fields() -> dict[str, Formula]:
    """Return the right-hand sides of the flows that SGD on the two batches follows, by name."""
    field = backward_error.modified_field(batches(), [u, v], step_size, order=1)
    flows = {"gradient-flow": field.truncate(0), "modified-flow": field}
    return {name: _formula(name, flow.total()) for name, flow in flows.items()}


def _formula(name: str, velocity: Iterable[sp.Expr]) -> Formula:
    return Formula(name, (u, v), dict(zip(("du/dt", "dv/dt"), velocity, strict=True)))


def variances() -> Formula:
    """Return the stationary variances of SGD's iterates and of their moving average."""
    found = {"sgd": minibatch.sgd_variance(), "ema": minibatch.ema_variance()}
    return Formula("stationary-variances", (), found)


def javascript() -> str:
    """Return a JavaScript module of all rules, functions that write into their last argument."""
    observed = [variances(), loss_and_kernel()]
    formulas: list[Rule] = [*updates().values(), *fields().values(), *observed]
    functions = [javascript_source(one, module=True, in_place=True) for one in formulas]
    return "\n\n".join([*functions, constants()]) + "\n"


def mathml(*, ids: bool = True) -> dict[str, str]:
    """Return the formulas of the page as MathML, by name; with ``ids`` terms of sums have one."""
    written_out = {name: rule.mathml(ids=ids) for name, rule in updates().items()}
    return _letters(written_out | {"modified-loss": _modified_loss()})


def _modified_loss() -> str:
    """Return the loss that SGD on the two batches descends, a line for each order."""
    found = backward_error.modified_loss(batches(), [u, v], linear_net.eta, order=1).expand()
    loss, added = (linear_net.eta**k * sp.factor(found.coeff(linear_net.eta, k)) for k in (0, 1))
    return element(f"<mi>M</mi><mo>=</mo>{written(loss)}") + element(f"<mo>+</mo>{written(added)}")


def derivations() -> dict[str, str]:
    """Return the derivations that the page shows as HTML, by name: step by step where recorded."""
    with recording() as noted:
        backward_error.modified_loss(batches(), [u, v], step_size, order=1)
    meanings = {"u": "first weight", "v": "second weight", "eps": "learning rate, above η"}
    meanings |= {"delta": "half of what the labels of the batches differ by"}
    modified = DerivationSteps("modified-loss", tuple(noted), meanings, {})
    steps = {name: derivation_steps(name) for name in STEP_BY_STEP} | {"modified-loss": modified}
    recorded = {name: re.sub(r' id="[^"]*"', "", one.mathml()) for name, one in steps.items()}
    return _letters(recorded | {name: _descent(updates()[name]) for name in DESCENTS})


def _descent(rule: Update) -> str:
    loss = element(f"<mi>L</mi><mo>=</mo>{written(rule.loss)}")
    words = "Gradient descent on the loss", "is", "with momentum" if "beta" in rule.text() else ""
    return f"<p>{words[0]} {words[2]}</p>{loss}<p>{words[1]}</p>{rule.mathml()}"


def _letters(formulas: Mapping[str, str]) -> dict[str, str]:
    """Write letters as they are, which is shorter than by their numbers."""
    known = re.compile(r"&#(\d{3,});")
    return {name: known.sub(lambda one: chr(int(one[1])), text) for name, text in formulas.items()}


# SGD on six samples in the plane ----------------------------------------------------------------


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
