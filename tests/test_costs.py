"""What a command says that many cells cost, and where it refuses them."""

import argparse
import re
import time

import pytest

from catapult_sim import cli
from catapult_sim.commands.costs import costs
from catapult_sim.sweeps.cell import cell
from catapult_sim.sweeps.record import read_record

SMALL = ["--samples", "4", "--width", "8", "--steps", "2"]
MANY = ["scan", *SMALL, "--c", "0.5:4:1001", "--members", "1"]


@cell(version=1)
def sleeps(cell):
    """A run of known length."""
    time.sleep(0.02 + 0.01 * cell["steps"])


def test_the_time_is_that_of_all_steps_of_all_cells_by_all_workers():
    cells, workers = [{"x": x, "steps": 100} for x in range(1800)], 2
    options = argparse.Namespace(workers=workers, scheduler=None, progress=False)
    minutes = (0.02 + 0.01 * 100) * len(cells) / workers / 60  # 15.3
    words = costs(sleeps, cells, options)
    said = re.fullmatch(r"1,800 cells: at most (\d+) min with --workers 2; 7.2 MB for .*", words)
    assert float(said[1]) == pytest.approx(minutes, rel=0.25)


def test_many_cells_are_said_before_they_are_computed(tmp_path, capsys):
    assert cli.main([*MANY, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert re.match(r"1,001 cells: at most \d+ s with --workers 1; 4 MB for their record", said[1])
    assert said[2] == "1001 cells computed, 0 found in the record"
    assert len(list(read_record(tmp_path / "records.jsonl"))) == 1001


GRID = ["phase-diagram", *SMALL, "--x", "c=1:8:1025", "--y", "width=8:4096:1025", "--levels"]


@pytest.mark.parametrize(
    ("command", "cells", "size"),
    [
        (MANY, "1,001", "4 MB"),
        (["boundary", *SMALL, "--members", "1000", "--kinds", "rise", "end"], "2,000", "8 MB"),
        ([*GRID, "0"], "1,050,625", "4.21 GB"),  # 1025^2, and as many bytes of grids, ten times
        ([*GRID, "5"], "1,089", "14.9 MB"),  # 33^2
    ],
)
def test_a_record_that_does_not_fit_is_refused(command, cells, size, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main([*command, "--memory-limit", "3MB", "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert f"the record of {cells} cells requires {size} of memory; --memory-limit allows" in told
    assert len(told.splitlines()) == 1
    assert not out.exists()
