"""Where sharpness settles: on made-up runs whose answers are known, and on one that is real."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims import cohen2021
from catapult_sim.claims.cohen2021 import SETTINGS, Edge, Setting
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, agrees, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.measured import NothingToMeasure

DESCENT = Setting("made up", "2", 5, 1000)


def made_up(loss, sharpness, seeds=3):
    loss, sharpness = (np.tile(np.array(a, float)[:, None], seeds) for a in (loss, sharpness))
    return Edge(DESCENT, np.arange(len(loss)), loss, sharpness)


CALM = made_up([8, 7, 6, 5, 4, 3, 2, 1], [1, np.nan, 0.5, np.nan, 1.5, np.nan, 2.2, np.nan])


def test_only_the_last_quarter_is_the_end():
    assert cohen2021.level(CALM).value == pytest.approx(2.2)
    assert cohen2021.band(CALM).value == pytest.approx(0.1)


def test_a_seed_that_leaves_undecides_what_is_said_of_the_end():
    sharpness = CALM.sharpness.copy()
    sharpness[4:, 1] = np.nan
    left = Edge(DESCENT, CALM.step, CALM.loss, sharpness)
    for measure in (cohen2021.band, cohen2021.level):
        found = measure(left)
        assert agrees(0.0, found, 0.5, "<=") is None


def test_the_rise_is_measured_from_the_lowest_point():
    assert cohen2021.lowest(CALM).value == pytest.approx(0.5 / 2.2)


def test_the_loss_is_judged_step_by_step_and_over_many_steps():
    restless = made_up([8, 9, 6, 5, 4, 3, 2, 3, 1, 2, 1, 2], [1.0] * 6 + [2.0] * 6)
    stuck = made_up([8, 7, 6, 5, 4, 3, 1, 2, 1, 1, 2, 2], [1.0] * 12)
    early = made_up([8, 9, 6, 5, 4, 3, 2, 1], [1.0] * 4 + [2.0] * 4)
    monotone, stalled = (
        cohen2021.monotone_seeds,
        cohen2021.stalled_seeds,
    )
    assert [monotone(run).value for run in (CALM, early, restless)] == [1, 1, 0]
    with pytest.raises(NothingToMeasure):  # the threshold is not reached
        monotone(stuck)
    assert [stalled(run).value for run in (CALM, stuck)] == [0, 1]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ([3, 2, 3, 1], GOOD),
        ([2, 2, 2, 2], BAD),
    ],
)
def test_eight_seeds_that_agree_decide_what_most_seeds_do(monkeypatch, end, expected):
    run = made_up([9] * 12 + end, [2.0] * 16, seeds=8)
    monkeypatch.setattr(cohen2021, "edge", lambda bench, setting: run)
    claims = cohen2021.setting_claims(DESCENT)
    terms = [claim for claim in claims if claim.id.endswith("-term")]
    assert {judge(claim, Bench(0)).verdict for claim in terms} <= expected


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_quadratic_is_barely_stable_at_the_threshold(setting):
    """Iterate the rule along one direction of unit curvature, on both sides of the threshold."""
    beta = setting.momentum
    for factor, stable in ((0.99, True), (1.01, False)):
        eta, before, now = factor * setting.threshold, 1.0, 1.0
        for _ in range(3000):
            ahead = now + beta * (now - before) * setting.nesterov
            before, now = now, now + beta * (now - before) - eta * ahead
        assert (abs(now) < 1) == stable


def test_every_network_starts_at_the_same_distance_from_the_threshold(monkeypatch):
    small = replace(EFFORTS["quick"], members=3, edge_samples=32)
    monkeypatch.setitem(EFFORTS, "quick", small)
    found = cohen2021.edge(Bench(4), Setting("short", "2", 4, 25))
    np.testing.assert_allclose(found.sharpness[0], 2 / 4, rtol=1e-2)


def test_another_threshold_is_refuted(monkeypatch):
    small = replace(EFFORTS["quick"], members=3, edge_samples=64)
    monkeypatch.setitem(EFFORTS, "quick", small)
    claims = cohen2021.setting_claims(Setting("short", "2", 3, 600))
    level = next(claim for claim in claims if claim.id.endswith("level"))
    bench = Bench(7)
    assert judge(level, bench).verdict in {*GOOD, Verdict.OPEN}  # of three seeds
    assert judge(level, bench).measured.value == pytest.approx(2.0, abs=0.1)
    object.__setattr__(level, "predict", lambda bench: 2.4)
    assert judge(level, bench).verdict in BAD
