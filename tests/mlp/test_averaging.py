"""Averages of networks, against loops written out."""

import numpy as np
import pytest

from catapult_sim.mlp.averaging import averaged_descent
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric import averages
from catapult_sim.numeric.averages import EMA, SWA, TwoPoint, Window
from catapult_sim.numeric.batches import minibatches
from catapult_sim.numeric.requirements import InputError

AVERAGES = {"ema": EMA(0.8), "swa": SWA(3), "window": Window(4), "pair": TwoPoint(5)}
STEPS, MEMBERS = 12, 3


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    network = MLP([3, 5, 2], activation="tanh", biases=True)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    theta = network.init(rng=1, ensemble=(MEMBERS,))
    return network, theta, X, y, minibatches(20, 4, STEPS, rng=2, ensemble=(MEMBERS,))


def test_iterates_and_averages_are_those_of_a_plain_loop(problem):
    network, theta, X, y, batches = problem
    rates = np.linspace(0.5, 0.1, STEPS)
    every = range(STEPS + 1)
    run = averaged_descent(
        network, theta, X, y, rates=rates, batches=batches, averages=AVERAGES, record=every
    )
    for member in range(MEMBERS):
        iterates = [theta[member]]
        for rate, rows in zip(rates, batches[member], strict=True):
            now = iterates[-1]
            iterates.append(now - rate * network.gradient(now, X[rows], y[rows]))
        np.testing.assert_allclose(run.iterates[:, member], iterates, rtol=1e-12, atol=1e-14)
        for name, average in AVERAGES.items():
            for t in (0, 1, 7, STEPS):
                expected = averages.weights(average, t) @ np.array(iterates[: t + 1])
                found = run.averages[name][t, member]
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_members_may_have_learning_rates_of_their_own(problem):
    network, theta, X, y, batches = problem
    rates = np.outer(np.ones(STEPS), [0.1, 0.2, 0.3])
    run = averaged_descent(network, theta, X, y, rates=rates, batches=batches)
    alone = averaged_descent(network, theta[2], X, y, rates=np.full(STEPS, 0.3), batches=batches[2])
    np.testing.assert_allclose(run.iterates[-1, 2], alone.iterates[-1], rtol=1e-12)


def test_single_precision_stays_single(problem):
    network, theta, X, y, batches = problem
    light = MLP([3, 5, 2], activation="tanh", biases=True, dtype="float32")
    options = {"rates": np.full(STEPS, 0.2), "batches": batches, "averages": AVERAGES}
    single = averaged_descent(light, theta, X, y, **options)
    double = averaged_descent(network, theta, X, y, **options)
    assert single.iterates.dtype == np.float32
    for name, average in single.averages.items():
        assert average.dtype == np.float32
        np.testing.assert_allclose(average, double.averages[name], rtol=0, atol=1e-5)


def test_the_iterates_of_any_other_optimiser_can_be_averaged(problem):
    network, theta, X, y, _ = problem
    memory, now, average = SWA().begin(theta), theta, SWA()
    every = [theta]
    for t in range(6):
        now = train(network, now, X, y, learning_rate=0.1, steps=1).state
        memory, every = average.advance(memory, now, t), [*every, now]
    np.testing.assert_allclose(average.value(memory), np.mean(every, axis=0), rtol=1e-13)


def test_what_diverges_is_not_finite_and_makes_no_noise(problem):
    _, theta, X, y, batches = problem
    linear = MLP([3, 5, 2], activation="linear", biases=True)
    run = averaged_descent(
        linear, theta, X, y, rates=np.full(STEPS, 1e60), batches=batches, averages=AVERAGES
    )
    assert not np.isfinite(run.averages["ema"]).all()


def test_as_many_rates_as_batches_are_required(problem):
    network, theta, X, y, batches = problem
    with pytest.raises(InputError, match="rates must be as many as batches, 12; got 3"):
        averaged_descent(network, theta, X, y, rates=np.ones(3), batches=batches)
