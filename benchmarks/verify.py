"""Measure what the processor time of ``catapult-sim verify`` is spent on.

    python benchmarks/verify.py

Claims of quick effort are judged in this process, with one thread of linear algebra, while another
thread looks a hundred times a second what this one computes. Besides, starting a worker takes about
a second, and writing the report two.
"""

import sys
import threading
import time
from collections import Counter

from side_by_side import options, record

from catapult_sim import claims
from catapult_sim.claims.verdict import judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.blas_threads import use_one_thread

PAUSE = 0.01  # seconds
PRODUCTS = {"multiply", "transpose", "outer", "scalar_products", "_gram"}
KINDS = (
    "matrix products of networks",
    "eigenvalue problems, with what else their Hessian products take",
    "SymPy",
    "activations",
    "the rest",
)


def kind_of(frame):
    """Return what the innermost of the functions that tell is about."""
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if "catapult_sim/mlp/" in file and name in PRODUCTS:
            return KINDS[0]
        if "numpy/linalg" in file or file.endswith("/krylov.py"):
            return KINDS[1]
        if "/sympy/" in file:
            return KINDS[2]
        if file.endswith("/activations.py"):
            return KINDS[3]
        frame = frame.f_back
    return KINDS[4]


def look(main, seconds, done):
    """Add up what the main thread computes, until done."""
    before = time.perf_counter()
    while not done.wait(PAUSE):
        now = time.perf_counter()
        seconds[kind_of(sys._current_frames()[main])] += now - before
        before = now


def main():
    options(__doc__, repeats=1)  # rounds of races, as run.py gives them all
    use_one_thread()
    bench, seconds, done = Bench(0), Counter(), threading.Event()
    looking = threading.Thread(target=look, args=(threading.get_ident(), seconds, done))
    looking.start()
    for claim in claims.usual("quick"):
        judge(claim, bench)
    done.set()
    looking.join()
    rows = [{"name": kind, "seconds": seconds[kind]} for kind in KINDS]
    for row in rows:
        row["share"] = row["seconds"] / seconds.total()
        print(f"{row['name']}: {row['seconds']:.0f} s, {row['share']:.0%}")
    record({"title": "what verify computes, quick effort", "shares": rows})


if __name__ == "__main__":
    main()
