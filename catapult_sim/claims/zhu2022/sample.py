r"""Zhu et al. 2022: on one sample, output and kernel of the quadratic model are one map.

References
----------
.. [1] L. Zhu, C. Liu, A. Radhakrishnan and M. Belkin, arXiv:2205.11787.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.verdict import Claim, constant
from catapult_sim.claims.zhu2022.runs import PAPER, SEEDS, Problem, bracket, end
from catapult_sim.experiments.bench import Bench
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.types import Array


def one_sample(bench: Bench) -> list[Problem]:
    """Draw ReLU networks on one sample of two inputs with label 1."""
    net, X = MLP([2, 2000, 1]), np.array([[0.6, 0.8]])
    thetas = net.init(rng=bench.rng("one sample"), ensemble=(SEEDS[bench.effort.name],))
    units = 1 / kernel.top_eigenvalue(net, thetas, X)
    return [
        Problem(net, theta, X, np.ones(1), float(unit), quadratic=True)
        for theta, unit in zip(thetas, units, strict=True)
    ]


def map_error(bench: Bench) -> Measured:
    """Follow outputs and kernels of quadratic models through a catapult by the map."""
    errors = [departure_from_map(problem) for problem in one_sample(bench)]
    return Measured(max(errors), 0.0, len(errors))


def departure_from_map(problem: Problem, c: float = 3.0, steps: int = 30) -> float:
    """Return the largest error of the map along a run, relative to the largest value."""
    model, net, X = TaylorModel(problem.net, problem.theta), problem.net, problem.X
    observe = {
        "output": lambda theta: model.predict(theta, X)[..., 0, 0],
        "kernel": lambda theta: model.top_eigenvalue(theta, X),
    }
    run = problem.run_at([c], steps=steps, observe=observe).values
    seen = np.stack([run["output"][:, 0], run["kernel"][:, 0]])
    bend = (net.scales[0] * net.scales[1]) ** 2 * np.sum(X**2)
    orbit = map_orbit(seen[0, 0], seen[1, 0], rate=c * problem.unit, bend=bend, steps=steps)
    return float(np.max(np.abs(seen - orbit) / np.abs(orbit).max(axis=1, keepdims=True)))


def map_orbit(g: float, top: float, rate: float, bend: float, steps: int) -> Array:
    """Iterate output and kernel of one sample with label 1, ``(2, steps + 1)``.

    ``bend`` is the square of the model's curvature, ``|x|^2 / (d n)`` in the paper.
    """
    orbit = [(g, top)]
    for _ in range(steps):
        D = g - 1
        g, top = (
            1 + D * (1 - rate * top + bend * rate**2 * D * g),
            top - bend * rate * D * (4 * g - rate * top * D),
        )
        orbit.append((g, top))
    return np.array(orbit).T


def sample_boundary(bench: Bench, kind: str) -> Measured:
    """Find where the loss of one sample first rises, or stops converging."""
    if kind == "end":
        return bracket(one_sample(bench), partial(end, steps=200), 2.5, 8.0).measured
    return bracket(one_sample(bench), first_step, 1.5, 3.0).measured


def first_step(problem: Problem, c: Array) -> Array:
    """Tell whether the loss exceeds its start after one step."""
    loss = problem.run_at(c, steps=1).values["loss"]
    return np.where(loss[1] > loss[0], 1, -1)


# What is claimed ------------------------------------------------------------------------------


def sample_claims() -> Iterator[Claim]:
    """State what happens on one sample."""
    setting = "quadratic model of ReLU, one sample with a label"
    claim = partial(Claim, source=f"{PAPER}, section 3.1", cost=2)
    yield claim(
        "quadratic_models.one-sample.map",
        f"{setting}: its map through a catapult (relative error)",
        predict=constant(0.0),
        measure=map_error,
        tolerance=1e-8,
    )
    for kind, value, text in (
        ("rise", 2.0, "the loss rises from eta lambda_0 = 2"),
        ("end", 4.0, "it converges up to eta lambda_0 = 4"),
    ):
        yield claim(
            f"quadratic_models.one-sample.{kind}",
            f"{setting}, width 2000: {text}",
            predict=constant(value),
            measure=partial(sample_boundary, kind=kind),
            tolerance=0.05 * value,
        )
