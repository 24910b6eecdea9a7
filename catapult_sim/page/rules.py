"""The rules and formulas of the page, generated from the derivations: nothing is typed again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import sympy as sp

from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.page import six_samples
from catapult_sim.symbolic import Update, backward_error, linear_net, minibatch
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
        six_samples.one_sample_step(),
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
    observed = [variances(), six_samples.loss_and_kernel()]
    formulas: list[Rule] = [*updates().values(), *fields().values(), *observed]
    functions = [javascript_source(one, module=True, in_place=True) for one in formulas]
    return "\n\n".join([*functions, six_samples.constants()]) + "\n"


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
