r"""The interface of a layer, the arrays its passes read and write, and chains of layers.

A layer takes the numbers x of each sample and gives z. With s the derivative of the loss by z it
has three passes: *forward* from x to z, *backward* from s to the derivative by x, and the
*gradient* by its parameters. At ``theta + t v`` all of them are power series in t, and a pass
computes one coefficient, given the lower ones.

====================  ==========================================================
to add                write
====================  ==========================================================
weights               a :class:`~catapult_sim.mlp.bilinear.Bilinear` layer: the three
                      products of inputs, weights and signals give all orders.
no parameters         a :class:`Layer`: its forward and backward pass of one
                      order, and :meth:`Layer.pullback` for the dense kernel.
a block of layers     a :class:`Layer` with layers ``inside``, whose
                      :meth:`Layer.connect` gives each its inputs and outputs.
====================  ==========================================================

Users list a :class:`~catapult_sim.mlp.plans.Plan`, which builds such layers for their inputs.

A :class:`Series` holds the coefficients of one quantity, a :class:`Variable` the values and signals
between two layers, and a :class:`Room` allocates them for the shape of the samples. Between layers
samples are rows, ``(..., m, width)``: a layer that sees an image reshapes them.
"""

from __future__ import annotations

import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from catapult_sim.types import Array
from catapult_sim.validation import InputError

LOSS, GIVEN = "loss", "given"
"""Kinds of signals: derivatives of the loss, and signals that a caller gives."""
Frame = tuple[tuple[int, ...], int, np.dtype[Any]]
"""Leading axes, samples and precision of arrays."""


class Series:
    """The coefficients of one power series, each an array ``(..., m, width)``.

    They lie in memory as one stack ``(..., orders, m, width)``, so that consecutive orders are
    also one tall matrix, see :meth:`tall`. Of values the lowest order comes first, of signals the
    highest: the gradient of order k, ``sum_i a_i^T s_(k-i)``, is then one product of two tall
    matrices, ``a_0, ..., a_k`` below each other and ``s_k, ..., s_0``.
    """

    def __init__(
        self,
        room: Room,
        width: int,
        orders: int,
        *,
        highest_first: bool = False,
        constant: bool = False,
    ) -> None:
        self._room, self._orders, self._highest_first = room, orders, highest_first
        self.width, self._constant = width, constant
        self._flat: Array | None = None
        self._coefficients: list[Array] = []  # empty until the first use

    def hold(self, constant: Array) -> None:
        """Set order 0 to a given array ``(..., m, width)``, which does not depend on theta."""
        self._stack, self._coefficients = constant[..., None, :, :], [constant]

    def forget(self) -> None:
        """Discard the coefficients, but keep their memory."""
        self._coefficients = []

    def __getitem__(self, order: int) -> Array:
        return (self._coefficients or self.coefficients)[order]

    @property
    def coefficients(self) -> list[Array]:
        """An array for every order, lowest first; a constant has order 0 only."""
        if not self._coefficients:
            self._allocate()
        return self._coefficients

    def tall(self, order: int, count: int) -> Array:
        """Return ``count`` coefficients below each other, in their order in memory from one on.

        Shape ``(..., count m, width)``.
        """
        if count == 1:
            return self[order]
        first = self._orders - 1 - order if self._highest_first else order
        part = self._stack[..., first : first + count, :, :]
        return part.reshape(*part.shape[:-3], -1, self.width)

    def _allocate(self) -> None:
        """Allocate the coefficients, in the memory of the last shape if that is large enough.

        The system gives memory only to coefficients that are written to.
        """
        leading, samples, dtype = self._room.constant if self._constant else self._room.varying
        shape = (*leading, self._orders, samples, self.width)
        size = math.prod(shape)
        if self._flat is None or self._flat.size < size or self._flat.dtype != dtype:
            self._flat = np.empty(size, dtype)
        self._stack = self._flat[:size].reshape(shape)
        places = range(self._orders)[::-1] if self._highest_first else range(self._orders)
        self._coefficients = [self._stack[..., place, :, :] for place in places]
        self._room.allocated.append(self)


class Variable:
    """The ``width`` numbers of each sample between two layers, and the signals by them.

    Attributes
    ----------
    values : Series
        Of order 0 only where they do not depend on theta.
    signals : dict of Series
        By kind: derivatives of the loss, or of a product with the outputs, by the values.
    depends : bool
        Whether the values depend on theta.
    """

    def __init__(self, room: Room, width: int, orders: int, depends: bool) -> None:
        self._room, self.width, self.depends = room, width, depends
        self.values = Series(room, width, orders if depends else 1, constant=not depends)
        self.signals = _Signals(room, width, orders)

    @property
    def scratch(self) -> Array:
        """An array ``(..., m, width)`` for the use of one formula; equal widths share it."""
        return self._room.scratch(self.width)


class _Signals(dict[str, Series]):
    """Series by their kind, each made at its first use."""

    def __init__(self, room: Room, width: int, orders: int) -> None:
        self._made_of = room, width, orders

    def __missing__(self, kind: str) -> Series:
        self[kind] = Series(*self._made_of, highest_first=True)
        return self[kind]


