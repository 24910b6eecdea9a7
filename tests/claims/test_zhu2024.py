"""Spikes of SGD: counted and placed in losses that are known, and judged on another seed."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims import zhu2024
from catapult_sim.claims.verdict import GOOD, Verdict, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.experiments.networks import draw
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.observers import Observers
from tests.experiments.efforts import TINY

LOSS = np.array([8.0, 4.0, 9.0, 7.0, 3.9, 1.0, 1.5, 2.5, 2.2, 0.5, 0.004, 0.015, 0.003, 0.2])


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", replace(TINY, seeds=4))
    monkeypatch.setattr(zhu2024, "STEPS", 600)
    return Bench(7, "tiny")


def one(name):
    return next(claim for claim in claims.CLAIMS if claim.id == f"sgd_catapults.{name}")


def test_spikes_are_counted_from_twice_the_smallest_loss_until_they_are_back():
    # 9 over 4; 2.5 over 1, with 2.2 in the same one; 0.2 over the floor, 0.008; 0.015 is not.
    assert zhu2024.count_spikes(LOSS) == 3
    assert zhu2024.count_spikes(LOSS[::-1][3:]) == 1
    assert zhu2024.count_spikes(np.geomspace(1, 1e-6, 50)) == 0


def test_the_largest_spike_begins_at_the_smallest_loss_before_its_top():
    assert zhu2024.largest_spike(LOSS) == (12, 13)
    assert zhu2024.largest_spike(LOSS[:-1]) == (5, 7)
    assert zhu2024.largest_spike(np.geomspace(1, 1e-6, 50)) == (0, 0)


def test_a_rise_along_the_top_eigenvector_lies_in_the_span_and_one_beyond_does_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 3))
    networks = draw((X, np.zeros((10, 1))), [40], rng=1, activation="linear")
    jacobian = np.array(
        [
            networks.net.transposed_jacobian_product(networks.start, X, row[:, None])
            for row in np.eye(10)
        ]
    )
    modes = np.linalg.svd(jacobian)[0]  # of rank 3: beyond is no output of a linear network
    before = networks.outputs(networks.start)[:, 0]
    for mode in modes[:, :3].T:
        along = replace(networks, y=-5 * mode[:, None] + before[:, None])
        moved = np.zeros_like(networks.start)  # outputs 0
        low, high = 5 * mode, 5 * mode - before
        expected = np.sum((modes[:, :5].T @ high) ** 2) - np.sum((modes[:, :5].T @ low) ** 2)
        total = np.sum(high**2) - np.sum(low**2)
        found, _ = zhu2024.shares_of_rise(along, networks.start, moved, rng)
        assert found == pytest.approx(expected / total, rel=1e-6)


def test_alignment_is_one_for_the_true_plane_and_small_for_another():
    net = MLP([20, 4, 1], activation="linear", parametrization="standard")
    see = Observers(net, np.eye(20), np.zeros(20))
    W, V = np.zeros((20, 4)), np.ones((4, 1))
    for row, expected in ((0, np.sqrt(0.5)), (5, 0.0)):
        W[:] = 0
        W[row, 0] = 2.0  # the gradient is along one input alone
        theta = np.concatenate([W.ravel(), V.ravel()])
        assert zhu2024.alignment(see, theta, zhu2024.first_two(Bench(0))) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["span", "spikes.many"])
def test_the_claims_on_spikes_hold_for_another_seed(name, tiny):
    assert judge(one(name), tiny).verdict in GOOD


def test_without_spikes_there_is_nothing_to_compare(tiny, monkeypatch):
    monkeypatch.setattr(zhu2024, "C", 0.01)
    assert judge(one("spikes.many"), tiny).verdict is Verdict.OPEN
    assert judge(one("span"), tiny).verdict is Verdict.OPEN


def test_a_random_subspace_is_not_taken_for_the_top_one(tiny, monkeypatch):
    """With the eigenvectors of the smallest eigenvalues the share is refuted."""
    real = np.linalg.eigh

    def smallest_last(matrix):
        values, vectors = real(matrix)
        return values[::-1], vectors[:, ::-1]

    monkeypatch.setattr(zhu2024.np.linalg, "eigh", smallest_last)
    assert judge(one("span"), tiny).verdict not in GOOD


def test_random_vectors_have_their_number_s_share_of_a_rise(monkeypatch):
    """On average over subspaces: so many of all dimensions, by symmetry."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
    networks = draw((X, y), [40], rng=1, activation="relu")
    after = networks.start + 0.5
    shares = [zhu2024.shares_of_rise(networks, networks.start, after, rng)[1] for _ in range(300)]
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) == pytest.approx(zhu2024.TOP / 10, abs=4 * error)


def test_images_are_two_classes_and_what_is_learnt_is_not_tested():
    bench = Bench(3)
    (X, y), (tests, labels) = zhu2024.images(bench)
    assert set(np.unique(y)) == set(np.unique(labels)) == {-1.0, 1.0}
    raw = bench.images(zhu2024.KNOWN)[0][1]
    np.testing.assert_array_equal(y[:, 0] > 0, raw @ np.arange(10) % 2 == 1)
    (some, _), _ = zhu2024.draw_images(bench, np.random.default_rng(0))
    rows = {row.tobytes() for row in some}
    assert rows <= {row.tobytes() for row in X}
    assert rows.isdisjoint(row.tobytes() for row in tests)


@pytest.mark.parametrize("labels", ["classes", "numbers"])
def test_two_classes_of_one_s_own_are_learnt_as_they_are_and_numbers_not(tmp_path, labels):
    X, numbers = np.random.default_rng(0).normal(size=(2, 40, 3))
    y = np.arange(40) % 2 if labels == "classes" else numbers[:, 0]
    np.savez(tmp_path / "own.npz", X=X, y=y)
    bench = Bench(0, data=tmp_path / "own.npz")
    if labels == "numbers":
        assert judge(one("images.test.many"), bench).verdict is Verdict.OPEN
        return
    (_, learnt), (_, test) = zhu2024.images(bench)
    assert sorted([*learnt[:, 0], *test[:, 0]]) == [-1.0] * 20 + [1.0] * 20
