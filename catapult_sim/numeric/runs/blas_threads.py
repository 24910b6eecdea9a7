"""How many threads BLAS uses, and how it shares them with members that run in parallel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController, threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Give this process's linear algebra one thread, until the context ends if it is entered.

    Workers share a machine; and sums that are split among threads differ in their last bits.
    """
    _load_linear_algebra()
    return threadpool_limits(1)


@cache
def use_one_thread() -> None:
    """Give this process's linear algebra one thread from now on."""
    one_thread()


def threads() -> int:
    """Return how many threads linear algebra may have; a sweep's worker has one."""
    return max((library["num_threads"] for library in _linear_algebra().info()), default=1)


@contextmanager
def threads_for(members: int) -> Iterator[int]:
    """Yield the number of threads for an ensemble; linear algebra has one thread meanwhile.

    Members in parallel use cores better than parallel linear algebra in one member after another.
    A single member gets one thread, and linear algebra keeps its own. So does an ensemble outside
    the main thread: the number is that of the whole process, where other threads may compute too.
    """
    if members == 1 or threading.current_thread() is not threading.main_thread():
        yield 1
        return
    available = threads()
    with _linear_algebra().limit(limits=1):
        yield available


@cache
def _linear_algebra() -> ThreadpoolController:
    # Not OpenMP, whose number of threads is set for each calling thread separately.
    _load_linear_algebra()
    return ThreadpoolController().select(user_api="blas")


def _load_linear_algebra() -> None:
    # Only what is loaded can be limited, and SciPy brings a BLAS beside NumPy's.
    import scipy.linalg  # noqa: F401
