"""Cells of sweeps over networks on data: a run and its phase.

Every cell has ``model`` ("linear" for the exact linear network, "mlp"), ``width``, ``depth`` and
``activation`` (of an MLP), ``scale`` (the standard deviation of the initial weights), ``seed`` (of
weights, samples and batches), ``data`` (a name such as "digits", or the whole path of a file; with
the ``digest`` of all that is read, by which the data are known), ``samples``, ``steps`` (updates,
at most). Cells of one run have ``c``, eta lambda_0, with lambda_0 of that network's kernel at its
start, times the curvature of the loss. They may say how data are read by ``labels``, ``inputs``,
``label_column`` and ``drop`` (by default "auto", "pixel", none and none), have the entries of
:mod:`catapult_sim.experiments.cell_options`, and ``of``, names in :data:`MORE` of what to measure
at the end besides. The loss is that of all samples.

Cells do not check their memory; the caller of a sweep does, by :func:`bytes_of`.

Inputs are scaled as in the NTK parametrisation. A run stops when its loss is 1e-4
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
from catapult_sim.datasets.dataset import Samples
from catapult_sim.datasets.files import NAMES, files_of, samples_of
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
    data = _samples(cell)
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
READING = ("labels", "inputs", "label_column", "drop")


def _linear(cell: Cell, data: Data, rng: np.random.Generator, scale: Array) -> Networks:
    width = require_width(float(cell["width"]))
    drawn = draw_linear(data, width, rng=rng, memory_limit=math.inf)
    # The Gram state is quadratic in the weights.
    return replace(drawn, start=drawn.start * scale[:, None, None] ** 2).at_lambda_0()


def _mlp(cell: Cell, data: Data, rng: np.random.Generator, scale: Array) -> Networks:
    net = cell_options.mlp(cell, data[0].shape[1], data[1].shape[1])
    drawn = Networks(
        net, net.init(rng=rng, memory_limit=math.inf) * scale[:, None], *net.require_data(*data)
    )
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
    X, y = _samples(cell)
    average = cell_options.average(cell["average"]) if "average" in cell else None
    method = Method(cell_options.optimizer(cell), cell["steps"], average=average)
    if cell["model"] == "linear":
        rank, outputs = min(X.shape), y.shape[1]
        size, work = (rank + 1 + outputs) ** 2, 0
        kernels = 4 * 8 * networks * outputs * rank**2
    else:
        net = cell_options.mlp(cell, X.shape[1], y.shape[1])
        size, work = net.size, Descent(net, X, y, method).bytes
        kernels = kernel.top_eigenvalue_bytes(net, networks, len(X), X.itemsize)
    remembered = method.optimizer.memory + (2 if average else 0)
    state = np.broadcast_to(0.0, (members, (1 + remembered) * size))
    # The worker of a sweep has one thread.
    run = run_bytes(state, (), cell["steps"], observe or {}, work=work, threads=1)
    return 8 * networks * size + kernels + run


def _samples(cell: Cell) -> Data:
    """Return the samples of a cell, drawn by its seed."""
    return _split(*_known(cell))[0]


def _held_out(cell: Cell) -> Data:
    """Return samples of the data that are not trained on, or raise InputError."""
    held_out = _split(*_known(cell))[1]
    if not len(held_out[0]):
        raise InputError("accuracy needs samples that are not trained on; all of the data are")
    return held_out


def _known(cell: Cell) -> tuple[Any, ...]:
    """Return what the samples of a cell depend on."""
    reading = tuple((name, cell[name]) for name in READING if name in cell)
    return cell["data"], cell.get("digest"), cell["samples"], cell["seed"], reading


@lru_cache(maxsize=16)
def _split(
    data: str, digest: str | None, count: int, seed: int, reading: tuple[tuple[str, str], ...]
) -> tuple[Data, Data]:
    """Return the samples that are trained on, and others."""
    if data_entries(data).get("digest") != digest:
        raise InputError(f"data must be what they were when the sweep began; {data} has changed")
    X, y = _read(data, digest, **dict(reading))
    if (X[0] == X).all():
        raise InputError(
            f"X must have an input that varies between samples; got {len(X)} alike of {data}"
        )
    return datasets.divided(X, y, count, seed=seed)


@lru_cache(maxsize=1)  # one data set may fill much of the memory
def _read(
    data: str,
    digest: str | None,
    labels: str = "auto",
    inputs: str = "pixel",
    label_column: str | None = None,
    drop: str | None = None,
) -> datasets.Dataset:
    return _stored(data, digest, label_column, drop).understood(labels, inputs)


@lru_cache(maxsize=1)
def _stored(data: str, digest: str | None, label_column: str | None, drop: str | None) -> Samples:
    return samples_of(data, label_column, drop=drop)


def data_entries(data: str | Path | None) -> Cell:
    """Return the entries of a cell for its data: a name or a file, and a digest of its content.

    Raises
    ------
    InputError
        Where a file cannot be read.

    Examples
    --------
    >>> data_entries(None)
    {'data': 'digits'}
    """
    named = "digits" if data is None else str(data)
    content = [file.read_bytes() for file in files_of(named)]
    digest = hashlib.blake2b(b"".join(content), digest_size=16)
    if named not in NAMES:  # a worker may have started in another folder
        named = str(Path(named).resolve())
    return {"data": named} | ({"digest": digest.hexdigest()} if content else {})


def reading_entries(
    data: str | Path | None,
    labels: str = "auto",
    inputs: str = "auto",
    label_column: str | None = None,
    drop: str | None = None,
) -> Cell:
    """Return the entries of a cell for how its data are read, decided where they are "auto".

    Raises
    ------
    InputError
        Where the data cannot be read, or it is not clear what their labels are.

    Examples
    --------
    >>> reading_entries(None)
    {'labels': 'parity', 'inputs': 'global'}
    """
    given = {"label_column": label_column, "drop": drop}
    asked = {name: value for name, value in given.items() if value is not None}
    named = data_entries(data)
    stored = _stored(named["data"], named.get("digest"), label_column, drop)
    return {"labels": stored.encoded(labels).encoding, "inputs": stored.scaling(inputs), **asked}


def meaning_of(cell: Cell) -> str:
    """Return what was understood of a cell's data, in one line.

    Examples
    --------
    >>> meaning_of({"data": "digits", "inputs": "raw"}).partition(";")[0]
    '8x8 handwritten digits: 1797 images of 64 inputs, as they are'
    """
    reading = {name: cell[name] for name in READING if name in cell}
    found = _read(cell["data"], cell.get("digest"), **reading)
    drawn = f"; {cell['samples']} of them are drawn" if "samples" in cell else ""
    return f"{found.source}: {found.meaning}{drawn}"


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
    return Observers(networks.net, *_held_out(cell)).accuracy(run.state)


def require_accuracy(cell: Cell) -> None:
    """Raise InputError where a cell has no other samples, or labels that are no classes."""
    networks = start(cell, [cell["scale"]])
    Observers(networks.net, *_held_out(cell)).accuracy(networks.start)


def _average_loss(networks: Networks, cell: Cell, run: Trajectory) -> Array:
    return Observers(networks.net, networks.X, networks.y).loss(np.asarray(run.average))


MORE = {"sharpness": _sharpness, "accuracy": _accuracy, "average_loss": _average_loss}
"""What is measured at the end of runs of an MLP where a cell asks for it."""


def _phases_of(cells: list[Cell]) -> list[Cell]:
    networks = start(cells[0], [cell["scale"] for cell in cells])
    run = run_at(networks, [cell["c"] for cell in cells], tolerance=CONVERGED)
    ended = decayed(networks, cells[0], run)
    more = {name: MORE[name](networks, cells[0], ended) for name in cells[0].get("of", ())}
    return results(networks, run, ended, more)


def results(
    networks: Networks, run: Trajectory, ended: Trajectory, more: dict[str, Array]
) -> list[Cell]:
    """Return the result of each run ``(N,)``: its phase, losses, curvatures, and what is given.

    ``ended`` is the run, or what went on from its end.
    """
    with np.errstate(all="ignore"):
        columns = {
            "steps": run.stopped,
            "first_loss": run.values["loss"][0],
            "peak_loss": peak(run),
            "last_loss": final(ended),
            "first_eigenvalue": networks.lambda_0,
            "last_eigenvalue": networks.top_eigenvalue(ended.state),
        }
    names = classify(run, settled=SETTLED).names.tolist()
    rows = zip(*(finite(column) for column in (columns | more).values()), strict=True)
    return [
        {"phase": name, **dict(zip((*columns, *more), row, strict=True))}
        for name, row in zip(names, rows, strict=True)
    ]


@cell(
    version=3,
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


@cell(version=3, identity=without_path)
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
