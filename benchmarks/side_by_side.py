"""What the benchmarks share: peers that may be absent, and contenders timed in turn."""

import importlib
import statistics
import time


def installed(name):
    """Return a module, or None, and say so, where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        print(f"  ({name} is left out: {error})")
        return None


SETTLING = 0.05  # seconds


def medians(contenders, repeats):
    """Time every contender once per round, after one round that is not counted, in seconds.

    Threads of the one before spin on for a while, and its data are in the caches: a contender
    that is over sooner is timed after runs of its own.
    """
    seconds = {name: [timed(run)] for name, run in contenders.items()}
    for _ in range(repeats):
        for name, run in contenders.items():
            if seconds[name][0] < SETTLING:
                settle(run)
            seconds[name].append(timed(run))
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def settle(run):
    """Run again and again, until nothing is left of others."""
    start = time.perf_counter()
    while time.perf_counter() < start + SETTLING:
        run()


def timed(run, clock=time.perf_counter):
    """Return how long a run takes, in seconds."""
    start = clock()
    run()
    return clock() - start


def table(title, seconds):
    """Print times in units of the first."""
    print(f"\n{title}", flush=True)
    unit = next(iter(seconds.values()))
    for name, one in seconds.items():
        print(f"  {name:<44} {one / unit:>10.3g}   ({1e3 * one:.3g} ms)", flush=True)
