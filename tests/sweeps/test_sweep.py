"""Sweeps: the same results however, by whomever and in whatever order they are computed."""

import random
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import pytest
import threadpoolctl

from catapult_sim.sweeps.cell import Physics, groups, identify, identify_all, physics_of
from catapult_sim.sweeps.record import settled
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.sweeps.workers import process_pool
from catapult_sim.validation import InputError
from tests.sweeps import sweeping
from tests.sweeps.sweeping import cells, fragile, phase, phase_cells, square


@pytest.fixture(scope="module")
def pool():
    with process_pool(2) as workers:
        yield workers


def lines_of(path):
    return sorted(path.read_bytes().splitlines(keepends=True))


def test_results_are_those_of_the_function():
    found = sweep(square, cells(10))
    assert [line.result for line in found.lines] == [x**2 for x in range(10)]
    assert [line.cell for line in found.lines] == list(cells(10))
    assert (found.computed, found.known, found.failed, found.dropped) == (10, 0, 0, 0)


def test_order_workers_and_groups_leave_the_record_the_same(tmp_path, pool):
    shuffled = random.Random(0).sample(phase_cells(), len(phase_cells()))
    with process_pool(1) as one, ThreadPoolExecutor(2) as threads:
        ways = {
            "grouped": {"cells": phase_cells()},
            "one by one": {"cells": phase_cells(), "group": 1},
            "in groups of 5": {"cells": phase_cells(), "group": 5},
            "permuted": {"cells": shuffled},
            "one worker": {"cells": phase_cells(), "executor": one},
            "two workers": {"cells": phase_cells(), "executor": pool},
            "permuted, one by one, two workers": {
                "cells": shuffled,
                "group": 1,
                "executor": pool,
                "window": 3,
            },
            "threads": {"cells": phase_cells(), "executor": threads},
        }
        for way, options in ways.items():
            sweep(phase, record=tmp_path / way, **options)
    expected = lines_of(tmp_path / "grouped")
    assert len(expected) == len(phase_cells())
    for way in ways:
        assert lines_of(tmp_path / way) == expected, way


def test_a_failed_cell_is_recorded_and_does_not_stop_the_rest(tmp_path, pool):
    for executor in (None, pool):
        found = sweep(fragile, cells(8), executor=executor)
        by_x = {line.cell["x"]: line for line in found.lines}
        assert (found.computed, found.failed) == (7, 1)
        assert by_x[3].result is None
        assert "in fragile" in by_x[3].error
        assert "ValueError: three is too many" in by_x[3].error
        assert all(by_x[x].result == x for x in range(8) if x != 3)


def test_in_a_group_only_the_cell_that_fails_has_failed():
    def together(cells):
        return [fragile(cell) for cell in cells]

    physics = physics_of(fragile)
    with pytest.MonkeyPatch.context() as patch:
        grouped = replace(physics, batch_key=lambda cell: None, batched=together, batch_size=8)
        patch.setattr(fragile, "physics", grouped)
        found = sweep(fragile, cells(8))
    assert (found.computed, found.failed) == (7, 1)


def test_cells_are_named_alike_alone_and_together():
    odd = [{"x": x} for x in ("\0", '","', [1, "\0", 2], {"a": {}}, 0.1, None, "\u2028")]
    for cells_ in (odd, odd[4:], odd[:1]):
        together = identify_all(cells_, physics_of(phase))
        assert list(together) == [identify(cell, physics_of(phase)) for cell in cells_]


def test_a_twin_that_loses_a_cell_is_not_believed(monkeypatch):
    short = replace(physics_of(phase), batched=lambda cells: sweeping.phases(cells)[1:])
    expected = [line.result for line in sweep(phase, phase_cells()).lines]
    monkeypatch.setattr(phase, "physics", short)
    assert [line.result for line in sweep(phase, phase_cells()).lines] == expected


def test_a_result_that_json_cannot_hold_is_a_failure():
    found = sweep(sweeping.not_json, cells(3))
    assert (found.computed, found.failed) == (2, 1)


def test_failed_cells_are_tried_again_and_a_result_beats_a_failure(tmp_path, monkeypatch):
    record = tmp_path / "records.jsonl"
    sweep(fragile, cells(5), record=record)
    monkeypatch.setattr(fragile, "__code__", (lambda cell: cell["x"]).__code__)
    again = sweep(fragile, cells(5), record=record)
    assert (again.computed, again.known, again.failed) == (1, 4, 0)
    lines = list(again.lines)
    assert len(lines) == 6
    for order in (lines, lines[::-1]):
        assert sorted(line.result for line in settled(order).values()) == [0, 1, 2, 3, 4]


