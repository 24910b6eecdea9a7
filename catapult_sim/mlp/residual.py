"""Residual blocks: what a branch of layers gives is added to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catapult_sim.mlp.activations import Scale
from catapult_sim.mlp.layers import Chain, Layer, Room, Variable, Workspace, after
from catapult_sim.mlp.parametrization import Weights
from catapult_sim.mlp.plans import Layers, Plan, Shape, build, own_gains, require_layers, written
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_number


@dataclass(frozen=True)
class Skip(Layer):
    """A layer ``z = x + branch(x)``."""

    branch: Layer

    @property
    def inside(self) -> Sequence[Layer]:
        """The branch."""
        return (self.branch,)

    def outputs(self, inputs: int) -> int:
        """Return the width of z, that of x."""
        return self.branch.outputs(inputs)

    def connect(self, x: Variable, z: Variable, room: Room) -> list[Workspace]:
        """Return the workspace of the branch, between x and a variable of its own."""
        return [Workspace(self.branch, x, after(self.branch, x, room), room)]

    def forward(self, at: Workspace, order: int) -> None:
        """Write one order of z."""
        (branch,) = at.inside
        branch.forward(order)
        z = at.z.values[order]
        z[...] = branch.z.values[order]
        if order == 0 or at.x.depends:
            z += at.x.values[order]

    def backward(self, at: Workspace, order: int, kind: str) -> None:
        """Write one order of the signal at x, and those inside of the branch."""
        (branch,) = at.inside
        signal = at.z.signals[kind][order]
        branch.z.signals[kind][order][...] = signal
        branch.backward(order, kind)
        if at.x.depends:
            at.x.signals[kind][order][...] += signal

    def pullback(self, at: Workspace, signals: Array) -> Array:
        """Return signals of every sample by x."""
        (branch,) = at.inside
        below = self.branch.pullback(branch, signals)
        return signals + below if at.x.depends else signals


@dataclass(frozen=True)
class Residual(Plan):
    """A residual block of a network: ``x + scale * branch(x)``, the branch a list of layers.

    Parameters
    ----------
    layers : sequence of layers, or str for activations
        The branch. It gives the shape that it takes.
    scale : float
        Of the branch.

    Raises
    ------
    InputError
        Where the layers are no list of layers, or the scale is no number.

    Examples
    --------
    >>> from catapult_sim.mlp.dense import Dense
    >>> Residual([Dense(64), "relu", Dense(64)], scale=0.5)
    Residual([Dense(64), 'relu', Dense(64)], scale=0.5)
    """

    layers: Layers
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_layers(self.layers)
        require_number("scale", self.scale)
        object.__setattr__(self, "layers", tuple(self.layers))

    def __repr__(self) -> str:
        """Return what makes this block."""
        scale = "" if self.scale == 1 else f", scale={self.scale}"
        return f"Residual({written(self.layers)}{scale})"

    def gains(self, following: float) -> list[float]:
        """Return the gain of each of its weights; what follows the block is not theirs."""
        return own_gains(require_layers(self.layers))

    def build(self, shape: Shape, weights: Weights) -> tuple[list[Layer], Shape]:
        """Return its layer for inputs of a shape, which it keeps."""
        branch, given = build(require_layers(self.layers), shape, weights)
        if given != shape:
            raise InputError(
                "the layers of a residual block must give the shape that they take; "
                f"got {given} of {shape}"
            )
        if self.scale != 1:
            branch.append(Scale(self.scale))
        return [Skip(Chain(tuple(branch)))], shape
