r"""Phases of SGD over learning rate and batch size, on the exact linear network and on others.

Derived here from products of random matrices, for networks so wide that they follow their first
kernel until they are catapulted: *lazy* where even the second moment of the outputs shrinks (they
grow by a factor R once in more than ``R^2`` tries), *rare catapults* up to where outputs grow
typically, *sure catapults* beyond. The kernel is the mean over networks at the start, and c is
learning rate times the kernel's top eigenvalue. A network has left its first kernel where the
top eigenvalue has changed by more than a twentieth. Where networks diverge is not derived.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import numpy as np
from scipy.optimize import brentq

from catapult_sim.claims.claim import Claim, Claims, at_least, at_most, measured
from catapult_sim.claims.gess2026.problem import CHANGE
from catapult_sim.claims.gess2026.six_samples import STEPS, samples
from catapult_sim.claims.sources import DERIVED
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, draw, draw_linear
from catapult_sim.mlp import kernel as tangent
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import lyapunov
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.numeric.runs.measured import Measured, share
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.types import Array

WIDTHS = {"linear": 10**4, "relu": 512, "tanh": 512}
SIZES = (1, 2, 3)  # of batches, of six samples
LAZY, SURE = 0.7, 1.2  # times the thresholds of mean-square and of typical growth
FEW = {"draws": 100, "walkers": 200, "repeats": 4}  # for a Lyapunov exponent


def drawn(model: str, seeds: int, rng: np.random.Generator) -> Networks:
    """Draw networks on the six samples: the exact linear one, or one with a hidden layer."""
    if model == "linear":
        networks = draw_linear(samples(), WIDTHS[model], rng=rng, ensemble=(seeds,))
    else:
        hidden = [WIDTHS[model]]
        networks = draw(samples(), hidden, rng=rng, ensemble=(seeds,), activation=model)
    return networks.at_lambda_0()


def first_kernel(networks: Networks) -> Array:
    """Return the mean of ``J J^T`` over networks at the start, ``(m, m)``."""
    if isinstance(networks.model, LinearNet):
        kernels = networks.model.kernel(networks.start)
    else:
        kernels = np.stack(
            [tangent.ntk(networks.net, theta, networks.X) for theta in networks.start]
        )
    mean: Array = len(networks.X) * kernels.mean(axis=0)
    return mean


def mean_square_end(kernel: Array, batch_size: int) -> float:
    """Return the c at which the second moment of the outputs begins to grow."""
    return float(threshold(kernel, batch_size) * _top(kernel))


def typical_end(kernel: Array, batch_size: int) -> float:
    """Return the c at which the outputs begin to grow typically, to about a hundredth."""
    rate = 1 / _top(kernel)

    @cache
    def growth(c: float) -> float:
        return lyapunov(linear_sgd(kernel, c * rate, batch_size), **FEW).value

    low = high = mean_square_end(kernel, batch_size)
    while growth(high) <= 0:
        low, high = high, 1.2 * high
    return float(brentq(growth, low, high, xtol=1e-3))


def _top(kernel: Array) -> float:
    return float(np.linalg.eigvalsh(kernel)[-1]) / len(kernel)


def ends(
    networks: Networks, c: Array, batch_size: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return which networks left their first kernel at ``c (C, 1)``, and which diverged.

    Both ``(C, S)``; what diverged has left. Batches are drawn with replacement, and are the same at
    every c.
    """
    batches = rng.integers(len(networks.X), size=(len(networks.start), STEPS, batch_size))
    run = networks.run_at(c, steps=STEPS, batches=batches)
    beyond = tuple(range(2, run.state.ndim))
    lost = (run.outcome == Outcome.DIVERGED) | ~np.isfinite(run.state).all(axis=beyond)
    kept = np.where(np.expand_dims(lost, beyond), networks.start, run.state)
    change = networks.top_eigenvalue(kept) / networks.lambda_0 - 1
    return lost | (np.abs(change) > CHANGE), lost


@once
def thrown(bench: Bench, model: str) -> Array:
    """Return which networks left, far below and beyond the thresholds, ``(sizes, 3, S)``.

    The three are at the c of :data:`LAZY`, of the mean-square threshold, and of :data:`SURE`.
    """
    networks = drawn(model, 12 * bench.effort.members, bench.rng(f"phases {model}"))
    known, found = first_kernel(networks), []
    for size in SIZES:
        least, typical = mean_square_end(known, size), typical_end(known, size)
        c = np.array([[LAZY * least], [least], [SURE * typical]])
        found.append(ends(networks, c, size, bench.rng(f"batches {model} {size}"))[0])
    return np.array(found)


def share_thrown(bench: Bench, model: str, place: int) -> Measured:
    """Return the share of networks that left their first kernel, of all batch sizes."""
    return share(thrown(bench, model)[:, place].T)


def phase_claims() -> Iterator[Claim]:
    """Yield the claims on the phases of SGD."""
    claim = Claims(DERIVED, "rare_catapults.phases", cost=10)
    for model, width in WIDTHS.items():
        of = f"{model} networks of width {width}, six samples, batches of 1, 2 and 3"
        left = partial(share_thrown, model=model)
        yield claim(
            f"{model}.lazy",
            f"{of}: at {LAZY} times the threshold of mean-square growth they keep their first "
            "kernel (share that leaves it)",
            at_most(
                partial(left, place=0),
                0.05,
                because="theta is above 2 there, so that the share is below a constant over the "
                "width: one of 20 leaves room for the constant",
            ),
        )
        yield claim(
            f"{model}.sure",
            f"{of}: at {SURE} times the threshold of typical growth they leave it",
            at_least(partial(left, place=2), 0.9, because="high probability, after 300 steps"),
        )
        yield claim(
            f"{model}.rare",
            f"{of}: the share that leaves it at the threshold of mean-square growth",
            measured(partial(left, place=1)),
        )
