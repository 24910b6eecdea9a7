"""Cells of a study: a model of any kind, on data in memory, at one learning rate each.

A cell has ``c``, eta lambda_0; ``seed``, the number of the start; ``steps``; and ``batch_size``
where it trains on minibatches. Its other entries are fingerprints, by which records know the model,
the samples, the start and the optimiser. A run stops and is judged as in
:mod:`catapult_sim.experiments.phase_cells`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.networks import CONVERGED, Networks
from catapult_sim.experiments.phase_cells import results, run_at
from catapult_sim.memory import require_memory
from catapult_sim.mlp.model import Model
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.own_model import OwnModel, as_model, require_model
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import fingerprint
from catapult_sim.numeric.runs.optimizers import AnyOptimizer, require_optimizer
from catapult_sim.numeric.scale import norm
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell, Physics
from catapult_sim.sweeps.identity import name_of
from catapult_sim.types import Array
from catapult_sim.validation import InputError, require_count, require_numbers, shown

Samples = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class StudyCells:
    """The function of the cells of a study: trains one start at one learning rate."""

    networks: Networks  # all starts (S, P), with lambda_0
    first: int  # the seed of the first of them
    optimizer: AnyOptimizer
    held_out: Samples | None = None  # to judge by
    physics = Physics("StudyCells/1")

    def cells(self, c: Sequence[float], steps: int, batch_size: int | None = None) -> list[Cell]:
        """Return the cells of all starts at learning rates ``c / lambda_0``."""
        shared = {"steps": steps, **self._fingerprints()}
        if batch_size is not None:
            shared["batch_size"] = batch_size
        starts = [shared | self._start(number) for number in range(len(self.networks.start))]
        return [start | {"c": one} for start in starts for one in c]

    def __call__(self, cell: Cell) -> Cell:
        """Return a run's phase, losses and curvature, and its accuracy on held-out samples."""
        number = cell["seed"] - self.first
        one = self.networks[number : number + 1]
        run = run_at(one, [cell["c"]], **self._training(cell))
        more = {}
        if self.held_out is not None:
            model: Any = self.networks.model
            more["accuracy"] = Observers(model, *self.held_out).accuracy(run.state)
        return results(one, run, run, more)[0]

    def _training(self, cell: Cell) -> dict[str, Any]:
        options = {"steps": cell["steps"], "optimizer": self.optimizer, "tolerance": CONVERGED}
        if "batch_size" in cell:
            rng = np.random.default_rng([cell["seed"], *b"batches"])
            size, count = cell["batch_size"], len(self.networks.X)
            options["batches"] = minibatches(count, size, cell["steps"], rng=rng)
        return options

    def _fingerprints(self) -> Cell:
        model = self.networks.model
        own = name_of(type(model.model)) if isinstance(model, OwnModel) else repr(model)
        data: dict[str, npt.ArrayLike] = {"X": self.networks.X, "y": self.networks.y}
        if self.held_out is not None:
            data |= {"held_out_X": self.held_out[0], "held_out_y": self.held_out[1]}
        prints = {name: fingerprint(values) for name, values in data.items()}
        return {"model": own, "optimizer": repr(self.optimizer), **prints}

    def _start(self, number: int) -> Cell:
        """Return what a start is known by: its parameters, and what the model does there."""
        theta, model = self.networks.start[number], self.networks.model
        known = {"seed": self.first + number, "theta": fingerprint(theta)}
        if isinstance(model, Model):
            with np.errstate(all="ignore"):
                point = model.point(theta, self.networks.X, self.networks.y, orders=2)
                gradient = point.gradient()
                numbers = point.loss, norm(gradient), norm(point.hessian_product(gradient))
            known["there"] = " ".join(f"{float(one):.4g}" for one in numbers)
        return known


def study_cells(
    model: Any,
    X: npt.ArrayLike | None,
    y: npt.ArrayLike | None,
    *,
    theta: npt.ArrayLike | None,
    members: int,
    seed: int,
    optimizer: AnyOptimizer,
    held_out: Samples | None,
) -> StudyCells:
    """Return the function of the cells of a study, as :func:`catapult_sim.study` takes them.

    Raises
    ------
    InputError
        Where the model is none, the data do not fit it, or its kernel has no positive eigenvalue.
    """
    first, by = require_count("seed", seed), require_optimizer(optimizer)
    if not isinstance(model, LinearNet):
        require_model(model)
    start = _starts(model, theta, require_count("members", members, 1), first)
    if isinstance(model, LinearNet):
        if X is not None or y is not None or held_out is not None:
            raise InputError("a LinearNet has its data: X, y and held_out must be left out")
        drawn = Networks(model, model.require_state(start), model.X, model.y).at_lambda_0()
        return StudyCells(drawn, first, by)
    if X is None or y is None:
        raise InputError("X and y must be given, the samples to train on; got none")
    network = as_model(model, start, X)
    drawn = Networks(network, network.require_parameters(start), *network.require_data(X, y))
    drawn = drawn.at_lambda_0(network.loss_function.curvature)
    others = None if held_out is None else _require_held_out(network, held_out, drawn.start[:1])
    return StudyCells(drawn, first, by, others)


def _starts(model: Any, theta: npt.ArrayLike | None, members: int, seed: int) -> Array:
    """Return the starts ``(S, P)``: those given, or drawn by consecutive seeds."""
    if theta is not None:
        given, axes = require_numbers("theta", theta), 2 if isinstance(model, LinearNet) else 1
        if given.ndim not in (axes, axes + 1) or not given.size:
            one = "(p, p)" if axes == 2 else "(P,)"
            raise InputError(f"theta must be one start {one}, or several; got shape {given.shape}")
        starts = given if given.ndim > axes else given[None]
        if members not in (1, len(starts)):
            raise InputError(
                f"members must be left out where theta is given, here of "
                f"{counted(len(starts), 'start')}; got {members}"
            )
        return starts
    if not callable(getattr(model, "init", None)):
        raise InputError(
            f"theta must be given where the model has no method init(rng=seed) that draws it; "
            f"got {shown(model)}"
        )
    first = np.asarray(model.init(rng=seed))
    require_memory(2 * members * first.nbytes, None, f"a study of {members} starts", "members")
    others = (np.asarray(model.init(rng=seed + number)) for number in range(1, members))
    return np.stack([first, *others])


def _require_held_out(network: Model[Any], held_out: Any, theta: Array) -> tuple[Array, Array]:
    """Return samples by which accuracy can be judged, or raise InputError."""
    if not isinstance(held_out, tuple | list) or len(held_out) != 2:
        raise InputError(f"held_out must be a pair (X, y) of samples; got {shown(held_out)}")
    inputs, targets = network.require_data(*held_out)
    network.accuracy(theta, inputs, targets)
    return inputs, targets
