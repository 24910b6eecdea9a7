"""Batches: who is seen when, and what stays the same when a run or an ensemble grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from catapult_sim.numeric.runs.batches import SAMPLINGS, minibatches, require_batches
from catapult_sim.validation import InputError

ONCE_EACH = ["shuffled", "repartitioned"]


def drawn(sampling, **options):
    return minibatches(12, 3, 200, sampling=sampling, rng=1, **options)


@pytest.mark.parametrize("sampling", ONCE_EACH)
def test_every_epoch_visits_every_sample_once(sampling):
    for member in drawn(sampling, ensemble=(5,)):
        visits = member.reshape(50, 12)
        np.testing.assert_array_equal(np.sort(visits), np.tile(np.arange(12), (50, 1)))


def test_shuffled_batches_are_few_in_many_orders():
    for member in drawn("shuffled", ensemble=(5,)):
        assert len({tuple(batch) for batch in member}) == 4
        assert len({tuple(epoch) for epoch in member.reshape(50, 12)}) > 10


def test_repartitioned_batches_are_always_new():
    # Of the 220 triples of 12, 200 fair draws meet about 131.
    assert len({tuple(batch) for batch in drawn("repartitioned")}) > 100


def test_orders_are_uniform():
    batches = minibatches(3, 1, 18_000, sampling="shuffled", rng=1)
    counts = np.unique(batches.reshape(6000, 3) @ [100, 10, 1], return_counts=True)[1]
    assert len(counts) == 6
    # Chi-squared with 5 degrees of freedom exceeds 25 once in 7000 times.
    assert np.sum((counts - 1000) ** 2 / 1000) < 25


def test_with_replacement_every_draw_is_uniform_and_its_own():
    batches = minibatches(6, 2, 18_000, sampling="replacement", rng=0)
    pairs = np.unique(batches @ [10, 1], return_counts=True)
    assert len(pairs[0]) == 21
    fair = np.where(pairs[0] % 11, 1000, 500)  # a pair of two comes in two orders
    assert np.sum((pairs[1] - fair) ** 2 / fair) < 50  # 20 degrees: once in 4000 times


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_longer_runs_and_larger_ensembles_begin_with_the_smaller(sampling):
    few = minibatches(12, 4, 7, sampling=sampling, rng=3, ensemble=(2,))
    many = minibatches(12, 4, 20, sampling=sampling, rng=3, ensemble=(2, 3))
    np.testing.assert_array_equal(many.reshape(6, 20, 4)[:2, :7], few)
    assert not np.array_equal(many[0, 0], many[1, 1])


@pytest.mark.parametrize("sampling", ONCE_EACH)
@given(samples=some.integers(1, 40), size=some.integers(1, 40), epochs=some.integers(1, 4))
def test_a_last_partial_batch_is_left_out_or_filled(sampling, samples, size, epochs):
    if size > samples:
        return
    whole, rest = divmod(samples, size)
    draws = {"sampling": sampling, "rng": 5, "ensemble": (2,)}
    dropped = minibatches(samples, size, epochs * whole, **draws)
    for epoch in dropped.reshape(2 * epochs, -1):
        assert len(np.unique(epoch)) == len(epoch) == samples - rest
    filled = minibatches(samples, size, epochs * (whole + (rest > 0)), partial="fill", **draws)
    for epoch in filled.reshape(2 * epochs, -1, size):
        assert len(np.unique(epoch)) == samples
        assert all(len(np.unique(batch)) == size for batch in epoch)
    if not rest:
        np.testing.assert_array_equal(filled, dropped)


def test_batches_of_divisors_are_those_of_before():
    # Drawn by hand from the streams that the docstring describes.
    rng = np.random.default_rng(7)
    orders = rng.permuted(np.tile(np.arange(6), (2, 1)), axis=-1)
    expected = np.sort(orders.reshape(4, 3))
    np.testing.assert_array_equal(minibatches(6, 3, 4, rng=7), expected)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_batch_is_in_ascending_order(sampling):
    assert (np.diff(drawn(sampling)) >= (0 if sampling == "replacement" else 1)).all()


def test_batches_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="size must be at most the number of samples, 10; got 11"):
        minibatches(10, 11, 5)
    with pytest.raises(InputError, match="partial must be one of drop, fill; got 'keep'"):
        minibatches(10, 4, 5, partial="keep")
    with pytest.raises(
        InputError, match=r"this draw of batches requires .* GB of memory; .* allows 1 GB"
    ):
        minibatches(10**6, 10, 10**8, memory_limit="1GB")
    with pytest.raises(InputError, match="size must be an integer of at least 1; got 0"):
        minibatches(10, 0, 5)
    with pytest.raises(InputError, match="sampling must be one of shuffled, repartitioned, rep"):
        minibatches(10, 5, 5, sampling="alphabetical")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([[0, 9]], "batches must number samples from 0 to 3; got 0 to 9"),
        ([[-1, 2]], "got -1 to 2"),
        ([[0.5]], "non-empty array of integers of shape .*; got float64 of shape"),
        ([0, 1], r"of shape \(steps, size\) or \(3, steps, size\); got int64 of shape \(2,\)"),
        (np.zeros((2, 5, 1), dtype=int), r"got int64 of shape \(2, 5, 1\)"),
        (np.zeros((0, 2), dtype=int), "non-empty"),
    ],
)
def test_tables_that_are_no_batches_are_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        require_batches(wrong, samples=4, ensemble=(3,))
