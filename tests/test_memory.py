"""Sizes of memory, and refusals before it is taken."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as some

from catapult_sim.cli import main
from catapult_sim.memory import allowed_bytes, in_words, require_memory
from catapult_sim.mlp import kernel
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.validation import InputError

DECIMAL = {"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "g": 1e9}
BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "gi": 2**30}


@given(
    number=some.integers(1, 10**6) | some.floats(1e-3, 1e6),
    unit=some.sampled_from([*DECIMAL, *BINARY]),
    space=some.sampled_from(["", " "]),
)
def test_sizes_are_read_in_units(number, unit, space):
    found = allowed_bytes(f"{number}{space}{unit}")
    assert found == pytest.approx(number * (DECIMAL | BINARY)[unit])


@given(size=some.floats(1, 1e30))
def test_sizes_are_written_in_units_that_can_be_read(size):
    words = in_words(size)
    assert float(words.split()[0]) < 1000 or words.endswith("EB")
    assert allowed_bytes(words.replace("+", "")) == pytest.approx(size, rel=6e-3)


@pytest.mark.parametrize(
    "size", [0, -1, "0", "-1GB", "six", "GB", "6XB", np.nan, "nan", [], "6 G B"]
)
def test_other_limits_are_refused(size):
    net = LinearNet([[1.0]], [1.0], width=10)
    with pytest.raises(InputError, match="memory_limit must be a positive size, such as 6GB; got "):
        net.init(rng=0, memory_limit=size)


def test_half_of_what_is_free_at_the_call_is_the_default(monkeypatch):
    for free in (10**9, 10**12):
        monkeypatch.setattr(psutil, "virtual_memory", partial(SimpleNamespace, available=free))
        assert allowed_bytes(None) == free / 2
        require_memory(free / 2, None, "this", "samples")
        sentence = "this requires .* of memory; memory_limit allows 500 .?B: raise it, or take few"
        with pytest.raises(InputError, match=sentence):
            require_memory(free / 2 + 1, None, "this", "samples")
    net, X = MLP([1, 2, 1]), np.ones((40, 1))
    with pytest.raises(InputError, match=r"memory_limit allows 12\.8 kB"):
        kernel.ntk(net, net.init(rng=0), X, memory_limit=12.8e3)


def test_the_command_takes_sizes(tmp_path, capsys):
    command = [
        "simulate",
        "--steps",
        "1",
        "--c",
        "1",
        "--samples",
        "8",
        "--out",
        str(tmp_path / "a"),
    ]
    assert main([*command, "--memory-limit", "2kB"]) == 2
    error = capsys.readouterr().err
    assert "of memory; --memory-limit allows 2 kB: raise it, or take fewer --workers" in error
    assert main([*command, "--memory-limit", "0.5GB"]) == 0
    with pytest.raises(SystemExit):
        main([*command, "--memory-limit", "lots"])
    assert (
        "--memory-limit: must be a positive size, such as 6GB; got 'lots'"
        in capsys.readouterr().err
    )
