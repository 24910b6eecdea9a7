"""Options, optional peers, timing in turns, and tables, for all benchmarks."""

import argparse
import importlib
import statistics
import time

SETTLING = 0.05  # seconds


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


def table(title, seconds, notes=None):
    """Print times in units of the first, each with a note."""
    print(f"\n{title}", flush=True)
    unit = next(iter(seconds.values()))
    for name, one in seconds.items():
        note = f"; {notes[name]}" if notes else ""
        print(f"  {name:<44} {one / unit:>10.3g}   ({1e3 * one:.4g} ms{note})", flush=True)
