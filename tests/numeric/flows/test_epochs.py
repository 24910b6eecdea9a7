"""Epochs enumerated, against steps taken by hand."""

from itertools import permutations

import numpy as np
import pytest

from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.validation import InputError


def gradients(w):
    return np.stack([w**2, np.sin(w), w[..., ::-1]], axis=-2)


@pytest.mark.parametrize(("sampling", "count"), [("shuffled", 24), ("replacement", 256)])
def test_all_draws_are_listed_once(sampling, count):
    listed = draws(sampling, 4)
    assert listed.shape == (count, 4)
    assert len({tuple(row) for row in listed}) == count
    np.testing.assert_array_equal(np.bincount(listed.ravel()), np.full(4, count))


def test_the_mean_epoch_is_the_mean_of_epochs_stepped_one_by_one():
    start, ends = np.array([0.3, -0.8]), []
    for order in permutations(range(3)):
        w = start
        for k in order:
            w = w - 0.1 * gradients(w)[k]
        ends.append(w)
    epoch = mean_epoch(gradients, draws("shuffled", 3))
    np.testing.assert_allclose(epoch(start, 0.1), np.mean(ends, axis=0), rtol=1e-15)


def test_an_ensemble_of_starts_is_each_start_by_itself():
    starts = np.random.default_rng(0).normal(size=(2, 5, 2))
    epoch = mean_epoch(gradients, draws("replacement", 3))
    together = epoch(starts, 0.1)
    for i in np.ndindex(2, 5):
        np.testing.assert_array_equal(together[i], epoch(starts[i], 0.1))


def test_what_cannot_be_listed_is_refused():
    with pytest.raises(InputError, match="one of shuffled, reversed_pair, replacement; got 'full'"):
        draws("full", 3)
    with pytest.raises(InputError, match="up to 7 batches; got 8"):
        draws("shuffled", 8)
