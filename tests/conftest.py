"""Tests run side by side, a process for each core: their linear algebra keeps to one thread.

Property-based tests try the same inputs whenever they run. ``HYPOTHESIS_PROFILE=explore`` draws
others each time, ``HYPOTHESIS_PROFILE=few`` only some of them.
"""

import os

import numpy  # noqa: F401  (its linear algebra has to be there to be limited)
from hypothesis import settings
from threadpoolctl import threadpool_limits

threadpool_limits(1)
# No deadline: a test that times fails on a busy machine.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.register_profile("few", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
