"""Where accuracy is best: on made-up scans whose answers are known."""

import math

import numpy as np
import pytest

from catapult_sim.claims.lewkowycz2020 import accuracy
from catapult_sim.claims.lewkowycz2020.accuracy import Scan, best, optimum
from catapult_sim.experiments.bench import Bench

C = np.array([1.0, 2.0, 3.0, 4.0])


def made_up(choosing, judging=None, diverged_from=4, seeds=8):
    accuracy = np.repeat(np.array(choosing, dtype=float)[:, None], seeds, axis=1)
    judging = accuracy if judging is None else np.repeat(np.array(judging)[:, None], seeds, axis=1)
    diverged = np.repeat((np.arange(4) >= diverged_from)[:, None], seeds, axis=1)
    return Scan(C, accuracy, judging, diverged)


def test_one_half_chooses_and_the_other_judges():
    found = made_up([0.5, 0.6, 0.9, 0.8], [0.5, 0.7, 0.65, 0.95])
    assert best(found, found.c > 2).tolist() == [0.65] * 8
    assert best(found, found.c <= 2).tolist() == [0.7] * 8


def test_chance_differences_bring_no_advantage():
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.01, size=(2, 4, 4000))
    found = Scan(C, *noise, np.zeros((4, 4000), bool))
    gain = best(found, found.c > 2) - best(found, found.c <= 2)
    assert abs(gain.mean()) < 4 * gain.std() / math.sqrt(4000)


def test_convergence_ends_between_the_last_surviving_rate_and_the_next():
    assert made_up([0, 0, 0, 0], diverged_from=3).end == pytest.approx(math.sqrt(12))
    assert math.isnan(made_up([0, 0, 0, 0], diverged_from=4).end)
    assert math.isnan(made_up([0, 0, 0, 0], diverged_from=0).end)


def test_the_optimum_is_measured_from_the_end():
    found = optimum(made_up([0.5, 0.6, 0.9, 0.1], diverged_from=3))
    assert found.value == pytest.approx(math.log2(3 / math.sqrt(12)))
    assert found.n == 8


def test_seeds_that_disagree_widen_the_error():
    calm = made_up([0.5, 0.6, 0.9, 0.1], diverged_from=3)
    torn = made_up([0.5, 0.6, 0.7, 0.1], diverged_from=3)
    torn.choosing[1, 0] = torn.judging[1, 0] = 1.39  # one seed decides for all
    assert optimum(torn).error > 2 * optimum(calm).error


def test_every_seed_draws_its_own_samples_and_learning_rates_share_them():
    bench = Bench(3)
    drawn = [bench.split(16, draw=f"accuracy {seed}")[0][0] for seed in (0, 1, 0)]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])


def test_a_guess_is_right_once_in_as_many_times_as_there_are_classes(tmp_path):
    assert accuracy.chance(Bench(0)) == 0.1
    path = tmp_path / "two.csv"
    path.write_text("\n".join(f"{i},{i % 3},{i % 2}" for i in range(40)))
    assert accuracy.chance(Bench(0, data=path)) == 0.5
