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


def medians(contenders, repeats):
    """Time every contender once per round, after one round that is not counted, in seconds."""
    seconds = {name: [] for name in contenders}
    for repeat in range(repeats + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def table(title, seconds):
    """Print times in units of the first."""
    print(f"\n{title}", flush=True)
    unit = next(iter(seconds.values()))
    for name, one in seconds.items():
        print(f"  {name:<44} {one / unit:>10.3g}   ({1e3 * one:.3g} ms)", flush=True)
