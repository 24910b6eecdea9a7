"""Stochastic gradient descent: what a step is, and what an epoch is."""

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.optimizers import regularized_gradient, shuffled
from catapult_sim.mlp.training import train, train_sgd
from catapult_sim.numeric.requirements import InputError
from catapult_sim.numeric.trajectory import Outcome

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
ONE_HOT = np.eye(2)[RNG.integers(0, 2, 12)]


def build(loss="squared_error", activation="tanh"):
    net = MLP([4, 6, 2], activation=activation, loss=loss, biases=True)
    return net, net.init(rng=0, ensemble=(3,))


def test_every_epoch_visits_every_sample_once():
    batches = shuffled(12, 3, 50, rng=0, ensemble=(5,))
    for partition, orders in zip(batches.partition, batches.orders, strict=True):
        visits = partition[orders].reshape(50, 12)
        np.testing.assert_array_equal(np.sort(visits, axis=1), np.tile(np.arange(12), (50, 1)))
        # The partition is one for all epochs, the order is not.
        assert {frozenset(batch) for batch in partition[orders].reshape(-1, 3)} == {
            frozenset(batch) for batch in partition
        }
        assert len(np.unique(orders, axis=0)) > 10


def test_orders_are_uniform():
    orders = shuffled(3, 1, 6000, rng=1).orders
    counts = np.unique(orders @ [100, 10, 1], return_counts=True)[1]
    assert len(counts) == 6
    # Chi-squared with 5 degrees of freedom exceeds 25 once in 7000 times.
    assert np.sum((counts - 1000) ** 2 / 1000) < 25


def test_more_members_and_more_epochs_begin_with_the_fewer():
    few, many = shuffled(12, 4, 7, rng=3, ensemble=(2,)), shuffled(12, 4, 20, rng=3, ensemble=(6,))
    np.testing.assert_array_equal(many.partition[:2], few.partition)
    np.testing.assert_array_equal(many.orders[:2, :7], few.orders)
    assert not np.array_equal(many.orders[0], many.orders[1])


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_the_regularised_gradient_is_the_complex_step_of_the_penalised_loss(loss):
    net, theta = build(loss)
    y, strength = ONE_HOT if loss == "cross_entropy" else Y, 0.3
    nudged = theta[0] + 1e-30j * np.eye(net.size)
    penalty = np.sum(net.gradient(nudged, X, y) ** 2, axis=-1)
    penalised = net.loss(nudged, X, y) + strength / 4 * penalty
    found = regularized_gradient(net, theta[:1], X[None], y[None], np.array([strength]))[0]
    np.testing.assert_allclose(found, penalised.imag / 1e-30, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("regularizer", [0.0, 0.2])
def test_at_every_learning_rate_training_takes_the_steps_of_the_same_batches(regularizer):
    (net, theta), rates = build(), (0.05, 0.1)
    options = {"batch_size": 4, "epochs": 3, "rng": 5, "regularizer": regularizer}
    run = train_sgd(net, theta, X, Y, learning_rate=np.array(rates)[:, None], **options)
    batches = shuffled(12, 4, 3, rng=5, ensemble=(3,))
    for i, s in np.ndindex(2, 3):
        now = theta[s]
        for epoch in range(3):
            expected = pytest.approx(net.loss(now, X, Y), rel=1e-12)
            assert run.values["loss"][epoch, i, s] == expected
            for rows in batches.partition[s, batches.orders[s, epoch]]:
                g = net.gradient(now, X[rows], Y[rows])
                bent = net.hessian_product(now, X[rows], Y[rows], g)
                now = now - rates[i] * (g + regularizer / 2 * bent)
        np.testing.assert_allclose(run.state[i, s], now, rtol=1e-11)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_one_batch_is_gradient_descent_bit_for_bit(activation):
    net, theta = build(activation=activation)
    rates = np.array([[0.05], [0.3], [200.0]])
    stochastic = train_sgd(net, theta, X, Y, learning_rate=rates, batch_size=12, epochs=40, rng=0)
    full = train(net, theta, X, Y, learning_rate=rates, steps=40)
    np.testing.assert_array_equal(stochastic.state, full.state)
    np.testing.assert_array_equal(stochastic.values["loss"], full.values["loss"])
    np.testing.assert_array_equal(stochastic.outcome, full.outcome)


def test_members_do_not_depend_on_their_company():
    net, theta = build()
    rates, penalties = np.geomspace(0.02, 50, 4)[:, None, None], np.array([[0.0], [0.1]])
    options = {"batch_size": 3, "epochs": 12, "rng": 2}
    together = train_sgd(net, theta, X, Y, learning_rate=rates, regularizer=penalties, **options)
    assert together.state.shape == (4, 2, 3, net.size)
    assert (together.outcome == Outcome.DIVERGED).any()
    for i, j in np.ndindex(4, 2):
        alone = train_sgd(
            net, theta, X, Y, learning_rate=rates[i, 0, 0], regularizer=penalties[j, 0], **options
        )
        np.testing.assert_array_equal(alone.state, together.state[i, j])


def test_observers_see_parameters_and_change_nothing():
    net, theta = build()
    options = {"learning_rate": 0.1, "batch_size": 4, "epochs": 4, "rng": 0}
    norm = {"norm": lambda theta: np.linalg.norm(theta, axis=-1)}
    seen = train_sgd(net, theta, X, Y, observe=norm, every=2, **options)
    np.testing.assert_array_equal(seen.state, train_sgd(net, theta, X, Y, **options).state)
    np.testing.assert_array_equal(seen.values["norm"][0], np.linalg.norm(theta, axis=-1))
    np.testing.assert_array_equal(np.isfinite(seen.values["norm"][:, 0]), [1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"batch_size": 5}, "batch_size must divide the 12 samples; got 5"),
        ({"batch_size": 24}, "batch_size must divide the 12 samples; got 24"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1; got 0"),
        ({"epochs": -1}, "epochs must be an integer of at least 0; got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive; got 0"),
        ({"regularizer": -0.1}, "regularizer must be finite and at least 0; got -0.1"),
        ({"regularizer": [0.1, np.nan]}, "regularizer must be finite and at least 0; got nan"),
    ],
)
def test_wrong_calls_are_refused_in_one_sentence(wrong, sentence):
    net, theta = build()
    options = {"learning_rate": 0.1, "batch_size": 3, "epochs": 1}
    with pytest.raises(InputError, match=sentence):
        train_sgd(net, theta, X, Y, **options | wrong)
