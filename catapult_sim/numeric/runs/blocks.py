"""Split an ensemble into blocks that fit the cache, and run them on threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event

import numpy as np
import numpy.typing as npt

# Large enough that arithmetic outweighs the overhead of NumPy's calls, between which threads wait
# for the interpreter's lock; small enough for the cache that cores share. No result depends on it.
BLOCK_BYTES = 2**23


def blocks_of(
    going: npt.NDArray[np.int64], member_bytes: int, threads: int
) -> list[npt.NDArray[np.int64]]:
    """Split members into blocks of about equal size, equally many for each thread.

    Below half a block a second thread gains nothing.
    """
    total = len(going) * member_bytes
    blocks = -(-total // BLOCK_BYTES)
    if 2 * total > BLOCK_BYTES:
        blocks = -(-blocks // threads) * threads
    # An empty ensemble is a block too: its observers give the shapes of the record.
    return np.array_split(going, max(1, min(blocks, len(going))))


def on_threads(
    run_part: Callable[[npt.NDArray[np.int64]], None],
    parts: list[npt.NDArray[np.int64]],
    threads: int,
    given_up: Event,
) -> None:
    """Run the parts on threads; an exception in one, or while waiting, stops all."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run_part, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            given_up.set()
    for future in futures:
        future.result()
