"""Runs that are stopped, however, and go on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.curvature.nudged import Nudged, SharpestDirections
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import Checkpoint, write_whole
from catapult_sim.numeric.runs.optimizers import (
    GradientDescent,
    HeavyBall,
    Nesterov,
    Regularized,
)
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
NET = MLP([4, 6, 2], activation="tanh", biases=True)
THETA = NET.init(rng=0, ensemble=(3,))
RATES = np.array([[0.05], [0.4], [100.0]])
BATCHES = minibatches(12, 4, 50, rng=5, ensemble=(3,))

OPTIMIZERS = {
    "gradient descent": {},
    "heavy ball": {"optimizer": HeavyBall(0.7)},
    "nesterov": {"optimizer": Nesterov([[0.0], [0.5], [0.9]])},
    "regulariser": {"optimizer": Regularized(GradientDescent(), 0.1)},
    "schedule": {"schedule": np.linspace(1.0, 0.2, 50)},
    "sgd": {"batches": BATCHES, "every": 3},
    "average": {"average": EMA(0.9)},
    "all at once": {
        "average": SWA(20),
        "batches": BATCHES,
        "optimizer": Nesterov(0.5),
        "schedule": lambda t: 0.99**t,
        "every": 4,
    },
}


def norm(theta):
    return np.linalg.norm(theta, axis=-1)


def run(**options):
    observe = {"norm": norm, "first two": lambda theta: theta[:, :2]}
    given = {"learning_rate": RATES, "steps": 50, "observe": observe, "tolerance": 0.3}
    with np.errstate(all="ignore"):
        return train(NET, THETA, X, Y, **given | options)


def assert_same(one, other):
    for name in ("step", "state", "outcome", "stopped", "average"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.values.keys() == other.values.keys()
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, other.values[name])


def full_after_one():
    """Return a writer whose disk has room for one file."""
    room = [True]

    def write(path, content):
        if not room:
            raise OSError("No space left on device")
        room.clear()
        write_whole(path, content)

    return write


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_in_pieces_is_the_run_at_once_to_the_last_bit(name, tmp_path, monkeypatch):
    whole, file = run(**OPTIMIZERS[name]), tmp_path / "run.npz"
    assert len({*whole.outcome.flat}) > 1
    stops = 0
    while True:
        monkeypatch.setattr("catapult_sim.numeric.runs.checkpoint.write_whole", full_after_one())
        try:
            found = run(checkpoint=Checkpoint(file, every=7), **OPTIMIZERS[name])
            break
        except OSError:
            stops += 1
    assert stops >= 4
    assert_same(found, whole)


def test_a_finished_run_is_read_and_a_longer_one_goes_on(tmp_path, monkeypatch):
    kept = {"checkpoint": Checkpoint(tmp_path / "run.npz")}
    first = run(steps=20, **kept, **OPTIMIZERS["heavy ball"])
    assert_same(first, run(steps=20, **OPTIMIZERS["heavy ball"]))
    assert_same(run(**kept, **OPTIMIZERS["heavy ball"]), run(**OPTIMIZERS["heavy ball"]))
    monkeypatch.setattr("catapult_sim.mlp.training.Descent.stride", None)
    again = run(**kept, **OPTIMIZERS["heavy ball"])
    assert again.values["loss"].shape[0] == 51


def test_batches_and_schedules_of_a_longer_run_may_be_longer(tmp_path):
    def options(steps):
        batches = minibatches(12, 4, steps, rng=5, ensemble=(3,))
        return {"steps": steps, "batches": batches, "schedule": lambda t: 1 / (1 + t)}

    run(checkpoint=Checkpoint(tmp_path / "run.npz"), **options(20))
    longer = run(checkpoint=Checkpoint(tmp_path / "run.npz"), **options(40))
    assert_same(longer, run(**options(40)))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"learning_rate": 2 * RATES}, "learning_rate"),
        ({"optimizer": HeavyBall(0.6)}, "momentum"),
        ({"optimizer": Nesterov(0.5)}, "optimizer"),
        ({"batches": BATCHES}, "batches"),
        ({"average": EMA(0.9)}, "average"),
        ({"tolerance": 0.1}, "tolerance"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(other, named, tmp_path):
    kept = {"checkpoint": Checkpoint(tmp_path / "run.npz"), "optimizer": HeavyBall(0.5)}
    run(**kept)
    with pytest.raises(InputError, match=rf"must be of this run; .*run.npz is of another {named}$"):
        run(**kept | other)


def test_the_checkpoint_of_another_network_is_refused(tmp_path):
    kept = {"learning_rate": 0.1, "steps": 5, "checkpoint": Checkpoint(tmp_path / "run.npz")}
    train(NET, THETA, X, Y, **kept)
    for net in (
        MLP([4, 6, 2], activation="relu", biases=True),
        MLP([4, 6, 2], activation="tanh", biases=True, parametrization="standard"),
    ):
        with pytest.raises(InputError, match="is of another network"):
            train(net, THETA, X, Y, **kept)


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_optimiser_that_cannot_be_continued_exactly_is_refused(wrapped, tmp_path):
    nudged = Nudged(0.5, SharpestDirections(lambda theta: NET.at(theta, X, Y).hessian_product))
    optimizer = Regularized(nudged, 0.1) if wrapped else nudged
    with pytest.raises(InputError, match=r"nothing but vectors of weights; got .*Nudged\("):
        run(checkpoint=Checkpoint(tmp_path / "run.npz"), optimizer=optimizer)
    assert not (tmp_path / "run.npz").exists()


def test_a_file_that_is_no_checkpoint_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "run.npz"
    np.savez(tmp_path / "array.npz", X)
    whole = run(checkpoint=Checkpoint(tmp_path / "whole.npz"))
    contents = [b"", b"notes", (tmp_path / "array.npz").read_bytes()]
    contents.append((tmp_path / "whole.npz").read_bytes()[:-100])
    for content in contents:
        file.write_bytes(content)
        with pytest.raises(InputError, match="checkpoint must be the file of a run; got"):
            run(checkpoint=Checkpoint(file))
        assert file.read_bytes() == content
    assert (whole.outcome == Outcome.DIVERGED).any()


def test_a_checkpoint_in_no_folder_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(InputError, match="checkpoint must be a file in a folder that exists; got"):
        run(checkpoint=Checkpoint(tmp_path / "absent" / "run.npz"))


def test_a_checkpoint_beyond_the_steps_is_refused(tmp_path):
    kept = {"checkpoint": Checkpoint(tmp_path / "run.npz"), "tolerance": 0.0}
    run(**kept)
    with pytest.raises(InputError, match=r"not be beyond the 10 steps; .* is at step 50"):
        run(steps=10, **kept)
    with pytest.raises(InputError, match="every must be an integer of at least 1; got 0"):
        Checkpoint("run.npz", every=0)


PROGRAM = """
import sys, numpy as np
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import Checkpoint
from catapult_sim.numeric.runs.optimizers import HeavyBall
rng = np.random.default_rng(0)
net, X, y = MLP([4, 32, 2]), rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
theta, steps = net.init(rng=0, ensemble=(2,)), 4000
batches = minibatches(12, 4, steps, rng=1, ensemble=(2,))
run = train(net, theta, X, y, learning_rate=0.05, steps=steps, optimizer=HeavyBall(0.9),
            batches=batches, every=10, checkpoint=Checkpoint(sys.argv[1], every=20))
