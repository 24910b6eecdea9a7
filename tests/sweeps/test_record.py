"""Records survive: killed processes, torn lines, full disks, two writers."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from catapult_sim.sweeps import record as record_module
from catapult_sim.sweeps.cell import physics_of
from catapult_sim.sweeps.record import erase, open_record, read_record
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.validation import InputError
from tests.sweeps import sweeping
from tests.sweeps.sweeping import cells, draw, square

COUNT = 150


@pytest.fixture
def record(tmp_path):
    return tmp_path / "records.jsonl"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "records.jsonl"
    sweep(draw, cells(COUNT), record=path)
    return sorted(path.read_bytes().splitlines(keepends=True))


def sweeper(record, workers=0, **options):
    command = [sys.executable, "-m", "tests.sweeps.sweeping", str(record), str(COUNT)]
    return subprocess.Popen(
        [*command, str(workers)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


@contextlib.contextmanager
def ended(process):
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(1e-3)


def size(path):
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(record, workers, whole):
    chance, kills = random.Random(workers), 0
    total = sum(map(len, whole))
    while kills < 4:
        before = size(record)
        with ended(sweeper(record, workers)) as process:
            aim = before + chance.randrange(1, total // 5)
            wait_for(lambda aim=aim, run=process: size(record) >= aim or run.poll() is not None)
            process.send_signal(signal.SIGKILL)
        kills += 1
    resumed = sweep(draw, cells(COUNT), record=record)
    assert resumed.known > 0
    assert resumed.computed > 0
    assert sorted(record.read_bytes().splitlines(keepends=True)) == whole


def test_workers_end_with_their_killed_parent(record):
    def children(parent):
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in found.stdout.split()]

    with ended(sweeper(record, 2)) as process:
        wait_for(lambda: size(record) > 0)
        workers = children(process.pid)
        process.send_signal(signal.SIGKILL)
    assert len(workers) >= 2
    wait_for(lambda: not any(is_running(pid) for pid in workers))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.parametrize("cut", [1, 2, 17, 60])
def test_a_torn_last_line_is_dropped_and_computed_again(record, cut, whole):
    sweep(draw, cells(COUNT), record=record)
    os.truncate(record, size(record) - cut)
    again = sweep(draw, cells(COUNT), record=record)
    assert (again.computed, again.known, again.dropped) == (1, COUNT - 1, 1)
    assert sorted(record.read_bytes().splitlines(keepends=True)) == whole


def test_records_merge_by_concatenation(tmp_path, record):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    sweep(square, cells(6), record=ours)
    sweep(square, list(cells(9))[4:], record=theirs)
    record.write_bytes(ours.read_bytes() + theirs.read_bytes())
    merged = sweep(square, cells(10), record=record)
    assert (merged.computed, merged.known) == (1, 9)
    assert {line.cell["x"] for line in merged.lines} == set(range(10))


def test_a_torn_line_amid_merged_records_costs_the_two_cells_it_held(tmp_path, record):
    sweep(square, cells(6), record=record)
    torn = record.read_bytes()[:-9]
    record.write_bytes(torn + record.read_bytes())
    found = sweep(square, cells(6), record=record)
    assert (found.computed, found.known, found.dropped) == (0, 6, 1)
    record.write_bytes(torn + b"".join(record.read_bytes().splitlines(keepends=True)[-6:-3]))
    assert sweep(square, cells(6), record=record).computed == 1


def test_a_record_of_other_physics_is_refused_and_left_alone(record, monkeypatch):
    sweep(draw, cells(3), record=record)
    before = record.read_bytes()
    newer = replace(physics_of(draw), name="tests.sweeps.sweeping.draw/4")
    monkeypatch.setattr(draw, "physics", newer)
    sentence = (
        "record must be of what this sweep computes; got .*, whose line 1 is not: it is of "
        "version 3 of tests.sweeps.sweeping.draw, this sweep of version 4"
    )
    with pytest.raises(InputError, match=sentence):
        sweep(draw, cells(3), record=record)
    assert record.read_bytes() == before


@pytest.mark.parametrize("text", ["notes\n", "{}\n", '[1, 2]\n{"key": 3}\n', '{"x": 1}\nab'])
def test_a_file_that_is_no_record_is_refused_and_left_alone(record, text):
    record.write_text(text)
    with pytest.raises(InputError, match="record must be a record of a sweep; got "):
        sweep(square, cells(3), record=record)
    assert record.read_text() == text


def test_the_second_process_on_a_record_is_told(record):
    with ended(sweeper(record)) as process:
        wait_for(lambda: size(record) > 0)
        before = size(record)
        with pytest.raises(InputError, match="record must not be in use by another process; got"):
            sweep(draw, cells(COUNT), record=record)
        with pytest.raises(InputError, match="record must not be in use"):
            erase(record)
        assert process.wait(20) == 0
    assert size(record) > before
    assert sweep(draw, cells(COUNT), record=record).computed == 0


def test_forked_workers_do_not_keep_the_lock(record):
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        sweep(square, cells(3), record=record, executor=pool)
        assert sweep(square, cells(4), record=record).computed == 1


def test_a_full_disk_leaves_whole_lines_and_the_same_call_goes_on(record, whole):
    # A limit on the size of files stands in for the disk: writes fall short, then fail.
    limit = 4001
    with ended(sweeper(record, preexec_fn=lambda: limit_files(limit))) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"record must be on a disk with room (File too large)" in err
    kept = record.read_bytes()
    assert kept.endswith(b"\n")
    assert limit - max(map(len, whole)) < len(kept) < limit
    sweep(draw, cells(COUNT), record=record)
    assert sorted(record.read_bytes().splitlines(keepends=True)) == whole


def limit_files(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def test_an_interrupt_amid_a_write_leaves_whole_lines(record, monkeypatch):
    written = []

    def write(file, text, real=os.write):
        written.append(text)
        if len(written) == 3:
            real(file, text[:20])
            raise KeyboardInterrupt
        return real(file, text[:30])  # short writes are allowed to happen

    sweep(square, cells(2), record=record)
    monkeypatch.setattr(record_module.os, "write", write)
    with pytest.raises(KeyboardInterrupt):
        sweep(square, cells(4), record=record)
    monkeypatch.undo()
    assert record.read_bytes().endswith(b"\n")
    assert sweep(square, cells(4), record=record).dropped == 0


def test_an_interrupt_after_a_write_keeps_its_line(record, monkeypatch):
    def write(file, text, real=os.write):
        real(file, text)
        raise KeyboardInterrupt

    monkeypatch.setattr(record_module.os, "write", write)
    with pytest.raises(KeyboardInterrupt):
        sweep(square, cells(4), record=record)
    monkeypatch.undo()
    assert sweep(square, cells(4), record=record).known == 1


@pytest.mark.parametrize("place", ["absent/records.jsonl", "", "file/records.jsonl", os.devnull])
def test_a_record_that_cannot_be_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="record must be a file that can be written to"):
        sweep(square, cells(1), record=tmp_path / place)


def test_a_read_only_folder_is_refused(record, monkeypatch):
    # For root no folder is read-only, so that the system's refusal is played.
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(record))

    monkeypatch.setattr(record_module.os, "open", refuse)
    with pytest.raises(InputError, match=r"can be written to.*denied"):
        sweep(square, cells(1), record=record)


def test_an_erased_record_holds_nothing(record):
    sweep(square, cells(3), record=record)
    erase(record)
    assert sweep(square, cells(3), record=record).computed == 3


def test_every_line_is_json_that_holds_all_it_needs(record):
    sweep(sweeping.fragile, cells(5), record=record)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        assert list(line)[:3] == ["key", "physics", "cell"]
        assert line["physics"] == "tests.sweeps.sweeping.fragile/1"
        assert ("result" in line) != ("error" in line)
    assert [line["cell"] for line in lines] == list(cells(5))


def test_a_growing_record_can_be_read(record):
    with open_record(record, "square/0") as book:
        assert list(read_record(record)) == []
        book.append(['{"key":"k","physics":"square/0","cell":{},"result":1}'])
        assert [line.result for line in read_record(record)] == [1]


def test_an_absent_record_cannot_be_read(record):
    with pytest.raises(InputError, match="record must be a file that can be read"):
        list(read_record(record))
