"""How many threads BLAS uses, and how it shares them with members that run in parallel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController, threadpool_limits


@cache
def use_one_thread() -> None:
    """Give this process's linear algebra one thread from now on.

    Workers share a machine; and sums that are split among threads differ in their last bits.
    """
    threadpool_limits(1)


def threads() -> int:
    """Return how many threads linear algebra may have; a sweep's worker has one."""
    return max((library["num_threads"] for library in _linear_algebra().info()), default=1)


@contextmanager
def threads_for(members: int) -> Iterator[int]:
    """Say how many threads an ensemble may have, and take them from linear algebra meanwhile.

    Members side by side use cores better than their linear algebra does, one by one. A single
    member leaves them to it. So does an ensemble in any thread but the main one: how many threads
    linear algebra has is a matter of the whole process, and others may be computing beside it.
    """
    if members == 1 or threading.current_thread() is not threading.main_thread():
        yield 1
        return
    available = threads()
    with _linear_algebra().limit(limits=1):
        yield available


@cache
def _linear_algebra() -> ThreadpoolController:
    # Others, such as those of OpenMP, have a number of threads for each thread that asks.
    return ThreadpoolController().select(user_api="blas")
