"""The bench on which claims are measured: data, sizes, seeds, and what has been measured."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from catapult_sim import datasets
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Effort:
    """How much is measured; the physics is the same at every effort."""

    name: str
    minutes: float  # roughly, on two cores
    samples: int  # of the data
    members: int  # seeds of a network on data
    starts: int  # seeds of the one-sample model
    hidden: dict[int, tuple[int, ...]]  # widths of trained networks, by number of hidden layers
    steps: int  # of training on data, until convergence
    grid: int  # learning rates per boundary, before refinement
    tolerance: float  # relative precision of boundaries on data
    trained: int = 4  # seeds of a network trained by minibatches


EFFORTS = {
    effort.name: effort
    for effort in (
        Effort(
            name="quick",
            minutes=4.0,
            samples=32,
            members=8,
            starts=128,
            hidden={1: (256, 512, 1024), 2: (64, 128, 256)},
            steps=150,
            grid=12,
            tolerance=1e-2,
            trained=16,
        ),
        Effort(
            name="full",
            minutes=16.0,
            samples=64,
            members=24,
            starts=256,
            hidden={1: (256, 512, 1024, 2048), 2: (128, 256, 512)},
            steps=200,
            grid=16,
            tolerance=5e-3,
            trained=64,
        ),
    )
}


class Bench:
    """Data, sizes and random streams; everything on it follows from its arguments.

    Parameters
    ----------
    seed : int
        Every experiment draws from a stream of its own, made of the seed and its name.
    effort : {"quick", "full"}
    data : path, optional
        A file for :func:`catapult_sim.datasets.load`; by default handwritten digits,
        odd against even.

    Raises
    ------
    InputError
        Where the seed is negative, the effort is not known, or the file cannot be used.
    """

    def __init__(
        self, seed: int = 0, effort: str = "quick", data: str | Path | None = None
    ) -> None:
        self.seed = require_count("seed", seed)
        if effort not in EFFORTS:
            raise InputError(f"effort must be one of {', '.join(EFFORTS)}; got {effort!r}")
        self.effort = EFFORTS[effort]
        self.source = "8x8 handwritten digits, odd against even" if data is None else str(data)
        self._is_digits = data is None
        self._raw = datasets.digits(standardised=False) if data is None else datasets.load(data)
        self._known: dict[Hashable, Any] = {}
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._asked: ContextVar[dict[Hashable, Any]] = ContextVar("asked")

    def rng(self, name: str) -> np.random.Generator:
        """Return the random stream of a named experiment, always from its beginning."""
        return np.random.default_rng([self.seed, *name.encode()])

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """Measure what several claims share only once, also when they are judged in parallel."""
        with self._locks[key]:
            if key not in self._known:
                self._known[key] = measure()
        self._asked.get({})[key] = self._known[key]
        return self._known[key]

    @contextmanager
    def asking(self) -> Iterator[dict[Hashable, Any]]:
        """Collect what is asked of :meth:`once` in this context, new or known, by its key."""
        asked: dict[Hashable, Any] = {}
        token = self._asked.set(asked)
        try:
            yield asked
        finally:
            self._asked.reset(token)

    def samples(self, standardised: bool = True) -> tuple[Array, Array]:
        """Return the drawn samples, ``X (m, d)`` and ``y (m, k)``."""
        X, y = self._raw
        inputs = datasets.standardise(X) if standardised else X
        size = min(self.effort.samples, len(X))
        return datasets.subset(inputs, y.reshape(len(y), -1), size, rng=self.rng("samples"))

    def split(
        self, size: int, multiple_of: int = 1, draw: str = "split"
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return samples to train on, and all others to test on: twice ``X (m, d), y (m, k)``.

        At most ``size`` and at most half are trained on, a multiple of ``multiple_of``; that may
        be none. ``draw`` names which. Digits have ten one-hot labels here.
        """
        X, y = datasets.digits("ten", standardised=False) if self._is_digits else self._raw
        inputs, labels = datasets.standardise(X), y.reshape(len(y), -1)
        size = min(size, len(X) // 2) // multiple_of * multiple_of
        rows = self.rng(draw).permutation(len(X))
        train, test = rows[:size], rows[size:]
        return (inputs[train], labels[train]), (inputs[test], labels[test])


Measurement = Callable[Concatenate[Bench, P], T]


def once(name: str) -> Callable[[Measurement[P, T]], Measurement[P, T]]:
    """Let a bench measure what a function returns once for the same arguments.

    Examples
    --------
    >>> @once("tosses")
    ... def heads(bench, tosses=10):
    ...     print("measured")
    ...     return int(bench.rng("coin").integers(2, size=tosses).sum())
    >>> bench = Bench(0)
    >>> heads(bench, 10) == heads(bench)
    measured
    True
    """

    def on_a_bench(measure: Measurement[P, T]) -> Measurement[P, T]:
        arguments = signature(measure)

        @wraps(measure)
        def measured(bench: Bench, /, *args: P.args, **kwargs: P.kwargs) -> T:
            given = arguments.bind(bench, *args, **kwargs)
            given.apply_defaults()
            _, *values = given.arguments.values()
            return bench.once((name, *values), lambda: measure(bench, *args, **kwargs))

        return measured

    return on_a_bench
