r"""The passes of a network at one theta: outputs, gradients, and their derivatives.

They are called in this order: ::

    outputs = passes.move(theta, X)          # order 0 forward
    passes.backward(0, signal)               # from the loss's derivative by the outputs
    passes.gradient(0, out)                  # by the parameters

    passes.aim(v)                            # theta + t v: all becomes a power series in t
    tangent = passes.forward(1)
    passes.backward(1, signal)
    passes.gradient(1, out)                  # the Hessian times v: Pearlmutter's R-pass

A gradient that is given the signal does the backward pass of its order itself.

The gradient's coefficient 0 is the gradient, coefficient 1 the Hessian times v, coefficient 2 half
of the gradient of ``v^T H v``. A pass of one order uses the lower ones without computing them
again, so that each of many directions at one point costs its own order only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np

from catapult_sim.mlp.activations import Pointwise
from catapult_sim.mlp.bilinear import Bilinear
from catapult_sim.mlp.layers import GIVEN, LOSS, Frame, Layer, Room, Workspace, after
from catapult_sim.numeric.runs.blas_threads import side_by_side, threads_here
from catapult_sim.types import Array

T = TypeVar("T")

LEAST_SAMPLES = 64  # of a part: the products of fewer rows are slower
# About the nanoseconds of a pass; to begin and to end its parts takes a tenth of that.
LEAST_WORK = 2**20


class Part(NamedTuple):
    """A layer with parameters, its workspace, and the place of its parameters in theta."""

    layer: Bilinear
    at: Workspace
    place: slice


class Passes:
    """A network's passes at one theta, in arrays that the next theta uses again.

    Results belong to this object and change with the next pass. ``orders`` is the number of
    orders there is room for: one for the gradient, two for the Hessian. A call before the one
    that it needs raises RuntimeError. :meth:`by_inputs` needs ``to_inputs``, and one order.

    Attributes
    ----------
    parts : list of Part
        The layers with parameters, in the order of their parameters.
    size, outputs : int
        Numbers of parameters, and of outputs for each sample.
    """

    def __init__(
        self, network: Layer, inputs: int, orders: int, *, to_inputs: bool = False
    ) -> None:
        self._room = Room(orders)
        self._x = self._room.variable(inputs, depends=to_inputs)
        self._z = after(network, self._x, self._room)
        self.outputs = self._z.width
        self._network = Workspace(network, self._x, self._z, self._room)
        self.parts: list[Part] = []
        self.size = 0
        for at in self._network.walk():
            if isinstance(at.layer, Bilinear):
                end = self.size + at.layer.size
                self.parts.append(Part(at.layer, at, slice(self.size, end)))
                self.size = end
        self._fitted: tuple[Frame, ...] = ()
        self._forth = -1  # the highest order that is computed forward ...
        self._back = {LOSS: -1, GIVEN: -1}  # ... and backward

    @property
    def numbers_per_sample(self) -> int:
        """The count of numbers that a forward and a backward pass store for each sample.

        Values and signals of every layer, the samples, and the derivative of the loss.
        """
        return 2 * (sum(one.width for one in self._room.variables) + self.outputs)

    @property
    def working_numbers(self) -> int:
        """The count of further numbers that activations allocate for each sample.

        At most about four in each layer for their derivatives, and four while these are computed.
        """
        widths = [at.x.width for at in self._activations()]
        return 4 * (sum(widths) + max(widths, default=0))

    def move(self, theta: Array, X: Array) -> Array:
        """Return the outputs ``(..., m, k)`` at theta ``(..., P)`` and X ``(..., m, d)``."""
        self.leading = np.broadcast_shapes(theta.shape[:-1], X.shape[:-2])
        self.samples, self.dtype = X.shape[-2], np.result_type(theta, X)
        fitted = ((self.leading, self.samples, self.dtype), (X.shape[:-2], self.samples, X.dtype))
        if fitted != self._fitted:
            self._room.fit(*fitted)
            self._fitted = fitted
        self._x.values.hold(X)
        for layer, at, place in self.parts:
            at.parameters = [layer.split(theta[..., place])]
        self._forth = -1
        self._back = {LOSS: -1, GIVEN: -1}
        return self.forward(0)

    def aim(self, direction: Array) -> None:
        """Set the direction ``(..., P)`` of theta, and discard the orders above 0."""
        for layer, at, place in self.parts:
            at.parameters[1:] = [layer.split(direction[..., place])]
            at.gathered = []
        self._forget()

    def forward(self, order: int) -> Array:
        """Compute one order from the inputs to the outputs, and return that of the outputs."""
        self._require(order <= self._forth + 1, f"forward({order}) before forward({order - 1})")
        self._network.forward(order)
        self._forth = max(self._forth, order)
        return self._z.values[order]

    def backward(self, order: int, signal: Array, kind: str = LOSS) -> None:
        """Compute one order of the signals of every layer, given that at the outputs."""
        back = self._back[kind]
        self._require(order <= self._forth, f"backward({order}) before forward({order})")
        self._require(order <= back + 1, f"backward({order}) before backward({order - 1})")
        self._z.signals[kind][order][...] = signal
        self._network.backward(order, kind)
        self._back[kind] = order

    def is_back(self) -> bool:
        """Return whether ``backward`` of order 0 has been called at this theta."""
        return self._back[LOSS] >= 0

    def gradient(
        self, order: int, out: Array, kind: str = LOSS, signal: Array | None = None
    ) -> Array:
        """Write one order of the gradient by theta ``(..., P)``.

        Given a signal at the outputs, the backward pass of this order comes first.
        """
        if signal is not None:
            self.backward(order, signal, kind)
        reached = order <= self._back[kind]
        self._require(reached, f"gradient({order}) before backward({order})")
        for layer, at, place in self.parts:
            layer.gradient(at, order, kind, out[..., place])
        return out

    def kernel(self, signal: Array) -> Array:
        """Return ``J J^T`` times a signal in the outputs: a backward and a forward pass."""
        return self.spread([self.gather(signal, self.samples)])

    def gather(self, signal: Array, samples: int) -> list[Any]:
        """Do a backward pass; return what each layer's part of ``J^T s`` follows from.

        The samples of these passes are a group of so many in all.
        """
        self.backward(0, signal, GIVEN)
        signals = [at.z.signals[GIVEN][0] for _, at, _ in self.parts]
        pairs = zip(self.parts, signals, strict=True)
        return [layer.gather(at, one, samples) for (layer, at, _), one in pairs]

    def spread(self, groups: list[list[Any]]) -> Array:
        """Return ``J`` times the sum of what groups of samples gathered: a forward pass.

        Theta moves along the gradient ``J^T s``, which need not be formed: each layer computes
        the change of its outputs, see :meth:`Bilinear.spread`.
        """
        for (_, at, _), *gathered in zip(self.parts, *groups, strict=True):
            at.gathered = gathered
            del at.parameters[1:]
        self._forget()
        return self.forward(1)

    def unit_signals(self) -> list[Array]:
        """Return the derivatives of each output by the outputs of each layer with parameters.

        Shapes ``(..., m, k, width)``, where m may be 1 if all samples have the same.
        """
        return self._pull_back()[1]

    def by_inputs(self) -> Array:
        """Return the derivatives of each output by each input, ``(..., m, k, d)``."""
        found, _ = self._pull_back()
        shape = (*found.shape[:-3], self.samples, *found.shape[-2:])
        return np.broadcast_to(found, shape)

    def _pull_back(self) -> tuple[Array, list[Array]]:
        """Return derivatives of each output: as far back as any depends on theta; at each part."""
        unit = np.eye(self.outputs, dtype=self.dtype)[None]
        found = self._network.layer.pullback(self._network, unit)
        signals = [at.units for _, at, _ in self.parts]
        for _, at, _ in self.parts:
            at.units = None
        return found, [one for one in signals if one is not None]

    def hidden(self) -> list[Array]:
        """Return the inputs of every activation, each ``(..., m, width)``."""
        return [at.x.values[0] for at in self._activations()]

    def _activations(self) -> list[Workspace]:
        return [at for at in self._network.walk() if isinstance(at.layer, Pointwise)]

    def _forget(self) -> None:
        """Discard the orders above 0."""
        self._forth = 0
        self._back = {kind: min(back, 0) for kind, back in self._back.items()}

    def _require(self, condition: bool, otherwise: str) -> None:
        if not condition:
            raise RuntimeError(f"passes are called out of order: {otherwise}")


def parts_of(samples: int, numbers: int, weights: int) -> int:
    """Return to how many parts samples are shared out.

    Passes store so many numbers of each sample, each in about a nanosecond, and multiply it by so
    many weights, each in a sixteenth of one.
    """
    large = samples * (numbers + weights / 16) >= LEAST_WORK
    return max(1, min(threads_here(), samples // LEAST_SAMPLES)) if large else 1


class SplitPasses:
    """As :class:`Passes`, of a large network, made of several that share the samples.

    Each has a thread, with one of linear algebra: so a tenth of two cores is unused. Two threads
    inside of each product leave a quarter, and all of what is computed between products; beside
    another busy process, nearly everything. Sums over samples are rounded otherwise.
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
        for part in self._parts[: len(self._rows)]:
            part.aim(direction)

    def forward(self, order: int) -> Array:
        """Compute one order from the inputs to the outputs, and return that of the outputs."""
        return self._stacked(lambda part, _: part.forward(order))

    def backward(self, order: int, signal: Array, kind: str = LOSS) -> None:
        """Compute one order of the signals of every layer, given that at the outputs."""
        self._each(lambda part, i: part.backward(order, signal[self._rows[i]], kind))

    def is_back(self) -> bool:
        """Return whether ``backward`` of order 0 has been called at this theta."""
        return self._parts[0].is_back()

    def gradient(
        self, order: int, out: Array, kind: str = LOSS, signal: Array | None = None
    ) -> Array:
        """Write one order of the gradient by theta ``(..., P)``, after a backward pass if given.

        Together these are handed to threads, and waited for, once.
        """
        sums = [out, *(np.empty_like(out) for _ in self._rows[1:])]
        signals = [None if signal is None else signal[rows] for rows in self._rows]
        self._each(lambda part, i: part.gradient(order, sums[i], kind, signals[i]))
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
