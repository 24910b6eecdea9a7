"""Data, random streams, sizes and cached results that measurements of claims share."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass
from functools import cache, wraps
from inspect import signature
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from catapult_sim import datasets
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.numeric.runs.measured import NothingToMeasure
from catapult_sim.printing import counted
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Effort:
    """Sizes of all experiments of a verification."""

    name: str
    slowness: float  # how many times the costs of claims, measured on a busy machine, they take
    time: str  # that a verification without other options takes on two quiet cores

    # Phases of networks on data, by full-batch gradient descent
    samples: int  # of the data
    members: int  # seeds of a network, trained side by side
    hidden: dict[int, tuple[int, ...]]  # widths trained, by number of hidden layers
    steps: int  # of a run, until it has converged
    grid: int  # learning rates per boundary, before refinement
    tolerance: float  # relative precision of a boundary
    seeds: int  # of a network trained by itself: accuracy, first steps, quadratic models
    linearised: int  # seeds of networks whose linear models are trained too
    accuracy_width: int  # of networks whose accuracy is measured
    decay_samples: int  # that networks learn whose learning rate is lowered in the end
    decay_time: float  # c times steps until then
    decay_seeds: int
    c_act_samples: int  # that networks learn whose end of convergence is compared
    c_act_width: int  # of these networks
    c_act_seeds: int  # of those of which a paper has a number
    c_act_images: int  # that convolutional networks learn
    c_act_channels: int  # of these
    c_act_other_seeds: int  # of residual and convolutional networks
    early_time: int  # seeds of networks that are trained to the time of the catapult
    classifier_width: int  # of networks that learn by cross-entropy
    early_widths: tuple[int, ...]  # of networks whose first steps are watched
    early_depths: tuple[int, ...]
    early_wide: tuple[int, ...]  # widths with one hidden layer, where only the loss is watched
    early_deep: int  # the width of the deepest ones
    edge_samples: int  # that networks learn up to the edge of stability
    edge_lengthening: int  # factor of how many steps that takes

    # Networks trained by minibatches
    trained: int  # seeds
    averaged: int  # seeds of the small networks whose iterates are averaged
    followed: int  # seeds whose largest Hessian eigenpairs are measured, which is costly
    flowing: int  # seeds that flows beyond stability follow
    clothing: bool  # whether Fashion-MNIST is learnt where a protocol is costly on large images

    # Models of a few numbers
    starts: int  # seeds of the one-sample model, at every width
    few_samples: int  # seeds of quadratic models on one input or one sample

    # Rare events of the linear network
    rare_powers: tuple[int, ...]  # powers of ten, the widths
    rare_starts: int  # networks of each width


# The values of each field of Effort: quick, full.
TABLE: dict[str, tuple[Any, Any]] = {
    # Measured: 118 s where costs say 162, and 127 minutes of processor time where they say 1125 s.
    "slowness": (0.8, 6.8),
    "time": ("about 2 minutes", "about 89 minutes"),
    "samples": (32, 64),
    "members": (8, 24),
    "hidden": (
        {1: (256, 512, 1024), 2: (64, 128, 256)},
        {1: (256, 512, 1024, 2048), 2: (128, 256, 512)},
    ),
    "steps": (150, 200),
    "grid": (12, 16),
    "tolerance": (1e-2, 5e-3),
    "seeds": (8, 16),
    "linearised": (6, 12),
    "accuracy_width": (128, 512),
    "decay_samples": (256, 1024),
    "decay_time": (2_000.0, 20_000.0),
    "decay_seeds": (4, 6),
    "c_act_samples": (256, 512),
    "c_act_width": (128, 512),
    "c_act_seeds": (16, 32),
    "c_act_images": (64, 128),
    "c_act_channels": (32, 128),
    "c_act_other_seeds": (4, 8),
    "early_time": (6, 8),
    "classifier_width": (96, 256),
    "early_widths": ((24, 48, 96, 192), (48, 96, 192, 384)),
    "early_depths": ((1, 2, 3, 5), (1, 2, 3, 5, 7)),
    "early_wide": ((256, 512, 1024), (512, 1024, 2048)),
    "early_deep": (256, 512),
    "edge_samples": (256, 512),
    "edge_lengthening": (1, 3),
    "trained": (16, 64),
    "averaged": (64, 256),
    "followed": (6, 16),
    "flowing": (4, 12),
    "clothing": (False, True),
    "starts": (128, 256),
    "few_samples": (16, 64),
    "rare_powers": ((2, 3, 4, 5), (2, 3, 4, 5, 6, 7, 8)),
    "rare_starts": (20_000, 100_000),
}
TESTED = 4000  # images to judge by, at most
EFFORTS = {
    name: Effort(name, **{what: row[column] for what, row in TABLE.items()})
    for column, name in enumerate(("quick", "full"))
}


@cache
def _raw_digits() -> dict[str, tuple[Array, Array]]:
    """Read the handwritten digits once, with labels of either kind."""
    return {labels: datasets.digits(labels, inputs="raw") for labels in ("parity", "classes")}


@cache
def _raw_clothing() -> tuple[Array, Array]:
    """Read Fashion-MNIST once, in 14 x 14 pixels."""
    X, y = datasets.fashion_mnist(inputs="raw", pool=2)
    return X, y


def in_minutes(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> in_minutes(20), in_minutes(70), in_minutes(130)
    ('less than a minute', 'about 1 minute', 'about 2 minutes')
    """
    if seconds < 60:
        return "less than a minute"
    return f"about {counted(round(seconds / 60), 'minute')}"


