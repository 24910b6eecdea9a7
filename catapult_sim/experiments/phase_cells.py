"""Cells of sweeps over networks on data: a run and its phase.

Every cell has ``model`` ("linear" for the exact linear network, "mlp"), ``width``, ``depth`` and
``activation`` (of an MLP), ``scale`` (the standard deviation of the initial weights), ``seed`` (of
weights, samples and batches), ``data`` ("digits", or the path of a file with its ``digest``, by
which the data are known), ``samples``, ``steps`` (updates, at most). Cells of one run have ``c``,
eta lambda_0, with lambda_0 of that network's kernel at its start, times the curvature of the loss.
They may have the entries of :mod:`catapult_sim.experiments.cell_options`, and ``of``, names in
:data:`MORE` of what to measure at the end besides. The loss is that of all samples.

Cells do not check their memory; the caller of a sweep does, by :func:`bytes_of`.

Inputs are standardised, and scaled as in the NTK parametrisation. A run stops when its loss is 1e-4
of its start; it has converged if its loss has fallen to 0.1, and is undecided otherwise.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catapult_sim import datasets
from catapult_sim.experiments import cell_options
from catapult_sim.experiments.networks import CONVERGED, SETTLED, Networks, draw_linear
from catapult_sim.mlp import kernel
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.training import Descent
from catapult_sim.numeric.runs.phases import classify
from catapult_sim.numeric.runs.rule import Method
from catapult_sim.numeric.runs.strides import run_bytes
from catapult_sim.numeric.runs.trajectory import Trajectory, final, peak
from catapult_sim.sweeps.cell import Cell, cell
from catapult_sim.types import Array, Quantities
from catapult_sim.validation import InputError, require_positive, require_width


def start(cell: Cell, scales: npt.ArrayLike) -> Networks:
    """Return copies of one network drawn for a cell, with initial weights times ``scales (N,)``."""
    data = _samples(cell["data"], cell.get("digest"), cell["samples"], cell["seed"])
    scale = require_positive("scale", scales)
    rng = np.random.default_rng([cell["seed"], *b"network"])
    with np.errstate(over="ignore", invalid="ignore"):
        drawn = {"linear": _linear, "mlp": _mlp}[cell["model"]](cell, data, rng, scale)
        return replace(drawn, method=cell_options.training(cell, drawn))


def run_at(networks: Networks, c: npt.ArrayLike, **options: Any) -> Trajectory:
    """Train the networks of a cell at ``c (..., N)``.

    Recorded runs divide c by lambda_0; :meth:`Networks.run_at` multiplies by ``1 / lambda_0``,
    which differs in the last bit.
    """
    return networks.train(np.asarray(c) / networks.lambda_0, **options)


Data = tuple[Array, Array]


def _linear(cell: Cell, data: Data, rng: np.random.Generator, scale: Array) -> Networks:
    width = require_width(float(cell["width"]))
    drawn = draw_linear(data, width, rng=rng, memory_limit=math.inf)
    # The Gram state is quadratic in the weights.
    return replace(drawn, start=drawn.start * scale[:, None, None] ** 2).at_lambda_0()


def _mlp(cell: Cell, data: Data, rng: np.random.Generator, scale: Array) -> Networks:
    net = cell_options.mlp(cell, data[0].shape[1], data[1].shape[1])
    drawn = Networks(net, net.init(rng=rng) * scale[:, None], *net.require_data(*data))
    return drawn.at_lambda_0(net.loss_function.curvature)


def bytes_of(
    cell: Cell, *, networks: int = 1, members: int = 1, observe: Quantities | None = None
) -> int:
    """Return the bytes that networks of a cell and runs of members take, without drawing any.

    Examples
    --------
    >>> cell = {"model": "mlp", "width": 10**6, "depth": 3, "activation": "relu", "seed": 0}
    >>> bytes_of(cell | {"data": "digits", "samples": 16, "steps": 10}) > 3 * 8 * 2 * 10**12
    True
    """
    X, y = _samples(cell["data"], cell.get("digest"), cell["samples"], cell["seed"])
    average = cell_options.average(cell["average"]) if "average" in cell else None
    method = Method(cell_options.optimizer(cell), cell["steps"], average=average)
    if cell["model"] == "linear":
        size, work = (min(X.shape) + 1 + y.shape[1]) ** 2, 0
        kernels = 8 * networks * y.size**2
    else:
        net = cell_options.mlp(cell, X.shape[1], y.shape[1])
        size, work = net.size, Descent(net, X, y, method).bytes
        kernels = kernel.ntk_bytes(net, networks, len(X), X.itemsize)
    remembered = method.optimizer.memory + (2 if average else 0)
    state = np.broadcast_to(0.0, (members, (1 + remembered) * size))
    # The worker of a sweep has one thread.
    run = run_bytes(state, (), cell["steps"], observe or {}, work=work, threads=1)
    return 8 * networks * size + kernels + run


@lru_cache(maxsize=16)
def _samples(data: str, digest: str | None, count: int, seed: int) -> tuple[Array, Array]:
    X, y = _scaled(data, digest)
    chosen = _drawn(len(X), count, seed)
    return X[chosen], y[chosen]


def _scaled(data: str, digest: str | None) -> tuple[Array, Array]:
    X, y = datasets.digits() if data == "digits" else _file(data, digest)
    inputs, targets = datasets.standardise(X), y.reshape(len(y), -1)
    if not inputs.any():
        raise InputError(
            f"X must have an input that varies between samples; got {len(X)} alike of {data}"
        )
    return inputs, targets


def _drawn(size: int, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of the samples that are trained on."""
    rng = np.random.default_rng([seed, *b"samples"])
    return datasets.subset(np.arange(size), np.arange(size), count, rng=rng)[0]


