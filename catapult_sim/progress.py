"""The progress of a computation: a bar where somebody may be waiting for it, else silence.

A bar appears after two seconds, on standard error, if that is a terminal or in a notebook. Its
clock goes on while nothing is told, so that a long step is seen to live. Only the outermost
computation of a process shows one, and workers show none.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Event, Lock, Thread
from typing import Any

from catapult_sim.types import Progress
from catapult_sim.validation import InputError, shown

DELAY = 2.0  # seconds
BEAT = 1.0  # seconds after which a bar is drawn again where nothing is told
LARGE = 10**5  # counts beyond are written with k, M and so on

# Held by the outermost computation; those inside it, also in other threads, are silent.
_outermost = Lock()


@contextmanager
def showing(
    progress: Progress | bool | None, what: str | Callable[[], str], total: float | None = None
) -> Iterator[Callable[[int], object] | None]:
    """Yield the function to call with how much more has been done; None where nobody is told.

    Parameters
    ----------
    progress : callable, bool or None
        As a user gives it: a function that is told, None for a bar where one is waited for, True
        for a bar at once wherever standard error leads, False for silence.
    what : str or callable
        What is counted, or a function that says it where a bar is shown.
    total : float, optional
        How much there is to do, if that is known.
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InputError(f"progress must be a function, True, False or None; got {shown(progress)}")
    first = _outermost.acquire(blocking=False)
    try:
        if callable(progress):
            yield progress
        elif progress or (progress is None and first and _somebody_waits()):
            from tqdm import tqdm

            style: dict[str, Any] = {"leave": False, "delay": DELAY} if not progress else {}
            style |= {"unit_scale": (total or 0) > LARGE} | _size()
            described = what if isinstance(what, str) else what()
            with tqdm(desc=described, total=total, **style) as bar, _alive(bar):
                yield bar.update
        else:
            yield None
    finally:
        if first:
            _outermost.release()


@contextmanager
def _alive(bar: Any) -> Iterator[None]:
    """Draw a bar again every second from when it appears, also where nothing is told."""
    ended = Event()

    def beat() -> None:
        pause = max(bar.delay, BEAT)
        with suppress(OSError, ValueError):  # the terminal may be gone
            while not ended.wait(pause):
                bar.delay, pause = 0, BEAT  # it has appeared, and is cleared in the end
                bar.refresh()

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Say on standard error how long something has taken, where no bar does: ever more rarely.

    The first line comes after two seconds.
    """
    if _somebody_waits() or sys.stderr is None:
        yield
        return
    ended, began = Event(), time.monotonic()

    def say() -> None:
        pause = DELAY
        with suppress(OSError, ValueError):  # nobody reads any more
            while not ended.wait(pause):
                seconds = time.monotonic() - began
                sys.stderr.write(f"{what} after {seconds:.0f} s\n")
                sys.stderr.flush()
                pause *= 2

    thread = Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _somebody_waits() -> bool:
    """Return whether this process has a terminal or a notebook for its bar."""
    if multiprocessing.parent_process() is not None:
        return False
    try:
        terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        terminal = False
    return terminal or "ipykernel" in sys.modules


def _size() -> dict[str, int]:
    """Return a usual size for a terminal that does not say its own, on which no bar would fit."""
    try:
        columns, _ = os.get_terminal_size(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # no terminal: tqdm decides
        return {}
    return {} if columns else {"ncols": 79, "nrows": 23}


def telling(function: Callable[..., Any], tell: Progress | None) -> Callable[..., Any]:
    """Return a function that tells 1 after every call.

    Examples
    --------
    >>> told = []
    >>> telling(abs, told.append)(-3), told
    (3, [1])
    """
    if tell is None:
        return function

    @wraps(function)
    def told(*arguments: Any, **named: Any) -> Any:
        found = function(*arguments, **named)
        tell(1)
        return found

    return told
