"""Tests run side by side, a process for each core: their linear algebra keeps to one thread."""

import numpy  # noqa: F401  (its linear algebra has to be there to be limited)
from threadpoolctl import threadpool_limits

threadpool_limits(1)
