"""Running an ensemble: endings, labels, observers."""

import threading
import time
import tracemalloc

import numpy as np
import pytest

from catapult_sim.numeric.runs import strides
from catapult_sim.numeric.runs.strides import iterate_in_strides
from catapult_sim.numeric.runs.trajectory import Outcome


def test_outcomes_speak():
    assert [outcome.message for outcome in Outcome] == [
        "the steps ran out",
        "the loss fell to the tolerance",
        "the loss left every bound",
    ]


def test_a_stride_may_leave_losses_out():
    def stride(x, *, first, count):
        return x - count, x[:, 0][None]

    run = iterate_in_strides(stride, [[10.0], [6.0]], steps=7, longest=3, tolerance=0.5)
    np.testing.assert_array_equal(np.isfinite(run.values["loss"][:, 0]), [1, 0, 0, 1, 0, 0, 1])
    assert run.values["loss"][6, 0] == 4
    assert run.stopped.tolist() == [6, 3]
    assert run.outcome.tolist() == [Outcome.CONVERGED] * 2


def test_after_its_end_nothing_of_a_member_is_recorded():
    """Of x <- x (1 - rate): one runs on, one converges at step 4, one diverges at step 3."""
    rates = np.array([0.1, 0.5, 31.0])

    def stride(x, rate, *, first, count):
        return x * (1 - rate[:, None]), x[:, 0][None] ** 2

    run = iterate_in_strides(
        stride,
        [1.0],
        rates,
        steps=6,
        longest=1,
        observe={"x": lambda x: x[:, 0]},
        tolerance=0.5**8,
        escape=1e8,
    )
    steps = np.arange(7)[:, None]
    expected = np.where(steps <= [6, 4, 3], (1 - rates) ** steps, np.nan)
    np.testing.assert_allclose(run.values["x"], expected, rtol=1e-12)
    np.testing.assert_allclose(run.values["loss"], expected**2, rtol=1e-12)
    assert run.stopped.tolist() == [6, 4, 3]
    assert run.outcome.tolist() == [Outcome.RUNNING, Outcome.CONVERGED, Outcome.DIVERGED]


@pytest.mark.parametrize("cut", [0, 1, 4, 9])
def test_a_run_that_is_resumed_is_the_run_at_once(cut):
    def descend(x, rate):
        return x * (1 - rate[:, None]), 0.5 * x[:, 0] ** 2

    rates = [[0.1, 0.5, 1.0], [1.9, 2.5, 1e60]]
    options = {"observe": {"x": lambda x: x}, "every": 2, "tolerance": 1e-3}

    def run_to(steps, before=None):
        def stride(x, rate, *, first, count):
            following, loss = descend(x, rate)
            return following, loss[None]

        return iterate_in_strides(
            stride, [1.0], rates, steps=steps, longest=1, resume=before, **options
        )

    whole, pieces = run_to(12), run_to(12, run_to(cut))
    assert len({*whole.outcome.flat}) == 3
    for name in ("step", "state", "outcome", "stopped"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
    for name, values in whole.values.items():
        np.testing.assert_array_equal(pieces.values[name], values)


def test_members_on_threads_get_the_bits_they_get_alone(monkeypatch):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 3 * 8)
    rates = np.geomspace(0.01, 5, 50)

    def stride(x, rate, *, first, count):
        return x * (1 - rate[:, None]), 0.5 * x[:, 0][None] ** 2

    def run(threads):
        observe = {"x": lambda x: x, "square": lambda x: x[:, 0] ** 2}
        return iterate_in_strides(
            stride, [1.0], rates, steps=30, longest=1, observe=observe, threads=threads
        )

    one, three = run(1), run(3)
    np.testing.assert_array_equal(three.state, one.state)
    for name, values in one.values.items():
        np.testing.assert_array_equal(three.values[name], values)


def test_what_a_stride_works_on_makes_blocks_smaller(monkeypatch):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 100)
    seen = []

    def stride(x, *, first, count):
        seen.append(len(x))
        return x, x[:, 0][None]

    start = np.ones((10, 1))
    iterate_in_strides(stride, start, steps=0, longest=1, member_bytes=17)
    assert seen == [4, 3, 3]


def test_threads_share_members_evenly(monkeypatch):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 4 * 8)
    seen = []

    def stride(x, *, first, count):
        seen.append(len(x))
        return x, x[:, 0][None]

    for members, parts in [(1, [1]), (2, [2]), (3, [1, 2]), (9, [2, 2, 2, 3])]:
        seen.clear()
        iterate_in_strides(stride, np.ones((members, 1)), steps=0, longest=1, threads=2)
        assert sorted(seen) == parts


@pytest.mark.parametrize("reason", [KeyboardInterrupt, ValueError])
def test_what_ends_one_thread_ends_the_others(monkeypatch, reason):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 8)
    taken, begun = [], threading.Event()

    def stride(x, *, first, count):
        if x[0, 0] == 1:
            begun.wait()
            raise reason
        begun.set()
        time.sleep(1e-3)
        taken.append(first)
        return x, x[:, 0][None]

    with pytest.raises(reason):
        iterate_in_strides(stride, [[1.0], [2.0]], steps=5000, longest=1, threads=2)
    assert len(taken) < 5000


def test_what_fails_in_a_later_part_ends_the_earlier_ones(monkeypatch):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 8)
    taken, begun = [], threading.Event()

    def stride(x, *, first, count):
        begun.set()
        time.sleep(1e-3)
        taken.append(first)
        return x, x[:, 0][None]

    def fail_in_the_second(x):
        if x[0, 0] == 2:
            begun.wait()
            raise ValueError
        return x

    options = {"observe": {"x": fail_in_the_second}, "every": 5001, "threads": 2}
    with pytest.raises(ValueError):  # noqa: PT011
        iterate_in_strides(stride, [[1.0], [2.0]], steps=5000, longest=1, **options)
    assert len(taken) < 5000


def test_threads_make_room_for_a_quantity_once(monkeypatch):
    monkeypatch.setattr(strides, "BLOCK_BYTES", 8)
    together = threading.Barrier(2)

    def stride(x, *, first, count):
        return x, x[:, 0][None]

    def large(x):
        together.wait()
        return np.zeros((len(x), 2_000_000))

    tracemalloc.start()
    iterate_in_strides(
        stride, [[1.0], [2.0]], steps=1, longest=1, observe={"x": large}, every=2, threads=2
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Two steps of two members, and what each of the two has just measured.
    assert most < 8 * 2_000_000 * (4 + 2) + 1_000_000
