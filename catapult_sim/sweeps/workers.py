"""Pools of worker processes, each with one thread for linear algebra.

Members of ensembles have more threads while some workers have nothing to do, so that no core is
idle towards the end of a sweep.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from types import TracebackType
from typing import Any, TypeVar

from catapult_sim.numeric.runs.blas_threads import give_members, use_one_thread
from catapult_sim.validation import require_count

T = TypeVar("T")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return an executor of processes on this machine.

    Workers are spawned rather than forked, so that they hold none of this process's files; a
    script that calls this needs ``if __name__ == "__main__"``. Each has one thread of linear
    algebra; where at most half of them compute, members of ensembles use the cores of the idle
    ones, and are the same to the bit. Workers do not hear Ctrl-C, which the parent handles: as a
    context, the pool then ends them at once, whatever they compute. They also end when the parent
    has been killed.

    Parameters
    ----------
    workers : int
        How many processes.

    Raises
    ------
    InputError
        Where the number is not positive.
    """
    context = _Context()
    arguments = require_count("workers", workers, 1), context.Value("i", 0)
    return _Pool(workers, context, initializer=_set_up_worker, initargs=arguments)


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
    def submit(self, function: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        return super().submit(_counted, function, *args, **options)

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


_computing: Synchronized[int]  # in a worker: how many of its pool compute


def _set_up_worker(workers: int, computing: Synchronized[int]) -> None:
    global _computing
    _computing = computing
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    give_members(lambda: workers // max(1, computing.value))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _counted(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Compute a function, and be counted among those that compute meanwhile."""
    with _computing.get_lock():
        _computing.value += 1
    try:
        return function(*args, **options)
    finally:
        with _computing.get_lock():
            _computing.value -= 1


def _end_with_parent() -> None:
    # Without this, workers of a killed parent would wait for work for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