class Room:
    """The variables of a network's passes, and their common shape.

    They refer to it weakly: so their memory is free as soon as the passes are forgotten, and not
    only when Python next looks for cycles.

    Attributes
    ----------
    variables : list of Variable
    allocated : list of Series
        Those with arrays of the present shape.
    varying, constant : tuple
        Leading axes, samples and precision of what depends on theta, and of what does not.
    """

    varying: Frame
    constant: Frame

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._scratch: dict[int, Series] = {}
        self.variables: list[Variable] = []
        self.allocated: list[Series] = []

    def variable(self, width: int, *, depends: bool) -> Variable:
        """Return a new variable of so many numbers per sample."""
        self.variables.append(Variable(weakref.proxy(self), width, self._orders, depends))
        return self.variables[-1]

    def scratch(self, width: int) -> Array:
        """Return an array for the use of one formula; equal widths share it."""
        if width not in self._scratch:
            self._scratch[width] = Series(weakref.proxy(self), width, 1)
        return self._scratch[width][0]

    def fit(self, varying: Frame, constant: Frame) -> None:
        """Set the shapes and precisions of all arrays, and discard their contents."""
        self.varying, self.constant = varying, constant
        for series in self.allocated:
            series.forget()
        self.allocated.clear()


class Workspace:
    """The arrays of a layer at one theta: its inputs x, its outputs z, its parameters.

    Attributes
    ----------
    x, z : Variable
    parameters : list
        The coefficients of the parameters, as :meth:`Bilinear.split` returns them.
    gathered : list
        Where the parameters move along the gradient of a given signal, instead of a direction in
        ``parameters``: what :meth:`Bilinear.gather` returned for each group of samples.
    kept : object
        Results that the layer stores until theta moves.
    units : numpy.ndarray, shape (..., m, k, width)
        The argument of :meth:`Layer.pullback`, stored by layers with weights.
    inside : list of Workspace
    """

    def __init__(self, layer: Layer, x: Variable, z: Variable, room: Room) -> None:
        self.layer, self.x, self.z = layer, x, z
        self.parameters: list[tuple[Array, Array]] = []
        self.gathered: list[Any] = []
        self.kept: Any = None
        self.units: Array | None = None
        self.inside = layer.connect(x, z, room)

    def forward(self, order: int) -> None:
        """Compute one order of z; only order 0 where z does not depend on theta."""
        if order == 0:
            self.kept = None
        if order == 0 or self.z.depends:
            self.layer.forward(self, order)

    def backward(self, order: int, kind: str) -> None:
        """Compute one order of the signal at x, where x depends on theta or layers are inside."""
        if self.x.depends or self.inside:
            self.layer.backward(self, order, kind)

    def walk(self) -> Iterator[Workspace]:
        """Yield this workspace and all those inside, in the order of their parameters."""
        yield self
        for inner in self.inside:
            yield from inner.walk()


class Layer(ABC):
    """A differentiable map of samples."""

    @property
    def inside(self) -> Sequence[Layer]:
        """The layers that it contains, in the order of their parameters."""
        return ()

    @cached_property
    def size(self) -> int:
        """The number of its parameters."""
        return sum(layer.size for layer in self.inside)

    @abstractmethod
    def outputs(self, inputs: int) -> int:
        """Return the width of z for a width of x, or raise InputError."""

    def connect(self, x: Variable, z: Variable, room: Room) -> list[Workspace]:
        """Return the workspaces of the layers inside."""
        return []

    @abstractmethod
    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of ``at.z.values``."""

    @abstractmethod
    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of ``at.x.signals[kind]``.

        It is called only where x depends on theta. A layer with layers inside is called always,
        and must not read a signal at an x that does not depend on theta.
        """

    @abstractmethod
    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return k signals of every sample by x, given those by z, ``(..., m, k, width)``.

        Of order 0. Signals that are the same for every sample may have ``m = 1``. The result is
        not used where x does not depend on theta.
        """

    def draw(self, normal: Array) -> None:
        """Turn numbers from N(0, 1), ``(size,)``, into parameters to start with, in place."""
        start = 0
        for layer in self.inside:
            layer.draw(normal[start : start + layer.size])
            start += layer.size


@dataclass(frozen=True)
class Chain(Layer):
    """Layers one after the other, at least one."""

    layers: tuple[Layer, ...]

    @property
    def inside(self) -> Sequence[Layer]:
        """The layers."""
        return self.layers

    def outputs(self, inputs: int) -> int:
        """Return the width of the last layer's outputs."""
        if not self.layers:
            raise InputError("a chain of layers needs at least one; got none")
        for layer in self.layers:
            inputs = layer.outputs(inputs)
        return inputs

    def connect(self, x: Variable, z: Variable, room: Room) -> list[Workspace]:
        """Return workspaces in which the outputs of each layer are the inputs of the next."""
        places = []
        for layer in self.layers[:-1]:
            following = after(layer, x, room)
            places.append(Workspace(layer, x, following, room))
            x = following
        return [*places, Workspace(self.layers[-1], x, z, room)]

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order from the first layer to the last."""
        for inner in at.inside:
            inner.forward(order)

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signals from the last layer to the first."""
        for inner in reversed(at.inside):
            inner.backward(order, kind)

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals at the first layer that depends on theta, layer by layer from the last."""
        for inner in reversed(at.inside):
            if inner.z.depends:
                signals = inner.layer.pullback(inner, signals)
        return signals


def after(layer: Layer, x: Variable, room: Room) -> Variable:
    """Return a new variable for the outputs of a layer at x."""
    return room.variable(layer.outputs(x.width), depends=x.depends or layer.size > 0)
