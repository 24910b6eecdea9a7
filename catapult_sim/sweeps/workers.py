"""Pools of worker processes, each with one thread for linear algebra."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

from catapult_sim.numeric.runs.blas_threads import use_one_thread
from catapult_sim.validation import require_count


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return an executor of processes on this machine.

    Workers are spawned rather than forked, so that they hold none of this process's files; a
    script that calls this needs ``if __name__ == "__main__"``. They ignore Ctrl-C, which their
    parent handles, and end when the parent has been killed.

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
        initializer=_set_up_worker,
    )


def _set_up_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Without this, workers of a killed parent would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
