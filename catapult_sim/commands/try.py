"""``catapult-sim try``: a network on your data, at many learning rates, in a minute."""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from catapult_sim import datasets, plots
from catapult_sim.commands.diagram import rates
from catapult_sim.commands.options import Help, add_data
from catapult_sim.commands.sweeping import RECORD, begin, finished, undecided
from catapult_sim.datasets.dataset import Dataset
from catapult_sim.datasets.labels import ENCODINGS
from catapult_sim.datasets.sampling import Pair, divided
from catapult_sim.experiments.cell_options import require_depth
from catapult_sim.experiments.networks import CONVERGED
from catapult_sim.experiments.study_cells import StudyCells, study_cells
from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.runs.blas_threads import one_thread
from catapult_sim.numeric.runs.optimizers import GradientDescent
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.printing import counted, in_time
from catapult_sim.studies import Study, conducted
from catapult_sim.sweeps.cell import Cell
from catapult_sim.validation import InputError, require_count

FIGURE = "study.png"
SAMPLES = 256  # drawn by default; of small data four fifths
HEADERS = ("c", "learning rate", "phase", "peak loss", "last loss", "last lambda", "eta lambda")
MEANING = (
    "c: eta lambda_0; losses: over that at the start; last lambda: the top eigenvalue of the\n"
    "tangent kernel where the run ended, over lambda_0; eta lambda: times the learning rate"
)


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "try",
        help="a network on your data: its lambda_0, and what each learning rate does to it",
        description="Train a network on your data at learning rates around 2 / lambda_0, and show "
        "which are lazy, which are catapulted to flatter minima, and which diverge. The loss is "
        "(1/2m) sum |f - y|^2 over m samples; lambda_0 is the top eigenvalue of the tangent kernel "
        "(1/m) J J^T at the start; NTK parametrisation, full batches.",
        formatter_class=Help,
    )
    parser.set_defaults(run=run, overwrite=False, usual_out=None)
    add_data(parser, images=True)
    add = parser.add_argument
    words = f"samples to train on (default: {SAMPLES}, of small data four fifths)"
    add("--samples", type=int, metavar="M", help=words)
    add("--width", type=int, default=256, metavar="N", help="hidden units of each layer")
    add("--depth", type=int, default=2, metavar="K", help="hidden layers")
    words = f"activation: {', '.join(ACTIVATIONS)}"
    add("--activation", choices=tuple(ACTIVATIONS), default="relu", metavar="NAME", help=words)
    words = "N learning rates times lambda_0, spaced geometrically"
    add("--c", default="0.5:16:11", metavar="LOW:HIGH:N", dest="rates", help=words)
    add("--steps", type=int, default=200, metavar="T", help="largest number of updates of a run")
    add("--seed", type=int, default=0, help="random seed of weights and samples")
    words = "folder for record and figure; the same command continues from there (default: none)"
    add("--out", type=Path, metavar="DIR", help=words)
    words = "show a progress bar (default: on a terminal)"
    add("--progress", action=argparse.BooleanOptionalAction, help=words)


