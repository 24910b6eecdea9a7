r"""Jastrzebski et al. 2019: SGD beside the sharpest directions of its loss, and Nudged-SGD.

The peak of the curvature is that of its running mean over a tenth of a run, so that it is where
the curvature stays for a while. The largest single measurement is claimed of apart: at large
learning rates it is a spike. Comparisons are between runs from the same starts, by the same
batches where their sizes agree, mostly of logarithms. "Faster at first" is the time until the
training loss is half of its start, "ends" the last tenth of a run.

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

import numpy as np
import numpy.typing as npt

from catapult_sim.claims import sharpest_exact as exact
from catapult_sim.claims import sharpest_runs as runs
from catapult_sim.claims.bench import Bench
from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.mlp.sharpest import Track
from catapult_sim.numeric.measured import Measured, mean

__all__ = ["CLAIMS"]

Array = npt.NDArray[Any]

PAPER, GROUP = "Jastrzebski et al. 2019", "sharpest_directions"
NOTHING = Measured(np.nan, np.nan, 0)

# Curvature along a run ------------------------------------------------------------------------


def running_mean(values: Array) -> Array:
    """Average ``(T, S)`` over windows of a tenth of T, ``(windows, S)``."""
    width = max(1, len(values) // 10)
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=0).mean(axis=-1)


def top(run: Track) -> Array:
    """Return the largest eigenvalue, ``(T, S)``."""
    return run.eigenvalues[..., 0]


def peak(values: Array) -> Array:
    """Return the largest running mean, ``(S,)``."""
    return running_mean(values).max(axis=0)


def spike(values: Array) -> Array:
    """Return the largest single value, ``(S,)``."""
    return values.max(axis=0)


def start_to_peak(bench: Bench, loss: str) -> Measured:
    """Measure log(start / peak)."""
    run = runs.grid(bench, loss)
    return NOTHING if run is None else mean(np.log(top(run)[0] / peak(top(run))))


def end_to_peak(bench: Bench, loss: str) -> Measured:
    """Measure log(end / peak)."""
    run = runs.grid(bench, loss)
    return NOTHING if run is None else mean(np.log(running_mean(top(run))[-1] / peak(top(run))))


def lower(
    bench: Bench,
    loss: str,
    low: tuple[int, int],
    high: tuple[int, int],
    of: Callable[[Array], Array] = peak,
) -> Measured:
    """Measure log(peak of ``low`` / peak of ``high``), each a learning rate and a batch size."""
    one, other = (runs.grid(bench, loss, *cell) for cell in (low, high))
    if one is None or other is None:
        return NOTHING
    return mean(np.log(of(top(one)) / of(top(other))))


# The step against the curvature ---------------------------------------------------------------


def change(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure the relative change of the loss along e_1, a mean per seed."""
    found = runs.aimed(bench, loss)
    return NOTHING if found is None else mean(found.changes(alpha).mean(axis=1))


