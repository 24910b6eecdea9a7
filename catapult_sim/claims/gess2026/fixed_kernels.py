r"""Why the derived times of catapults are not those of networks: times with the kernel held fixed.

What :mod:`.waiting` derives is about products of steps with one kernel. Here outputs are moved by
steps whose kernel stays what it was at the start of a network, and a catapult is where the changes
of ``|v|^2 / n`` that these steps would make add up to that of a catapult; that of a step with the
residual r of a sample x is ::

    eta r (eta r |U x|^2 / n - 2 f) / n

Found: up to width 10^4 delays fall short of the derived one also with the kernels that networks are
drawn with, held fixed. The kernel of a narrow network scatters, and it catapults where its own
outputs grow typically, which takes longer. And of the longest waits, those with fixed kernels grow
with the derived power to within 0.04, those of networks with one larger by up to 0.1, unless a
change by a hundredth is waited for: smaller jumps come before a catapult, lower the kernel, and so
raise theta.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, measured
from catapult_sim.claims.gess2026.problem import CHANGE, rate_of_tail
from catapult_sim.claims.gess2026.six_samples import SIX, STEPS, TAILS, samples
from catapult_sim.claims.gess2026.waiting import (
    SETTING,
    SMALL,
    WAITERS,
    delay,
    growth_of_waiting,
    patience,
    unfittable,
)
from catapult_sim.claims.sources import DERIVED
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array

NARROW = 4  # power of ten of the widest network whose kernel is looked at as it was drawn
LONG = 7.9  # theta times the largest power of ten: that of the square of a waiting time


def first_changes(
    rng: np.random.Generator, net: LinearNet, rate: float, starts: int, steps: int
) -> Array:
    """Return the step at which ``|v|^2 / n`` would first have changed by CHANGE; infinite if never.

    ``(starts,)``, each with the kernel of a network at its start.
    """
    X, y = net.X, net.y[:, 0]
    state = net.init(rng=rng, ensemble=(starts,))
    kernel, outputs = len(X) * net.kernel(state), net.predict(state)[..., 0]
    hidden = kernel[:, range(len(X)), range(len(X))] - np.outer(state[:, -1, -1], np.sum(X**2, 1))
    times, change, each = np.full(starts, np.inf), np.zeros(starts), np.arange(starts)
    for step in range(1, steps + 1):
        drawn = rng.integers(len(X), size=starts)
        f = outputs[each, drawn]
        moved = np.where(np.isinf(times), rate * (f - y[drawn]), 0.0)  # who has changed, rests
        change += moved * (moved * hidden[each, drawn] - 2 * f) / net.width
        times[np.isinf(times) & (np.abs(change) > CHANGE)] = step
        outputs -= moved[:, None] * kernel[each, drawn]
    return times


@once
def fixed_times(bench: Bench, theta: float, power: int) -> Array:
    """Return the times of the catapults of :func:`.waiting.times`, were the kernel fixed."""
    net, rng = LinearNet(*samples(), width=10**power), bench.rng(f"fixed times {theta} {power}")
    found = first_changes(rng, net, rate_of_tail(SIX, theta), bench.effort.rare_starts, 2 * STEPS)
    return found[np.isfinite(found)]


@once
def fixed_waits(bench: Bench, theta: float, power: int) -> dict[float, Array]:
    """Return the waiting times of :func:`.waiting.waits`, were the kernel fixed."""
    net = LinearNet(samples()[0], unfittable(), width=10**power)
    rng, rate = bench.rng(f"fixed waits {theta} {power}"), rate_of_tail(SIX, theta)
    return {CHANGE: first_changes(rng, net, rate, WAITERS, patience(theta, power))}


def longest_growth(bench: Bench, theta: float, **what: Any) -> Measured:
    """Fit the power of the width with which the longest waiting times grow, those of 3 widths."""
    powers = [power for power in bench.effort.rare_powers if power * theta <= LONG][-3:]
    return growth_of_waiting(bench, theta, powers, **what)


def fixed_kernel_claims() -> Iterator[Claim]:
    """Yield the claims on times with the kernel held fixed, asked after others were refuted."""
    claim = Claims(DERIVED, "rare_catapults", SETTING)
    for theta in TAILS:
        narrow = partial(delay, theta=theta, most=NARROW)
        yield claim(
            f"time-{theta}.narrow",
            f"where theta = {theta} and labels are 0, by how much later catapults come up to width "
            f"10^{NARROW} (increase with ln(n), over the derived one)",
            measured(narrow),
            cost=0.1,
        )
        yield claim(
            f"time-{theta}.narrow.fixed",
            "the same, if each network kept the kernel it was drawn with",
            measured(partial(narrow, of=fixed_times)),
            cost=3,
        )
        growth = partial(longest_growth, theta=theta)
        yield claim(
            f"waiting-{theta}.long",
            f"where theta = {theta} and labels cannot be fitted, the power of the width with which "
            f"the time until a catapult grows, at the three largest widths up to 10^({LONG}/theta)",
            measured(growth),
            cost=5,
        )
        yield claim(
            f"waiting-{theta}.long.small",
            f"the same of the time until |v|^2/n has changed by {SMALL}",
            measured(partial(growth, change=SMALL)),
            cost=0.1,
        )
        yield claim(
            f"waiting-{theta}.long.fixed",
            "the same of catapults, if each network kept the kernel it was drawn with",
            measured(partial(growth, of=fixed_waits)),
            cost=1,
        )
