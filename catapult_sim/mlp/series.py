"""Power series of a network's numbers: the arrays that passes read and write.

At ``theta + t v`` every number of a network is a power series in t. A :class:`Series` holds the
coefficients of one quantity, a :class:`Variable` what one layer hands to the next, and a
:class:`Room` makes them and fits them to the samples.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from catapult_sim.types import Array

LOSS, GIVEN = "loss", "given"
"""Kinds of signals: derivatives of the loss, and signals that a caller gives."""


class Series:
    """The coefficients of one power series, each an array ``(..., m, width)``.

    They lie in memory as one stack ``(..., orders, m, width)``, so that neighbours are at once
    one tall matrix, see :meth:`tall`. Of values the lowest order comes first, of signals the
    highest: the gradient of order k, ``sum_i a_i^T s_(k-i)``, is then one product of two tall
    matrices, ``a_0, ..., a_k`` below each other and ``s_k, ..., s_0``.
    """

    def __init__(self, width: int, orders: int, *, highest_first: bool = False) -> None:
        self.width, self._orders, self._highest_first = width, orders, highest_first
        self._flat: Array | None = None
        self._coefficients: list[Array] | None = None

    def fit(self, leading: tuple[int, ...], samples: int, dtype: npt.DTypeLike) -> None:
        """Take another shape and precision; what was held is lost."""
        self._shape, self._dtype = (*leading, self._orders, samples, self.width), np.dtype(dtype)
        self._coefficients = None

    def hold(self, constant: Array) -> None:
        """Hold a given array ``(..., m, width)``, which does not depend on theta."""
        self._stack, self._coefficients = constant[..., None, :, :], [constant]

    def __getitem__(self, order: int) -> Array:
        return self.coefficients[order]

    @property
    def coefficients(self) -> list[Array]:
        """Room for every order, lowest first; a constant has the order 0 only."""
        if self._coefficients is None:
            self._allocate()
        assert self._coefficients is not None
        return self._coefficients

    def tall(self, order: int, count: int) -> Array:
        """Return ``count`` coefficients below each other as they lie in memory, from an order on.

        Shape ``(..., count m, width)``.
        """
        first = self._orders - 1 - order if self._highest_first else order
        part = self._stack[..., first : first + count, :, :]
        return part.reshape(*part.shape[:-3], -1, self.width)

    def _allocate(self) -> None:
        """Make room, in the memory of the last shape where that is enough.

        Coefficients that are not written to take no memory.
        """
        size = math.prod(self._shape)
        if self._flat is None or self._flat.size < size or self._flat.dtype != self._dtype:
            self._flat = np.empty(size, self._dtype)
        self._stack = self._flat[:size].reshape(self._shape)
        places = range(self._orders)[::-1] if self._highest_first else range(self._orders)
        self._coefficients = [self._stack[..., place, :, :] for place in places]


class Variable:
    """What one layer hands to the next: ``width`` numbers of each sample, and signals by them.

    Attributes
    ----------
    values : Series
        Of order 0 only where they do not depend on theta.
    signals : dict of Series
        By their kind: the derivatives by the values of the loss, or of a product with outputs.
    depends : bool
        Whether the values depend on theta.
    """

    def __init__(self, width: int, orders: int, depends: bool) -> None:
        self.width, self.depends = width, depends
        self.values = Series(width, orders if depends else 1)
        self.signals = {kind: Series(width, orders, highest_first=True) for kind in (LOSS, GIVEN)}


class Room:
    """Makes the variables of a network's passes, and fits all of them to the samples."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._scratch: dict[int, Series] = {}
        self.variables: list[Variable] = []

    def variable(self, width: int, *, depends: bool) -> Variable:
        """Return a new variable of so many numbers per sample."""
        self.variables.append(Variable(width, self._orders, depends))
        return self.variables[-1]

    def scratch(self, width: int) -> Series:
        """Return a series of one order for the use of one formula; equal widths share it."""
        return self._scratch.setdefault(width, Series(width, 1))

    def fit(self, leading: tuple[int, ...], X: Array, dtype: npt.DTypeLike) -> None:
        """Fit the arrays to the networks and samples; what is constant has the shape of X."""
        samples = X.shape[-2]
        for variable in self.variables:
            if not variable.depends:
                variable.values.fit(X.shape[:-2], samples, X.dtype)
            else:
                variable.values.fit(leading, samples, dtype)
            for signal in variable.signals.values():
                signal.fit(leading, samples, dtype)
        for scratch in self._scratch.values():
            scratch.fit(leading, samples, dtype)
