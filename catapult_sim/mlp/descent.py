r"""Descent of a network's flat parameter vectors, by any optimiser.

A member's state is as many vectors ``(P,)``, end to end: the weights, what the optimiser
remembers, and what the average remembers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np

from catapult_sim.mlp.taylor import AnyPoint, Model, point_of
from catapult_sim.numeric.runs.averages import Memory
from catapult_sim.numeric.runs.blocks import BLOCK_BYTES
from catapult_sim.numeric.runs.checkpoint import fingerprint
from catapult_sim.numeric.runs.optimizers import AnyOptimizer, Look, displace
from catapult_sim.numeric.runs.rule import Averaged, Method
from catapult_sim.types import Array


@dataclass(frozen=True)
class Descent:
    """The rule of training networks, see :class:`~catapult_sim.numeric.runs.rule.Rule`."""

    network: Model
    X: Array  # (m, d)
    y: Array  # (m, k)
    method: Method
    longest: int = 1
    _points: threading.local = field(default_factory=threading.local)

    def start(self, weights: Array) -> Array:
        """Return the states of weights at rest, their average themselves, ``(..., S)``."""
        remembered = [np.zeros_like(weights)] * self.method.optimizer.memory
        if self.method.average is not None:
            remembered += self.method.average.begin(weights)
        return np.concatenate([weights, *remembered], axis=-1) if remembered else weights

    def weights(self, state: Array) -> Array:
        """Return the parameters of states, ``(..., P)``."""
        return state[..., : self.network.size]

    @property
    def average(self) -> Averaged | None:
        """What is known of the average."""
        average = self.method.average
        if average is None:
            return None

        def weights(state: Array) -> Array:
            return average.value(self._parts(state)[2])

        return Averaged(weights, lambda state: self.loss(weights(state)))

    def _parts(self, state: Array) -> tuple[Array, Memory, Memory]:
        """Take states apart: the weights, and the memories of optimiser and average."""
        vectors, own = self._vectors(state), 1 + self.method.optimizer.memory
        return vectors[0], tuple(vectors[1:own]), tuple(vectors[own:])

    def _vectors(self, state: Array) -> list[Array]:
        size = self.network.size
        return [state[..., i : i + size] for i in range(0, state.shape[-1], size)]

    def stride(
        self,
        state: Array,
        rate: Array,
        members: Array,
        starts: Array,
        *numbers: Array,
        first: int,
        count: int,
    ) -> tuple[Array, Array]:
        """Take ``count`` steps; return the next state and the loss of all samples before them."""
        optimizer = self.method.optimizer_of(numbers, state.dtype)
        theta, loss = self.weights(state), None
        for t in range(first, min(first + count, self.method.steps)):
            state, seen = self._step(t, state, rate, members, starts, optimizer)
            loss = seen if t == first else loss
        return state, (self.loss(theta) if loss is None else loss)[None]

    def loss(self, theta: Array) -> Array:
        """Return the loss of all samples, ``(N,)``, of as many members at once as stay in cache."""
        at_once = max(1, BLOCK_BYTES // self.bytes)
        parts = [theta[first : first + at_once] for first in range(0, len(theta) or 1, at_once)]
        return np.concatenate([self._at("all", part, self.X, self.y).loss for part in parts])

    @property
    def work(self) -> int:
        """The bytes that a member takes in a step, beside its states."""
        batches = self.method.batches
        return self._bytes(len(self.X) if batches is None else batches.shape[-1])

    @property
    def bytes(self) -> int:
        """The bytes that a member takes where the loss of all samples is measured."""
        return self._bytes(len(self.X))

    def _bytes(self, samples: int) -> int:
        """Count inputs, outputs, slopes and signals of all layers, and a gradient."""
        layers = samples * self.network.numbers_per_sample
        gradient = self.network.size if self.method.optimizer.memory else 0
        return (layers + gradient) * self.X.itemsize

    def _at(self, place: str, theta: Array, X: Array, y: Array) -> AnyPoint:
        """Move one of this thread's points, which keep their arrays, here."""
        point: AnyPoint | None = getattr(self._points, place, None)
        if point is None:
            point = point_of(self.network, theta, X, y)
            setattr(self._points, place, point)
            return point
        return point.move(theta, X, y)

    def _step(
        self,
        t: int,
        state: Array,
        rate: Array,
        members: Array,
        starts: Array,
        optimizer: AnyOptimizer,
    ) -> tuple[Array, Array | None]:
        """Return the next state, and the loss of all samples before it where the step sees that."""
        theta, last, memory = self._parts(state)
        point, rows = optimizer.point(theta, *last), self.method.rows(t, starts)
        samples = (self.X, self.y) if rows is None else (self.X[rows], self.y[rows])
        seen = self._at("seen", point, *samples)
        loss = seen.loss if rows is None and point is theta else None
        look = Look(t, members, theta, seen.gradient, seen.hessian_product)
        eta = self.method.rate(t, rate).astype(theta.dtype)[:, None]
        if not last and not memory:
            (displacement,) = displace(optimizer, look, eta)
            return np.add(theta, displacement, out=displacement), loss
        following = np.empty_like(state)
        moved, *places = self._vectors(following)
        for place, vector in zip(places, last, strict=False):
            place[...] = vector
        # What an optimiser is given may be overwritten, and often is what it returns.
        displacement, *kept = displace(optimizer, look, eta, *places[: len(last)])
        np.add(theta, displacement, out=moved)
        if self.method.average is not None:
            kept += self.method.average.advance(memory, moved, t)
        for place, vector in zip(places, kept, strict=True):
            if vector is not place:
                place[...] = vector
        return following, loss

    def problem(self, weights: Array) -> dict[str, str]:
        """Return what tells the network and its data from others, by name."""
        one = weights.reshape(-1, weights.shape[-1])[:1]
        with np.errstate(all="ignore"):
            loss, gradient = self.network.loss_and_gradient(one, self.X, self.y)
            network = f"loss {loss[0]:.4g}, gradient {np.linalg.norm(gradient):.4g} at the start"
        return {"X": fingerprint(self.X), "y": fingerprint(self.y), "network": network}
