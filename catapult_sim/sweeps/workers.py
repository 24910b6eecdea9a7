"""Pools of worker processes, each with one thread for linear algebra."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from types import TracebackType

from catapult_sim.numeric.runs.blas_threads import give_members, use_one_thread
from catapult_sim.validation import require_count


def process_pool(workers: int, *, threads: int = 1) -> ProcessPoolExecutor:
    """Return an executor of processes on this machine.

    Workers are spawned rather than forked, so that they hold none of this process's files; a
    script that calls this needs ``if __name__ == "__main__"``. They do not hear Ctrl-C, which
    their parent handles: as a context, the pool then ends them at once, whatever they compute.
    They also end when the parent has been killed.

    Parameters
    ----------
    workers : int
        How many processes.
    threads : int
        On how many threads each may train the members of an ensemble, whose numbers are the same
        to the bit on any. Of linear algebra each process has one thread.

    Raises
    ------
    InputError
        Where a number is not positive.
    """
    return _Pool(
        require_count("workers", workers, 1),
        mp_context=_Context(),
        initializer=_set_up_worker,
        initargs=(require_count("threads", threads, 1),),
    )


def end_workers() -> None:
    """End the workers of all pools of this process, without waiting for what they compute."""
    for child in active_children():
        if isinstance(child, _Worker):
            child.kill()


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _interrupts_held_back():
            super().start()


class _Context(SpawnContext):
    Process = _Worker


class _Pool(ProcessPoolExecutor):
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            end_workers()
        return super().__exit__(kind, error, trace)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hand on Ctrl-C after this block, which is done as a whole, and to no process begun in it."""
    pending: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    held = getattr(signal, "pthread_sigmask", None)  # of this thread; what it starts inherits it
    before = main and signal.signal(signal.SIGINT, lambda number, _: pending.append(number))
    mask = held and held(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        if held:
            held(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, before)
        if pending:
            signal.raise_signal(signal.SIGINT)


def _set_up_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    give_members(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Without this, workers of a killed parent would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
