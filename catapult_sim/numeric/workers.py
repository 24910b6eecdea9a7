"""Who computes: processes with one thread of linear algebra each, or threads of this one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context, parent_process

from threadpoolctl import ThreadpoolController, threadpool_limits

from catapult_sim.numeric.requirements import require_count

__all__ = ["process_pool", "threads", "threads_for", "use_one_thread"]


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return an executor of processes on this machine.

    Workers are started afresh rather than forked, so that they hold none of this process's
    files; a script that calls this needs ``if __name__ == "__main__"``. They leave Ctrl-C
    to their parent, and end when the parent has been killed.

    Parameters
    ----------
    workers : int
        How many processes.

    Raises
    ------
    InputError
        Where the number is not positive.
    """
    return ProcessPoolExecutor(
        require_count("workers", workers, 1),
        mp_context=get_context("spawn"),
        initializer=_enlist,
    )


def _enlist() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # The executor's own workers would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
