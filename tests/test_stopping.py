"""Ctrl-C and SIGTERM, at any time: the end within a second, no traceback, nothing left running."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

SWEEP = ["phase-diagram", "--samples", "64", "--steps", "3000", "--workers"]
COMMANDS = {
    "one process": [*SWEEP, "1"],
    "workers": [*SWEEP, "2"],
    "threads": ["verify", "--claims", "catapult.peak", "catapult.momentum"],
    "long products": ["boundary", "--model", "mlp", "--depth", "3", "--samples", "256"],
    "no folder": ["derive", "modified-field", "--order", "5"],
}
SCRIPT = "import sys; from catapult_sim.__main__ import main; "
SCRIPT += "print('begun', flush=True); sys.exit(main())"
ENTRIES = {"module": ["-m", "catapult_sim"], "script": ["-c", SCRIPT]}
NOISE = ("Traceback", "Exception", "Error", "Warning")
SECONDS = 3 if os.getloadavg()[0] > os.cpu_count() else 1


def heeding():
    """Undo that shells tell background jobs to ignore Ctrl-C; the child inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def started(entry, command, folder, **options):
    """A command in a process group of its own, as a terminal has it; killed in the end."""
    out = [] if command[0] == "derive" else ["--out", str(folder)]
    process = subprocess.Popen(
        [sys.executable, *ENTRIES[entry], *command, *out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding,
        **options,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def running(group):
    """Return the processes of a group that are neither gone nor dead."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False
    )
    return [state for state in listed.stdout.split() if not state.startswith("Z")]


def stop(process, number):
    """Send a signal to all of a group; return how long it took to end, and what was said."""
    begun = time.monotonic()
    with contextlib.suppress(ProcessLookupError):  # it may have ended
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=20)
    took = time.monotonic() - begun
    while running(process.pid) and time.monotonic() < begun + SECONDS:
        time.sleep(0.05)
    return took, said


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_interrupt_at_a_random_time_ends_everything_in_silence(command, entry, tmp_path):
    chance = random.Random(f"{entry} {command}")
    for wait in (chance.uniform(0, 1.5), chance.uniform(1.5, 4)):
        with started(entry, command, tmp_path / str(wait)) as process:
            # Python itself, as it starts, prints a traceback.
            if entry == "script":
                assert process.stdout.readline() == "begun\n"
            else:
                time.sleep(0.6)
            time.sleep(wait)
            done = process.poll() is not None
            took, said = stop(process, signal.SIGINT)
            assert process.returncode in ((0, 130) if done else (130, -signal.SIGINT)), said
            assert not any(word in said for word in NOISE), said
            assert took < SECONDS
            assert running(process.pid) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_while_cells_are_computed_says_how_to_go_on(workers, number, status, tmp_path):
    record = tmp_path / "out" / "records.jsonl"
    # Cells of few steps: the first are soon recorded, and more are left than a second computes.
    command = [*SWEEP, workers, "--steps", "300"]
    with started("module", command, tmp_path / "out") as process:
        while process.poll() is None and not (record.exists() and record.stat().st_size):
            time.sleep(1e-2)
        took, said = stop(process, number)
        assert process.returncode == status
        assert said.splitlines()[-1].endswith("to continue, run the same command again")
        # The data; an empty line, where a terminal shows ^C; how to go on.
        assert len(said.splitlines()) == 3
        assert took < SECONDS
        assert running(process.pid) == []


# The main thread hears no signal while it sleeps in one call of compiled code.
DEAF = """
import ctypes, sys
from catapult_sim.commands import derive
derive.run = lambda options: print("begun", flush=True) or ctypes.CDLL(None).sleep(30)
from catapult_sim.__main__ import main
sys.exit(main())
"""


def test_little_is_imported_before_an_interrupt_is_heeded():
    """Until then Python itself answers Ctrl-C, with a traceback."""
    code = "import sys; before = set(sys.modules); import catapult_sim.__main__; "
    code += "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pathlib", "urllib", "argparse", "inspect"} & set(ran.stdout.split())


def test_compiled_code_that_never_returns_is_ended(monkeypatch, tmp_path):
    monkeypatch.setitem(ENTRIES, "deaf", ["-c", DEAF])
    with started("deaf", ["derive", "sample-map"], tmp_path) as process:
        assert process.stdout.readline() == "begun\n"
        took, said = stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert said == "\ncatapult-sim derive: interrupted; nothing was written\n"
    assert took < SECONDS


def test_what_was_begun_with_interrupts_ignored_ignores_them(tmp_path):
    """As ``nohup`` and shells do with jobs in the background."""
    command = ["simulate", "--samples", "8", "--steps", "20", "--c", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "catapult_sim", *command, "--out", str(tmp_path)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    with process:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert process.returncode == 0, process.stderr.read()
