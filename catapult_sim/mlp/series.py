"""Power series of a network's values and signals: the arrays that passes read and write.

At ``theta + t v`` every number of a network is a power series in t. A :class:`Series` holds the
coefficients of one quantity, a :class:`Variable` the values and signals between two layers, and a
:class:`Room` allocates them for the shape of the samples.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from catapult_sim.types import Array

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
        self.variables.append(Variable(self, width, self._orders, depends))
        return self.variables[-1]

    def scratch(self, width: int) -> Array:
        """Return an array for the use of one formula; equal widths share it."""
        if width not in self._scratch:
            self._scratch[width] = Series(self, width, 1)
        return self._scratch[width][0]

    def fit(self, varying: Frame, constant: Frame) -> None:
        """Set the shapes and precisions of all arrays, and discard their contents."""
        self.varying, self.constant = varying, constant
        for series in self.allocated:
            series.forget()
        self.allocated.clear()
