"""The first steps of networks, on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims.claim import at_most
from catapult_sim.claims.lewkowycz2020 import early_time
from catapult_sim.claims.lewkowycz2020.early_time import Ends
from catapult_sim.claims.verdict import BAD, GOOD, Judgement, judge
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure

LINEAR = Architecture("linear", 1, "raw")
C = np.array([3.0, 6.0])


@pytest.fixture
def wide(monkeypatch):
    sizes = {"early_time": 3, "c_act_samples": 12, "c_act_width": 4000}
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], **sizes))
    return Bench(1)


def made_up(monkeypatch, peak, peak_step, curvature):
    found = Ends(C, *map(np.array, (peak, peak_step, curvature)))
    monkeypatch.setattr(early_time, "ends", lambda *_: found)


def test_wide_linear_networks_are_lazy_up_to_two(wide):
    assert early_time.fall(wide, LINEAR).value == pytest.approx(0, abs=0.02)
    assert early_time.kink(wide, LINEAR).value == pytest.approx(2, abs=0.15)
    assert early_time.risen(wide, LINEAR).value == pytest.approx(1, abs=0.02)


def top_eigenvalue(weights, X):
    """Of the kernel of a linear network with one hidden layer, written out."""
    (first, last), (m, d), n = weights, X.shape, weights[0].shape[1]
    hidden = X @ first / np.sqrt(d)
    by_first = np.kron(X @ X.T / d, last.T @ last / n)
    by_last = np.kron(hidden @ hidden.T / n, np.eye(last.shape[1]))
    return np.linalg.eigvalsh(by_first + by_last)[-1] / m


def test_a_run_ends_at_its_time_with_the_curvature_of_its_kernel(wide, monkeypatch):
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], c_act_width=300))
    bench = Bench(1)
    one = early_time.networks(bench, LINEAR)[0]
    found = early_time.ends(bench, LINEAR, (1.0, 2.5))
    for k, c in enumerate(found.c):
        theta, losses = one.start.astype(float), []
        for _ in range(round(80 / c)):
            losses.append(float(one.net.loss(theta, one.X, one.y)))
            theta = theta - c / one.lambda_0 * one.net.gradient(theta, one.X, one.y)
        weights = [[w for w, _ in one.net.split(at)] for at in (one.start.astype(float), theta)]
        before, after = (top_eigenvalue(pair, one.X.astype(float)) for pair in weights)
        assert found.peak[0, k] == pytest.approx(max(losses) / losses[0], rel=1e-3)
        assert found.peak_step[0, k] == np.argmax(losses)
        assert found.curvature[0, k] == pytest.approx(after / before, rel=1e-3)
    assert found.peak_step[0].tolist() != [0, 0]


def test_the_worst_learning_rate_counts_and_runs_that_diverged_do_not(monkeypatch):
    nan = np.nan
    curvature = [[0.5, 0.1], [0.4, nan], [0.6, 0.2], [0.5, 0.3]]
    peak_step = [[4.0, 2.0], [4.0, nan], [4.0, 2.0], [4.0, 2.0]]
    peak = [[1.0, 3.0], [1.0, nan], [1.0, 3.0], [1.0, 3.0]]
    made_up(monkeypatch, peak, peak_step, curvature)
    assert early_time.left(None, LINEAR).value == pytest.approx(1.5)
    assert early_time.fall(None, LINEAR).value == pytest.approx(0.8)
    assert early_time.peak_step(None, LINEAR).value == 2  # where the loss rose


def test_where_no_loss_rose_there_is_no_peak(monkeypatch):
    made_up(monkeypatch, np.ones((4, 2)), np.zeros((4, 2)), np.ones((4, 2)))
    with pytest.raises(NothingToMeasure):
        early_time.peak_step(None, LINEAR)


def test_a_wrong_prediction_is_refuted(wide):
    claim = next(one for one in early_time.CLAIMS if one.id.endswith("relu-1-raw.flat"))
    measure = at_most(lambda bench: early_time.fall(bench, LINEAR), 0.0).measure
    right = replace(claim, measure=measure)
    assert judge(right, wide).verdict in GOOD
    assert judge(replace(right, predict=-0.5), wide).verdict in BAD


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("relu-1-raw.flat", (-0.1, 0.0, 0.19), (0.21,)),
        ("relu-1-raw.left", (1.0, 1.99), (2.01,)),
        ("relu-3-raw.kink", (2.01, 2.5, 2.99), (1.99, 3.01)),
        ("relu-3-raw.peak", (1.0, 9.9), (10.1,)),
        ("relu-3-raw.rises", (0.8, 1.04), (1.06,)),
        ("relu-residual-2-raw.rises", (1.06, 1.5), (0.8, 1.04)),
    ],
)
def test_what_agrees_was_written_down_before_the_first_run(name, good, bad):
    claim = next(one for one in early_time.CLAIMS if one.id == f"catapult.early_time.{name}")
    for numbers, verdicts in ((good, GOOD), (bad, BAD)):
        for number in numbers:
            found = Measured(number, 1e-4, 8)
            assert Judgement.of(claim, claim.predicted(None), found, 0.0).verdict in verdicts