def run(options: argparse.Namespace) -> int:
    """Say what was understood and how long it takes, train, and print what came of it."""
    asked = rates(options.rates)
    steps, seed = require_count("--steps", options.steps, 1), require_count("--seed", options.seed)
    source, reading = options.data or "digits", _reading(options)
    data = datasets.load(source, **reading)
    options.samples = _samples(options.samples, len(data.X))
    seen, others = divided(*data, options.samples, seed=seed)
    starts = _starts(options, data, seen, others)
    record = None
    if options.out is not None:
        begin(options, _shared(starts, steps))
        record = options.out / RECORD
    print(f"{data.source}: {data.meaning}; {len(seen[0])} of them are drawn")
    print(_network(starts))
    print(_threshold(starts))
    print(f"{counted(len(asked), 'run')} of at most {steps} steps: {_time(starts, asked, steps)}\n")
    found = conducted(starts, asked, steps, record=record, progress=options.progress)
    print(tabulate(_table(found), _headers(found), tablefmt="plain", floatfmt=".4g"))
    print(f"{MEANING}{_accuracy(found)}{_calm(found)}{_unsettled(found)}{_undecided(found)}")
    print(f"\n{found.strip()}\n{_end(found)}\n")
    print("\n".join(_again(options, source, reading, found)))
    if options.out is not None:
        plots.save(found.figure(), options.out / FIGURE)
        print(f"record and figure: {options.out}")
    return 0


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    shared, options = config["cell"].items(), config["options"]
    lines = [line for line in finished(folder) if shared <= line.cell.items()]
    lines.sort(key=lambda line: float(line.cell["c"]))
    found = Study(config["cell"]["model"], options["samples"], options["steps"], tuple(lines))
    return found.figure(), FIGURE


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    """Return how data are read, the options of ``datasets.load`` that are not left out."""
    labels, labels_file = _labels(options)
    given = {"labels": labels, "label_column": options.label_column, "drop": options.drop}
    given |= {"labels_file": labels_file}
    chosen = {name: value for name, value in given.items() if value is not None}
    return {"inputs": options.inputs or "auto", **chosen}


