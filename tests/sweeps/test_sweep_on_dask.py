"""A sweep on a dask cluster, one of whose workers is killed."""

import pytest

from catapult_sim import cli
from catapult_sim.sweeps.sweep import sweep
from tests.sweeps.sweeping import cells, draw, fragile, kill_first_worker

distributed = pytest.importorskip(
    "distributed", reason="dask is not installed: pip install distributed"
)

# What dask warns of, when its workers die and at its end, is dask's.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def lines_of(path):
    return sorted(path.read_bytes().splitlines(keepends=True))


def test_a_cluster_finds_what_one_process_finds(client, tmp_path):
    sweep(draw, cells(60), record=tmp_path / "here")
    sweep(draw, cells(60), record=tmp_path / "there", executor=client.get_executor())
    assert lines_of(tmp_path / "there") == lines_of(tmp_path / "here")


def test_a_cell_that_fails_on_a_cluster_brings_its_traceback(client):
    found = sweep(fragile, cells(5), executor=client.get_executor())
    assert (found.computed, found.failed) == (4, 1)
    error = next(line.error for line in found.lines if line.error)
    assert "in fragile" in error


def test_a_worker_killed_amid_a_sweep_costs_nothing(client, tmp_path):
    here, there, fatal = tmp_path / "here", tmp_path / "there", tmp_path / "fatal"
    deadly = [{"x": x, "fatal": str(fatal)} for x in range(60)]
    found = sweep(kill_first_worker, deadly, record=there, executor=client.get_executor())
    assert fatal.exists()  # a worker did die
    assert (found.computed, found.failed) == (60, 0)
    sweep(kill_first_worker, deadly, record=here)
    assert lines_of(there) == lines_of(here)


def test_a_command_runs_on_a_cluster_unchanged(client, tmp_path, capsys):
    command = ["simulate", "--samples", "8", "--steps", "20", "--out", str(tmp_path)]
    assert cli.main([*command, "--scheduler", client.scheduler.address]) == 0
    there = capsys.readouterr().out
    assert cli.main([*command, "--overwrite"]) == 0
    assert capsys.readouterr().out == there
