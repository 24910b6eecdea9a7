"""Blocks of an ensemble's members: how large they are, and how threads share them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event

import numpy as np
import numpy.typing as npt

# Members run in blocks: large enough that calls of NumPy outweigh what they cost, also where
# threads wait for one another between them; small enough for the cache that cores share.
# Results do not depend on it.
BLOCK_BYTES = 2**23


def blocks_of(
    going: npt.NDArray[np.int64], member_bytes: int, threads: int
) -> list[npt.NDArray[np.int64]]:
    """Split members into blocks of about one size, as many for every thread.

    What fits into half a block one thread does as soon as two.
    """
    total = len(going) * member_bytes
    blocks = -(-total // BLOCK_BYTES)
    if 2 * total > BLOCK_BYTES:
        blocks = -(-blocks // threads) * threads
    # An empty ensemble is a block too: its observers say what they would have measured.
    return np.array_split(going, max(1, min(blocks, len(going))))


def on_threads(
    run_part: Callable[[npt.NDArray[np.int64]], None],
    parts: list[npt.NDArray[np.int64]],
    threads: int,
    given_up: Event,
) -> None:
    """Run the parts on threads; what ends one of them, or the wait for them, ends all."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run_part, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            given_up.set()
    for future in futures:
        future.result()