sys.stdout.buffer.write(run.state.tobytes() + run.values["loss"].tobytes())
"""


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    def command(name):
        return [sys.executable, "-c", PROGRAM, str(tmp_path / name)]

    whole = subprocess.run(command("whole.npz"), capture_output=True, check=True).stdout
    file, kills = tmp_path / "run.npz", 0
    waits = np.random.default_rng().uniform(0, 0.2, 5)
    for wait in waits:
        before = file.stat().st_mtime_ns if file.exists() else 0
        # Killed after its last checkpoint, a run has nothing more to keep and ends by itself.
        with subprocess.Popen(command("run.npz"), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not (
                file.exists() and file.stat().st_mtime_ns > before
            ):
                time.sleep(1e-3)
            time.sleep(wait)
            process.kill()
        kills += process.returncode == -signal.SIGKILL
    done = subprocess.run(command("run.npz"), capture_output=True, check=True).stdout
    assert kills >= 1
    assert done == whole


def test_a_link_is_followed_and_a_pipe_stays_one(tmp_path):
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    link.symlink_to(file)
    for content in (b"one", b"other"):
        write_whole(link, content)
        assert link.is_symlink()
        assert file.read_bytes() == content
    os.mkfifo(pipe)
    ours = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, content)
    assert os.read(ours, 9) == content
    os.close(ours)
    assert pipe.is_fifo()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "link", "pipe"]
