"""Processes that compute cells: one thread of linear algebra each, gone when nobody waits."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context, parent_process

from threadpoolctl import threadpool_limits

from catapult_sim.numeric.requirements import require_count

__all__ = ["process_pool", "use_one_thread"]


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
