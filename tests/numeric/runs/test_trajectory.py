"""Running an ensemble: endings, labels, observers."""

import threading
import time
import tracemalloc

import numpy as np
import pytest

from catapult_sim.numeric.runs import blocks
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.numeric.runs.strides import iterate_in_strides
from catapult_sim.numeric.runs.trajectory import Outcome, final, peak
from catapult_sim.validation import InputError


def scripted(losses):
    """A run whose losses, one row per member, are given: the state is (member, step)."""
    losses = np.asarray(losses, dtype=float)

    def advance(state):
        member, step = state.astype(int).T
        return state + np.array([0.0, 1.0]), losses[member, np.minimum(step, losses.shape[1] - 1)]

    start = np.stack([np.arange(len(losses)), np.zeros(len(losses))], axis=-1)
    return advance, start


def decay(state, rate):
    return state * (1 - rate[:, None]), state[:, 0] ** 2


def test_every_member_ends_as_its_losses_say():
    rows = [
        [1, np.nan, np.nan, np.nan],  # straight to NaN
        [1, np.inf, np.inf, np.inf],  # straight to infinity
        [1, 1e4, 1e-3, 0],  # a catapult
        [1, 0.9, 0.8, 0.7],  # slow
        [0, 0, 0, 0],  # solved from the start: a true value of 0 is not "not measured"
        [np.nan, 1, 1, 1],  # not a number from the start
        [np.inf, np.inf, np.inf, np.inf],  # infinite from the start
        [1e300, np.inf, np.inf, np.inf],  # beyond a bound that is infinite itself
    ]
    advance, start = scripted(rows)
    run = iterate(advance, start, steps=3)
    assert [Outcome(o).name for o in run.outcome] == [
        "DIVERGED",
        "DIVERGED",
        "CONVERGED",
        "RUNNING",
        "CONVERGED",
        "DIVERGED",
        "DIVERGED",
        "DIVERGED",
    ]
    np.testing.assert_array_equal(run.stopped, [1, 1, 3, 3, 0, 0, 0, 1])
    np.testing.assert_array_equal(peak(run)[:5], [1, np.inf, 1e4, 1, 0])
    np.testing.assert_array_equal(final(run)[1:5], [np.inf, 0, 0.7, 0])


@pytest.mark.parametrize("tolerance", [0.0, 1e-4])
def test_a_loss_that_stays_infinite_has_diverged_whatever_the_tolerance(tolerance):
    advance, start = scripted([[np.inf, np.inf, np.inf]])
    run = iterate(advance, start, steps=2, tolerance=tolerance)
    assert (run.outcome[0], run.stopped[0]) == (Outcome.DIVERGED, 0)
    assert classify(run)[0] == Phase.DIVERGENT


def test_what_comes_after_the_end_of_a_member_is_not_measured():
    run = iterate(decay, [1.0], [0.9, 0.1], steps=4, tolerance=0.5)
    np.testing.assert_array_equal(
        np.isnan(run.values["loss"][:, 0]), [False, False, True, True, True]
    )
    np.testing.assert_allclose(run.values["loss"][:, 1], 0.81 ** np.arange(5))


def test_each_member_keeps_the_state_of_its_last_loss():
    run = iterate(decay, [1.0], [0.9, 0.1, 30.0], steps=400, tolerance=0.5)
    np.testing.assert_allclose(run.state[:, 0] ** 2, final(run))


def test_outcomes_speak():
    assert [outcome.message for outcome in Outcome] == [
        "the steps ran out",
        "the loss fell to the tolerance",
        "the loss left every bound",
    ]


def test_ensemble_axes_broadcast_like_arrays():
    run = iterate(decay, np.ones((5, 1)), np.full((3, 1), 0.1), steps=2)
    assert run.values["loss"].shape == (3, 3, 5)
    assert run.state.shape == (3, 5, 1)
    assert run.outcome.shape == run.stopped.shape == (3, 5)


def test_a_run_is_cut_after_its_last_member():
    assert iterate(decay, [1.0], [0.9, 0.99], steps=100, tolerance=1e-3).step[-1] == 2


def test_zero_steps_record_the_start():
    run = iterate(decay, [2.0], 0.5, steps=0)
    np.testing.assert_array_equal(run.values["loss"], [4.0])


def test_measuring_does_not_change_the_run():
    plain = iterate(decay, [1.0], [0.3, 2.5], steps=50)
    seen = []
    observed = iterate(
        decay,
        [1.0],
        [0.3, 2.5],
        steps=50,
        observe={"x": lambda s: seen.append(1) or s[:, 0]},
        every=7,
    )
    np.testing.assert_array_equal(plain.values["loss"], observed.values["loss"])
    np.testing.assert_array_equal(plain.state, observed.state)
    np.testing.assert_array_equal(np.isfinite(observed.values["x"][:, 0]), observed.step % 7 == 0)
    assert len(seen) == 8


def test_the_caller_s_arrays_are_left_alone():
    state, rate = np.ones((2, 1)), np.array([0.1, 0.2])
    iterate(decay, state, rate, steps=5)
    np.testing.assert_array_equal(state, np.ones((2, 1)))
    np.testing.assert_array_equal(rate, [0.1, 0.2])


def test_blocks_do_not_change_a_bit(monkeypatch):
    rates = np.linspace(0.1, 2.3, 37)
    whole = iterate(decay, [1.0], rates, steps=60, tolerance=1e-6)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 40)
    parts = iterate(decay, [1.0], rates, steps=60, tolerance=1e-6)
    np.testing.assert_array_equal(whole.values["loss"], parts.values["loss"])
    np.testing.assert_array_equal(whole.outcome, parts.outcome)


@pytest.mark.parametrize("wrong", [{"steps": -1}, {"steps": 2.5}, {"steps": 3, "every": 0}])
def test_wrong_counts_are_refused(wrong):
    with pytest.raises(InputError, match="must be an integer of at least"):
        iterate(decay, [1.0], 0.1, **wrong)


def test_single_precision_stays_single_and_its_overflow_is_a_divergence():
    def square(x):
        assert x.dtype == np.float32
        return x * x, x[:, 0]

    run = iterate(square, np.array([[1.0], [2.0]], dtype=np.float32), steps=20)
    assert run.state.dtype == np.float32
    assert run.values["loss"].dtype == float
    assert run.outcome.tolist() == [Outcome.RUNNING, Outcome.DIVERGED]
    assert run.stopped[1] == 7  # 2^(2^7) is beyond 3.4e38, far below the escape of doubles


def test_a_stride_may_leave_losses_out():
    def stride(x, *, first, count):
        return x - count, x[:, 0][None]

    run = iterate_in_strides(stride, [[10.0], [6.0]], steps=7, longest=3, tolerance=0.5)
    np.testing.assert_array_equal(np.isfinite(run.values["loss"][:, 0]), [1, 0, 0, 1, 0, 0, 1])
    assert run.values["loss"][6, 0] == 4
    assert run.stopped.tolist() == [6, 3]
    assert run.outcome.tolist() == [Outcome.CONVERGED] * 2


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
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 3 * 8)
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
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    seen = []

    def stride(x, *, first, count):
        seen.append(len(x))
        return x, x[:, 0][None]

    start = np.ones((10, 1))
    iterate_in_strides(stride, start, steps=0, longest=1, member_bytes=17)
    assert seen == [4, 3, 3]


def test_threads_share_members_evenly(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4 * 8)
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
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
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
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
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
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
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
