"""On a line, data of one input, the quadratic model catapults along two eigenvectors [Zhu2022].

On one input without bias a ReLU network is a straight line on either side of zero, and its
kernel has rank two: p_1 and p_2 are the samples of one sign each. So the mean loss of all
samples is, but for a constant, that of two points, on which the boundaries are found. The loss of
the paper is a sum over samples; the rates in its figure on one input are those of a mean of
squares without 1/2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.zhu2022.runs import GRID, PAPER, PRECISION, bracket, end
from catapult_sim.experiments.bench import Bench, once
from catapult_sim.experiments.networks import Networks, bracket_each
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.measured import Measured, mean
from catapult_sim.types import Array

WIDTH, SAMPLES, PRINTED = 5000, 128, 0.37  # of the setting on one input, and its 2 / lambda_1
DRAWS = 256  # of which the mean is compared with what is printed


def sampled_line(rng: np.random.Generator) -> Networks:
    """Draw the samples and the network of the paper, with ``c = eta lambda_1``."""
    y = np.repeat([-1.0, 1.0], SAMPLES // 2)
    X = rng.normal(2 * y)[:, None]
    net = MLP([1, WIDTH, 1], gain="lecun")
    theta = np.concatenate([rng.normal(size=WIDTH), rng.choice([-1.0, 1.0], WIDTH)])
    line = Networks(net, theta, X, y)
    return replace(line, lambda_0=kernel.top_eigenvalue(net, theta, on_two_points(line).X))


def on_two_points(line: Networks) -> Networks:
    """Return the two points whose loss is that of all samples plus a constant, p_1's first.

    The mean of ``(a x_i - y_i)^2`` over a side's share of all samples is ``(a x - y)^2 / 2`` and
    a constant, with ``x^2 / 2 = mean x_i^2`` and ``x y / 2 = mean x_i y_i``.
    """
    x, y = line.X[:, 0], line.y
    sides = np.stack([np.where(x < 0, x, 0), np.where(x > 0, x, 0)])
    length = np.sqrt(2 * np.mean(sides**2, axis=1)) * [-1, 1]
    targets = 2 * np.mean(sides * y, axis=1) / length
    own = np.diag(kernel.ntk(line.net, line.start, length[:, None]))
    first = np.argsort(-own)
    return replace(line, X=length[first, None], y=targets[first])


@once
def lines(bench: Bench) -> list[Networks]:
    """Draw the samples and the network of every seed."""
    seeds = range(bench.effort.few_samples)
    return [sampled_line(bench.rng(f"one input {seed}")) for seed in seeds]


def points(bench: Bench, quadratic: bool) -> list[Networks]:
    """Return the network, or its quadratic model, on the two points of every seed."""
    two = [on_two_points(line) for line in lines(bench)]
    return [one.expanded() for one in two] if quadratic else two


def mode_losses(two: Networks, c: npt.ArrayLike, steps: int) -> Array:
    """Return the squared residual of each of two points at every step, ``(T, K, 2)``."""
    outputs = two.outputs_along()
    observe = {"residual": lambda theta: outputs(theta)[..., 0] - two.y}
    return two.run_at(c, steps=steps, observe=observe).values["residual"] ** 2


def rises(two: Networks, c: Array, mode: int) -> Array:
    """Return +1 where a mode's loss exceeds its start, or -1, at ``c = eta lambda_mode``."""
    own = np.diag(kernel.ntk(two.net, two.start, two.X))
    share = mode_losses(two, c * own[0] / own[mode], steps=20)[..., mode]
    return np.where((share > share[0]).any(axis=0), 1, -1)


def mode_rise(bench: Bench, mode: int, quadratic: bool) -> Measured:
    """Find the ``eta lambda_mode`` at which a mode first catapults."""
    each, sides = points(bench, quadratic), partial(rises, mode=mode)
    return bracket_each(each, sides, 1.5, 3.0, grid=GRID, tolerance=PRECISION).measured


def rest_of_kernel(bench: Bench) -> Measured:
    """Return the largest share of the kernel that is not in its two top eigenvalues."""

    def share(line: Networks) -> float:
        values = np.linalg.eigvalsh(kernel.ntk(line.net, line.start, line.X))
        return float(np.abs(values[:-2]).sum() / values.sum())

    return Measured(max(map(share, lines(bench))), 0.0, len(lines(bench)))


def scale_of_rates(bench: Bench) -> Measured:
    """Return ``2 / lambda_1`` over the printed one; single draws vary by a tenth."""
    rng = bench.rng("rates on one input")
    return mean([2 * sampled_line(rng).unit / PRINTED for _ in range(DRAWS)])


def line_claims() -> Iterator[Claim]:
    """Yield the claims on networks on one input."""
    setting = f"ReLU, width {WIDTH}, {SAMPLES} samples of one input"
    theorem = Claims(PAPER.at("section 3.2"), "quadratic_models.line", kind="theorem")
    yield theorem(
        "rank",
        f"{setting}: the kernel has rank 2 (share of all but two eigenvalues)",
        equals(rest_of_kernel, 0.0, within=1e-10),
    )
    yield theorem(
        "rates",
        f"{setting}: 2 / lambda_1 is twice the printed {PRINTED}, whose loss has no 1/2 (ratio)",
        equals(
            scale_of_rates, 2.0, within=0.2, because="single draws of the samples vary by a tenth"
        ),
        kind="statement",
    )
    for quadratic, name in ((True, "model"), (False, "network")):
        what = "quadratic model" if quadratic else "the network itself"
        for mode, which in enumerate(("first", "second")):
            number = mode + 1
            yield theorem(
                f"{name}.{which}",
                f"{setting}, {what}: the loss along p_{number} catapults from "
                f"eta lambda_{number} = 2",
                equals(
                    partial(mode_rise, mode=mode, quadratic=quadratic),
                    2.0,
                    within=0.02 if quadratic else 0.05,
                    because="" if quadratic else "what the figure resolves: a fortieth of 2",
                ),
                kind="theorem" if quadratic else "statement",
            )
    yield theorem(
        "end",
        f"{setting}: the quadratic model converges up to eta lambda_1 = 4",
        equals(lambda bench: bracket(points(bench, True), end(200)).measured, 4.0, within=0.1),
    )
