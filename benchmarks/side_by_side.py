"""Options, optional peers, timing in turns, and tables, for all benchmarks.

Every table is printed, and appended as a line of JSON to the file that the environment variable
``BENCHMARK_TABLES`` names, if any: so :mod:`run` collects them.
"""

import argparse
import importlib
import json
import os
import statistics
import time
from pathlib import Path

SETTLING = 0.05  # seconds
# Threads that wait for work sleep, instead of spinning on in the time of the next contender:
# beside OpenBLAS's, PyTorch looked 1.6 times as slow as it is. They must be set before any library.
PASSIVE = {"OPENBLAS_THREAD_TIMEOUT": "4", "OMP_WAIT_POLICY": "passive"}


def options(doc, **defaults):
    """Parse options of the given names and defaults; those with a list take one value or more."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in defaults.items():
        several = {"nargs": "+"} if isinstance(default, list) else {}
        kind = type(default[0] if several else default)
        words = f"(default: {' '.join(map(str, default)) if several else default})"
        parser.add_argument(f"--{name}", type=kind, default=default, help=words, **several)
    return parser.parse_args()


def installed(name):
    """Return a module; if it cannot be imported print why, and return None."""
    try:
        module = importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        print(f"  ({name} is left out: {error})")
        return None
    if name == "jax":
        module.config.update("jax_enable_x64", True)
    return module


def rounds(contenders, repeats, *, clock=time.perf_counter, settling=SETTLING):
    """Return lists of seconds: every contender once per round, after one that is not counted.

    Threads of the previous contender spin on for a while, and its data are in the caches: one
    that takes less than ``settling`` is timed after runs of its own.
    """
    seconds = {name: [timed(run, clock)] for name, run in contenders.items()}
    for _ in range(repeats):
        for name, run in contenders.items():
            if seconds[name][0] < settling:
                settle(run)
            seconds[name].append(timed(run, clock))
    return {name: times[1:] for name, times in seconds.items()}


def medians(contenders, repeats, **how):
    """Return the median seconds of every contender, see :func:`rounds`."""
    seconds = rounds(contenders, repeats, **how)
    return {name: statistics.median(times) for name, times in seconds.items()}


def settle(run):
    """Run again and again, until threads and caches of the previous contender are gone."""
    start = time.perf_counter()
    while time.perf_counter() < start + SETTLING:
        run()


def timed(run, clock=time.perf_counter):
    """Return how long a run takes, in seconds."""
    start = clock()
    run()
    return clock() - start


def race(title, contenders, repeats, *, times=None, **how):
    """Time contenders in turns, print their times in units of the first's, and return the rows.

    Ratios are those of each round: their median, and the middle half of them. ``times`` multiplies
    the seconds of contenders that do a part of the work.
    """
    seconds = rounds(contenders, repeats, **how)
    for name, factor in (times or {}).items():
        seconds[name] = [factor * one for one in seconds[name]]
    first = next(iter(seconds.values()))
    rows = []
    for name, found in seconds.items():
        ratios = [one / unit for one, unit in zip(found, first, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        row = {"name": name, "ratio": middle, "low": low, "high": high}
        rows.append(row | {"seconds": statistics.median(found)})
    print(f"\n{title}, {repeats} rounds", flush=True)
    for row in rows:
        spread = "" if row is rows[0] else f"  ({row['low']:.3g} to {row['high']:.3g})"
        print(f"  {row['name']:<40} {row['ratio']:>8.3g}{spread:<20} {1e3 * row['seconds']:.4g} ms")
    record({"title": title, "rounds": repeats, "rows": rows})
    return rows


def record(table):
    """Append a table to the file that collects them."""
    path = os.environ.get("BENCHMARK_TABLES")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(table) + "\n")
