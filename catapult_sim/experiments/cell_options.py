"""The options of a cell: what it asks for of network, optimiser, average and learning rate.

============================  ====================================================================
``activation``, ``biases``,   of an MLP, as :class:`~catapult_sim.mlp.network.MLP` has them
``gain``, ``loss``,
``parametrization``
``momentum``                  of the heavy ball, by default 0
``optimizer``                 "nesterov": that momentum is Nesterov's
``regularizer``               the coefficient of ``|grad L|^2 / 4``, in units of ``1 / lambda_0``
``nudge``                     "GAMMA:K": steps times gamma along the K sharpest directions, which
                              are found anew every epoch
``average``                   "ema:DECAY" or "swa:START": the average of the weights
``decay_to``                  "C:STEPS": a lower learning rate, at which a run goes on
``batch_size``                by default all samples; batches are reshuffled every epoch
============================  ====================================================================
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.plans import MOST_LAYERS
from catapult_sim.numeric.curvature.nudged import Nudged, SharpestDirections
from catapult_sim.numeric.runs.averages import EMA, SWA
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.optimizers import (
    AnyOptimizer,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Regularized,
)
from catapult_sim.sweeps.cell import Cell
from catapult_sim.validation import InputError, require_count

if TYPE_CHECKING:
    from catapult_sim.experiments.networks import Networks

NETWORK = ("activation", "biases", "gain", "loss", "parametrization")


def mlp(cell: Cell, inputs: int, outputs: int) -> MLP:
    """Return the network of a cell.

    Examples
    --------
    >>> mlp({"width": 8, "depth": 2, "activation": "tanh", "biases": 0.05}, 4, 1)
    MLP([4, 8, 8, 1], activation='tanh', biases=0.05)
    """
    options: dict[str, Any] = {name: cell[name] for name in NETWORK if name in cell}
    depth = require_depth("depth", cell["depth"])
    return MLP([inputs, *[cell["width"]] * depth, outputs], **options)


def require_depth(name: str, depth: Any) -> int:
    """Return a number of hidden layers, or raise InputError."""
    return require_count(name, depth, 1, MOST_LAYERS - 2)


def optimizer(cell: Cell) -> AnyOptimizer:
    """Return the optimiser of a cell, without penalty and nudge: what it remembers is the same.

    Examples
    --------
    >>> optimizer({"momentum": 0.9, "optimizer": "nesterov"}), optimizer({})
    (Nesterov(momentum=0.9), GradientDescent())
    """
    if not cell.get("momentum"):
        return GradientDescent()
    kind = Nesterov if cell.get("optimizer") == "nesterov" else HeavyBall
    return kind(cell["momentum"])


def training(cell: Cell, networks: Networks) -> dict[str, Any]:
    """Return the options of training a cell's networks, without the learning rate."""
    samples, steps = len(networks.X), cell["steps"]
    size = cell.get("batch_size")
    chosen = optimizer(cell)
    if "regularizer" in cell:
        coefficient = np.reshape(cell["regularizer"] / networks.lambda_0, (-1,))
        chosen = Regularized(chosen, coefficient)
    if "nudge" in cell:
        gamma, k = nudge(cell["nudge"])
        epoch = math.ceil(samples / size) if size else 1
        chosen = Nudged(gamma, SharpestDirections(_hessian(networks), k=k, every=epoch), chosen)
    options: dict[str, Any] = {"steps": steps, "optimizer": chosen, "memory_limit": math.inf}
    if "average" in cell:
        options["average"] = average(cell["average"])
    if size:
        rng = np.random.default_rng([cell["seed"], *b"batches"])
        options["batches"] = minibatches(samples, size, steps, rng=rng)
    return options


def _hessian(networks: Networks) -> Any:
    """Return the Hessian product of the loss of all samples as a function of theta."""
    return lambda theta: networks.net.at(theta, networks.X, networks.y).hessian_product


def average(text: str) -> EMA | SWA:
    """Read "ema:DECAY" or "swa:START" as an average of weights.

    Examples
    --------
    >>> average("ema:0.99"), average("swa:100")
    (EMA(decay=0.99), SWA(start=100))
    """
    kind, _, number = text.partition(":")
    try:
        if kind == "ema":
            return EMA(float(number))
        if kind == "swa":
            return SWA(int(number))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
    raise InputError(f"an average must be ema:DECAY or swa:START, as ema:0.99; got {text!r}")


def nudge(text: str) -> tuple[float, int]:
    """Read "GAMMA:K" as a factor of steps and a number of directions.

    Examples
    --------
    >>> nudge("0.01:5")
    (0.01, 5)
    """
    gamma, k = _pair(text)
    if not (math.isfinite(gamma) and k >= 1):
        raise InputError(
            "a nudge must be GAMMA:K, a factor of steps and a number of sharpest directions, as "
            f"0.01:5; got {text!r}"
        )
    return gamma, k


def decay(text: str) -> tuple[float, int]:
    """Read "C:STEPS" as a lower learning rate, as eta lambda_0, and how long to train at it.

    Examples
    --------
    >>> decay("0.5:400")
    (0.5, 400)
    """
    c, steps = _pair(text)
    if not (0 < c < math.inf and steps >= 1):
        raise InputError(
            "a decay must be C:STEPS, a learning rate times lambda_0 and a number of steps, as "
            f"0.5:400; got {text!r}"
        )
    return c, steps


def _pair(text: str) -> tuple[float, int]:
    """Read "NUMBER:COUNT"; a count of 0 where it is nothing of the kind."""
    number, _, count = text.partition(":")
    try:
        return float(number), int(count)
    except ValueError:
        return math.nan, 0
