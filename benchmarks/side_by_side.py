"""What the benchmarks share: options, peers that may be absent, rounds of timing, tables."""

import argparse
import importlib
import statistics
import time

SETTLING = 0.05  # seconds


def options(doc, **defaults):
    """Parse options of these names, types and defaults; lists take one value or more."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, default in defaults.items():
        several = {"nargs": "+"} if isinstance(default, list) else {}
        kind = type(default[0] if several else default)
        words = f"(default: {' '.join(map(str, default)) if several else default})"
        parser.add_argument(f"--{name}", type=kind, default=default, help=words, **several)
    return parser.parse_args()


def installed(name):
    """Return a module, or None, and say so, where it cannot be imported."""
    try:
        module = importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        print(f"  ({name} is left out: {error})")
        return None
    if name == "jax":
        module.config.update("jax_enable_x64", True)
    return module


def rounds(contenders, repeats, *, clock=time.perf_counter, settling=SETTLING):
    """Time every contender once per round, after one round that is not counted: lists of seconds.

    Threads of the one before spin on for a while, and its data are in the caches: a contender
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
    """Median seconds of every contender, timed by rounds."""
    seconds = rounds(contenders, repeats, **how)
    return {name: statistics.median(times) for name, times in seconds.items()}


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


def table(title, seconds, notes=None):
    """Print times in units of the first, each with its note."""
    print(f"\n{title}", flush=True)
    unit = next(iter(seconds.values()))
    for name, one in seconds.items():
        note = f"; {notes[name]}" if notes else ""
        print(f"  {name:<44} {one / unit:>10.3g}   ({1e3 * one:.4g} ms{note})", flush=True)