class Bench:
    """Data, sizes and random streams of measurements, with their results as a cache.

    Parameters
    ----------
    seed : int
        Every experiment has its own random stream, made from the seed and the experiment's name.
    effort : {"quick", "full"}
    data : path, optional
        A file or name for :func:`catapult_sim.datasets.load`; by default handwritten digits,
        odd against even.
    inputs, labels, label_column, drop
        How inputs are scaled where an experiment does not say, by default by one mean and one
        variance for all of them, and how a file is read, as in
        :func:`~catapult_sim.datasets.load`.

    Raises
    ------
    InputError
        Where the seed is negative, the effort is unknown, or the file cannot be read as data.

    Attributes
    ----------
    effort : Effort
    source : str
        The data in words.
    own : str or None
        The name of data that are not the digits.
    clothed : bool
        Whether :meth:`images` are of Fashion-MNIST.
    input_size : int
        How many numbers an input has.
    boundaries : dict
        The results of :meth:`boundary` by model, kind and widths.
    """

    def __init__(
        self,
        seed: int = 0,
        effort: str = "quick",
        data: str | Path | None = None,
        *,
        inputs: str = "global",
        labels: str = "auto",
        label_column: str | None = None,
        drop: str | None = None,
    ) -> None:
        self.seed = require_count("seed", seed)
        if effort not in EFFORTS:
            raise InputError(f"effort must be one of {', '.join(EFFORTS)}; got {effort!r}")
        self.effort = EFFORTS[effort]
        self.source = "8x8 handwritten digits, odd against even" if data is None else str(data)
        self.own = None if data is None else Path(data).name
        self.inputs = inputs
        file = data and datasets.load(data, labels=labels, label_column=label_column, drop=drop)
        self.clothed = self.effort.clothing and data is None
        digits = {} if file else _raw_digits()
        self._raw = file or digits["parity"]
        self.input_size = self._raw[0].shape[1]
        self._classes = file or digits["classes"]
        self._known: dict[Hashable, Any] = {}
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self.boundaries: dict[tuple[str, str, tuple[int, ...]], Boundary] = {}

    def rng(self, name: str) -> np.random.Generator:
        """Return a new generator of an experiment's random stream, at its beginning."""
        return np.random.default_rng([self.seed, *name.encode()])

    def once(self, key: Hashable, measure: Callable[[], T]) -> T:
        """Return the result cached under a key; if there is none, measure and cache it."""
        # Claims are judged by parallel threads: the others wait for the first that measures.
        with self._locks[key]:
            if key not in self._known:
                self._known[key] = measure()
        return self._known[key]

    def boundary(
        self, model: str, kind: str, widths: tuple[int, ...], measure: Callable[[], Boundary]
    ) -> Boundary:
        """Return a boundary, measured or from the cache, and add it to :attr:`boundaries`.

        Its members are the seeds of the first width, then those of the second, and so on.
        """
        key = model, kind, widths
        found = self.once(("boundary", *key), measure)
        self.boundaries[key] = found
        return found

    def for_one_claim(self) -> Bench:
        """Return a copy with the same cache and an empty list of boundaries."""
        asking = copy(self)
        asking.boundaries = {}
        return asking

    def samples(self, inputs: str | None = None) -> tuple[Array, Array]:
        """Return the drawn samples, ``X (m, d)`` and ``y (m, k)``, scaled as asked."""
        X, y = self._raw
        scaled = self._scaled(X, inputs)
        size = min(self.effort.samples, len(X))
        return datasets.subset(scaled, y.reshape(len(y), -1), size, rng=self.rng("samples"))

    def split(
        self,
        size: int,
        multiple_of: int = 1,
        draw: str = "split",
        inputs: str | None = None,
        tests: int | None = None,
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return samples to train on, and others to test on: twice ``X (m, d), y (m, k)``.

        The training samples are at most ``size`` and at most half of all, a multiple of
        ``multiple_of``, drawn from the random stream ``draw``; the others are all that are left,
        or the first ``tests`` of them. Digits have ten one-hot labels here.

        Raises
        ------
        NothingToMeasure
            Where no sample is left to train on.
        """
        return self._parted(self._classes, size, multiple_of, draw, inputs, tests)

    def images(
        self, size: int, multiple_of: int = 1
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return samples as :meth:`split` does, with full effort of Fashion-MNIST, 14 x 14 pixels.

        Those to test on are at most :data:`TESTED`. Data of one's own are taken with any effort.

        Raises
        ------
        NothingToMeasure
            Where no sample is left to train on, or Fashion-MNIST is not on this machine.
        """
        try:
            known = _raw_clothing() if self.clothed else self._classes
        except InputError as refusal:
            raise NothingToMeasure from refusal
        return self._parted(known, size, multiple_of, "split", None, TESTED)

    def _scaled(self, X: Array, inputs: str | None) -> Array:
        """Scale inputs once: seeds draw from the same ones."""
        how = inputs or self.inputs
        # X is kept as well: once it were gone, another array could have its id.
        return self.once(("scaled", id(X), how), lambda: (X, datasets.scale_inputs(X, how)))[1]

    def _parted(
        self,
        known: tuple[Array, Array],
        size: int,
        multiple_of: int,
        draw: str,
        inputs: str | None,
        tests: int | None,
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        X, y = known
        scaled, labels = self._scaled(X, inputs), y.reshape(len(y), -1)
        size = min(size, len(X) // 2) // multiple_of * multiple_of
        if not size:
            raise NothingToMeasure
        rows = self.rng(draw).permutation(len(X))
        train, test = rows[:size], rows[size:][:tests]
        return (scaled[train], labels[train]), (scaled[test], labels[test])


def once(measure: Callable[Concatenate[Bench, P], T]) -> Callable[Concatenate[Bench, P], T]:
    """Cache a measurement on its bench, by its arguments.

    Examples
    --------
    >>> @once
    ... def heads(bench, tosses=10):
    ...     print("measured")
    ...     return int(bench.rng("coin").integers(2, size=tosses).sum())
    >>> bench = Bench(0)
    >>> heads(bench, 10) == heads(bench)
    measured
    True
    """
    arguments = signature(measure)

    @wraps(measure)
    def measured(bench: Bench, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = arguments.bind(bench, *args, **kwargs)
        given.apply_defaults()
        _, *values = given.arguments.values()
        return bench.once((measure, *values), lambda: measure(bench, *args, **kwargs))

    return measured
