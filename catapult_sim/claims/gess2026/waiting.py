r"""How long the waiting for a catapult of SGD is: derived here, and measured.

*Labels that are fitted.* The outputs shrink, typically, so that a network is catapulted early or
never. Weight each step by ``|z|^theta``, which changes neither the probability of a large product
nor what led to it: then products grow at the rate ``L'(theta)``, and one that reaches the level
``sqrt(n / eta)`` does so after about ``ln(n) / (2 L'(theta))`` steps.

*Labels that cannot be fitted.* Every step adds to the outputs, as ``z' = M_b z + q_b``, and they
come to rest in a law whose tail falls as ``R^-theta`` [Kesten1973]. So each stretch of time is a
try of its own, of probability ``n^(-theta/2)``: the waiting time grows as ``n^(theta/2)``. In that
time the kernel has moved by ``sum |z|^2 / n``, whose largest term is of the order of the sum where
theta is below 2: it moves by jumps, which are catapults, and not by drift.

Both derivations speak of products with one kernel, that of infinite width. Found: the powers exceed
theta/2 by up to 0.1, and the delays grow by a fifth less than derived; :mod:`.fixed_kernels` shows
by which of two differences. The kernel of a narrow network is drawn, and scatters; and that of any
network falls by smaller jumps while one waits: a fall by a hundredth raises theta by 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals, measured
from catapult_sim.claims.gess2026.problem import CHANGE, line, rate_of_tail
from catapult_sim.claims.gess2026.six_samples import SIX, STEPS, TAILS, samples
from catapult_sim.claims.sources import DERIVED
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import transfer
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure
from catapult_sim.types import Array

SETTING = "six samples of two inputs, one sample a batch, linear network"
BLOCK = 10_000  # starts that are held at once
WAITERS = 1000  # networks that are waited for
PATIENCE = 10  # they are waited for so many times n^(theta/2) steps
WIDE = (3, 6)  # powers of ten between which waiting times are taken
SMALL = 0.01  # of |v|^2 / n: a change that hardly moves theta

Times: TypeAlias = Callable[[Bench, float, int], Any]  # of a theta and a power of ten, the width


def unfittable() -> Array:
    """Return labels ``(6, 1)`` of which the inputs explain nothing: signs, less their fit."""
    X, _ = samples()
    signs = np.resize([1.0, -1.0], (6, 1))
    fit: Array = X @ np.linalg.lstsq(X, signs)[0]
    return signs - fit


def growth_of_catapults(theta: float) -> float:
    """Return ``L'(theta)``: the rate at which outputs grow that come to a catapult."""
    step, matrices = 1e-4, linear_sgd(SIX.kernel, rate_of_tail(SIX, theta)).matrices()
    return (transfer(matrices, theta + step) - transfer(matrices, theta - step)) / (2 * step)


def first_changes(
    rng: np.random.Generator, net: LinearNet, rate: float, starts: int, steps: int, every: int
) -> dict[float, Array]:
    """Return when ``|v|^2 / n`` is first seen to have changed by an amount; infinite if never."""
    start = net.init(rng=rng, ensemble=(starts,))
    batches = rng.integers(6, size=(starts, steps, 1))
    seen = {"v": lambda states: states[..., -1, -1]}
    run = net.train(
        learning_rate=rate, steps=steps, state=start, batches=batches, observe=seen, every=every
    )
    rows = np.arange(0, steps + 1, every)
    change = np.abs(run.values["v"][rows] - start[:, -1, -1])
    return {amount: when(~(change <= amount), rows) for amount in (CHANGE, SMALL)}


def when(happened: Array, steps: Array) -> Array:
    """Return the step of the first row that is true in each column; infinite where none is."""
    return np.where(happened.any(axis=0), steps[happened.argmax(axis=0)], np.inf)


@once
def times(bench: Bench, theta: float, power: int) -> Array:
    """Return the times of the catapults of networks with labels 0 and width ``10^power``."""
    net, rng = LinearNet(*samples(), width=10**power), bench.rng(f"times {theta} {power}")
    blocks = bench.effort.rare_starts // BLOCK
    found = [
        first_changes(rng, net, rate_of_tail(SIX, theta), BLOCK, 2 * STEPS, every=5)[CHANGE]
        for _ in range(blocks)
    ]
    every = np.concatenate(found)
    return every[np.isfinite(every)]