def _labels(options: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return what labels mean, and the file that holds them: ``--labels`` may name either."""
    given, file = options.labels, options.labels_file
    if given is None or given in ENCODINGS:
        return given, None if file is None else str(file)
    if file is not None or not os.path.isfile(given):
        raise InputError(
            f"--labels must be {', '.join(ENCODINGS[1:])}, or a file of labels; got {given!r}"
        )
    return None, given


def _samples(asked: int | None, known: int) -> int:
    """Return how many samples to train on; where no number is given, four fifths at most."""
    usual = min(SAMPLES, math.ceil(0.8 * known))
    return usual if asked is None else require_count("--samples", asked, 1, known)


def _starts(options: argparse.Namespace, data: Dataset, seen: Pair, others: Pair) -> StudyCells:
    """Return the network at its start, with the samples that its accuracy is judged by."""
    width = require_count("--width", options.width, 1)
    depth = require_depth("--depth", options.depth)
    X, y = seen
    widths = [X.shape[1], *[width] * depth, y.shape[1] if y.ndim > 1 else 1]
    judged = data.labels != "numbers" and len(others[1]) > 0 and np.ptp(others[1]) > 0
    return study_cells(
        MLP(widths, activation=options.activation),
        X,
        y,
        theta=None,
        members=1,
        seed=options.seed,
        optimizer=GradientDescent(),
        held_out=others if judged else None,
    )


def _shared(starts: StudyCells, steps: int) -> Cell:
    """Return what the cells of all learning rates have in common."""
    cell = starts.cells([1.0], steps)[0]
    return {name: value for name, value in cell.items() if name != "c"}


def _network(starts: StudyCells) -> str:
    net = starts.networks.net
    return f"{net!r}: {counted(net.size, 'parameter')}, full batches, seed {starts.first}"


def _threshold(starts: StudyCells) -> str:
    """Return lambda_0 and 2 / lambda_0 in words, also of the standard parametrisation."""
    networks = starts.networks
    net: Any = networks.net
    top = float(networks.lambda_0[0])
    standard = MLP(net.widths, activation=net.activation, parametrization="standard")
    theta = standard.init(rng=starts.first)
    usual = float(type(networks)(standard, theta, networks.X, networks.y).top_eigenvalue(theta))
    return (
        f"lambda_0 = {top:.4g}: along its steepest direction the loss should rise beyond the "
        f"learning rate 2 / lambda_0 = {2 / top:.4g}\n({2 / usual:.3g} in the standard "
        "parametrisation, in which layers have no factor beside their weights)"
    )


def _time(starts: StudyCells, rates: Sequence[float], steps: int) -> str:
    """Return how long runs take at most, in words, from a few steps of one."""
    few = min(steps, 4)
    with one_thread():
        starts.networks.run_at([1.0], steps=1)  # what is done but once is not timed
        began = time.perf_counter()
        starts.networks.run_at([1.0], steps=few)
        seconds = (time.perf_counter() - began) * len(rates) * (steps + 1) / (few + 1)
    return f"about {in_time(seconds)}"


def _headers(found: Study) -> tuple[str, ...]:
    return (*HEADERS, *(["accuracy"] if "accuracy" in found.quantities else []))


def _table(found: Study) -> list[list[Any]]:
    quantities = (found.values(name)[0].tolist() for name in found.quantities)
    columns = dict(zip(found.quantities, quantities, strict=True))
    curvature = found.values("curvature")[0]
    columns["eta"] = (found.c * curvature).tolist()
    order = ("peak", "loss", "curvature", "eta", *found.quantities[3:])
    rows = zip(found.c, found.c / found.lambda_0[0], found.phases.names[0], strict=True)
    return [
        [*row, *(_or_nothing(columns[name][k]) for name in order)] for k, row in enumerate(rows)
    ]


def _or_nothing(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _accuracy(found: Study) -> str:
    """Return where the accuracy on other samples is best, in words."""
    if "accuracy" not in found.quantities or not np.isfinite(found.values("accuracy")).any():
        return ""
    values = found.values("accuracy")[0]
    best = int(np.nanargmax(values))
    return (
        f"\naccuracy: on samples not trained on; best {values[best]:.3f} at c = {found.c[best]:.3g}"
        f", {found.phases.names[0][best]}"
    )


def _undecided(found: Study) -> str:
    return undecided(int((found.phases == Phase.UNDECIDED).sum()))


def _calm(found: Study) -> str:
    """Return a line on runs that are lazy although the loss rose along its steepest direction."""
    many = int(((found.phases == Phase.LAZY) & (found.c > 2.001)).sum())
    if not many:
        return ""
    return (
        f"\nlazy beyond c = 2, {counted(many, 'run')}: other parts of the loss fell by more than "
        "the steepest rose, or lambda fell before it did"
    )


def _unsettled(found: Study) -> str:
    """Return a line on catapults that were stopped while their curvature was above 2 / eta."""
    above = (found.phases == Phase.CATAPULT) & (found.c * found.values("curvature") > 2)
    if not above.any():
        return ""
    return (
        f"\n{counted(int(above.sum()), 'catapult')} with eta lambda above 2: stopped before the "
        f"curvature settled, when the loss was {CONVERGED:g} of its start or --steps were done"
    )


def _end(found: Study) -> str:
    """Return the largest learning rate at which the loss came down, and the next, in words."""
    came_down = np.isin(found.phases[0], (Phase.LAZY, Phase.CATAPULT))
    rates = [f"{c / found.lambda_0[0]:.4g} (c = {c:.3g})" for c in found.c]
    if not came_down.any():
        return f"converges within {found.steps} steps at none of {rates[0]} to {rates[-1]}"
    last = int(np.flatnonzero(came_down)[-1])
    if last + 1 == len(rates):
        return f"converges up to {rates[last]}, the largest learning rate tried"
    return f"converges up to {rates[last]}, not at {rates[last + 1]}"


def _again(
    options: argparse.Namespace, source: str, reading: dict[str, Any], found: Study
) -> list[str]:
    """Return lines of Python that give the same numbers."""
    low, high, count = options.rates.split(":")
    how = ", ".join(f"{name}={value!r}" for name, value in reading.items())
    held_out = ", held_out=others" if "accuracy" in found.quantities else ""
    return [
        "The same in a notebook:",
        "  import catapult_sim as cs",
        "  import numpy as np",
        f"  X, y = cs.datasets.load({source!r}, {how})",
        f"  seen, others = cs.datasets.divided(X, y, {options.samples}, seed={options.seed})",
        f"  c = np.geomspace({float(low)!r}, {float(high)!r}, {int(float(count))})",
        f"  cs.study(cs.{found.model}, *seen{held_out}, c=c, steps={options.steps}, "
        f"seed={options.seed})",
    ]
