"""The passes of a large network with its samples shared out among threads.

Two threads of linear algebra inside of each product leave a quarter of two cores unused, and all of
what is computed between products; beside another busy process, nearly everything. Half of the
samples for each thread, with linear algebra on one, leaves a tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np

from catapult_sim.mlp.layers import LOSS
from catapult_sim.mlp.passes import Passes
from catapult_sim.numeric.runs.blas_threads import side_by_side, threads_here
from catapult_sim.types import Array

T = TypeVar("T")

LEAST_SAMPLES = 64  # of a part: the products of fewer rows are slower
# About the nanoseconds of a pass; to begin and to end its parts takes a tenth of that.
LEAST_WORK = 2**20


def parts_of(samples: int, numbers: int, weights: int) -> int:
    """Return to how many parts samples are shared out.

    Passes store so many numbers of each sample, each in about a nanosecond, and multiply it by so
    many weights, each in a sixteenth of one.
    """
    large = samples * (numbers + weights / 16) >= LEAST_WORK
    return max(1, min(threads_here(), samples // LEAST_SAMPLES)) if large else 1


class SplitPasses:
    """As :class:`~catapult_sim.mlp.passes.Passes`, made of several that share the samples.

    Sums over samples are rounded otherwise.
    """

    def __init__(self, parts: list[Passes]) -> None:
        self._parts = parts
        self.size = parts[0].size

    def move(self, theta: Array, X: Array) -> Array:
        """Return the outputs ``(..., m, k)`` at theta ``(..., P)`` and X ``(..., m, d)``."""
        self.leading = np.broadcast_shapes(theta.shape[:-1], X.shape[:-2])
        self.samples, self.dtype = X.shape[-2], np.result_type(theta, X)
        count = min(len(self._parts), self.samples)
        ends = np.linspace(0, self.samples, count + 1).astype(int).tolist()
        self._rows = [np.s_[..., first:end, :] for first, end in pairwise(ends)]
        return self._stacked(lambda part, i: part.move(theta, X[self._rows[i]]))

    def aim(self, direction: Array) -> None:
        """Set the direction ``(..., P)`` of theta, and discard the orders above 0."""
        self._each(lambda part, _: part.aim(direction))

    def forward(self, order: int) -> Array:
        """Compute one order from the inputs to the outputs, and return that of the outputs."""
        return self._stacked(lambda part, _: part.forward(order))

    def backward(self, order: int, signal: Array, kind: str = LOSS) -> None:
        """Compute one order of the signals of every layer, given that at the outputs."""
        self._each(lambda part, i: part.backward(order, signal[self._rows[i]], kind))

    def is_back(self) -> bool:
        """Return whether ``backward`` of order 0 has been called at this theta."""
        return self._parts[0].is_back()

    def gradient(self, order: int, out: Array, kind: str = LOSS) -> Array:
        """Write one order of the gradient by theta ``(..., P)``."""
        sums = [out, *(np.empty_like(out) for _ in self._rows[1:])]
        self._each(lambda part, i: part.gradient(order, sums[i], kind))
        for other in sums[1:]:
            out += other
        return out

    def kernel(self, signal: Array) -> Array:
        """Return ``J J^T`` times a signal in the outputs: a backward and a forward pass."""
        groups = self._each(lambda part, i: part.gather(signal[self._rows[i]], self.samples))
        return self._stacked(lambda part, _: part.spread(groups))

    def _stacked(self, do: Callable[[Passes, int], Array]) -> Array:
        return np.concatenate(self._each(do), axis=-2)

    def _each(self, do: Callable[[Passes, int], T]) -> list[T]:
        """Return what the parts do, side by side, each given its number."""
        parts = self._parts[: len(self._rows)]
        return side_by_side([partial(do, part, i) for i, part in enumerate(parts)])
