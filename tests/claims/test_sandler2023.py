"""The claims on minibatch losses: that they measure, and that what is broken is refuted."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims import sandler2023 as paper
from catapult_sim.claims.sandler2023 import digits, lowered, model, table
from catapult_sim.claims.sandler2023 import timescales as directions
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.minibatch import moments
from catapult_sim.numeric.runs.averages import TwoPoint
from catapult_sim.validation import InputError
from tests.experiments.efforts import TINY


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    for module, sizes in {
        digits: {"SAMPLES": 64, "HIDDEN": 8, "WARM_UP": 60, "GAP": 20},
        directions: {
            "SAMPLES": 32,
            "HIDDEN": 3,
            "DESCENT": 30,
            "STEPS": 20,
            "GAP": 5,
            "MEMBERS": 3,
        },
    }.items():
        for name, size in sizes.items():
            monkeypatch.setattr(module, name, size)
    return lambda seed=0, data=None: Bench(seed, "tiny", data)


def one(name):
    (claim,) = (claim for claim in paper.CLAIMS if claim.id == f"{model.GROUP}.{name}")
    return claim


@pytest.mark.parametrize("claim", claims.select([f"{model.GROUP}.model"]), ids=lambda c: c.id)
def test_the_mathematical_claims_are_confirmed_for_another_seed(claim):
    assert judge(claim, Bench(5)).verdict in GOOD


def test_forgotten_anticorrelation_is_refuted(monkeypatch):
    def anew(rates, *, batches=None, **options):
        return moments.propagate(rates, **options)

    monkeypatch.setattr(model, "propagate", anew)
    assert judge(one("model.closed.shuffled"), Bench(0)).verdict in BAD


def test_samples_of_the_wrong_noise_are_refuted(monkeypatch):
    def loud(*arguments, **options):
        found = moments.sample(*arguments, **options)
        return replace(found, averages=1.05 * found.averages)

    monkeypatch.setattr(model, "sample", loud)
    assert judge(one("model.sampled.ema"), Bench(0)).verdict in BAD


def test_every_claim_on_digits_is_measured(tiny):
    bench = tiny()
    for claim in claims.select([f"{model.GROUP}.digits"]):
        if "timescale" not in claim.id:
            assert np.isfinite(judge(claim, bench).measured.value), claim.id
    found = directions.timescales(bench)
    assert all(np.isfinite(part).all() for parts in found.measured.values() for part in parts)


def test_averages_and_schedules_start_from_the_same_networks_and_see_the_same_batches(tiny):
    found = digits.experiment(tiny(), "squared_error")
    np.testing.assert_allclose(found.averages["two-point"], (found.start + found.last) / 2)
    moved = {name: np.linalg.norm(end - found.start) for name, end in found.scheduled.items()}
    assert max(moved.values()) < np.linalg.norm(found.last - found.start)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_table_of_averages_is_that_of_runs_written_out(monkeypatch, momentum):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    monkeypatch.setattr(table, "DIGITS", table.Setting(64, (5,), 2, 4, 40))
    monkeypatch.setattr(table, "GAPS", (3, 10))
    bench = Bench(3, "tiny")
    known, test = bench.images(64, multiple_of=32)
    drawn, unit = digits.network(bench, table.LOSS, known, (5,), (2,), "float64")
    batches = digits.drawn_anew(known, 4, 40, bench.rng("averaged batches"), (2,))
    found = table.table(bench, momentum)
    for i, share in enumerate(table.RATES):
        rate = (1 - momentum) * share * digits.RATES[table.LOSS] * unit
        for member in range(2):
            theta, velocity, way = drawn.start[member], 0.0, []
            for t, rows in enumerate(batches[member]):
                velocity = 0.0 if t == 30 else velocity
                gradient = drawn.net.gradient(theta, known[0][rows], known[1][rows])
                velocity = momentum * velocity + gradient
                theta = theta - rate * velocity
                way.append(theta)
            ema = way[29]
            for iterate in way[30:]:
                ema = 0.99 * ema + 0.01 * iterate
            points = {
                "last": way[39],
                "two-point-50": (way[39] + way[36]) / 2,
                "two-point-400": (way[39] + way[29]) / 2,
                "ema": ema,
                "swa": np.mean(way[29:], axis=0),
            }
            for name, point in points.items():
                value = found[name, "loss"][i, member]
                assert value == pytest.approx(drawn.net.loss(point, *test), rel=1e-4), name
    below = table.entry(bench, momentum, 1, "swa", "error").value
    errors = [found[name, "error"][1].mean() for name in ("last", "swa")]
    assert below == pytest.approx(errors[0] - errors[1])
    half = table.beside_half(bench, momentum, 0, "loss").value
    two, last = found["two-point-400", "loss"][0].mean(), found["last", "loss"][1].mean()
    assert half == pytest.approx(two - last)


@pytest.mark.parametrize("way", lowered.WAYS)
def test_averages_after_the_rate_is_lowered_are_those_of_runs_written_out(monkeypatch, way):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    monkeypatch.setattr(table, "DIGITS", table.Setting(64, (5,), 2, 4, 20))
    monkeypatch.setattr(table, "GAPS", (3, 10))
    monkeypatch.setattr(lowered, "STEPS", 10)
    bench = Bench(3, "tiny")
    run, found = table.late(bench, 0.0), lowered.ends(bench, way)
    net, (X, y) = run.networks.net, (run.networks.X, run.networks.y)
    batches = digits.drawn_anew((X, y), 4, 20, bench.rng("lowered batches"), (2,))
    rate = run.rates[0, 0]
    factors = {
        "cosine": (1 + np.cos(np.pi * np.arange(10) / 10)) / 2,
        "tenth": np.full(20, 0.1),
    }[way]
    for member in range(2):
        theta = run.networks.start[0, member].astype(float)
        points = [theta]
        for factor, rows in zip(factors, batches[member], strict=False):
            theta = theta - rate * factor * net.gradient(theta, X[rows], y[rows])
            points.append(theta)
        last = points[-11:]
        ema = last[0]
        for iterate in last[1:]:
            ema = 0.99 * ema + 0.01 * iterate
        for name, point in {"last": last[-1], "ema": ema, "swa": np.mean(last, axis=0)}.items():
            value = found[name, "loss"][member]
            assert value == pytest.approx(net.loss(point, *run.test), rel=1e-4), name
    losses = {name: found[name, "loss"] for name in ("last", "swa")}
    gained = losses["last"] - losses["swa"]
    assert lowered.gain(bench, way, "swa", "loss").value == pytest.approx(gained.mean())
    assert lowered.last(bench, way, "loss").value == pytest.approx(losses["last"].mean())
    constant = table.table(bench, 0.0)
    before = (constant["last", "loss"] - constant["swa", "loss"])[0]
    share = lowered.share_left(bench, way, "swa").value
    assert share == pytest.approx(gained.sum() / before.sum())


def test_at_a_small_learning_rate_averages_are_their_schedules(tiny, monkeypatch):
    monkeypatch.setitem(digits.RATES, "squared_error", 1e-4)
    monkeypatch.setitem(digits.AVERAGES, "two-point", TwoPoint(digits.GAP))
    # So short a way is rounded in single precision.
    monkeypatch.setattr(digits, "network", partial(digits.network, dtype="float64"))
    found = digits.experiment(tiny(), "squared_error")
    way = np.linalg.norm(found.last - found.start)
    for name in digits.AVERAGES:
        assert np.linalg.norm(found.averages[name] - found.scheduled[name]) < 1e-3 * way


def test_a_wrong_spectrum_is_refuted(monkeypatch):
    rates = np.geomspace(1e-4, 0.2, 40)
    parts = {
        name: (rates + rate, rates * rate) for name, rate in zip("abcd", (1, 2, 3, 4), strict=True)
    }
    right = dict(zip(("last", "half", "two-point", "ema"), parts.values(), strict=True))
    wrong = right | {name: (0.8 * m, 0.8 * v) for name, (m, v) in right.items() if name != "last"}
    wrong["half"] = right["half"]
    names = [f"digits.timescale.{name}" for name in ("two-point", "ema-slow", "halving")]
    for predicted, verdicts in ((right, GOOD), (wrong, BAD)):
        found = directions.Timescales(rates, right, predicted)
        monkeypatch.setattr(directions, "timescales", lambda bench, found=found: found)
        assert {judge(one(name), Bench(0)).verdict for name in names} <= verdicts


def test_labels_that_are_no_probabilities_leave_cross_entropy_unmeasured(tiny, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "regression.npz"
    np.savez(path, X=rng.normal(size=(200, 4)), y=rng.normal(size=200))
    bench = tiny(data=path)
    for name in ("one-step", "quadratic.later", "ema.loss", "ema.schedule", "two-point.error"):
        judged = judge(one(f"digits.cross_entropy.{name}"), bench)
        assert judged.verdict is Verdict.OPEN
    assert np.isfinite(judge(one("digits.squared_error.ema.loss"), bench).measured.value)


def test_too_few_samples_are_inconclusive(tiny, tmp_path):
    path = tmp_path / "few.npz"
    np.savez(path, X=np.arange(6.0).reshape(3, 2), y=np.arange(3.0))
    bench = tiny(data=path)
    for claim in claims.select([f"{model.GROUP}.digits"]):
        assert judge(claim, bench).verdict is Verdict.OPEN, claim.id


def test_data_without_variation_are_refused(tiny, tmp_path):
    np.savez(tmp_path / "a.npz", X=np.ones((80, 3)), y=np.arange(80.0))
    for name in ("squared_error.ema.loss", "timescale.ema"):
        with pytest.raises(InputError, match=r"top kernel eigenvalue .* must be positive; got 0"):
            judge(one(f"digits.{name}"), tiny(data=tmp_path / "a.npz"))
