"""How many threads BLAS uses, and how it shares them with members that run in parallel."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits

T = TypeVar("T")


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


def give_members(threads: Callable[[], int]) -> None:
    """Let members of ensembles have at least so many threads from now on, asked for each run.

    That is for processes whose linear algebra has one. The numbers of a member are the same to the
    bit on any number of threads.
    """
    global _given
    _given = threads


def _one() -> int:
    return 1


_given = _one


def threads_of_members() -> int:
    """Return how many threads the members of an ensemble may have together."""
    return max(threads(), _given())


def threads() -> int:
    """Return how many threads linear algebra may have; a sweep's worker has one."""
    return max((library["num_threads"] for library in _linear_algebra().info()), default=1)


@contextmanager
def threads_for(members: int, *, small: bool = False) -> Iterator[int]:
    """Yield the number of threads for an ensemble; linear algebra has one thread meanwhile.

    Members in parallel use cores better than parallel linear algebra in one member after another.
    A single member gets one thread, and linear algebra keeps its own unless the member is small. So
    does an ensemble outside the main thread: the number is that of the whole process, where other
    threads may compute too.
    """
    alone = members == 1
    with one_thread_where(small or not alone) as available:
        yield 1 if alone else max(available, _given() if _in_main_thread() else 1)


@contextmanager
def one_thread_where(small: bool) -> Iterator[int]:
    """Give linear algebra one thread where products are small; yield how many there were.

    Threads that share a small product mostly wait for one another, and beside another busy process
    for a whole slice of its time.
    """
    available = threads_here()
    if not small or available == 1:
        yield available
        return
    with _linear_algebra().limit(limits=1):
        yield available


def threads_here() -> int:
    """Return how many threads may compute for this one: outside of the main thread only itself."""
    return threads() if _in_main_thread() else 1


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of tasks, each on a thread of its own with one of linear algebra.

    Where this thread may have no others, they are done one after the other.
    """
    if len(tasks) == 1 or threads_here() == 1:
        return [task() for task in tasks]
    treatment: Any = np.geterr()  # of floating-point errors, which NumPy keeps for each thread

    def alike(task: Callable[[], T]) -> T:
        with np.errstate(**treatment):
            return task()

    pool = _pool(os.getpid(), len(tasks) - 1)
    with _linear_algebra().limit(limits=1):
        others = [pool.submit(alike, task) for task in tasks[1:]]
        try:
            first = tasks[0]()
        finally:
            wait(others)
    return [first, *(other.result() for other in others)]


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Return idle threads of a process; one that is forked from it has none of them."""
    return ThreadPoolExecutor(threads)


@cache
def _linear_algebra() -> ThreadpoolController:
    # Not OpenMP, whose number of threads is set for each calling thread separately.
    _load_linear_algebra()
    return ThreadpoolController().select(user_api="blas")


def _load_linear_algebra() -> None:
    # Only what is loaded can be limited, and SciPy brings a BLAS beside NumPy's.
    import scipy.linalg  # noqa: F401
