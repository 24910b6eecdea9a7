r"""Activations, each with its derivatives and its gain, and the layers that apply them.

The gain of phi is the standard deviation of the weights that feed it, in units of
``1 / sqrt(fan in)``. Signals keep unit size through deep networks where
``gain^2 E[phi(z)^2] = 1`` for z from N(0, 1) ([He2015], section 2.2, for rectifiers). That holds
for all but tanh, whose gain is 1 by convention.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from catapult_sim.mlp.layers import Layer, Workspace
from catapult_sim.types import Array
from catapult_sim.validation import require_number, require_one_of


@dataclass(frozen=True)
class Activation:
    """An activation function: its derivatives and its gain.

    Attributes
    ----------
    name : str
    derivatives : callable
        ``z -> iterator`` over value, slope, bend (the second derivative) and third derivative
        at z, each computed only when it is requested, from those before it. Derivatives beyond the
        last are zero. At a kink they are those of the left. Tails of the package's own are zero
        below the root of the smallest normal number, 1e-19 in float32 and 1e-154 in float64.
    gain : float
        See the module's docstring.

    Examples
    --------
    >>> tanh, z = ACTIVATIONS["tanh"], np.log([3.0])
    >>> print(tanh.value(z), tanh.slope(z), tanh.bend(z))
    [0.8] [0.36] [-0.576]
    >>> [float(derivative[0]) for derivative in tanh.derivatives(np.zeros(1))]
    [0.0, 1.0, -0.0, -2.0]
    """

    name: str
    derivatives: Callable[[Array], Iterator[Array]]
    gain: float

    def value(self, z: Array) -> Array:
        """Return phi(z)."""
        return self._derivative(z, 0)

    def slope(self, z: Array) -> Array:
        """Return the first derivative at z."""
        return self._derivative(z, 1)

    def bend(self, z: Array) -> Array:
        """Return the second derivative at z."""
        return self._derivative(z, 2)

    def third(self, z: Array) -> Array:
        """Return the third derivative at z."""
        return self._derivative(z, 3)

    def _derivative(self, z: Array, order: int) -> Array:
        reached = next(itertools.islice(self.derivatives(z), order, None), None)
        return np.zeros_like(z) if reached is None else reached


def _linear(z: Array) -> Iterator[Array]:
    yield z
    yield np.ones_like(z)


def _relu(z: Array) -> Iterator[Array]:
    yield np.maximum(z, 0)
    yield (z > 0).astype(z.dtype)


def _leaky_relu(z: Array, leak: float) -> Iterator[Array]:
    # Products with masks take a seventh of the time of np.where, which guesses every sign.
    value = np.minimum(z, 0)
    value *= leak
    value += np.maximum(z, 0)
    yield value
    right = z > 0
    slope = (~right).astype(z.dtype)
    slope *= leak
    slope += right
    yield slope


def _tanh(z: Array) -> Iterator[Array]:
    value = np.tanh(z)
    yield value
    if not np.isrealobj(z):  # the square of an infinite complex number is none
        z = _where_not_flat(z, math.log(np.finfo(z.dtype).max) / 2)
    with np.errstate(over="ignore"):
        slope = np.cosh(z)
        slope *= slope  # in place: a fresh array costs as much as the arithmetic
    np.divide(1, slope, out=slope)  # as 1 - value^2 it would vanish beyond z = 19
    yield _vanishing(slope)
    yield -2 * value * slope
    yield slope * (6 * value**2 - 2)


def _erf(z: Array) -> Iterator[Array]:
    from scipy.special import erf  # a fifth of a second, which most networks need not wait for

    yield erf(z)
    z = _where_not_flat(z)
    slope = 2 / math.pi**0.5 * _vanishing(np.exp(-(z**2)))
    yield slope
    yield -2 * z * slope
    yield (4 * z**2 - 2) * slope


def _gelu(z: Array) -> Iterator[Array]:
    from scipy.special import ndtr

    probability = _vanishing(ndtr(z))
    yield z * probability
    z = _where_not_flat(z)
    density = _vanishing(np.exp(-(z**2) / 2)) / (2 * math.pi) ** 0.5
    yield probability + z * density
    yield (2 - z**2) * density
    yield z * (z**2 - 4) * density


def _where_not_flat(z: Array, end: float = 40) -> Array:
    """Return z, or an end beyond which all is zero anyhow: what is computed of z could overflow."""
    return np.where(np.abs(z.real) > end, end, z)


def _decay(z: Array) -> Array:
    """Return ``exp(-|z|)``; of complex z, its continuation from the nearer real axis."""
    # As a copysign, -|z| of real numbers would take as long as all that follows.
    decay = -np.abs(z) if np.isrealobj(z) else np.copysign(1, -z.real) * z
    return _vanishing(np.exp(decay, out=decay))


def _vanishing(tail: Array) -> Array:
    """Set numbers of at least 0 to zero where their squares are no normal numbers, in place.

    Their products with signals and with one another are subnormal, which processors multiply a
    hundred times slower: of one element in eighteen a training step took twelve times as long.
    """
    if np.isrealobj(tail):
        small = tail <= np.finfo(tail.dtype).tiny ** 0.5
        if small.any():  # of most networks none is, and products with masks take ten times as long
            tail *= ~small
    return tail


def _sigmoid(z: Array, decay: Array) -> Iterator[Array]:
    left = np.signbit(z.real)
    value, total = decay * left, decay + 1  # a product with a mask, as in _leaky_relu
    value += ~left
    value /= total
    yield value
    total *= total
    slope = decay / total
    yield slope
    yield -slope * np.tanh(z / 2)


def _softplus(z: Array) -> Iterator[Array]:
    decay = _decay(z)
    yield np.maximum(z, 0) + np.log1p(decay)
    yield from _sigmoid(z, decay)


def _silu(z: Array) -> Iterator[Array]:
    derivatives = _sigmoid(z, _decay(z))
    sigmoid = next(derivatives)
    yield z * sigmoid
    slope = next(derivatives)
    yield sigmoid + z * slope
    bend = next(derivatives)
    yield 2 * slope + z * bend
    yield 3 * bend + z * slope * (1 - 6 * slope)


def _quadratic(z: Array) -> Iterator[Array]:
    yield z**2
    yield 2 * z
    yield np.full_like(z, 2)


LARGEST = 1e150  # the square of a larger slope overflows


def leaky_relu(leak: float = 0.01) -> Activation:
    """Return the ReLU with a slope ``leak`` for negative arguments.

    Examples
    --------
    >>> leaky_relu(0.5).value(np.array([-2.0, 2.0]))
    array([-1.,  2.])
    """
    leak = require_number("leak", leak, above=-LARGEST, below=LARGEST)
    gain = (2 / (1 + leak**2)) ** 0.5
    return Activation("leaky_relu", partial(_leaky_relu, leak=leak), gain)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("linear", _linear, 1.0),
        Activation("relu", _relu, 2**0.5),
        leaky_relu(),
        Activation("tanh", _tanh, 1.0),
        Activation("erf", _erf, (math.pi / 2 / math.asin(2 / 3)) ** 0.5),
        Activation("gelu", _gelu, (1 / 3 + 1 / (2 * math.pi * 3**0.5)) ** -0.5),
        Activation("silu", _silu, 1.6765324703310909),
        Activation("softplus", _softplus, 1.0418668355353016),
        Activation("quadratic", _quadratic, 3**-0.5),
    )
}


def require_activation(activation: str | Activation) -> Activation:
    """Return an activation, given itself or its name in :data:`ACTIVATIONS`."""
    if isinstance(activation, Activation):
        return activation
    return ACTIVATIONS[require_one_of("activation", activation, ACTIVATIONS)]


@dataclass(frozen=True)
class Scale(Layer):
    """A layer ``z = factor x``."""

    factor: float

    def outputs(self, inputs: int) -> int:
        """Return the width of z, that of x."""
        return inputs

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        np.multiply(at.x.values[order], self.factor, out=at.z.values[order])

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x."""
        np.multiply(at.z.signals[kind][order], self.factor, out=at.x.signals[kind][order])

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        return signals * self.factor


