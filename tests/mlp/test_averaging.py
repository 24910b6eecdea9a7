"""Averages of the networks that descent passes through, under every optimiser."""

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs import averages, strides
from catapult_sim.numeric.runs.averages import EMA, SWA, TwoPoint, Window
from catapult_sim.numeric.runs.optimizers import HeavyBall, Nesterov
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.validation import InputError
from tests.mlp.test_optimizers import OPTIMIZERS, X, Y, batches_of, build, by_hand

AVERAGES = {"ema": EMA(0.7), "swa": SWA(), "late swa": SWA(4)}
RATES = np.array([[0.05], [0.1]])


def norm(theta):
    return np.linalg.norm(theta, axis=-1)


def run(average=AVERAGES["ema"], **options):
    net, theta = build()
    return train(
        net, theta, X, Y, **{"learning_rate": RATES, "steps": 9} | options, average=average
    )


@pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_average_is_the_definition_on_the_steps_of_the_textbook(name, average):
    net, theta = build()
    found = run(average, observe={"norm": norm}, **OPTIMIZERS[name])
    assert found.average.shape == found.state.shape
    for i, s in np.ndindex(2, 3):
        path = np.array(list(by_hand(net, theta[s], RATES[i, 0], s, **OPTIMIZERS[name])))
        means = np.array([averages.weights(average, t) @ path[: t + 1] for t in range(10)])
        np.testing.assert_allclose(found.average[i, s], means[-1], rtol=1e-11, atol=1e-13)
        for values, quantity in (
            ("average_loss", lambda one: net.loss(one, X, Y)),
            ("average_norm", norm),
        ):
            np.testing.assert_allclose(found.values[values][:, i, s], quantity(means), rtol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_who_is_averaged_does_not_notice(name, monkeypatch):
    options = {"observe": {"norm": norm}, "learning_rate": [[0.05], [0.2], [200.0]]}
    alone = run(None, **options, **OPTIMIZERS[name])
    assert alone.average is None
    averaged = run(**options, **OPTIMIZERS[name])
    monkeypatch.setattr(strides, "BLOCK_BYTES", 1)
    apart = run(**options, **OPTIMIZERS[name])
    for found in (averaged, apart):
        for key in ("state", "outcome", "stopped"):
            np.testing.assert_array_equal(getattr(found, key), getattr(alone, key))
        for key, values in alone.values.items():
            np.testing.assert_array_equal(found.values[key], values)
    np.testing.assert_array_equal(averaged.average, apart.average)


@pytest.mark.parametrize("average", [EMA(0.9), SWA(10)], ids=str)
@pytest.mark.parametrize(
    "method",
    [
        {},
        {"optimizer": HeavyBall(0.6)},
        {"optimizer": Nesterov(0.6)},
        {"batches": batches_of(ensemble=())},
    ],
    ids=str,
)
def test_averages_of_the_linear_network_are_those_of_its_closure(method, average):
    net = MLP([4, 30, 2], activation="linear")
    theta = net.init(rng=2)
    (U, _), (V, _) = net.split(theta)
    options = {"learning_rate": 0.2, "steps": 60, "average": average, **method}
    closure = LinearNet(X / 2, Y, width=30).train(weights=(U.T, V), **options)
    found = train(net, theta, X, Y, **options)
    for name in ("loss", "average_loss"):
        np.testing.assert_allclose(found.values[name], closure.values[name], rtol=1e-9)


def test_the_average_of_a_member_is_that_of_where_it_stopped():
    rates = np.array([0.1, 1e60, 300.0])
    found = run(learning_rate=rates, steps=9, optimizer=HeavyBall(0.5), escape=1e3)
    assert found.outcome.tolist() == [Outcome.RUNNING, Outcome.DIVERGED, Outcome.DIVERGED]
    for i, last in enumerate(found.stopped):
        until = run(learning_rate=rates, steps=int(last), optimizer=HeavyBall(0.5), escape=np.inf)
        np.testing.assert_array_equal(found.average[i], until.average[i])


def test_what_diverges_is_not_finite_and_makes_no_noise():
    net, theta = MLP([4, 6, 2], activation="linear", biases=True), build()[1]
    options = {"learning_rate": 1e60, "steps": 9, "batches": batches_of(), "every": 9}
    assert not np.isfinite(train(net, theta, X, Y, average=SWA(), **options).average).any()


@pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)
def test_single_precision_stays_single(average):
    light, theta = MLP([4, 6, 2], activation="tanh", biases=True, dtype="float32"), build()[1]
    options = OPTIMIZERS["all at once"]
    single = train(light, theta, X, Y, learning_rate=RATES, steps=9, average=average, **options)
    double = run(average, **options)
    assert single.state.dtype == single.average.dtype == np.float32
    np.testing.assert_allclose(single.average, double.average, rtol=0, atol=1e-5)


def test_the_mean_of_thousands_of_single_precision_networks_is_their_rounded_mean():
    light, theta = MLP([4, 6, 2], biases=True, dtype="float32"), build()[1][0]
    options = {"learning_rate": 0.1, "steps": 2000, "batches": batches_of(ensemble=())}
    observe = {"weights": lambda theta: theta}
    found = train(light, theta, X, Y, average=SWA(), observe=observe, **options)
    expected = found.values["weights"].mean(axis=0)
    assert (abs(found.average - expected) <= np.finfo(np.float32).eps * abs(expected)).all()


def test_the_loss_of_the_average_is_measured_only_where_it_is_recorded(monkeypatch):
    seen, real = [], Passes.move

    def spied(self, theta, X):
        seen.append(X.shape[-2])
        return real(self, theta, X)

    monkeypatch.setattr(Passes, "move", spied)
    found = run(batches=batches_of(), every=4).values
    for name, steps in (("loss", [0, 4, 8, 9]), ("average_loss", [0, 4, 8])):
        np.testing.assert_array_equal(np.flatnonzero(np.isfinite(found[name][:, 0, 0])), steps)
    assert seen.count(12) == 4 + 3 + 1  # the last tells how much memory is required


def test_where_outputs_are_linear_in_the_weights_those_of_the_average_are_the_average_outputs():
    net, theta = build()
    model = TaylorModel(net, theta[0], order=1)
    outputs = {"outputs": lambda theta: model.predict(theta, X)}
    options = {"steps": 9, "observe": outputs, "average": EMA(0.7)} | {"optimizer": HeavyBall(0.7)}
    found = train(model, theta[0], X, Y, learning_rate=0.1, **options).values
    for t in (3, 9):
        expected = np.tensordot(averages.weights(EMA(0.7), t), found["outputs"][: t + 1], axes=1)
        np.testing.assert_allclose(found["average_outputs"][t], expected, rtol=1e-11)


@pytest.mark.parametrize("average", [TwoPoint(2), Window(3)], ids=str)
def test_averages_that_remember_iterates_are_refused_and_had_from_observed_ones(average):
    with pytest.raises(InputError, match=r"None; got .*=.\), which remembers iterates one by one"):
        run(average)
    iterates = run(None, observe={"weights": lambda theta: theta}).values["weights"]
    last = tuple(iterates[-average.length :])
    expected = np.tensordot(averages.weights(average, 9), iterates, axes=1)
    np.testing.assert_allclose(average.value(last), expected, rtol=1e-13)


def test_what_is_no_average_is_refused():
    with pytest.raises(InputError, match=r"must be EMA\(...\), SWA\(...\) or None; got 0.9$"):
        run(0.9)