def fall(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure :func:`change` with the other sign."""
    found = change(bench, loss, alpha)
    return Measured(-found.value, found.error, found.n)


def lowered(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure the share of points at which :func:`change` is negative."""
    found = runs.aimed(bench, loss)
    return NOTHING if found is None else mean((found.changes(alpha) < 0).mean(axis=1))


def misprediction(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure the mean change along e_1 less the quadratic's, over the mean size of the latter."""
    found = runs.aimed(bench, loss)
    if found is None:
        return NOTHING
    size = np.abs(found.predictions(alpha)).mean()
    return mean((found.changes(alpha) - found.predictions(alpha)).mean(axis=1) / size)


def random_over_aligned(bench: Bench, loss: str, of: str) -> Measured:
    """Measure the expected |cos| of a random direction over that of gradients with e_1."""
    found = runs.aimed(bench, loss)
    return NOTHING if found is None else mean(found.random / getattr(found, of)[..., 0].mean(1))


# Nudged-SGD -----------------------------------------------------------------------------------


def halving_time(run: Track) -> Array:
    """Return the step at which the loss is half of its start, interpolated, ``(S,)``; or NaN."""
    ratio = run.values["loss"] / run.values["loss"][0]
    return np.array([_first_crossing(run.step, column) for column in ratio.T])


def _first_crossing(step: Array, ratio: Array) -> float:
    below = ratio <= 0.5
    if not below.any():
        return float("nan")
    i = int(below.argmax())
    share = (ratio[i - 1] - 0.5) / (ratio[i - 1] - ratio[i])
    return float(step[i - 1] + share * (step[i] - step[i - 1]))


def final_curvature(run: Track) -> Array:
    """Return the mean of the largest eigenvalue over the last tenth of a run, ``(S,)``."""
    return running_mean(top(run))[-1]


def compared(
    bench: Bench, loss: str, gamma: float, of: Callable[[Track], Array], sign: int
) -> Measured:
    """Measure log(quantity of gamma / that of SGD), times a sign."""
    nudged, sgd = (runs.nudged(bench, loss, one) for one in (gamma, 1.0))
    if nudged is None or sgd is None:
        return NOTHING
    return mean(sign * np.log(of(nudged) / of(sgd)))


def accuracy_lost(bench: Bench, loss: str, gamma: float) -> Measured:
    """Measure the test accuracy of SGD less that of gamma, at the end."""
    nudged, sgd = (runs.nudged(bench, loss, one) for one in (gamma, 1.0))
    if nudged is None or sgd is None:
        return NOTHING
    return mean(sgd.values["accuracy"][-1] - nudged.values["accuracy"][-1])


# The escape -----------------------------------------------------------------------------------


def descended(bench: Bench, loss: str, name: str) -> Measured:
    """Measure how far the loss falls, as a share of how far it falls by SGD."""
    row, normal = (runs.escape(bench, loss, one) for one in (name, "normal"))
    if row is None or normal is None:
        return NOTHING
    falls = [run.values["loss"][0] - run.values["loss"][-1] for run in (row, normal)]
    return mean(falls[0] / falls[1])


def flatter(bench: Bench, loss: str, name: str, sign: int) -> Measured:
    """Measure log(curvature / that of SGD), each a mean over the latter half, times a sign."""
    row, normal = (runs.escape(bench, loss, one) for one in (name, "normal"))
    if row is None or normal is None:
        return NOTHING
    late = [np.log(top(run)[len(run.step) // 2 :]).mean(axis=0) for run in (row, normal)]
    return mean(sign * (late[0] - late[1]))


# What is claimed ------------------------------------------------------------------------------


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
            f"digits, {loss.replace('_', ' ')}: {text}",
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
        start_to_peak,
        -log(1.5),
    )
    yield claim(
        "peak",
        "it peaks, and ends below 0.9 of the peak (log of end over peak)",
        end_to_peak,
        log(0.9),
    )
    for high, low in ((0, 1), (1, 2)):
        cells = {"low": (low, size), "high": (high, size)}
        what = f"at learning rate {rates[low]:g} than at {rates[high]:g} (log ratio)"
        yield claim(f"rate.{rates[low]:g}", f"lower peak {what}", partial(lower, **cells))
        yield claim(
            f"rate.{rates[low]:g}-spike",
            f"lower largest single curvature {what}",
            partial(lower, of=spike, **cells),
            source="derived here",
        )
    for small, large in zip(runs.BATCHES[:-1], runs.BATCHES[1:], strict=True):
        yield claim(
            f"batch.{small}",
            f"lower peak with batches of {small} than of {large} (log ratio)",
            partial(lower, low=(1, small), high=(1, large)),
        )


def step_claims(loss: str) -> Iterator[Claim]:
    """State what the step does along the sharpest direction, about the peak."""
    claim = at_most(loss)
    yield claim(
        "step.whole",
        "along e_1 the step fails to lower the loss, on average (relative fall)",
        partial(fall, alpha=1.0),
    )
    yield claim(
        "step.commonly",
        "along e_1 the step fails to lower the loss at half of the points (share where it does)",
        partial(lowered, alpha=1.0),
        0.5,
    )
    for name, alpha in (("half", 1 / 2), ("quarter", 1 / 4)):
        yield claim(
            f"step.{name}",
            f"a {name} of the step along e_1 lowers the loss (relative change)",
            partial(change, alpha=alpha),
        )
    yield Claim(
        f"{GROUP}.{loss}.step.quadratic",
        f"digits, {loss.replace('_', ' ')}: a quarter of the step along e_1 changes the loss as "
        "the Hessian predicts (difference, in units of the prediction's mean size)",
        "derived here",
        constant(0.0),
        partial(misprediction, loss=loss, alpha=1 / 4),
        tolerance=0.1,
        cost=20,
    )
    for of, what in {"batch": "minibatch gradients", "full": "the full gradient"}.items():
        yield claim(
            f"alignment.{of}",
            f"{what}: at least 10 times as aligned with e_1 as a random direction "
            "(|cos| of the latter over that of the former)",
            partial(random_over_aligned, of=of),
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
            partial(compared, gamma=gamma, of=halving_time, sign=1),
        )
        yield claim(
            f"{name}.sharper",
            f"gamma = {gamma:g} ends sharper than SGD (log of SGD's curvature over its)",
            partial(compared, gamma=gamma, of=final_curvature, sign=-1),
        )
        yield claim(
            f"{name}.accuracy",
            f"gamma = {gamma:g} generalises as well as SGD, to 0.01 (test accuracy lost)",
            partial(accuracy_lost, gamma=gamma),
            tolerance=0.01,
        )
    yield claim(
        "nudged.0.01.tenfold",
        "gamma = 0.01 ends sharper by an order of magnitude (log of SGD's curvature over its)",
        partial(compared, gamma=0.01, of=final_curvature, sign=-1),
        -log(10),
        source=f"{PAPER}, first version",
    )
    yield claim(
        "nudged.5.flatter",
        "gamma = 5 ends flatter than SGD (log of its curvature over SGD's)",
        partial(compared, gamma=5.0, of=final_curvature, sign=1),
    )
    yield claim(
        "nudged.5.accuracy",
        "gamma = 5 generalises as well as SGD, to 0.01 (test accuracy lost)",
        partial(accuracy_lost, gamma=5.0),
        tolerance=0.01,
    )


def escape_claims(loss: str) -> Iterator[Claim]:
    """State what parts of the step do from about the peak on."""
    claim = partial(at_most(loss), source=f"derived here; ablation of {PAPER}, first version")
    epochs = f"{runs.ESCAPE_EPOCHS} epochs from about the peak"
    yield claim(
        "escape.only",
        f"{epochs} along e_1 alone lower the loss by at most a quarter of what SGD does (share)",
        partial(descended, name="only e1"),
        0.25,
    )
    yield claim(
        "escape.without",
        f"{epochs} along all but e_1 lower it by at least three quarters of that (share, negative)",
        lambda bench, loss: _negative(descended(bench, loss, "all but e1")),
        -0.75,
    )
    for name, row, sign in (
        ("without-curvature", "all but e1", -1),
        ("quarter-curvature", "e1 times 1/4", -1),
        ("double-curvature", "e1 times 2", 1),
    ):
        yield claim(
            f"escape.{name}",
            f"{epochs}, {row}: {'sharper' if sign < 0 else 'flatter'} than SGD (log ratio)",
            partial(flatter, name=row, sign=sign),
        )


def _negative(found: Measured) -> Measured:
    return Measured(-found.value, found.error, found.n)


CLAIMS = (
    *exact_claims(),
    *(
        claim
        for loss in runs.RECIPES
        for kind in (curvature_claims, step_claims, nudged_claims, escape_claims)
        for claim in kind(loss)
    ),
)
