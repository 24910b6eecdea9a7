"""SGD with a learning rate that is lowered, on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from catapult_sim.claims.lewkowycz2020 import decay
from catapult_sim.claims.lewkowycz2020.decay import RATES, Leg
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.experiments.networks import draw
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.measured import NothingToMeasure

K = len(RATES)


@pytest.fixture
def small(monkeypatch):
    sizes = {"decay_samples": 64, "decay_time": 40.0, "decay_seeds": 3}
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], **sizes))
    return Bench(1)


def leg(accuracy, diverged=(), curvature=None, seeds=4):
    column = np.asarray(accuracy, dtype=float)[:, None]
    values = np.repeat(column, seeds, axis=1) + 1e-4 * np.arange(seeds)
    gone = np.repeat(np.isin(np.arange(K), diverged)[:, None], seeds, axis=1)
    left = np.repeat((RATES[::-1] if curvature is None else curvature)[:, None], seeds, axis=1)
    return Leg(RATES, values, values, gone, np.where(gone, np.nan, left))


def made_up(monkeypatch, time, lowered):
    monkeypatch.setattr(decay, "legs", lambda *_: {"time": time, "lowered": lowered})


def test_ranks_that_are_equal_are_shared():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.integers(0, 6, size=(2, rng.integers(5, 12)))
        if np.ptp(x) and np.ptp(y):
            assert decay._rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_what_lowering_gives_catapults_is_measured_from_what_it_gives_lazy_runs(monkeypatch):
    lazy = RATES <= 2
    before = leg(np.where(lazy, 0.9, 0.8))
    made_up(monkeypatch, before, leg(np.where(lazy, 0.92, 0.88)))
    assert decay.gain(None, "relu").value == pytest.approx(0.06)


def test_runs_that_diverged_gain_nothing(monkeypatch):
    lazy = RATES <= 2
    accuracy = np.where(lazy, 0.92, 0.88)
    accuracy[-1] = 0.1
    made_up(monkeypatch, leg(np.where(lazy, 0.9, 0.8)), leg(accuracy, diverged=[K - 1]))
    assert decay.gain(None, "relu").value == pytest.approx(0.06)
    made_up(monkeypatch, leg(accuracy), leg(accuracy, diverged=np.flatnonzero(~lazy)))
    with pytest.raises(NothingToMeasure):
        decay.gain(None, "relu")


def test_flat_runs_that_are_right_more_often_correlate_negatively(monkeypatch):
    made_up(monkeypatch, None, leg(np.linspace(0.5, 0.9, K)))
    assert decay.correlation(None, "relu").value == pytest.approx(-1)
    made_up(monkeypatch, None, leg(np.linspace(0.5, 0.9, K), curvature=RATES))
    assert decay.correlation(None, "relu").value == pytest.approx(1)
    made_up(monkeypatch, None, leg(np.full(K, 0.5)))
    with pytest.raises(NothingToMeasure):
        decay.correlation(None, "relu")


def test_sgd_takes_the_gradients_of_its_batches():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 1))
    one = draw((X, y), [5], rng=0, activation="tanh").at_lambda_0()
    found = decay.sgd(one, 0.5, 4, np.random.default_rng(7))
    theta = one.start
    for batch in minibatches(64, 32, 4, rng=np.random.default_rng(7)):
        theta = theta - 0.5 / one.lambda_0 * one.net.gradient(theta, X[batch], y[batch])
    np.testing.assert_allclose(found.state, theta, rtol=1e-12)


def test_the_legs_go_on_from_one_another(small, monkeypatch):
    calls = []
    plain = decay.sgd

    def told(one, c, steps, rng):
        run = plain(one, c, steps, rng)
        calls.append((one.start, c, round(steps), run))
        return run

    monkeypatch.setattr(decay, "sgd", told)
    found = decay.legs(small, "relu")
    assert {name: one.judging.shape for name, one in found.items()} == dict.fromkeys(
        decay.LEGS, (K, 3)
    )
    (start, c, steps, _), (again, _, longer, equal_time), (after, low, last, _) = calls[:3]
    assert (c, steps, longer, low, last) == (0.5, 4, 80, 0.5, 8)
    np.testing.assert_array_equal(start, again)
    np.testing.assert_array_equal(after, equal_time.state)


def test_a_wrong_prediction_is_refuted(monkeypatch):
    claim = next(one for one in decay.CLAIMS if one.id == "catapult.decay.relu.lowered")
    lazy = RATES <= 2
    made_up(monkeypatch, None, leg(np.where(lazy, 0.9, 0.9)))
    assert judge(claim, Bench(0)).verdict in GOOD
    made_up(monkeypatch, None, leg(np.where(lazy, 0.93, 0.9)))
    assert judge(claim, Bench(0)).verdict in BAD


def test_l2_is_that_of_the_networks_that_are_trained(small, monkeypatch):
    seen = []
    monkeypatch.setattr(decay, "sgd", lambda one, *_: seen.append(one) or one.run_at(1.0, steps=1))
    names = ["catapult.decay.relu-l2.lowered", "catapult.decay.relu.lowered"]
    for claim in (one for name in names for one in decay.CLAIMS if one.id == name):
        judge(claim, small)
    assert [one.net.weight_decay for one in seen[:: 3 * K]] == [1e-4] * 3 + [0.0] * 3
