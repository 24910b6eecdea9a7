"""Training ensembles of networks."""

import numpy as np
import pytest

from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import Checkpoint
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 1))


def test_training_is_gradient_descent():
    net = MLP([4, 8, 1], activation="tanh")
    theta = net.init(rng=0)
    run = train(net, theta, X, Y, learning_rate=0.2, steps=12)
    for t in range(13):
        assert run.values["loss"][t] == net.loss(theta, X, Y)
        last, theta = theta, theta - 0.2 * net.gradient(theta, X, Y)
    np.testing.assert_array_equal(run.state, last)


def test_members_do_not_depend_on_their_company():
    net = MLP([4, 8, 1], activation="relu")
    theta = net.init(rng=0, ensemble=(3,))
    rates = np.geomspace(0.05, 20, 7)[:, None]
    together = train(net, theta, X, Y, learning_rate=rates, steps=40, tolerance=1e-4)
    for i, s in np.ndindex(7, 3):
        alone = train(net, theta[s], X, Y, learning_rate=rates[i, 0], steps=40, tolerance=1e-4)
        np.testing.assert_array_equal(
            alone.values["loss"], together.values["loss"][: len(alone.step), i, s]
        )
        np.testing.assert_array_equal(alone.state, together.state[i, s])
        assert alone.outcome == together.outcome[i, s]


def test_the_linear_network_catapults_exactly_as_the_closure():
    net = MLP([4, 200, 1], activation="linear")
    theta = net.init(rng=2)
    rate = 3 / kernel.top_eigenvalue(net, theta, X)
    run = train(net, theta, X, Y, learning_rate=rate, steps=80)
    (U, _), (v, _) = net.split(theta)
    closure = LinearNet(X / 2, Y, width=200)
    of_closure = closure.train(learning_rate=rate, steps=80, weights=(U.T, v))
    np.testing.assert_allclose(run.values["loss"], of_closure.values["loss"], rtol=1e-9)
    assert classify(run, settled=0.5) == Phase.CATAPULT


def test_observers_see_states_and_change_nothing():
    net = MLP([4, 8, 1])
    theta = net.init(rng=0)
    observe = {"lam": lambda theta: kernel.top_eigenvalue(net, theta, X)}
    seen = train(net, theta, X, Y, learning_rate=0.1, steps=10, observe=observe, every=5)
    plain = train(net, theta, X, Y, learning_rate=0.1, steps=10)
    np.testing.assert_array_equal(seen.state, plain.state)
    assert seen.values["lam"][0] == kernel.top_eigenvalue(net, theta, X)
    np.testing.assert_array_equal(np.isfinite(seen.values["lam"]), seen.step % 5 == 0)


def test_the_caller_s_parameters_and_data_are_left_alone():
    net = MLP([4, 8, 1])
    theta = net.init(rng=0)
    copies = theta.copy(), X.copy(), Y.copy()
    train(net, theta, X, Y, learning_rate=0.1, steps=5)
    for now, before in zip((theta, X, Y), copies, strict=True):
        np.testing.assert_array_equal(now, before)


def test_negative_steps_are_refused():
    net = MLP([4, 8, 1])
    with pytest.raises(InputError, match="steps must be an integer of at least 0; got -1"):
        train(net, net.init(rng=0), X, Y, learning_rate=0.1, steps=-1)


def test_a_prolonged_run_with_batches_is_the_run_at_once_but_for_the_loss_where_it_ended(tmp_path):
    net = MLP([4, 8, 1], activation="tanh")
    options = {"learning_rate": 0.1, "batches": minibatches(6, 2, steps=17, rng=0), "every": 5}

    def to(steps, **kept):
        observe = {"norm": lambda theta: np.linalg.norm(theta, axis=-1)}
        return train(net, net.init(rng=0), X, Y, steps=steps, observe=observe, **options, **kept)

    kept = {"checkpoint": Checkpoint(tmp_path / "run.npz")}
    to(7, **kept)
    prolonged, at_once = to(17, **kept), to(17)
    assert prolonged.state.tobytes() == at_once.state.tobytes()
    assert prolonged.values["loss"][7] == to(7).values["loss"][7]
    assert np.isnan(at_once.values["loss"][7])
    prolonged.values["loss"][7] = np.nan
    for name in ("loss", "norm"):
        np.testing.assert_array_equal(prolonged.values[name], at_once.values[name])