def test_progress_counts_every_cell_once(tmp_path):
    counts = []
    record = tmp_path / "records.jsonl"
    sweep(square, cells(7), record=record)
    sweep(square, cells(12), record=record, progress=counts.append)
    assert sum(counts) == 12


def test_cells_are_read_as_they_are_needed():
    read = []

    def source():
        for cell in cells(1000):
            read.append(cell)
            yield cell

    class Stop(Exception):
        pass

    def stop(count):
        if len(read) > 50:
            raise Stop

    with ThreadPoolExecutor(1) as threads, pytest.raises(Stop):
        sweep(square, source(), executor=threads, window=10, progress=stop)
    assert len(read) < 100


def test_groups_hold_alike_cells_and_lose_none():
    named = [identify(cell, physics_of(phase)) for cell in phase_cells()]
    found = list(groups(named, physics_of(phase)))
    assert sorted(one.key for group in found for one in group) == sorted(n.key for n in named)
    assert all(len({one.cell["width"] for one in group}) == 1 for group in found)
    assert max(map(len, found)) == 16


def test_linear_algebra_has_one_thread_while_cells_are_computed(pool):
    before = threadpoolctl.threadpool_info()
    with threadpoolctl.threadpool_limits(2):
        for executor in (None, pool):
            for line in sweep(sweeping.threads, cells(2), executor=executor).lines:
                assert line.result
                assert set(line.result) == {1}
        during = {each["num_threads"] for each in threadpoolctl.threadpool_info()}
        assert during == {2}
    assert threadpoolctl.threadpool_info() == before


class Losing(ThreadPoolExecutor):
    """Loses the results of a cell a number of times."""

    def __init__(self, x, times):
        super().__init__(1)
        self.x, self.times, self.asked = x, times, 0

    def submit(self, function, *arguments):
        def lossy():
            found = function(*arguments)
            if arguments[1][0]["x"] == self.x:
                self.asked += 1
                if self.asked <= self.times:
                    raise ValueError("lost")
            return found

        return super().submit(lossy)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_result_that_the_executor_lost_is_computed_once_more(times):
    with Losing(2, times) as executor:
        found = sweep(square, cells(4), executor=executor)
    assert (found.computed, found.failed) == ((4, 0) if times < 2 else (3, 1))
    assert executor.asked == min(times, 1) + 1
    assert [line.error for line in found.lines if line.error and "lost" not in line.error] == []


def test_a_dead_worker_stops_the_sweep_and_the_next_call_goes_on(tmp_path):
    record, fatal = tmp_path / "records.jsonl", str(tmp_path / "fatal")
    deadly = [{"x": x, "fatal": fatal} for x in range(30)]
    with process_pool(1) as pool, pytest.raises(BrokenProcessPool):
        sweep(sweeping.kill_first_worker, deadly, record=record, executor=pool)
    kept = len(lines_of(record))
    assert 0 < kept <= 20
    again = sweep(sweeping.kill_first_worker, deadly, record=record)
    assert (again.known, again.computed, again.failed) == (kept, 30 - kept, 0)


def test_a_key_is_of_the_cell_and_of_the_physics():
    one = identify({"a": 1, "b": [0.1, None]}, Physics("f/1"))
    assert identify({"b": [0.1, None], "a": 1}, Physics("f/1")).key == one.key
    others = [
        identify({"a": 1, "b": [0.1, None]}, Physics("f/2")),
        identify({"a": 1, "b": [0.1, 0]}, Physics("f/1")),
        identify({"a": 2, "b": [0.1, None]}, Physics("f/1")),
    ]
    assert len({one.key, *(other.key for other in others)}) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"cell": lambda cell: 1},
            "at the top level of a module.*; got .*<lambda>",
        ),
        ({"cells": [{"x": float("nan")}]}, "without NaN .*; got nan in 'x'"),
        ({"cells": [{"a": 1, "x": {1, 2}}]}, r"a dict that JSON can hold, .*; got \{1, 2\} in 'x'"),
        ({"cells": [{"x": {1: 2}}]}, r"with text as keys; got \{1: 2\} in 'x'"),
        ({"cells": [3]}, "a cell must be a dict that JSON can hold, .* text as keys; got 3"),
        ({"group": 0}, "group must be an integer of at least 1; got 0"),
        ({"window": 0}, "window must be an integer of at least 1; got 0"),
    ],
)
def test_a_wrong_sweep_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        sweep(**{"cell": square, "cells": cells(2)} | options)


def test_no_workers_are_refused():
    with pytest.raises(InputError, match="workers must be an integer of at least 1; got 0"):
        process_pool(0)
