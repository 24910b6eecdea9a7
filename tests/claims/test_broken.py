"""A formula broken on purpose fails a theorem; a bench broken on purpose shows no statement."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims import CLAIMS
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments import networks
from catapult_sim.experiments.bench import EFFORTS, Bench
from tests.broken import FAULTS


@pytest.fixture(scope="module")
def said():
    """What `verify` says of a sound copy of the package, and of broken ones, by broken file."""
    command = [sys.executable, "-m", "tests.broken"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = map(json.loads, told.splitlines())
    return {file: (verdicts, status) for file, verdicts, status in lines}


def test_in_a_sound_copy_every_theorem_holds(said):
    verdicts, status = said[""]
    assert {verdicts[fault.theorem] for fault in FAULTS} == {"holds"}
    assert status == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.file)
def test_a_broken_formula_fails_its_theorem_and_the_exit_status(said, fault):
    verdicts, status = said[fault.file]
    assert (verdicts.get(fault.theorem), status) == ("fails", 1)


def test_the_formulas_are_ten_or_more_in_as_many_files():
    assert len({fault.file for fault in FAULTS}) >= 10


# Benches --------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """Change the sizes of quick effort."""

    def shrink(**sizes):
        monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], **sizes))

    return shrink


def verdict(name):
    (claim,) = (claim for claim in CLAIMS if claim.id == name)
    return judge(claim, Bench(0)).verdict


def test_shuffled_labels_do_not_show_that_large_learning_rates_generalise_better(
    small, monkeypatch
):
    small(accuracy_width=32, seeds=6)
    name = "catapult.accuracy.tanh.steps"
    assert verdict(name) in GOOD
    split = Bench.split

    def shuffled(bench, *args, **kwargs):
        (X, y), test = split(bench, *args, **kwargs)
        return (X, np.random.default_rng(0).permutation(y)), test

    monkeypatch.setattr(Bench, "split", shuffled)
    assert verdict(name) not in GOOD


def test_a_doubled_learning_rate_does_not_show_the_thresholds(small, monkeypatch):
    small(members=4)
    thresholds = "catapult.data.rise", "catapult.data.end"
    assert {verdict(name) for name in thresholds} <= GOOD
    monkeypatch.setattr(networks.Networks, "unit", property(lambda self: 2 / self.lambda_0))
    assert {verdict(name) for name in thresholds} <= BAD
