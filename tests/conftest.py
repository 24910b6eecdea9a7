"""Tests run side by side, a process for each core: their linear algebra keeps to one thread.

Property-based tests try the same inputs whenever they run. ``HYPOTHESIS_PROFILE=explore`` draws
others each time, ``HYPOTHESIS_PROFILE=few`` only some of them. ``CASES=few`` keeps every test, and
of the cases of one that has several the first, every eleventh and the last.
"""

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


def pytest_collection_modifyitems(items):
    if os.environ.get("CASES") == "few":
        cases = defaultdict(list)
        for item in items:
            cases[item.nodeid.partition("[")[0]].append(item)
        # Eleven has no divisor in common with how many values most parameters have.
        items[:] = [
            one for all_ in cases.values() for one in dict.fromkeys([*all_[::11], all_[-1]])
        ]
