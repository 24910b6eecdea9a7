"""The phases of SGD: derived lines in closed cases, ends of runs, a claim for another seed."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims.gess2026 import phases
from catapult_sim.claims.verdict import BAD, judge
from catapult_sim.experiments.bench import Bench


def test_lines_of_orthogonal_samples_are_closed_forms():
    """The second moment grows from 2 b m / (b + m - 1) on, in units of J J^T; c is over m."""
    for m, b in ((1, 1), (2, 1), (3, 2)):
        end = 2 * b / (b + m - 1)
        assert phases.mean_square_end(np.eye(m), b) == pytest.approx(end, abs=1e-9)
    # Batches of one leave the other outputs alone: log|1 - a| = 0 at a = 2.
    assert phases.typical_end(np.eye(2), 1) == pytest.approx(1.0, abs=2e-3)


def test_the_first_kernel_of_the_exact_network_is_that_of_infinite_width():
    networks = phases.drawn("linear", 50, np.random.default_rng(0))
    X = networks.X / np.sqrt(2)
    np.testing.assert_allclose(phases.first_kernel(networks), 2 * X @ X.T, rtol=0.02, atol=0.01)


@pytest.mark.parametrize("model", ["linear", "tanh"])
def test_small_rates_keep_the_first_kernel_and_huge_ones_diverge(model, monkeypatch):
    monkeypatch.setattr(phases, "STEPS", 60)
    rng = np.random.default_rng(1)
    left, lost = phases.ends(phases.drawn(model, 3, rng), np.array([[0.05], [50.0]]), 2, rng)
    np.testing.assert_array_equal(left, [[False] * 3, [True] * 3])
    np.testing.assert_array_equal(lost, left)


def test_a_wrong_share_of_sure_catapults_is_refuted_for_another_seed():
    bench = Bench(7)
    (sure,) = claims.select(["rare_catapults.phases.linear.sure"])
    assert judge(sure, bench).verdict not in BAD
    assert judge(replace(sure, relation="<=", predict=0.5), bench).verdict in BAD
