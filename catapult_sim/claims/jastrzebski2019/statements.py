r"""Jastrzebski et al. 2019: SGD beside the sharpest directions of its loss, and Nudged-SGD.

How runs are made is in :mod:`catapult_sim.claims.jastrzebski2019.runs`, what is read off them in
:mod:`catapult_sim.claims.jastrzebski2019.measures`.

References
----------
.. [1] S. Jastrzebski, Z. Kenton, N. Ballas, A. Fischer, Y. Bengio and A. Storkey, *On the relation
   between the sharpest directions of DNN loss and the SGD step length*, arXiv:1807.05031 (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import log
from typing import Any

from catapult_sim.claims.jastrzebski2019 import exact, measures, runs
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp.losses import IN_WORDS

PAPER, GROUP = "Jastrzebski et al. 2019", "sharpest_directions"


def exact_claims() -> Iterator[Claim]:
    """State the closed forms that hold to rounding."""
    for name, (text, measure) in exact.FORMS.items():
        yield Claim(
            f"{GROUP}.exact.{name}",
            f"{text} (relative error)",
            "derived here",
            constant(0.0),
            measure,
            tolerance=1e-10,
        )


def at_most(loss: str) -> Callable[..., Claim]:
    """Claim of runs on digits that something does not exceed a number, by default 0."""

    def claim(name: str, text: str, measure: Any, value: float = 0.0, **options: Any) -> Claim:
        settings: dict[str, Any] = {"tolerance": 0.0, "cost": 20.0, "source": PAPER} | options
        return Claim(
            f"{GROUP}.{loss}.{name}",
            f"digits, {IN_WORDS[loss]}: {text}",
            predict=constant(value),
            measure=partial(measure, loss=loss),
            relation="<=",
            **settings,
        )

    return claim


def curvature_claims(loss: str) -> Iterator[Claim]:
    """State how the largest eigenvalue goes along a run of SGD."""
    claim, rates, size = at_most(loss), runs.RECIPES[loss].rates, runs.MIDDLE
    yield claim(
        "growth",
        "curvature grows, to more than 1.5 times its start (log of start over peak)",
        measures.start_to_peak,
        -log(1.5),
    )
    yield claim(
        "peak",
        "it peaks, and ends below 0.9 of the peak (log of end over peak)",
        measures.end_to_peak,
        log(0.9),
    )
    for high, low in ((0, 1), (1, 2)):
        lower = partial(measures.lower, low=(low, size), high=(high, size))
        what = f"at learning rate {rates[low]:g} than at {rates[high]:g} (log ratio)"
        yield claim(f"rate.{rates[low]:g}", f"lower peak {what}", lower)
        yield claim(
            f"rate.{rates[low]:g}-spike",
            f"lower largest single curvature {what}",
            partial(lower, of=measures.spike),
            source="derived here",
        )
    for small, large in zip(runs.BATCHES[:-1], runs.BATCHES[1:], strict=True):
        yield claim(
            f"batch.{small}",
            f"lower peak with batches of {small} than of {large} (log ratio)",
            partial(measures.lower, low=(1, small), high=(1, large)),
        )


def step_claims(loss: str) -> Iterator[Claim]:
    """State what the step does along the sharpest direction, about the peak."""
    claim = at_most(loss)
    yield claim(
        "step.whole",
        "along e_1 the step fails to lower the loss, on average (relative fall)",
        partial(measures.change, alpha=1.0, sign=-1),
    )
    yield claim(
        "step.commonly",
        "along e_1 the step fails to lower the loss at half of the points (share where it does)",
        partial(measures.lowered, alpha=1.0),
        0.5,
    )
    for name, alpha in (("half", 1 / 2), ("quarter", 1 / 4)):
        yield claim(
            f"step.{name}",
            f"a {name} of the step along e_1 lowers the loss (relative change)",
            partial(measures.change, alpha=alpha),
        )
    yield Claim(
        f"{GROUP}.{loss}.step.quadratic",
        f"digits, {IN_WORDS[loss]}: a quarter of the step along e_1 changes the loss as "
        "the Hessian predicts (difference, in units of the prediction's mean size)",
        "derived here",
        constant(0.0),
        partial(measures.misprediction, loss=loss, alpha=1 / 4),
        tolerance=0.1,
        cost=20,
    )
    for of, what in {"batch": "minibatch gradients", "full": "the full gradient"}.items():
        yield claim(
            f"alignment.{of}",
            f"{what}: at least 10 times as aligned with e_1 as a random direction "
            "(|cos| of the latter over that of the former)",
            partial(measures.random_over_aligned, of=of),
            0.1,
        )


def nudged_claims(loss: str) -> Iterator[Claim]:
    """State what Nudged-SGD does."""
    claim = at_most(loss)
    for gamma in (0.01, 0.1):
        name = f"nudged.{gamma:g}"
        yield claim(
            f"{name}.faster",
            f"gamma = {gamma:g} halves the training loss sooner than SGD (log ratio of times)",
            partial(measures.compared, gamma=gamma, of=measures.halving_time, sign=1),
        )
        yield claim(
            f"{name}.sharper",
            f"gamma = {gamma:g} ends sharper than SGD (log of SGD's curvature over its)",
            partial(measures.compared, gamma=gamma, of=measures.final_curvature, sign=-1),
        )
        yield claim(
            f"{name}.accuracy",
            f"gamma = {gamma:g} generalises as well as SGD, to 0.01 (test accuracy lost)",
            partial(measures.accuracy_lost, gamma=gamma),
            tolerance=0.01,
        )
    yield claim(
        "nudged.0.01.tenfold",
        "gamma = 0.01 ends sharper by an order of magnitude (log of SGD's curvature over its)",
        partial(measures.compared, gamma=0.01, of=measures.final_curvature, sign=-1),
        -log(10),
        source=f"{PAPER}, first version",
    )
    yield claim(
        "nudged.5.flatter",
        "gamma = 5 ends flatter than SGD (log of its curvature over SGD's)",
        partial(measures.compared, gamma=5.0, of=measures.final_curvature, sign=1),
    )
    yield claim(
        "nudged.5.accuracy",
        "gamma = 5 generalises as well as SGD, to 0.01 (test accuracy lost)",
        partial(measures.accuracy_lost, gamma=5.0),
        tolerance=0.01,
    )


def escape_claims(loss: str) -> Iterator[Claim]:
    """State what parts of the step do from about the peak on."""
    claim = partial(at_most(loss), source=f"derived here; ablation of {PAPER}, first version")
    epochs = f"{runs.ESCAPE_EPOCHS} epochs from about the peak"
    yield claim(
        "escape.only",
        f"{epochs} along e_1 alone lower the loss by at most a quarter of what SGD does (share)",
        partial(measures.descended, name="only e1"),
        0.25,
    )
    yield claim(
        "escape.without",
        f"{epochs} along all but e_1 lower it by at least three quarters of that (share left out)",
        partial(measures.left_out, name="all but e1"),
        0.25,
    )
    for name, row, sign in (
        ("without-curvature", "all but e1", -1),
        ("quarter-curvature", "e1 times 1/4", -1),
        ("double-curvature", "e1 times 2", 1),
    ):
        how = "sharper" if sign < 0 else "flatter"
        yield claim(
            f"escape.{name}",
            f"{epochs}, {row.replace('e1', 'e_1')}: {how} than SGD (log ratio)",
            partial(measures.flatter, name=row, sign=sign),
        )


CLAIMS = (
    *exact_claims(),
    *(
        claim
        for loss in runs.RECIPES
        for kind in (curvature_claims, step_claims, nudged_claims, escape_claims)
        for claim in kind(loss)
    ),
)
