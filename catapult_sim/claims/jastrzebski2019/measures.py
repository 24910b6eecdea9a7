"""What is read off runs beside their sharpest directions, with errors over seeds.

The peak of the curvature is that of its running mean over a tenth of a run, so that it is where
the curvature stays for a while. The largest single measurement is taken apart: at large learning
rates it is a spike. Comparisons are between runs from the same starts, by the same batches where
their sizes agree, mostly of logarithms. "Ends" is the last tenth of a run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from catapult_sim.claims.jastrzebski2019 import runs
from catapult_sim.claims.verdict import NOTHING
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.sharpest_directions import Track
from catapult_sim.numeric.runs.measured import Measured, mean, share
from catapult_sim.types import Array

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


def final_curvature(run: Track) -> Array:
    """Return the mean of the largest eigenvalue over the last tenth of a run, ``(S,)``."""
    return running_mean(top(run))[-1]


@np.errstate(all="ignore")  # networks that died or diverged leave the logarithm's domain
def log_ratio(above: Array, below: Array, sign: int = 1) -> Measured:
    """Measure log(above / below), times a sign."""
    return mean(sign * np.log(above / below))


def start_to_peak(bench: Bench, loss: str) -> Measured:
    """Measure log(start / peak)."""
    run = runs.grid(bench, loss)
    return NOTHING if run is None else log_ratio(top(run)[0], peak(top(run)))


def end_to_peak(bench: Bench, loss: str) -> Measured:
    """Measure log(end / peak)."""
    run = runs.grid(bench, loss)
    return NOTHING if run is None else log_ratio(final_curvature(run), peak(top(run)))


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
    return log_ratio(of(top(one)), of(top(other)))


# The step against the curvature ---------------------------------------------------------------


def seen(bench: Bench, loss: str, of: Callable[[runs.Look], float]) -> Array | None:
    """Return a number of every look about the peak, ``(S, points)``."""
    found = runs.looks(bench, loss)
    return None if found is None else np.array([[of(look) for look in row] for row in found])


def change(bench: Bench, loss: str, alpha: float, sign: int = 1) -> Measured:
    """Measure the relative change of the loss along e_1, a mean per seed, times a sign."""
    found = seen(bench, loss, lambda look: look.change(alpha))
    return NOTHING if found is None else mean(sign * found.mean(axis=1))


def lowered(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure the share of points at which :func:`change` is negative."""
    found = seen(bench, loss, lambda look: look.change(alpha))
    return NOTHING if found is None else share(found < 0)


def misprediction(bench: Bench, loss: str, alpha: float) -> Measured:
    """Measure the mean change along e_1 less the quadratic's, over the mean size of the latter."""
    found = seen(bench, loss, lambda look: look.change(alpha))
    predicted = seen(bench, loss, lambda look: look.predicted(alpha))
    if found is None or predicted is None:
        return NOTHING
    return mean((found - predicted).mean(axis=1) / np.abs(predicted).mean())


def random_over_aligned(bench: Bench, loss: str, of: str) -> Measured:
    """Measure the expected |cos| of a random direction over that of gradients with e_1."""
    found = seen(bench, loss, lambda look: getattr(look, of)[0] / look.random)
    return NOTHING if found is None else mean(1 / found.mean(axis=1))


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


def compared(
    bench: Bench, loss: str, gamma: float, of: Callable[[Track], Array], sign: int
) -> Measured:
    """Measure log(quantity of gamma / that of SGD), times a sign."""
    nudged, sgd = (runs.nudged(bench, loss, one) for one in (gamma, 1.0))
    if nudged is None or sgd is None:
        return NOTHING
    return log_ratio(of(nudged), of(sgd), sign)


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


def left_out(bench: Bench, loss: str, name: str) -> Measured:
    """Measure the share of SGD's fall that a row of the ablation does not reach."""
    found = descended(bench, loss, name)
    return Measured(1 - found.value, found.error, found.n)


def flatter(bench: Bench, loss: str, name: str, sign: int) -> Measured:
    """Measure log(curvature / that of SGD), each a mean over the latter half, times a sign."""
    row, normal = (runs.escape(bench, loss, one) for one in (name, "normal"))
    if row is None or normal is None:
        return NOTHING
    late = [top(run)[len(run.step) // 2 :].mean(axis=0) for run in (row, normal)]
    return log_ratio(late[0], late[1], sign)