HELD_OUT = 2000  # samples to judge by, at most


@lru_cache(maxsize=16)
def _held_out(data: str, digest: str | None, count: int, seed: int) -> tuple[Array, Array]:
    """Return samples of the data that are not trained on."""
    X, y = _scaled(data, digest)
    others = np.delete(np.arange(len(X)), _drawn(len(X), count, seed))
    if not len(others):
        raise InputError(f"accuracy needs samples that are not trained on; all {len(X)} are")
    chosen = np.random.default_rng(0).permutation(others)[:HELD_OUT]
    return X[chosen], y[chosen]


def _file(data: str, digest: str | None) -> tuple[Array, Array]:
    if data_entries(data)["digest"] != digest:
        raise InputError(f"data must be what they were when the sweep began; {data} has changed")
    return datasets.load(data)


def data_entries(path: str | Path | None) -> Cell:
    """Return the entries of a cell for its data: digits, or a file's whole path and its digest.

    Raises
    ------
    InputError
        Where the file cannot be read as data.

    Examples
    --------
    >>> data_entries(None)
    {'data': 'digits'}
    """
    if path is None:
        return {"data": "digits"}
    datasets.load(path)
    content = hashlib.blake2b(Path(path).read_bytes(), digest_size=16)
    return {"data": str(Path(path).resolve()), "digest": content.hexdigest()}


def without_path(cell: Cell) -> Cell:
    """Return what a cell computes: its entries without the path of data that have a digest.

    Examples
    --------
    >>> without_path({"c": 3.0, "data": "/home/data.npz", "digest": "0a1b"})
    {'c': 3.0, 'digest': '0a1b'}
    """
    return {name: cell[name] for name in cell if name != "data"} if "digest" in cell else cell


def _same_network(cell: Cell) -> tuple[Any, ...]:
    """Return the entries that are equal in all cells of one batch."""
    return tuple(sorted((k, str(v)) for k, v in cell.items() if k not in ("c", "scale")))


def decayed(networks: Networks, cell: Cell, run: Trajectory) -> Trajectory:
    """Return the run that goes on from the end of another, at the learning rate ``decay_to``."""
    if "decay_to" not in cell:
        return run
    c, steps = cell_options.decay(cell["decay_to"])
    further = replace(networks, start=run.state)
    return run_at(further, np.full(run.outcome.shape, c), steps=steps)


def _sharpness(networks: Networks, cell: Cell, run: Trajectory) -> Array:
    return Observers(networks.net, networks.X, networks.y).sharpness(run.state)


def _accuracy(networks: Networks, cell: Cell, run: Trajectory) -> Array:
    held_out = _held_out(cell["data"], cell.get("digest"), cell["samples"], cell["seed"])
    return Observers(networks.net, *held_out).accuracy(run.state)


def _average_loss(networks: Networks, cell: Cell, run: Trajectory) -> Array:
    return Observers(networks.net, networks.X, networks.y).loss(np.asarray(run.average))


MORE = {"sharpness": _sharpness, "accuracy": _accuracy, "average_loss": _average_loss}
"""What is measured at the end of runs of an MLP where a cell asks for it."""


def _phases_of(cells: list[Cell]) -> list[Cell]:
    networks = start(cells[0], [cell["scale"] for cell in cells])
    run = run_at(networks, [cell["c"] for cell in cells], tolerance=CONVERGED)
    ended = decayed(networks, cells[0], run)
    with np.errstate(all="ignore"):
        columns = {
            "steps": run.stopped,
            "first_loss": run.values["loss"][0],
            "peak_loss": peak(run),
            "last_loss": final(ended),
            "first_eigenvalue": networks.lambda_0,
            "last_eigenvalue": networks.top_eigenvalue(ended.state),
        }
        columns |= {name: MORE[name](networks, cells[0], ended) for name in cells[0].get("of", ())}
    names = classify(run, settled=SETTLED).names.tolist()
    rows = zip(*(finite(column) for column in columns.values()), strict=True)
    return [
        {"phase": name, **dict(zip(columns, row, strict=True))}
        for name, row in zip(names, rows, strict=True)
    ]


@cell(
    version=2,
    identity=without_path,
    batch_key=_same_network,
    batched=_phases_of,
    batch_size=16,
)
def phase_of(cell: Cell) -> Cell:
    """Return the phase of a run, its losses and its curvature.

    Examples
    --------
    >>> cell = {"model": "linear", "width": 1000, "scale": 1.0, "c": 3.0, "seed": 0}
    >>> phase_of(cell | {"data": "digits", "samples": 16, "steps": 200})["phase"]
    'catapult'
    """
    return _phases_of([cell])[0]


@cell(version=2, identity=without_path)
def run_of(cell: Cell) -> Cell:
    """Return a run: its phase, and at every step its loss and top kernel eigenvalue.

    Examples
    --------
    >>> cell = {"model": "linear", "width": "inf", "scale": 1.0, "c": 1.0, "seed": 0}
    >>> found = run_of(cell | {"data": "digits", "samples": 16, "steps": 3})
    >>> len(found["loss"]), len(found["top_eigenvalue"])
    (4, 4)
    """
    networks = start(cell, [cell["scale"]])
    observe = {"top_eigenvalue": networks.top_eigenvalue}
    run = run_at(networks, [cell["c"]], tolerance=CONVERGED, observe=observe)
    phase = str(classify(run, settled=SETTLED).names[0])
    return {"phase": phase} | {name: finite(column[:, 0]) for name, column in run.values.items()}


def finite(values: Array) -> list[float | int | None]:
    """Return values for JSON, None where they are not finite."""
    return [value if math.isfinite(value) else None for value in values.tolist()]
