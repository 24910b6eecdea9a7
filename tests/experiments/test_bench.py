"""The bench: what is drawn depends on the seed and the experiment's name alone."""

import threading
import time

import numpy as np
import pytest

from catapult_sim.experiments.bench import Bench
from catapult_sim.validation import InputError


def test_streams_depend_on_seed_and_name_and_begin_anew():
    one, other = Bench(0), Bench(1)
    assert one.rng("a").normal() == one.rng("a").normal()
    assert one.rng("a").normal() != one.rng("b").normal()
    assert one.rng("a").normal() != other.rng("a").normal()


def test_samples_are_the_same_rows_centred_or_not():
    bench = Bench(3)
    X, y = bench.samples()
    raw, labels = bench.samples(standardised=False)
    np.testing.assert_array_equal(y, labels)
    varies = raw.std(axis=0) > 0
    correlations = [np.corrcoef(X[:, j], raw[:, j])[0, 1] for j in np.flatnonzero(varies)]
    np.testing.assert_allclose(correlations, 1)


def test_what_is_shared_is_measured_once_even_in_parallel():
    bench, calls = Bench(0), []

    def measure():
        calls.append(1)
        time.sleep(0.05)
        return len(calls)

    threads = [threading.Thread(target=bench.once, args=(("x", 1), measure)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (bench.once(("x", 1), measure), len(calls)) == (1, 1)


def test_what_is_asked_for_is_told_whether_new_or_known_and_to_who_asked():
    bench = Bench(0)
    bench.once("before", lambda: 0)
    with bench.asking() as asked:
        bench.once("new", lambda: 1)
        bench.once("before", lambda: 2)
        other = threading.Thread(target=bench.once, args=("other", lambda: 3))
        other.start()
        other.join()
    bench.once("after", lambda: 4)
    assert asked == {"new": 1, "before": 0}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seed": -1}, "seed must be an integer of at least 0; got -1"),
        ({"effort": "heroic"}, "effort must be one of quick, full; got 'heroic'"),
    ],
)
def test_wrong_benches_are_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        Bench(**wrong)


def test_a_file_smaller_than_the_effort_is_used_whole(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(5), y=np.arange(5.0))
    X, y = Bench(0, data=tmp_path / "a.npz").samples()
    assert X.shape == (5, 5)
    assert sorted(y[:, 0]) == [0, 1, 2, 3, 4]
