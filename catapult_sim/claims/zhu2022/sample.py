"""The quadratic model on one sample: the map of its output and kernel [Zhu2022]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from catapult_sim.claims.claim import Claim, Claims, equals
from catapult_sim.claims.zhu2022.runs import PAPER, bracket, end
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import Networks, Search, draw
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.numeric.runs.phases import rise
from catapult_sim.types import Array


def one_sample(bench: Bench) -> list[Networks]:
    """Draw quadratic models of ReLU networks on one sample of two inputs with label 1."""
    data, ensemble = (np.array([[0.6, 0.8]]), np.ones((1, 1))), (bench.effort.few_samples,)
    drawn = draw(data, [2000], rng=bench.rng("one sample"), ensemble=ensemble).at_lambda_0()
    return [drawn[seed].expanded() for seed in range(*ensemble)]


def map_error(bench: Bench) -> Measured:
    """Return the largest error of the map through a catapult of quadratic models."""
    errors = [departure_from_map(model) for model in one_sample(bench)]
    return Measured(max(errors), 0.0, len(errors))


def departure_from_map(model: Networks, c: float = 3.0, steps: int = 30) -> float:
    """Return the largest error of the map along a run, relative to the largest value."""
    net, X, outputs = model.net, model.X, model.outputs_along()
    observe = {"output": lambda theta: outputs(theta)[..., 0, 0], "kernel": model.top_eigenvalue}
    run = model.run_at([c], steps=steps, observe=observe).values
    seen = np.stack([run["output"][:, 0], run["kernel"][:, 0]])
    bend = (net.scales[0] * net.scales[1]) ** 2 * np.sum(X**2)
    orbit = map_orbit(seen[0, 0], seen[1, 0], rate=c * model.unit, bend=bend, steps=steps)
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
    first_step = Search(1.5, 3.0, rise, {"steps": 1})
    return bracket(one_sample(bench), end(200) if kind == "end" else first_step).measured


def sample_claims() -> Iterator[Claim]:
    """Yield the claims on one sample."""
    setting = "quadratic model of ReLU, one sample with a label"
    theorem = Claims(PAPER.at("section 3.1"), "quadratic_models.one-sample", kind="theorem")
    yield theorem(
        "map",
        f"{setting}: its map through a catapult (relative error)",
        equals(map_error, 0.0, within=1e-8),
    )
    for kind, value, text in (
        ("rise", 2.0, "the loss rises from eta lambda_0 = 2"),
        ("end", 4.0, "it converges up to eta lambda_0 = 4"),
    ):
        yield theorem(
            kind,
            f"{setting}, width 2000: {text}",
            equals(partial(sample_boundary, kind=kind), value, within=0.05 * value),
        )
