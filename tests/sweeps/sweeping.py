"""Cells for the tests of sweeps, where workers and other processes can find them.

As a program: ``python -m tests.sweeps.sweeping RECORD CELLS WORKERS`` sweeps ``draw``.
"""

import os
import signal
import sys
import time

import numpy as np

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs import blas_threads
from catapult_sim.numeric.runs.phases import classify
from catapult_sim.numeric.runs.trajectory import peak
from catapult_sim.sweeps import workers
from catapult_sim.sweeps.cell import cell
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.sweeps.workers import process_pool


def square(cell):
    return cell["x"] ** 2


@cell(version=1)
def fragile(cell):
    if cell["x"] == 3:
        raise ValueError("three is too many")
    return cell["x"]


@cell(version=1)
def not_json(cell):
    return {1, 2} if cell["x"] == 1 else cell["x"]


def cells(count):
    return ({"x": x, "width": 10 + x % 3} for x in range(count))


def draw_together(cells):
    return [draw(cell) for cell in cells]


@cell(version=3, batch_key=lambda cell: cell["width"], batched=draw_together, batch_size=4)
def draw(cell):
    time.sleep(2e-3)
    return np.random.default_rng(cell["x"]).normal(size=cell["width"]).tolist()


def phases(cells):
    net = LinearNet(np.eye(2), [1.0, -1.0], width=cells[0]["width"])
    state = net.init(rng=0)
    rates = np.array([cell["c"] for cell in cells]) / net.top_eigenvalue(state)
    run = net.train(learning_rate=rates, steps=60, state=state)
    return [
        {"phase": int(phase), "loss": loss}
        for phase, loss in zip(classify(run), peak(run).tolist(), strict=True)
    ]


@cell(version=1, batch_key=lambda cell: cell["width"], batched=phases, batch_size=16)
def phase(cell):
    return phases([cell])[0]


def phase_cells():
    return [{"c": float(c), "width": n} for c in np.linspace(0.5, 3.9, 23) for n in (5, 50, 10**9)]


@cell(version=1)
def threads(cell):
    import threadpoolctl

    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


@cell(version=1)
def threads_of_scipy(cell):
    from scipy import linalg

    linalg.eigh(np.eye(9))
    return blas_threads.threads(), threads(cell)


@cell(version=1)
def threads_of_ensembles(cell):
    """Return the threads of ensembles once so many workers compute."""
    while workers._computing.value < cell["workers"]:
        time.sleep(0.01)
    with blas_threads.threads_for(5) as many, blas_threads.threads_for(1) as one:
        return many, one, blas_threads.threads()


@cell(version=1)
def ensemble(cell):
    network = MLP([4, 300, 300, 1])  # ten of them are more than one block
    theta, X = network.init(rng=0, ensemble=(10,)), np.arange(256.0).reshape(64, 4) / 256
    run = train(network, theta, X, X[:, 0], learning_rate=1e-3, steps=3)
    return [float(one).hex() for one in run.state.sum(axis=-1)]


@cell(version=1)
def kill_first_worker(cell):
    # The first worker to get here makes the file, and dies of it.
    time.sleep(5e-3)
    if cell["x"] == 20:
        try:
            os.close(os.open(cell["fatal"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return cell["x"]


@cell(version=1)
def process(cell):
    time.sleep(0.01)
    return os.getpid()


def main(record, count, workers):
    if workers == 0:
        return sweep(draw, cells(count), record=record)
    with process_pool(workers) as pool:
        return sweep(draw, cells(count), record=record, executor=pool)


if __name__ == "__main__":
    print("started", flush=True)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