def delay(
    bench: Bench, theta: float, of: Times = times, least: int = 0, most: int = 99
) -> Measured:
    """Fit by how much later catapults come per factor e of the width, over the derived delay.

    Of widths from ``10^least`` to ``10^most``.
    """
    powers = [power for power in bench.effort.rare_powers if least <= power <= most]
    found = [of(bench, theta, power) for power in powers]
    if min(map(len, found)) < 2:
        raise NothingToMeasure
    means = np.array([one.mean() for one in found])
    errors = np.array([one.std(ddof=1) / math.sqrt(len(one)) for one in found])
    slope, error = line(np.array(powers) * math.log(10), means, errors)
    derived = 1 / (2 * growth_of_catapults(theta))
    return Measured(slope / derived, error / derived, sum(map(len, found)))


def patience(theta: float, power: int) -> int:
    """Return for how many steps networks of width ``10^power`` are waited for."""
    return round(PATIENCE * (10**power) ** (theta / 2))


@once
def waits(bench: Bench, theta: float, power: int) -> dict[float, Array]:
    """Return when networks whose labels cannot be fitted have first changed by each amount."""
    net, steps = LinearNet(samples()[0], unfittable(), width=10**power), patience(theta, power)
    rng = bench.rng(f"waiting {theta} {power}")
    rate, every = rate_of_tail(SIX, theta), max(1, steps // 200)
    return first_changes(rng, net, rate, WAITERS, steps, every)


def wait(
    bench: Bench, theta: float, power: int, of: Times = waits, change: float = CHANGE
) -> tuple[float, int]:
    """Return the mean time until a change, and how many were seen.

    That is the time for which networks were waited for, over the number of changes.
    """
    found = of(bench, theta, power)[change]
    count = int(np.isfinite(found).sum())
    return float(np.minimum(found, patience(theta, power)).sum()) / max(count, 1), count


def waited(bench: Bench) -> list[int]:
    """Return the powers of ten of the widths whose waiting times are taken."""
    return [power for power in bench.effort.rare_powers if WIDE[0] <= power <= WIDE[1]]


def growth_of_waiting(
    bench: Bench, theta: float, powers: Sequence[int] | None = None, **what: Any
) -> Measured:
    """Fit the power of the width with which the mean waiting time grows, see :func:`wait`."""
    powers = waited(bench) if powers is None else powers
    means, counts = np.transpose([wait(bench, theta, power, **what) for power in powers])
    if np.any(counts == 0):
        raise NothingToMeasure
    value, error = line(np.array(powers) * math.log(10), np.log(means), 1 / np.sqrt(counts))
    return Measured(value, error, int(counts.sum()))


def waiting_claims() -> Iterator[Claim]:
    """Yield the claims on the time of catapults."""
    claim = Claims(DERIVED, "rare_catapults", SETTING)
    because = "as for the share of catapults: a law of large widths"
    grows = partial(equals, within=0.05, because=because)
    for theta in TAILS:
        yield claim(
            f"time-{theta}",
            f"where theta = {theta} and labels are 0, networks that are catapulted are so after "
            "ln(n) / (2 L'(theta)) steps (increase with ln(n), over the derived one)",
            equals(partial(delay, theta=theta), 1.0, within=0.1, because=because),
            cost=6,
        )
        yield claim(
            f"time-{theta}.wide",
            "the same of widths from 10^4 on, where catapults are rare (asked after the first run: "
            "at width 10^2 half of the networks are catapulted)",
            measured(partial(delay, theta=theta, least=4)),
            cost=0.1,
        )
        yield claim(
            f"waiting-{theta}",
            f"where theta = {theta} and labels cannot be fitted, the time until a catapult grows "
            "as n^(theta/2) (power)",
            grows(partial(growth_of_waiting, theta=theta), theta / 2),
            cost=4,
        )
