"""Stopping a command within a second, on Ctrl-C or SIGTERM, whatever it is doing.

The main thread is told by an exception. Where that does not end the command, as in a long call of
compiled code or in waiting for others, a thread that the system wakes ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker, util
from types import FrameType, ModuleType
from typing import Any, NoReturn

from catapult_sim.sweeps.workers import end_workers

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 0.3  # seconds in which the main thread may tidy up


class Stopped(KeyboardInterrupt):
    """Raised in the main thread on the first signal; ``status`` is that of the process."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


def leave(status: int) -> NoReturn:
    """End the process at once: a normal exit takes a second, and waits for threads that compute."""
    end_workers()
    # Else the semaphores of pools are reported, on standard error, as left behind.
    util._run_finalizers(0)  # type: ignore[attr-defined]
    # The main thread may be at the same: the process that reports it is ended, too.
    reporter = getattr(resource_tracker._resource_tracker, "_pid", None)
    if reporter is not None:
        with suppress(OSError):
            os.kill(reporter, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    os._exit(status)


@contextmanager
def stoppable(tell: Callable[[int], object]) -> Iterator[None]:
    """Raise Stopped on a signal; if this block goes on, ``tell`` the status and end the process.

    Whatever exception leaves the block after a signal is replaced by Stopped, and later signals
    are ignored. A signal that the process was started to ignore stays ignored. Outside the main
    thread, which alone is told of signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        received.append(number)
        raise Stopped(number)

    heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    # Stopped may be raised in what cannot raise, such as a destructor.
    with _ended_late(tell), silent(sys, "unraisablehook", Stopped):
        before = {each: signal.signal(each, stop) for each in heeded}
        try:
            yield
        except BaseException:
            if not received:
                raise
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        if received:
            raise Stopped(received[0])


@contextmanager
def _ended_late(tell: Callable[[int], object]) -> Iterator[None]:
    """End the process, should this block go on for GRACE seconds after a signal."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ended = threading.Event()

    def watch() -> None:
        while (number := os.read(reader, 1)[0]) not in (0, *SIGNALS):
            pass
        if number and not ended.wait(GRACE):
            tell(128 + number)
            leave(128 + number)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.write(writer, b"\0")
        watcher.join()
        os.close(reader)
        os.close(writer)


@contextmanager
def silent(module: ModuleType, hook: str, kind: type[BaseException]) -> Iterator[None]:
    """Print no traceback of exceptions of this kind by a hook of ``sys`` or ``threading``."""
    tell = getattr(module, hook)

    def told(failure: Any) -> None:
        if failure.exc_type is not kind:
            tell(failure)

    setattr(module, hook, told)
    try:
        yield
    finally:
        setattr(module, hook, tell)
