r"""The two-layer linear network on one sample, (1, 0): the derived map, iterated.

Every experiment uses the same seeds at every width, so that widths are compared seed by seed.
The learning rate is given as ``c = eta lambda_0``; arrays are ``(..., widths, seeds)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Search, draw_linear
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.measured import Measured, jackknife, mean
from catapult_sim.numeric.runs.optimizers import HeavyBall, Nesterov
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, rise
from catapult_sim.numeric.runs.trajectory import ESCAPE, Trajectory, peak
from catapult_sim.types import Array

DELTA = 1e-6  # the loss that training reaches in theorem 1 of [Lewkowycz2020]
WIDTHS = tuple(10**power for power in (2, 4, 6, 8, 10, 12))
ONE_SAMPLE = "one sample"  # the name of its boundaries
DATA = np.ones((1, 1)), np.zeros((1, 1))


@once
def starts(bench: Bench) -> Array:
    """Draw ``(f, lam)`` of every width and seed, ``(widths, seeds, 2)``."""

    def at(width: int) -> Array:
        ensemble = (bench.effort.starts,)
        state = draw_linear(DATA, width, rng=bench.rng("one sample"), ensemble=ensemble).start
        return np.stack([state[:, 0, 1], np.trace(state, axis1=1, axis2=2)], axis=-1)

    return np.stack([at(width) for width in WIDTHS])


def run_map(bench: Bench, c: npt.ArrayLike, steps: int) -> Trajectory:
    """Iterate the derived map at learning rates ``c / lam_0``."""
    from catapult_sim.symbolic.linear_net import sample_map

    state, widths = starts(bench), np.array(WIDTHS, dtype=float)[:, None]
    rates = c / state[..., 1]
    return iterate(sample_map(), state, eta=rates, n=widths, steps=steps, tolerance=1e-20)


def _boundary(bench: Bench, kind: str, side: Callable[[Trajectory], Array], steps: int) -> Boundary:
    shape = (len(WIDTHS), bench.effort.starts)

    def side_at(c: Array) -> Array:
        return side(run_map(bench, c.reshape(-1, *shape), steps)).reshape(c.shape)

    def measure() -> Boundary:
        return boundary(side_at, 1.5, 6.0, members=math.prod(shape), tolerance=1e-4)

    return bench.boundary(ONE_SAMPLE, kind, WIDTHS, measure)


def rise_boundary(bench: Bench) -> Boundary:
    """Bracket where the loss first exceeds its start."""
    return _boundary(bench, "rise", rise, 20)


def end_boundary(bench: Bench) -> Boundary:
    """Bracket where convergence ends."""
    return _boundary(bench, "end", divergence, 2000)


def predicted_rise(bench: Bench) -> float:
    """Solve c = 2 + c^2 q with q = f_0^2 / (n lam_0^2) for every start, and average."""
    f, lam = np.moveaxis(starts(bench), -1, 0)
    q = f**2 / (np.array(WIDTHS)[:, None] * lam**2)
    return float(np.mean(4 / (1 + np.sqrt(1 - 8 * q))))


def paired(found: Boundary) -> Measured:
    """Average brackets; seeds differ as the prediction does, so their spread is no error."""
    centre, half = (found.lower + found.upper) / 2, (found.upper - found.lower) / 2
    return Measured(float(centre.mean()), float(half.mean()), centre.size)


def _slope(values: Array) -> Measured:
    """Fit ``values (widths, seeds)`` against log10 of the width, seed by seed."""
    return mean(_slope_of(values))


def _slope_of(values: Array) -> Any:
    """Fit ``values (widths, ...)`` against log10 of the width, ``(...)``."""
    return np.polyfit(np.log10(WIDTHS), values, 1)[0]


def peak_growth(bench: Bench) -> Measured:
    """Measure the exponent of the peak loss in the width, at c = 3."""
    return _slope(np.log10(peak(run_map(bench, 3.0, 300))))


def time_to_peak(bench: Bench, c: float) -> Measured:
    """Count the steps by which the peak comes later per decade of width."""
    return _slope(np.nanargmax(run_map(bench, c, 300).values["loss"], axis=0).astype(float))


def lazy_movement(bench: Bench) -> Measured:
    """Measure the exponent in the width of how far the curvature moves at c = 1, on average."""
    moved = np.abs(run_map(bench, 1.0, 100).state[..., 1] - starts(bench)[..., 1])

    # That of a single start may be lost in rounding at the largest width.
    def exponent(kept: Array) -> float:
        return _slope_of(np.log10(moved[:, kept].mean(axis=1)))

    return jackknife(exponent, bench.effort.starts)


def largest_final_curvature(bench: Bench) -> Measured:
    """Find the largest final ``eta lambda`` of any catapult."""
    c = np.linspace(2.1, 3.9, 10)[:, None, None]
    run = run_map(bench, c, 3000)
    scaled = (c * run.state[..., 1] / starts(bench)[..., 1])[classify(run) == Phase.CATAPULT]
    return Measured(float(scaled.max()), 0.0, scaled.size)


def lazy_duration(bench: Bench) -> Measured:
    """Count by how many steps per decade of width lazy training, c = 1.5, takes longer."""
    losses = run_map(bench, 1.5, 100).values["loss"]
    return _slope(np.argmax(losses < DELTA, axis=0).astype(float))


def exceptions(bench: Bench, c: float, phase: Phase, every: bool) -> Measured:
    """Return the share of runs at c that break "every run is in this phase", or "none is"."""
    hits = classify(run_map(bench, c, 3000)) == phase
    return Measured(float(np.mean(hits != every)), 0.0, hits.size)


def final_curvature(bench: Bench, c: float) -> Measured:
    """Average the final ``eta lambda`` over the starts of the widest networks."""
    run, lam = run_map(bench, c, 3000), starts(bench)[-1, :, 1]
    return mean(c * run.state[-1, :, 1] / lam)


def invariant_error(bench: Bench) -> Measured:
    """Compare ``(eta lam)^2 - 4 s`` after a run at c = 2.5 with the product over its steps."""
    c, start = 2.5, starts(bench)
    run = run_map(bench, c, 300)
    scale = (c / start[..., 1]) ** 2 / np.array(WIDTHS)[:, None]
    s = 2 * scale * run.values["loss"]
    begun = c**2 - 4 * s[0]
    # The product leaves out the last loss, whose step was not taken.
    last = np.arange(len(s))[:, None, None] >= run.stopped
    predicted = begun * np.prod(np.where(last, 1, (1 - s) ** 2), axis=0)
    ended = (c * run.state[..., 1] / start[..., 1]) ** 2 - 4 * scale * run.state[..., 0] ** 2
    return Measured(float(np.max(np.abs(ended / predicted - 1))), 0.0, ended.size)


def momentum_boundary(bench: Bench, kind: str, momentum: float, nesterov: bool) -> Measured:
    """Find where convergence ends with momentum: "linear", infinite width; "end", width 1e8."""
    seeds, width = {"linear": (1, math.inf), "end": (bench.effort.starts, 10**8)}[kind]
    drawn = draw_linear(DATA, width, rng=bench.rng("momentum"), ensemble=(seeds,)).at_lambda_0()
    # Training of the infinite network is linear: once its loss has grown, it diverges.
    escape = 1e6 if kind == "linear" else ESCAPE
    optimizer = (Nesterov if nesterov else HeavyBall)(momentum)
    stop = {"steps": 2000, "tolerance": 1e-9, "escape": escape, "optimizer": optimizer}
    search = Search(0.5, 16.0, divergence, stop)
    return drawn.bracket(search, grid=24, tolerance=2e-3).measured


def near_threshold(bench: Bench, above: float) -> tuple[Measured, Measured]:
    """Measure catapults of the widest networks at ``c = 2 + above``.

    Returns
    -------
    tuple of Measured
        Peak loss in units of ``n above^2 / (4 eta^2)``, and final ``eta lambda``.
    """
    run, lam = run_map(bench, 2 + above, 3000), starts(bench)[-1, :, 1]
    eta = (2 + above) / lam
    scale = WIDTHS[-1] * above**2 / (4 * eta**2)
    return mean(peak(run)[-1] / scale), mean(eta * run.state[-1, :, 1])
