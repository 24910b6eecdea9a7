"""Measure the cost of recording, the memory of a sweep, and the gain of a second worker.

Contenders take turns in one process; ratios of medians are printed, and seconds per cell for the
arithmetic of docs/cluster.md.

Run with ``python benchmarks/sweep.py``.
"""

import os
import tempfile
import tracemalloc
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from distributed import Client, LocalCluster
from side_by_side import medians, timed

from catapult_sim import Phase, cell, classify, iterate, process_pool, sweep
from catapult_sim.experiments.phase_cells import phase_of
from catapult_sim.numeric.runs.trajectory import peak

CHEAP, GROUP, ROUNDS = 100_000, 1000, 5
NAMES = [str(phase) for phase in Phase]


def step(state):
    """One sample without a label, exact (Lewkowycz et al. 2020, eqs. 2-3), in eta f and eta lam."""
    f, lam = state[:, 0], state[:, 1]
    return np.stack([f * (1 - lam + f**2), lam + f**2 * (lam - 4)], axis=1)


def loss(state):
    return state[:, 0] ** 2


def map_together(cells):
    start = np.array([(cell["f"], cell["lam"]) for cell in cells])
    run = iterate(step, start, loss=loss, steps=200, tolerance=1e-6)
    columns = classify(run).tolist(), run.stopped.tolist(), run.state[:, 1].tolist()
    rows = zip(*columns, peak(run).tolist(), strict=True)
    return [
        {"phase": NAMES[phase], "steps": steps, "lam": lam, "peak": top}
        for phase, steps, lam, top in rows
    ]


@cell(version=1, batch_key=lambda cell: None, batched=map_together, batch_size=GROUP)
def phase_map(cell):
    return map_together([cell])[0]


def cheap_cells(count):
    side = round(count**0.5)
    for f in np.geomspace(1e-6, 1e-1, side).tolist():
        for lam in np.linspace(0.1, 5.0, count // side + 1).tolist():
            yield {"f": f, "lam": lam}


def network_cells(seeds):
    shared = {"model": "mlp", "activation": "relu", "depth": 1, "width": 128, "scale": 1.0}
    shared |= {"data": "digits", "samples": 32, "steps": 200}
    return [
        shared | {"c": c, "seed": seed}
        for seed in seeds
        for c in np.geomspace(0.5, 6.0, 16).tolist()
    ]


def recording(folder):
    cells = list(cheap_cells(CHEAP))
    paths = (folder / f"{number}.jsonl" for number in range(10**6))

    def compute_only():
        for first in range(0, len(cells), GROUP):
            map_together(cells[first : first + GROUP])

    def computed_and_recorded():
        sweep(phase_map, cells, record=next(paths))

    ways = {"computed": compute_only, "recorded": computed_and_recorded}
    found = medians(ways, ROUNDS)
    again = timed(lambda: sweep(phase_map, cells, record=folder / "0.jsonl"))
    ratio = found["recorded"] / found["computed"]
    size = (folder / "0.jsonl").stat().st_size / len(cells)
    print(f"{len(cells)} cheap cells, computed and recorded / computed: {ratio:.2f} (at most 2)")
    print(f"  computed {1e6 * found['computed'] / len(cells):.1f} us a cell", end=", ")
    print(f"recording {1e6 * (found['recorded'] - found['computed']) / len(cells):.1f}", end=", ")
    print(f"finding again {1e6 * again / len(cells):.1f}; {size:.0f} bytes a line")


def memory(folder):
    peaks = []
    for count in (CHEAP // 4, CHEAP):
        tracemalloc.start()
        sweep(phase_map, cheap_cells(count), record=folder / f"memory-{count}.jsonl")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    print(f"peak memory of {CHEAP} cells / of {CHEAP // 4}: {peaks[1] / peaks[0]:.2f} (flat is 1)")


@cell(version=1)
def burn(cell):
    return sum(k * k for k in range(700_000)) % 7


def workers(folder):
    """Print the gain of a second worker on MLP cells, and on loops that share nothing."""
    cells, loops = network_cells(range(8)), [{"x": x} for x in range(16)]
    with process_pool(1) as one, process_pool(2) as two:
        for pool in (one, two):
            sweep(phase_of, network_cells(range(90, 94)), executor=pool)  # workers start
        found = medians(
            {
                "here": lambda: sweep(phase_of, cells),
                "one": lambda: sweep(phase_of, cells, executor=one),
                "two": lambda: sweep(phase_of, cells, executor=two),
                "one loop": lambda: sweep(burn, loops, executor=one),
                "two loops": lambda: sweep(burn, loops, executor=two),
            },
            ROUNDS,
        )
    print(
        f"MLP cells, one worker / two: {found['one'] / found['two']:.2f} (at least 1.7)", end=", "
    )
    print(f"of the {found['one loop'] / found['two loops']:.2f} that loops get here now")
    print(f"  this process / one worker: {found['here'] / found['one']:.2f}", end=", ")
    print(f"{1e3 * found['one'] / len(cells):.1f} ms a cell")


def round_trips(folder):
    """Print how many groups of one cheap cell an executor hands out a second."""
    cells = [{"f": 1e-3, "lam": 0.9 + 1e-6 * k} for k in range(1000)]

    def rate(executor):
        sweep(phase_map, cells[:20], executor=executor, group=1)
        return len(cells) / timed(lambda: sweep(phase_map, cells, executor=executor, group=1))

    with process_pool(2) as two:
        print(f"groups a second: {rate(two):.0f} through two processes, {rate(None):.0f} in this")
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        print(f"  {rate(client.get_executor()):.0f} through dask's scheduler on this machine")


def main():
    for measure in (recording, memory, workers, round_trips):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
