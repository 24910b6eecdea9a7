"""The thresholds of the first steps, against explicit descent and dense matrices."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims import kalra2023_early
from catapult_sim.claims.kalra2023_early import VERSIONS, Shape, threshold
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.experiments.first_steps import KINDS
from catapult_sim.mlp.network import MLP

SHAPES = {"relu": Shape("relu", 2, 12), "tanh": Shape("tanh", 1, 14)}


class Explicit:
    """One seed, in double precision, with dense matrices."""

    def __init__(self, bench, shape, seed):
        start = kalra2023_early.draw(bench, shape)[seed]
        self.net = MLP(start.net.widths, activation=shape.activation, parametrization="standard")
        self.theta, self.X, self.y = start.start.astype(float), start.X, start.y

    def sharpness(self, theta, version):
        everywhere = np.eye(self.net.size)
        if version == "hessian":
            matrix = self.net.hessian_product(theta, self.X, self.y, everywhere)
        else:
            jacobian = self.net.jacobian_product(theta, self.X, everywhere)
            flat = jacobian.reshape(self.net.size, -1)
            matrix = flat.T @ flat / len(self.X)
        return np.linalg.eigvalsh(matrix)[-1]

    def crossed(self, name, version, c):
        loss = lambda theta: float(self.net.loss(theta, self.X, self.y))  # noqa: E731
        eta = c / self.sharpness(self.theta, version)
        path = [self.theta]
        with np.errstate(all="ignore"):
            for _ in range(10):
                path.append(path[-1] - eta * self.net.gradient(path[-1], self.X, self.y))
            losses = np.array([loss(theta) for theta in path])
            if not losses.max() <= 1e5 * losses[0]:
                return True
            if name == "sharp":
                values = [self.sharpness(theta, version) for theta in path]
                return max(values[1:]) > values[0]
            if name == "barrier":
                ways = np.linspace(0, 1, 201)
                segment = [loss(path[0] + a * (path[-1] - path[0])) for a in ways]
                return max(segment) > losses[0] * (1 + 1e-12)
        return name == "loss" and losses.max() > losses[0]


@pytest.mark.parametrize("activation", SHAPES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", KINDS)
def test_nothing_happens_at_the_lower_end_and_it_does_at_the_upper(
    name, version, activation, monkeypatch
):
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], seeds=2, samples=8))
    bench, shape = Bench(5), SHAPES[activation]
    found = threshold(bench, shape, name, version)
    closed = (found.lower > 0) & np.isfinite(found.upper)
    assert (found.upper <= 1.031 * found.lower)[closed].all()
    for seed in range(2):
        explicit = Explicit(bench, shape, seed)
        if np.isfinite(found.upper[seed]):
            assert explicit.crossed(name, version, found.upper[seed])
        if found.lower[seed] > 0:
            assert not explicit.crossed(name, version, found.lower[seed])
