"""Rare catapults on images: which images, learning rates of given tails, the slope."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim import claims, datasets
from catapult_sim.claims.gess2026 import images, problem, rare
from catapult_sim.claims.gess2026.problem import Problem, rate_of_tail
from catapult_sim.claims.verdict import BAD, Verdict, judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.random_products.exponents import second_moment
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd, threshold
from catapult_sim.validation import InputError


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(problem, "MANY", {"draws": 200, "walkers": 1000, "repeats": 4})


def of_digits(**changes):
    return Problem("test", images.handwritten, **{"tails": (0.6,), "steps": 1000} | changes)


def test_images_go_from_the_faintest_of_all_to_the_boldest():
    pixels = datasets.digits(inputs="raw").X
    norms = np.linalg.norm(pixels, axis=1)
    chosen = np.linalg.norm(images.handwritten(), axis=1)
    assert np.mean(chosen**2) == pytest.approx(1)
    assert (np.diff(chosen) > 0).all()
    assert chosen[-1] / chosen[0] == pytest.approx(norms.max() / norms.min())


def test_the_kernel_is_that_of_wide_networks():
    X = images.handwritten()
    rng, width = np.random.default_rng(0), 40_000
    U, V = rng.normal(size=(width, X.shape[1])), rng.normal(size=width)
    hidden = X @ U.T
    kernel = (hidden @ hidden.T + np.sum(V**2) * X @ X.T) / width
    np.testing.assert_allclose(of_digits().kernel, kernel, rtol=0.05)


def test_growth_beyond_the_plane_is_that_of_the_exact_second_moment(few):
    digits = of_digits()
    eta = 1.1 * threshold(digits.kernel)
    exact = second_moment(linear_sgd(digits.kernel, eta))
    assert digits.growth(eta, 2.0) == pytest.approx(exact, abs=2e-3)


def test_moments_below_theta_shrink_at_its_rate_and_those_above_grow(few):
    """Of products of explicit matrices, without resampling: 30 steps of 200 000 walkers."""
    digits = of_digits()
    eta, rng = rate_of_tail(digits, 0.6), np.random.default_rng(1)
    f = rng.multivariate_normal(np.zeros(4), digits.kernel, size=200_000)
    lengths = []
    for _ in range(30):
        rows = rng.integers(4, size=len(f))
        f = f - eta * digits.kernel[rows] * f[np.arange(len(f)), rows][:, None]
        lengths.append(np.linalg.norm(f, axis=1))
    growth = {
        q: (np.log(np.mean(lengths[-1] ** q)) - np.log(np.mean(lengths[9] ** q))) / 20
        for q in (0.3, 0.6, 1.2)
    }
    assert growth[0.3] < 0 < growth[1.2]
    assert growth[0.6] == pytest.approx(0, abs=3e-3)


def test_a_power_of_one_is_refuted_for_another_seed_and_theta_over_two_is_not(few):
    bench = Bench(7)
    bench.effort = replace(bench.effort, rare_starts=2000)
    (claim,) = claims.select(["rare_catapults.handwritten-0.6"])
    digits = of_digits(powers=(5, 6, 7))

    def measure(bench):
        return rare.slope(bench, digits, 0.6)

    assert judge(replace(claim, measure=measure), bench).verdict not in BAD
    assert judge(replace(claim, measure=measure, predict=-1.0), bench).verdict in BAD


def test_every_network_is_counted_whatever_the_block(monkeypatch, few):
    bench = Bench(7)
    bench.effort = replace(bench.effort, rare_starts=25)
    monkeypatch.setattr(rare, "HELD", 10 * 20)
    digits, sizes = of_digits(steps=20), []

    def falls(rng, width, rates, starts, steps):
        sizes.append((width, starts, steps))
        return np.full((len(rates), starts), np.nan)  # all diverge, which counts

    monkeypatch.setattr(Problem, "falls", lambda self, *args: falls(*args))
    assert rare.rare_counts(bench, digits, 3) == [25]
    assert sizes == [(1000, 10, 20), (1000, 10, 20), (1000, 5, 20)]


def test_without_fashion_mnist_the_claim_is_open(monkeypatch):
    def absent(**options):
        raise InputError("not here")

    monkeypatch.setattr(datasets, "fashion_mnist", absent)
    clothing = Problem("test", images.clothing.__wrapped__, (0.6,), 100, powers=(5, 6))
    (claim,) = claims.select(["rare_catapults.clothing-0.6"])
    found = judge(replace(claim, measure=lambda bench: rare.slope(bench, clothing, 0.6)), Bench(0))
    assert found.verdict is Verdict.OPEN
