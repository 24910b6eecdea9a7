"""Measure how time and memory grow with samples, width, depth, members, steps and cells.

    python benchmarks/growth.py [--repeats 3]

One size at a time is doubled four times, all others stay. A row names the time of a run, the
largest memory that NumPy and Python had meanwhile, and the powers of the size with which both grew
over the last two doublings; the last column is the power that theory says the time has for large
sizes. Below, what is constant or of a lower power counts.
"""

import math
import statistics
import tracemalloc

import numpy as np
from side_by_side import options, record, timed

from catapult_sim import MLP, LinearNet, phase_map, sweep, top_eigenpairs, train
from catapult_sim.experiments.phase_cells import phase_of
from catapult_sim.mlp import kernel
from catapult_sim.symbolic.linear_net import residual_map

DOUBLINGS = 4


def data(samples, inputs, outputs=1):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(samples, inputs)) / math.sqrt(inputs)
    return X, rng.normal(size=(samples, outputs))


# Each returns a run of one size -----------------------------------------------------------------


def linear_net(samples=1000, inputs=20, members=16, steps=50, width=1e6):
    X, y = data(samples, inputs)
    net = LinearNet(X, y[:, 0], width=width)
    rate = 1.0 / net.top_eigenvalue(net.init(rng=0))
    state = net.init(rng=0, ensemble=(members,))
    return lambda: net.train(learning_rate=rate, steps=steps, state=state)


def mlp(samples=512, width=256, depth=2, members=1, steps=5):
    X, y = data(samples, 64, 10)
    net = MLP([64, *[width] * depth, 10], dtype="float32")
    theta = net.init(rng=0, ensemble=(members,))
    return lambda: train(net, theta, X, y, learning_rate=1e-3, steps=steps)


def hessian_eigenvalue(samples=512, width=256):
    X, y = data(samples, 64, 10)
    net = MLP([64, width, width, 10], dtype="float32")
    theta = net.init(rng=0)
    # So many products whatever the size: the tolerance is out of reach.
    how = {"size": net.size, "tolerance": 1e-12, "max_products": 30, "rng": 0}
    return lambda: top_eigenpairs(net.at(theta, X, y).hessian_product, **how)


def kernel_matrix(samples=128, width=256):
    X, _ = data(samples, 64, 10)
    net = MLP([64, width, width, 10], dtype="float32")
    theta = net.init(rng=0)
    return lambda: kernel.ntk(net, theta, X)


def cells_of_a_map(cells=2**16, steps=100):
    F0, Lam0 = np.geomspace(1e-6, 1, cells), np.linspace(0.01, 3.0, cells)
    return lambda: phase_map(residual_map(), D=F0, Lam=Lam0, Y=0.0, steps=steps)


def cells_of_a_sweep(cells=64):
    shared = {"model": "mlp", "activation": "relu", "depth": 1, "width": 64, "scale": 1.0}
    shared |= {"data": "digits", "samples": 32, "steps": 50, "seed": 0}
    listed = [shared | {"c": c} for c in np.linspace(0.5, 3.0, cells).tolist()]
    return lambda: sweep(phase_of, listed)


# What is doubled, from where, and the power of time in theory.
GROWTHS = [
    ("steps of LinearNet", linear_net, "width", 1e6, 0, "exact at any width"),
    ("steps of LinearNet", linear_net, "samples", 10_000, 0, "the data enter by their moments"),
    ("steps of LinearNet", linear_net, "inputs", 20, 2, "matrices of d x d"),
    ("steps of LinearNet", linear_net, "members", 64, 1, ""),
    ("steps of LinearNet", linear_net, "steps", 100, 1, ""),
    ("steps of an MLP", mlp, "samples", 512, 1, ""),
    ("steps of an MLP", mlp, "width", 256, 2, "matrices of n x n"),
    ("steps of an MLP", mlp, "depth", 4, 1, ""),
    ("steps of an MLP", mlp, "members", 4, 1, ""),
    ("steps of an MLP", mlp, "steps", 5, 1, ""),
    ("30 Hessian products, with Lanczos", hessian_eigenvalue, "samples", 512, 1, ""),
    ("30 Hessian products, with Lanczos", hessian_eigenvalue, "width", 128, 2, ""),
    ("the whole tangent kernel", kernel_matrix, "samples", 64, 2, "m x m of k x k"),
    ("the phase map of one sample", cells_of_a_map, "cells", 2**16, 1, ""),
    ("a sweep of networks", cells_of_a_sweep, "cells", 64, 1, ""),
]


def growth(title, make, axis, smallest, power, because, repeats):
    """Measure one growth, print it, and record it."""
    sizes = [smallest * 2**k for k in range(DOUBLINGS + 1)]
    seconds, peaks = [], []
    for size in sizes:
        run = make(**{axis: size})
        run()
        seconds.append(statistics.median(timed(run) for _ in range(repeats)))
        tracemalloc.start()
        make(**{axis: size})()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    powers = [math.log2(found[-1] / found[-3]) / 2 for found in (seconds, peaks)]
    row = {"what": title, "axis": axis, "sizes": sizes, "seconds": seconds, "bytes": peaks}
    row |= dict(zip(("time_power", "memory_power"), powers, strict=True))
    row |= {"theory": power, "because": because}
    print(
        f"{title}, by {axis} from {smallest:g} to {sizes[-1]:g}: {1e3 * seconds[0]:.3g} to "
        f"{1e3 * seconds[-1]:.3g} ms, {peaks[0] / 1e6:.3g} to {peaks[-1] / 1e6:.3g} MB; power of "
        f"time {powers[0]:.2f} ({power} in theory), of memory {powers[1]:.2f}",
        flush=True,
    )
    return row


def main():
    repeats = options(__doc__, repeats=3).repeats
    rows = [growth(*one, repeats) for one in GROWTHS]
    record({"title": "growth", "rounds": repeats, "growth": rows})


if __name__ == "__main__":
    main()
