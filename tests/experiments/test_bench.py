"""The bench: what is drawn depends on the seed and the experiment's name alone."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.boundary import boundary
from catapult_sim.validation import InputError


def test_streams_depend_on_seed_and_name_and_begin_anew():
    one, other = Bench(0), Bench(1)
    assert one.rng("a").normal() == one.rng("a").normal()
    assert one.rng("a").normal() != one.rng("b").normal()
    assert one.rng("a").normal() != other.rng("a").normal()


def test_samples_are_the_same_rows_centred_or_not():
    bench = Bench(3)
    X, y = bench.samples()
    raw, labels = bench.samples("raw")
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


def test_a_boundary_is_listed_where_it_was_asked_for_whether_new_or_known():
    bench = Bench(0)
    known, new = (boundary(lambda c, at=at: np.where(c > at, 1, -1), 1.0, 8.0) for at in (2, 3))
    bench.boundary("a", "rise", (8,), lambda: known)
    asking, other = bench.for_one_claim(), bench.for_one_claim()
    asking.boundary("b", "end", (8, 16), lambda: new)
    asking.boundary("a", "rise", (8,), lambda: new)
    assert asking.boundaries == {("b", "end", (8, 16)): new, ("a", "rise", (8,)): known}
    assert other.boundaries == {}
    assert other.boundary("b", "end", (8, 16), lambda: known) is new


def test_no_claim_asks_for_the_name_of_an_effort():
    """All that an effort means stands in its table."""
    files = Path(claims.__file__).parent.rglob("*.py")
    assert [path.name for path in files if "effort.name" in path.read_text()] == []


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


def test_images_are_digits_with_little_effort_or_the_data_of_one_s_own(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(tmp_path / "own.npz", X=X, y=np.arange(40) % 2)
    for effort in ("quick", "full"):
        bench = Bench(0, effort, tmp_path / "own.npz")
        (train, _), (test, _) = bench.images(16)
        assert (train.shape, test.shape, bench.clothed) == ((16, 3), (24, 3), False)
    digits = Bench(3)
    for one, other in zip(digits.images(16), digits.split(16), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_fewer_tests_are_the_first_of_all_and_samples_the_same():
    whole, part = Bench(3).split(16), Bench(3).split(16, tests=5)
    for (X, y), (fewer, labels), count in zip(whole, part, (16, 5), strict=True):
        np.testing.assert_array_equal(X[:count], fewer)
        np.testing.assert_array_equal(y[:count], labels)


def test_inputs_scaled_once_stay_as_they_are_whatever_is_asked_next():
    bench = Bench(3)
    first = bench.split(16)[0][0]
    for inputs in ("pixel", "raw", "global"):
        train = bench.split(16, inputs=inputs)[0][0]
        np.testing.assert_array_equal(train, Bench(3, inputs=inputs).split(16)[0][0])
        train += 1
    np.testing.assert_array_equal(bench.split(16)[0][0], first)