@dataclass(frozen=True)
class Pointwise(Layer):
    """A layer ``z = scale phi(x)``, phi an activation.

    The scale belongs to the weights of the next layer; applied here, it costs nothing.
    """

    activation: Activation
    scale: float = 1.0

    def outputs(self, inputs: int) -> int:
        """Return the width of z, that of x."""
        return inputs

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        z = at.z.values[order]
        if order:
            self._compose(at, 1, order, z)
            z *= self.scale
        else:
            derivatives = self.activation.derivatives(at.x.values[0])
            np.multiply(next(derivatives), self.scale, out=z)
            at.kept = _Derivatives(derivatives)

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x, the series of ``s phi'(x)``."""
        s, out = at.z.signals[kind], at.x.signals[kind][order]
        np.multiply(s[order], at.kept[1], out=out)
        for lower in range(order):
            bent = self._compose(at, 2, order - lower, at.x.scratch)
            if bent is not None:
                bent *= s[lower]
                out += bent
        out *= self.scale  # in place, as a scaled slope would be one more array

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        carried: Array = signals * at.kept[1][..., None, :]
        carried *= self.scale
        return carried

    def _compose(self, at: Workspace, derivative: int, order: int, out: Array) -> Array | None:
        """Write one order, 1 or 2, of the series of f at x, f' the given derivative of phi.

        ``f(x + t x_1 + t^2 x_2)`` has the coefficients ``f' x_1`` and ``f' x_2 + f'' x_1^2 / 2``.
        None where f' is zero.
        """
        x, first = at.x.values, at.kept[derivative]
        if first is None:
            return None
        np.multiply(first, x[order], out=out)
        if order == 2:
            second = at.kept[derivative + 1]
            if second is not None:
                out += second * x[1] ** 2 / 2
        return out


class _Derivatives:
    """The derivatives of an activation at one point, computed on demand."""

    def __init__(self, further: Iterator[Array]) -> None:
        self._further = further
        self._reached: list[Array | None] = []

    def __getitem__(self, order: int) -> Array | None:
        """Return the derivative of an order of at least 1; None where it is zero everywhere."""
        while len(self._reached) < order:
            self._reached.append(next(self._further, None))
        return self._reached[order - 1]
