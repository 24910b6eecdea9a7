"""Bars of progress: who sees them, and when."""

import io
import multiprocessing
import os
import struct
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim import progress
from catapult_sim.mlp.kernel import ntk
from catapult_sim.validation import InputError

NET, X, Y = cs.MLP([2, 3, 2]), np.eye(2), np.eye(2)
THETA = NET.init(rng=0)
CLOSURE = cs.LinearNet(X, Y, width=9)


def halve(cell):
    cs.train(NET, THETA, X, Y, learning_rate=0.1, steps=3)
    return cell["x"] / 2


def phases(**options):
    rule = cs.symbolic.linear_net.residual_map()
    cs.phase_map(rule, D=np.linspace(0.1, 1, 50), Lam=1.0, Y=0, steps=40, **options)


def orbits(**options):
    cs.attractor(cs.symbolic.linear_net.balanced_map(), [0.3], Y=[0.9, 1.1], **options)


LONG = {
    "train": lambda **o: cs.train(NET, THETA, X, Y, learning_rate=[0.1, 0.2], steps=9, **o),
    "LinearNet.train": lambda **o: CLOSURE.train(learning_rate=[0.1, 0.2], steps=9, rng=0, **o),
    "iterate": lambda **o: cs.iterate(lambda x: x / 2, np.ones((4, 1)), steps=9, **o),
    "top_eigenpairs": lambda **o: cs.top_eigenpairs(np.diag(np.arange(9.0)), rng=0, **o),
    "ntk": lambda **o: ntk(NET, THETA, X, **o),
    "phase_map": phases,
    "attractor": orbits,
    "sweep": lambda **o: cs.sweep(halve, [{"x": 1.0}, {"x": 2.0}], **o),
}
WHAT = {
    "train": "2 members, 9 steps",
    "LinearNet.train": "2 members, 9 steps",
    "iterate": "4 members, 9 steps",
    "top_eigenpairs": "products",
    "ntk": "outputs",
    "phase_map": "cells",
    "attractor": "orbits",
    "sweep": "cells",
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(patch, call, delay=0.0):
    """Return what a call shows where standard error is a terminal."""
    shown = Terminal()
    with patch.context() as patched:
        patched.setattr(sys, "stderr", shown)
        patched.setattr(progress, "DELAY", delay)
        call()
    return shown.getvalue()


@pytest.mark.parametrize("name", LONG)
def test_what_may_take_long_shows_one_bar_on_a_terminal(name, monkeypatch):
    shown = on_terminal(monkeypatch, LONG[name])
    assert shown.startswith(f"\r{WHAT[name]}: ")
    assert all(part.startswith(WHAT[name]) for part in shown.split("\r") if part.strip())
    assert not shown.rpartition("\r")[0].rpartition("\r")[2].strip()  # it is cleared in the end


@pytest.mark.parametrize("name", LONG)
def test_silence_is_kept_where_it_is_asked_for(name, monkeypatch):
    assert on_terminal(monkeypatch, partial(LONG[name], progress=False)) == ""


@pytest.mark.parametrize("name", LONG)
def test_a_function_is_told_instead(name, monkeypatch):
    told = []
    assert on_terminal(monkeypatch, partial(LONG[name], progress=told.append)) == ""
    assert sum(told) > 0


@pytest.mark.parametrize("name", LONG)
def test_in_a_pipe_nothing_is_shown(name, capfd, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", 0.0)
    LONG[name]()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", LONG)
def test_wrong_kinds_of_progress_are_refused(name):
    with pytest.raises(InputError, match="progress must be a function, True, False or None; got 3"):
        LONG[name](progress=3)


def test_what_takes_less_than_two_seconds_shows_nothing(monkeypatch):
    assert on_terminal(monkeypatch, LONG["train"], delay=progress.DELAY) == ""


def test_a_single_long_step_is_seen_to_live(monkeypatch):
    """The bar appears, is drawn again while nothing is told, and is cleared in the end."""
    monkeypatch.setattr(progress, "BEAT", 0.05)
    asleep = partial(cs.iterate, lambda x: time.sleep(0.4) or x / 2, np.ones((1, 1)), steps=1)
    before_any_step = on_terminal(monkeypatch, asleep).split("\r")
    assert sum("0/2" in part for part in before_any_step) > 3
    assert not before_any_step[-2].strip()


def test_a_long_table_is_seen_to_be_read(monkeypatch, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("1,2,0\n3,4,1\n" * 500)
    read = partial(cs.datasets.load, file)
    assert "table.csv:   0%|          | 0/1000" in on_terminal(monkeypatch, read)
    assert on_terminal(monkeypatch, read, delay=progress.DELAY) == ""


def test_after_a_failure_the_next_computation_has_its_bar(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        cs.iterate(lambda x: 1 / 0, np.ones((4, 1)), steps=9)
    assert "4 members" in on_terminal(monkeypatch, LONG["iterate"])


def test_a_notebook_is_no_terminal_but_has_bars(monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    LONG["train"]()
    assert "2 members, 9 steps" in capsys.readouterr().err


def test_workers_have_no_bars(monkeypatch):
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "somebody")
    assert on_terminal(monkeypatch, LONG["train"]) == ""


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_a_closed_or_missing_standard_error_is_no_terminal(stderr, monkeypatch):
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    LONG["train"]()


SCRIPT = """
import time, numpy as np, catapult_sim as cs
cs.iterate(lambda x: time.sleep(0.03) or x / 2, np.ones((1, 1)), steps=99)
"""


@pytest.mark.parametrize("size", [(24, 80), (0, 0)])  # (0, 0): one that does not know its size
def test_on_a_real_terminal_a_bar_appears_after_two_seconds(size):
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))  # rows, columns
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True)
    shown = os.read(ours, 10**6).decode()
    os.close(theirs)
    os.close(ours)
    assert "1 member, 99 steps" in shown
    assert " 0%" not in shown
