"""The phase of a run whose losses were not all seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.batches import SAMPLINGS, minibatches
from catapult_sim.numeric.runs.optimizers import HeavyBall, Nesterov
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, rise
from catapult_sim.numeric.runs.trajectory import Outcome, measured_throughout, peak

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(12, 6)), RNG.normal(size=(12, 1))
NET = MLP([6, 40, 1], activation="linear")
CLOSURE = LinearNet(X / np.sqrt(6), Y, width=40)
THETA = NET.init(rng=0)
(U, _), (v, _) = NET.split(THETA)
WEIGHTS = U.T, v
TOP = CLOSURE.top_eigenvalue(CLOSURE.from_weights(*WEIGHTS))
RATES = np.linspace(0.3, 4.2, 14) / TOP
STEPS = 60


def same_run(sampling, size, seed, optimizer, **options):
    """Train a linear network as a network and, with every loss seen, in the closure."""
    batches = minibatches(12, size, steps=STEPS, sampling=sampling, rng=seed)
    method = {"learning_rate": RATES, "steps": STEPS, "batches": batches, "optimizer": optimizer}
    closure = CLOSURE.train(weights=WEIGHTS, **method)
    return train(NET, THETA, X, Y, **method, **options), closure


@settings(max_examples=25, deadline=None)
@given(
    sampling=some.sampled_from(SAMPLINGS),
    size=some.sampled_from([1, 2, 4, 6, 12]),
    seed=some.integers(0, 10**6),
    optimizer=some.sampled_from([HeavyBall(0.0), HeavyBall(0.5), Nesterov(0.5)]),
    every=some.integers(2, 70) | some.lists(some.integers(0, 60), min_size=1, max_size=9),
)
def test_no_phase_contradicts_the_losses_that_were_not_seen(sampling, size, seed, optimizer, every):
    run, closure = same_run(sampling, size, seed, optimizer, every=every)
    found, true = classify(run, settled=0.5), classify(closure, settled=0.5)
    seen = measured_throughout(run)
    assert (found[~seen] != Phase.LAZY).all()
    decided = (found != Phase.UNDECIDED) & (found != Phase.DIVERGENT)
    assert (found[decided] == true[decided]).all()
    # The closure notices a divergence at once, the network where its loss is measured.
    largest = np.where(closure.outcome == Outcome.DIVERGED, np.inf, peak(closure))
    assert (peak(run) <= largest * (1 + 1e-9)).all()
    # Whether a run has come down is known from its last loss.
    np.testing.assert_array_equal(divergence(run, settled=0.5), divergence(closure, settled=0.5))


def test_batches_prove_a_rise_between_two_measurements():
    run, closure = same_run("repartitioned", 6, 0, HeavyBall(0.0), every=STEPS)
    assert (np.nanmax(run.values["loss"], axis=0) == run.values["loss"][0]).any()
    found, true = classify(run, settled=0.5), classify(closure, settled=0.5)
    assert {*true.names} >= {"lazy", "catapult"}
    assert (found[true == Phase.CATAPULT] == Phase.CATAPULT).sum() > 2
    assert (found[true == Phase.LAZY] == Phase.UNDECIDED).all()
    assert (rise(run)[true == Phase.LAZY] == 0).all()


@pytest.mark.parametrize("every", [1, [*range(STEPS)]])
def test_where_all_losses_are_seen_the_phases_are_those_of_the_closure(every):
    run, closure = same_run("shuffled", 4, 3, HeavyBall(0.0), every=every)
    assert measured_throughout(run).all()
    np.testing.assert_array_equal(classify(run, settled=0.5), classify(closure, settled=0.5))


def test_a_loss_of_one_batch_above_the_start_proves_nothing():
    # The last sample is fitted worst at the start: the loss of its batch is above that of all.
    targets = np.zeros((12, 1))
    targets[-1] = 10.0
    batches = np.arange(12).reshape(12, 1)
    options = {"learning_rate": 0.05 / TOP, "steps": 600, "batches": batches}
    run = train(NET, THETA, X, targets, every=600, **options)
    whole = train(NET, THETA, X, targets, **options)
    assert classify(whole, settled=0.99) == Phase.LAZY
    assert classify(run, settled=0.99) == Phase.UNDECIDED


def test_rounding_proves_nothing():
    # A batch of all samples, at a learning rate that changes no loss but in its last digits.
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(12)[None]
        run = train(NET, THETA, X, Y, learning_rate=1e-18, steps=9, batches=order, every=9)
        assert rise(run) == 0


def test_the_table_says_that_a_peak_may_be_higher():
    run, _ = same_run("shuffled", 4, 3, HeavyBall(0.0), every=10)
    assert "highest known loss" in run._repr_html_()
    run, _ = same_run("shuffled", 4, 3, HeavyBall(0.0))
    assert "peak loss" in run._repr_html_()
