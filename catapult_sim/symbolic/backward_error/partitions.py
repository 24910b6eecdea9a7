"""Set partitions, their refinements, and the Moebius numbers of their lattice."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from math import factorial, prod

Partition = tuple[int, ...]
"""The block of each element; blocks are numbered in the order in which they appear."""


def partition_of(things: Sequence[Hashable]) -> Partition:
    """Return the partition of positions whose elements are equal.

    Examples
    --------
    >>> partition_of("abba")
    (0, 1, 1, 0)
    """
    first = list(dict.fromkeys(things))
    return tuple(map(first.index, things))


@cache
def partitions(size: int) -> tuple[Partition, ...]:
    """Return all partitions of a set of ``size`` elements.

    Examples
    --------
    >>> partitions(2)
    ((0, 0), (0, 1))
    """
    if size == 0:
        return ((),)
    return tuple(
        (*smaller, block)
        for smaller in partitions(size - 1)
        for block in range(max(smaller, default=-1) + 2)
    )


@cache
def refinements(partition: Partition) -> tuple[tuple[Partition, int], ...]:
    """Return every finer partition, with its Moebius number in the partition lattice.

    Examples
    --------
    >>> refinements((0, 0, 1))
    (((0, 0, 1), 1), ((0, 1, 2), -1))
    """

    def moebius(finer: Partition) -> Iterator[int]:
        for block in set(partition):
            parts = len({part for part, own in zip(finer, partition, strict=True) if own == block})
            yield (-1) ** (parts - 1) * factorial(parts - 1)

    finer_ones = (p for p in partitions(len(partition)) if _refines(p, partition))
    return tuple((finer, prod(moebius(finer))) for finer in finer_ones)


def _refines(finer: Partition, coarser: Partition) -> bool:
    return len(set(zip(finer, coarser, strict=True))) == len(set(finer))
