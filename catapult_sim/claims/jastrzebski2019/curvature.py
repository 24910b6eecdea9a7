"""Curvature, the largest eigenvalue of the Hessian, along a run of SGD [Jastrzebski2019].

The peak of the curvature is that of its running mean over a tenth of a run, so that it is where
the curvature stays for a while. The largest single measurement is reported separately: at large
learning rates it is a spike. Comparisons are between runs from the same starts, by the same
batches where their sizes agree, mostly of logarithms. "Ends" is the last tenth of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from catapult_sim.claims.claim import Claim, at_least, at_most, measured
from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.jastrzebski2019.paper import on_digits
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.sharpest_directions import Track
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array


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


def final_curvature(run: Track) -> Array:
    """Return the mean of the largest eigenvalue over the last tenth of a run, ``(S,)``."""
    return running_mean(top(run))[-1]


@np.errstate(all="ignore")  # networks that died or diverged leave the logarithm's domain
def log_ratio(above: Array, below: Array, sign: int = 1) -> Measured:
    """Return the mean of log(above / below), times a sign."""
    return mean(sign * np.log(above / below))


def growth(bench: Bench, loss: str) -> Measured:
    """Return log(peak / start) of the curvature."""
    curvature = top(runs.grid(bench, loss))
    return log_ratio(peak(curvature), curvature[0])


def late_growth(bench: Bench, loss: str) -> Measured:
    """Return log(end / peak of the first half) of the curvature."""
    run = runs.grid(bench, loss)
    return log_ratio(final_curvature(run), peak(top(run)[: len(run.step) // 2]))


def lower(
    bench: Bench,
    loss: str,
    low: tuple[int, int],
    high: tuple[int, int],
    of: Callable[[Array], Array] = peak,
) -> Measured:
    """Return log(peak of ``low`` / peak of ``high``), each a learning rate and a batch size."""
    one, other = (of(top(runs.grid(bench, loss, *cell))) for cell in (low, high))
    return log_ratio(one, other)


def at_the_edge(bench: Bench, loss: str, rate: int) -> Measured:
    """Return log2 of the learning rate times the peak of the curvature, with batches of 32."""
    unit, c = runs.problem(bench, loss).unit, runs.RECIPES[loss].rates[rate]
    return mean(np.log2(c * unit * peak(top(runs.grid(bench, loss, rate)))))


def curvature_claims(loss: str) -> Iterator[Claim]:
    """Yield the claims on the largest eigenvalue along a run of SGD."""
    claim, rates, size = on_digits(loss), runs.RECIPES[loss].rates, runs.MIDDLE
    yield claim(
        "growth", "curvature grows at first (log of peak over start)", at_least(growth, 0.0)
    )
    yield claim(
        "peak",
        "it peaks, then falls or stays (log of its end over the peak of the first half)",
        at_most(late_growth, 0.0, within=0.1, because='"stabilises": to a tenth'),
    )
    for high, low in pairwise(range(len(rates))):
        ratio = partial(lower, low=(low, size), high=(high, size))
        what = f"at learning rate {rates[low]:g} / curvature_0 than at {rates[high]:g} (log ratio)"
        yield claim(f"rate.{rates[low]:g}", f"lower peak {what}", at_most(ratio, 0.0))
        yield claim(
            f"rate.{rates[low]:g}-spike",
            f"largest single curvature {what}",
            measured(partial(ratio, of=spike)),
        )
    for i, rate in enumerate(rates):
        yield claim(
            f"rate.{rate:g}-edge",
            f"learning rate {rate:g} / curvature_0, times the peak of the curvature (log2)",
            measured(partial(at_the_edge, rate=i)),
            cost=0.1,
        )
    for small, large in pairwise(runs.BATCHES):
        yield claim(
            f"batch.{small}",
            f"lower peak with batches of {small} than of {large} (log ratio)",
            at_most(partial(lower, low=(1, small), high=(1, large)), 0.0),
        )
