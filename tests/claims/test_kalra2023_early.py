"""Trends and orders of thresholds, on made-up ones."""

import numpy as np
import pytest

from catapult_sim.claims import kalra2023_early
from catapult_sim.claims.kalra2023_early import by_depth, by_width
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.boundary import Boundary, centre


def bracket(values):
    lower, upper = 0.99 * np.asarray(values, float), 1.01 * np.asarray(values, float)
    return Boundary(centre(lower, upper), lower, upper, (), 1)


def made_up(monkeypatch, law):
    """Let the threshold of a seed be a law of the shape and the threshold's name."""

    def threshold(bench, shape, name, version="hessian"):
        return bracket([law(shape, name) * (1 + 0.001 * seed) for seed in range(4)])

    monkeypatch.setattr(kalra2023_early, "threshold", threshold)


def test_the_exponent_of_a_power_is_found(monkeypatch):
    made_up(monkeypatch, lambda shape, name: 7 * shape.width**-0.5 * shape.depth**0.25)
    arguments = Bench(0), "relu", "kernel", "loss"
    assert kalra2023_early.exponent(*arguments, by_width).value == pytest.approx(-0.5)
    assert kalra2023_early.exponent(*arguments, by_depth).value == pytest.approx(0.25)


def test_the_limit_of_infinite_width_is_extrapolated(monkeypatch):
    made_up(monkeypatch, lambda shape, name: 2 + 30 / shape.width)
    assert kalra2023_early.wide_limit(Bench(0), "tanh").value == pytest.approx(2, rel=3e-3)


def test_one_pair_out_of_order_is_seen(monkeypatch):
    ladder = {"loss": 2, "sharp": 3, "barrier": 5, "max": 10}
    made_up(monkeypatch, lambda shape, name: ladder[name])
    found = kalra2023_early.ordered(Bench(0), "relu", "hessian")
    assert found.value == 1
    assert found.error > 0.1  # of a few seeds, though they are unanimous
    last = Bench(0).effort.early_widths[-1]
    made_up(
        monkeypatch,
        lambda shape, name: 6 if (name, shape.width) == ("sharp", last) else ladder[name],
    )
    assert kalra2023_early.ordered(Bench(0), "relu", "hessian").value == 0.75


def test_touching_brackets_are_in_order(monkeypatch):
    ladder = {"loss": 2.01, "sharp": 2, "barrier": 5, "max": 10}
    made_up(monkeypatch, lambda shape, name: ladder[name])
    assert kalra2023_early.ordered(Bench(0), "relu", "hessian").value == 1


def test_a_frozen_kernel_with_one_mode_rises_at_two(monkeypatch):
    """A kernel with a single eigenvalue gives L_t / L_0 = (1 - c)^2t."""
    monkeypatch.setattr(
        kalra2023_early.kernel,
        "ntk",
        lambda net, theta, X: np.broadcast_to(np.eye(320), (8, 320, 320)),
    )
    assert kalra2023_early.linear_limit(Bench(0), "relu") == pytest.approx(2, rel=1e-3)
