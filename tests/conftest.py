"""Tests run side by side, a process for each core: their linear algebra keeps to one thread.

Property-based tests try the same inputs whenever they run. ``HYPOTHESIS_PROFILE=explore`` draws
others each time, ``HYPOTHESIS_PROFILE=few`` only some of them. ``CASES=few`` keeps every test, and
of one that has several cases the first, every eleventh and the last.
"""

import gc
import os
from collections import defaultdict

import numpy  # noqa: F401  (its linear algebra has to be there to be limited)
from hypothesis import settings
from threadpoolctl import threadpool_limits

threadpool_limits(1)
# No deadline: a test that times fails on a busy machine.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.register_profile("few", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# Their cases are what libraries are given or asked for, not numbers that formulas are tried with.
OF_LIBRARIES = (
    "tests/datasets/",
    "tests/test_data_doors.py",
    "tests/symbolic/voices/test_every_function.py",
)


def pytest_collection_modifyitems(items):
    if os.environ.get("CASES") == "few":
        cases = defaultdict(list)
        for item in items:
            whole = item.nodeid.startswith(OF_LIBRARIES)
            cases[item.nodeid if whole else item.nodeid.partition("[")[0]].append(item)
        # Eleven has no divisor in common with how many values most parameters have.
        few = [dict.fromkeys([*several[::11], several[-1]]) for several in cases.values()]
        items[:] = [item for several in few for item in several]


def pytest_collection():
    """Look for no garbage while tests are collected: that takes as long again."""
    gc.disable()


def pytest_collection_finish():
    gc.enable()
