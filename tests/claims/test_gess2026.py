"""The claims on rare catapults of SGD."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims import gess2026
from catapult_sim.claims.gess2026 import six_samples
from catapult_sim.claims.gess2026.problem import rate_of_tail
from catapult_sim.claims.gess2026.six_samples import SIX
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.linear_net.network import LinearNet
from catapult_sim.numeric.random_products.exponents import tail
from catapult_sim.numeric.random_products.linear_sgd import linear_sgd


@pytest.fixture
def bench():
    smaller = Bench(7)
    smaller.effort = replace(smaller.effort, rare_powers=(2, 3, 4), rare_starts=10_000)
    return smaller


@pytest.mark.parametrize("theta", six_samples.TAILS)
def test_learning_rates_have_the_tail_that_they_are_asked_for(theta):
    sgd = linear_sgd(SIX.kernel, rate_of_tail(SIX, theta))
    assert tail(sgd.matrices()).value == pytest.approx(theta, abs=1e-6)


def test_catapults_grow_rare_as_a_power_of_the_width_for_another_seed(bench):
    (claim,) = (one for one in gess2026.CLAIMS if one.id.endswith("slope-1.1"))
    assert judge(claim, bench).verdict in GOOD


def test_another_power_is_not_confirmed(bench):
    (claim,) = (one for one in gess2026.CLAIMS if one.id.endswith("slope-1.1"))
    wrong = replace(claim, predict=-1.1)
    assert judge(wrong, bench).verdict in BAD


def test_full_batches_at_the_same_rates_stay_lazy():
    X, y = six_samples.samples()
    net = LinearNet(X, y, width=10**4)
    rates, start = [rate_of_tail(SIX, theta) for theta in six_samples.TAILS], net.init(rng=0)
    run = net.train(learning_rate=rates, steps=300, state=start)
    assert (np.diff(run.values["loss"], axis=0) <= 0).all()


def test_networks_that_grow_typically_leave_their_kernel(bench):
    (claim,) = (one for one in gess2026.CLAIMS if one.id == "rare_catapults.sure")
    assert judge(claim, bench).verdict in GOOD
