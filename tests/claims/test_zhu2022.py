"""Claims on quadratic models: what they rest on, against closed forms and explicit weights."""

from typing import NamedTuple

import numpy as np
import pytest

from catapult_sim.claims import meltzer2023, zhu2022
from catapult_sim.claims.lewkowycz2020 import linear_again
from catapult_sim.claims.lewkowycz2020.linear_again import Pairs
from catapult_sim.claims.verdict import GOOD, Verdict, judge
from catapult_sim.claims.zhu2022.line import on_two_points, sampled_line
from catapult_sim.claims.zhu2022.sample import map_orbit
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import largest_mean
from catapult_sim.mlp import kernel
from catapult_sim.numeric.runs.measured import NothingToMeasure

CHEAP = [
    claim
    for claim in (*zhu2022.CLAIMS, *meltzer2023.CLAIMS)
    if "one-sample" in claim.id or ".norm." in claim.id or claim.id.endswith(("line.rank", "first"))
]


@pytest.mark.parametrize("claim", CHEAP, ids=lambda claim: claim.id)
def test_the_exact_claims_are_confirmed_for_another_seed(claim):
    assert judge(claim, Bench(7)).verdict in GOOD


@pytest.mark.parametrize("quadratic", [False, True])
def test_two_points_train_the_network_as_all_samples_do(quadratic):
    network = sampled_line(np.random.default_rng(0))
    line = network.expanded() if quadratic else network
    two = on_two_points(line)
    states, losses = [], []
    for problem in (line, two):
        run = problem.run_at([1.0, 2.5, 3.0], steps=25)
        states.append(run.state)
        losses.append(run.values["loss"])
    np.testing.assert_allclose(*states, rtol=1e-9, atol=1e-12)
    left = losses[0] - losses[1]  # what no slope can learn
    np.testing.assert_allclose(left, left[0, 0], rtol=1e-9)


def test_two_points_have_the_kernel_s_two_eigenvalues_the_larger_first():
    for seed in range(4):
        line = sampled_line(np.random.default_rng(seed))
        two = on_two_points(line)
        top = np.linalg.eigvalsh(kernel.ntk(line.net, line.start, line.X))[:-3:-1]
        np.testing.assert_allclose(
            kernel.ntk(two.net, two.start, two.X), np.diag(top), rtol=1e-10, atol=1e-12
        )
        assert two.unit == pytest.approx(1 / top[0])


def test_the_map_of_one_sample_is_gradient_descent_on_two_weights():
    u, v, rate = 1.3, -0.4, 0.7
    g, top = map_orbit(u * v, u**2 + v**2, rate, bend=1.0, steps=6)
    for t in range(7):
        assert g[t] == pytest.approx(u * v, rel=1e-10)
        assert top[t] == pytest.approx(u**2 + v**2, rel=1e-10)
        u, v = u - rate * (u * v - 1) * v, v - rate * (u * v - 1) * u


def test_the_printed_kernel_update_is_refuted_and_the_derived_one_holds():
    bench = Bench(3)
    verdicts = {
        claim.id: judge(claim, bench).verdict
        for claim in zhu2022.CLAIMS
        if "kernel-update" in claim.id
    }
    assert verdicts == {
        "quadratic_models.kernel-update": Verdict.HOLDS,
        "quadratic_models.kernel-update.printed": Verdict.REFUTED,
    }


def test_the_norm_may_grow_with_labels_or_above_four():
    seen = meltzer2023.norms(Bench(0), labels=True)
    assert (np.diff(seen["norm"], axis=0) > 0).any()
    without = meltzer2023.norms(Bench(0), labels=False)
    grown = np.diff(without["norm"], axis=0) > 0
    assert (without["scaled"][:-1][grown] > 4).all()
    assert grown.any()


def test_sparsity_leaves_out_what_did_not_come_down(monkeypatch):
    share = np.repeat(0.5 - 0.1 * np.log2(meltzer2023.SPARSE_RATES), 3, axis=1)
    share[-2:, 0] = np.nan
    share[:, 2] = np.nan
    share[:2] = 7.0  # below c = 2: of no account
    monkeypatch.setattr(meltzer2023, "active_share", lambda bench, architecture: share)
    found = meltzer2023.sparsening(None, None)
    assert found.value == pytest.approx(-0.1)
    assert found.n == 2


def made_up_pairs(linear, scaled):
    network = np.ones((2, 3, 2, 4, 2)) * [1.0, -1.0]
    labels = np.tile([1.0, 0.0], (2, 1, 4, 1))
    return Pairs(network, network * linear, labels, np.array(scaled))


def test_distances_are_relative_and_only_where_the_catapult_is_over():
    found = made_up_pairs(1.25, [[1.9, 2.1], [1.0, 2.2]])
    np.testing.assert_allclose(found.distance, 0.25)
    np.testing.assert_array_equal(found.accuracy_gap, 0)
    np.testing.assert_array_equal(made_up_pairs(-1.0, [[1, 1]]).accuracy_gap, 1)
    np.testing.assert_array_equal(found.over, [[True, False], [True, False]])


def test_the_worst_learning_rate_is_one_that_three_seeds_know():
    values = np.array([[0.1, 9.0], [0.3, 9.0], [0.2, 9.0]])
    over = np.array([[True, True], [True, True], [True, False]])
    assert largest_mean(values, over).value == pytest.approx(0.2)
    with pytest.raises(NothingToMeasure):
        largest_mean(values, ~over)


def test_networks_and_linear_models_part_at_the_same_outputs():
    _, _, labels, scaled = one = linear_again.one_seed(Bench(0), "tanh", 32, seed=0, before=7)
    network, linear = one[:2]
    assert network.shape == linear.shape == (21, 3, *labels.shape[1:])
    np.testing.assert_allclose(linear[0], network[0], rtol=1e-4)  # of single precision
    assert np.abs(linear[1] - network[1]).max() > 1e-3
    assert scaled.shape == (3,)


class MadeUp(NamedTuple):
    """What :class:`Pairs` tells, ``(seeds, rates)`` each."""

    distance: np.ndarray
    over: np.ndarray


def test_shares_and_exponents_count_seeds_not_learning_rates(monkeypatch):
    powers = np.array([[1.0, 2.0, 9.0], [3.0, 3.0, 3.0]])
    over = np.array([[True, True, False], [True, True, True]])
    monkeypatch.setattr(
        linear_again,
        "pairs",
        lambda bench, activation, width, before: MadeUp(width**-powers, over),
    )
    found = linear_again.width_exponent(Bench(0), "relu")
    assert found.value == pytest.approx(-2.25)  # the mean of 1.5 and 3
    assert (found.error, found.n) == (pytest.approx(0.75), 2)
    for measure in (linear_again.share_over, linear_again.early_distance):
        assert measure(Bench(0), "relu").n == 2
    assert linear_again.share_over(Bench(0), "relu").error > 0.2
    # The smallest distance of each seed: width^-9 and width^-3.
    width = Bench(0).effort.hidden[1][0]
    assert linear_again.early_distance(Bench(0), "relu").value == pytest.approx(
        -6 * np.log10(width)
    )
