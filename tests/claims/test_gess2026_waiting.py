"""When SGD catapults networks: times that are seen, the derived delay, waiting times."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims.gess2026 import fixed_kernels, six_samples, waiting
from catapult_sim.claims.gess2026.problem import CHANGE, rate_of_tail
from catapult_sim.claims.gess2026.six_samples import SIX
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import population
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(waiting, "BLOCK", 2000)
    smaller = Bench(7)
    smaller.effort = replace(smaller.effort, rare_powers=(2, 3, 4, 5), rare_starts=2000)
    return smaller


def one(name):
    return next(claim for claim in claims.CLAIMS if claim.id == f"rare_catapults.{name}")


def test_no_weights_fit_anything_of_the_labels_that_cannot_be_fitted():
    X, _ = six_samples.samples()
    labels = waiting.unfittable()
    np.testing.assert_allclose(X.T @ labels, 0, atol=1e-14)
    assert np.abs(labels).min() > 0.5


def test_outputs_that_carry_the_moment_grow_like_its_slope():
    """The slope of L at theta, also from populations of walkers on both sides of it."""
    sgd = linear_sgd(SIX.kernel, rate_of_tail(SIX, 1.1))
    above, below = (population(sgd, q, draws=800, rng=3) for q in (1.15, 1.05))
    found = (above.value - below.value) / 0.1
    assert waiting.growth_of_catapults(1.1) == pytest.approx(found, abs=0.01)


def test_the_first_change_is_that_of_a_run_watched_step_by_step():
    net, rate = LinearNet(*six_samples.samples(), width=100), rate_of_tail(SIX, 0.9)
    found = waiting.first_changes(np.random.default_rng(1), net, rate, 20, 60, every=1)[CHANGE]
    rng = np.random.default_rng(1)
    state = net.init(rng=rng, ensemble=(20,))
    first, batches = state, rng.integers(6, size=(20, 60, 1))
    times = np.full(20, np.inf)
    for t in range(60):
        state = net.train(
            learning_rate=rate, steps=1, state=state, batches=batches[:, t : t + 1]
        ).state
        change = np.abs(state[:, -1, -1] - first[:, -1, -1])
        times[np.isinf(times) & (change > CHANGE)] = t + 1
    assert 0 < np.isfinite(times).sum() < 20
    np.testing.assert_array_equal(found, times)
    coarse = waiting.first_changes(np.random.default_rng(1), net, rate, 20, 60, every=7)[CHANGE]
    seen = np.isfinite(coarse)
    assert np.all(coarse[seen] % 7 == 0)
    assert np.all(coarse[seen] >= times[seen])


def test_the_waiting_time_grows_as_derived_for_another_seed_and_not_as_the_width(bench):
    claim = one("waiting-1.1")
    assert judge(claim, bench).verdict in GOOD
    assert judge(replace(claim, predict=1.0), bench).verdict in BAD


def test_the_delay_is_not_twice_the_derived_one(bench):
    assert judge(replace(one("time-1.1"), predict=2.0), bench).verdict in BAD


def test_changes_with_a_fixed_kernel_are_those_of_a_wide_network(monkeypatch):
    """So wide that the kernel does stay, and small changes count."""
    change, starts, steps = 1e-8, 30, 40
    monkeypatch.setattr(fixed_kernels, "CHANGE", change)
    net = LinearNet(six_samples.samples()[0], waiting.unfittable(), width=10**10)
    rate = rate_of_tail(SIX, 0.9)
    found = fixed_kernels.first_changes(np.random.default_rng(5), net, rate, starts, steps)
    rng = np.random.default_rng(5)
    start, times = net.init(rng=rng, ensemble=(starts,)), np.full(starts, np.inf)
    state = start
    for t in range(1, steps + 1):
        batches = rng.integers(6, size=(starts, 1, 1))
        state = net.train(learning_rate=rate, steps=1, state=state, batches=batches).state
        changed = np.abs(state[:, -1, -1] - start[:, -1, -1]) > change
        times[np.isinf(times) & changed] = t
    assert 0 < np.isfinite(times).sum() < starts
    np.testing.assert_array_equal(found, times)


@pytest.mark.parametrize("name", ["narrow.fixed", "narrow"])
def test_narrow_networks_come_sooner_than_derived_also_with_the_kernels_they_were_drawn_with(
    name, bench
):
    bench.effort = replace(bench.effort, rare_starts=10_000)
    found = judge(one(f"time-0.9.{name}"), bench)
    assert found.measured.value + 2 * found.measured.error < 0.95
