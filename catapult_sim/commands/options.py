"""Declare the options that the sweeping commands share, check them, and read them as a cell."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from catapult_sim.datasets.labels import ENCODINGS
from catapult_sim.datasets.scaling import SCALINGS
from catapult_sim.experiments import cell_options, phase_cells
from catapult_sim.memory import allowed_bytes, require_memory
from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.mlp.losses import LOSSES
from catapult_sim.mlp.parametrization import PARAMETRIZATIONS
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell
from catapult_sim.sweeps.sweep import CELL_BYTES
from catapult_sim.validation import (
    InputError,
    require_count,
    require_momentum,
    require_positive,
)

CONVENTIONS = (
    "Conventions: the loss is (1/2m) sum |f - y|^2 over m samples; lambda_0 is the top eigenvalue "
    "of the kernel (1/m) J J^T at the start of each network, J the Jacobian of its outputs; "
    "c = eta lambda_0, with eta the learning rate; NTK parametrisation; full batches, or "
    "minibatches reshuffled every epoch."
)

# The least value of each whole number, and the numbers that must be positive.
LEAST = {"depth": 1, "samples": 1, "steps": 1, "batch_size": 1, "members": 1, "workers": 1}
LEAST |= {"seed": 0, "levels": 0}
POSITIVE = {"c", "time", "tolerance"}

# Options that are entries of a cell where they are given.
OF_ANY_MODEL = ("momentum", "batch_size", "optimizer")
OF_AN_MLP = ("parametrization", "biases", "gain", "loss", "regularizer", "nudge", "average")

# Entries of a cell on which its memory does not depend.
SAME_MEMORY = {"activation", "c", "of", "curvature", "scale", "seed", "tolerance"}


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Show the default of each option that has one, as it is typed in a shell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default in (None, argparse.SUPPRESS) or default is False:
            return action.help
        several = default if isinstance(default, list) else [default]
        words = " ".join(f"{one:.10g}" if isinstance(one, float) else str(one) for one in several)
        return f"{action.help} (default: {words})"


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    help: str,
    does: str,
    out: str,
    several: Collection[str] = (),
) -> argparse.ArgumentParser:
    """Add a command that sweeps over networks, with the options all of these share.

    Options named in ``several`` take one value or more. ``run`` gets options whose numbers are
    in range.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=f"{does} {CONVENTIONS}", formatter_class=Help
    )
    parser.set_defaults(run=lambda options: run(_require_ranges(options)))
    _add_network(parser, several)
    _add_training(parser)
    add_execution(parser, out).add_argument(
        "--memory-limit",
        type=_memory,
        metavar="SIZE",
        help="memory that all workers on this machine may take together, such as 6GB (default: "
        "half of what is free)",
    )
    return parser


def _add_network(parser: argparse.ArgumentParser, several: Collection[str]) -> None:
    """Add the options that choose a network, its data and its seed."""
    group = parser.add_argument_group("network")

    def add(name: str, help: str, **options: Any) -> None:
        if name.removeprefix("--") in several:
            options["nargs"] = "+"
        group.add_argument(name, help=help, **options)

    words = "linear: exact two-layer linear network; mlp: multilayer perceptron"
    add("--model", words, choices=("linear", "mlp"), default="linear")
    words = "hidden units of each layer; inf: infinitely many, for --model linear"
    add("--width", words, type=_width, default=512, metavar="N")
    add("--depth", "hidden layers of an MLP (default: 1)", type=int, metavar="K")
    words = f"activation of an MLP: {', '.join(ACTIVATIONS)} (default: relu)"
    add("--activation", words, choices=tuple(ACTIVATIONS), metavar="NAME")
    add("--scale", "standard deviation of the initial weights", type=float, default=1.0)
    add_data(group)
    add("--samples", "how many samples to draw from the data", type=int, default=32, metavar="M")
    add("--seed", "random seed of weights, samples and batches", type=int, default=0)
    words = f"of an MLP: {', '.join(PARAMETRIZATIONS)} (default: ntk)"
    add("--parametrization", words, choices=PARAMETRIZATIONS, metavar="NAME")
    words = "give an MLP biases, with this standard deviation at the start (default: none)"
    add("--biases", words, type=float, metavar="SIGMA")
    words = "gain of the weights of an MLP: he, lecun or a number (default: he)"
    add("--gain", words, type=_gain, metavar="GAIN")
    words = f"loss of an MLP: {', '.join(LOSSES)} (default: squared_error)"
    add("--loss", words, choices=tuple(LOSSES), metavar="NAME")


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Add the options of how a network is trained."""
    add = parser.add_argument_group("training").add_argument
    words = "largest number of updates of a run"
    add("--steps", type=int, default=300, metavar="T", help=words)
    words = "samples of a minibatch; a smaller last one is left out (default: all of them)"
    add("--batch-size", type=int, metavar="B", help=words)
    words = "momentum, from 0 to below 1 (default: 0)"
    add("--momentum", type=float, metavar="BETA", help=words)
    words = "kind of momentum: heavy-ball, nesterov (default: heavy-ball)"
    add("--optimizer", choices=("heavy-ball", "nesterov"), metavar="NAME", help=words)
    words = "train an MLP on loss + (COEFFICIENT / 4 lambda_0) |gradient|^2 (default: 0)"
    add("--regularizer", type=float, metavar="COEFFICIENT", help=words)
    words = "multiply steps of an MLP by GAMMA along the K sharpest directions, found every epoch"
    add("--nudge", type=_readable(cell_options.nudge), metavar="GAMMA:K", help=words)
    words = "average the weights of an MLP along the run: ema:DECAY, or swa:START from a step on"
    add("--average", type=_readable(cell_options.average), metavar="KIND", help=words)


def add_decay(parser: argparse.ArgumentParser) -> None:
    """Add the option of a lower learning rate at the end."""
    words = "after each run train STEPS more at the learning rate C / lambda_0"
    reader = _readable(cell_options.decay)
    parser.add_argument("--decay-to", type=reader, metavar="C:STEPS", help=words)


def _readable(reader: Callable[[str], Any]) -> Callable[[str], str]:
    """Return a type of options that are texts; it refuses what ``reader`` does, in its words."""

    def checked(text: str) -> str:
        try:
            reader(text)
        except InputError as refusal:
            raise argparse.ArgumentTypeError(str(refusal)) from None
        return text

    return checked


def _gain(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def add_data(parser: Any, inputs: str | None = None, *, images: bool = False) -> None:
    """Add the options that choose the data and say how they are read; ``inputs`` is a default.

    With ``images``, IDX files of images and labels may be named one by one.
    """
    add = parser.add_argument
    words = "digits, mnist, fashion-mnist, or a file: CSV, NPZ or IDX (default: digits)"
    add("--data", *(["--images"] if images else []), dest="data", help=words, metavar="DATA")
    if images:
        words = "file of the labels of IDX images (default: the one beside them)"
        add("--labels-file", type=Path, help=words, metavar="FILE")
    words = "what labels mean: binary: two as -1 and +1; parity: odd as +1, even as -1; classes: "
    words += "an output for each; numbers to fit (default: as the data are; digits: parity)"
    choices = None if images else ENCODINGS[1:]  # a file has any name
    words += "; or, the file of labels" if images else ""
    add("--labels", help=words, choices=choices, metavar="WHAT")
    words = "column of the labels in CSV: first, last, its number or its name (default: the one "
    words += "called label, class, target or y; else the only one of names; else the last)"
    add("--label-column", help=words, metavar="COLUMN")
    words = "columns of CSV to leave out: numbers or names with commas between, such as id,name"
    add("--drop", help=words, metavar="COLUMNS")
    words = "how inputs are scaled: raw: not; global: by one mean and variance for all; pixel: by "
    words += "those of each" + ("" if inputs else " (default: images global, tables pixel)")
    add("--inputs", help=words, choices=SCALINGS, default=inputs, metavar="HOW")


def data_entries(options: argparse.Namespace) -> Cell:
    """Return the entries of a cell for the data that were asked for, or raise InputError."""
    return phase_cells.data_entries(options.data) | phase_cells.reading_entries(
        options.data,
        options.labels or "auto",
        options.inputs or "auto",
        options.label_column,
        options.drop,
    )


def add_execution(parser: argparse.ArgumentParser, out: str, workers: int | None = 1) -> Any:
    """Add the options of workers, folder and output; return their group.

    Where ``workers`` is None, there is a process for each core by default.
    """
    group = parser.add_argument_group("execution")
    where = group.add_mutually_exclusive_group()
    words = "worker processes" if workers else "worker processes (default: one for each core)"
    where.add_argument("--workers", type=int, default=workers, metavar="N", help=words)
    words = "compute on the dask cluster whose scheduler has this address"
    where.add_argument("--scheduler", metavar="ADDRESS", help=words)
    words = f"folder for record, results and figure (default: {out}, or {out}-2 and so on where "
    group.add_argument("--out", type=Path, metavar="DIR", help=f"{words}that holds another sweep)")
    parser.set_defaults(usual_out=out)
    again = group.add_mutually_exclusive_group()
    words = "continue what DIR holds (default)"
    again.add_argument("--resume", action="store_true", help=words)
    words = "delete the results in DIR and start again"
    again.add_argument("--overwrite", action="store_true", help=words)
    words = "show a progress bar (default: on a terminal)"
    group.add_argument("--progress", action=argparse.BooleanOptionalAction, help=words)
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return group


def _memory(text: str) -> float:
    try:
        return allowed_bytes(text, "--memory-limit")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--memory-limit ")) from None


def _width(text: str) -> int | str:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if text != "inf" and not number.is_integer():
        raise argparse.ArgumentTypeError(f"must be a positive integer, or inf; got {text!r}")
    return text if text == "inf" else int(number)


def _require_ranges(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options, or raise InputError where a number is out of range."""
    for name, given in vars(options).items():
        for value in given if isinstance(given, list) else [given]:
            if value is not None and name in LEAST:
                require_count(f"--{name.replace('_', '-')}", value, LEAST[name])
            if value is not None and name in POSITIVE:
                require_positive(f"--{name.replace('_', '-')}", value)
    if options.momentum is not None:
        require_momentum(options.momentum)
    return options


def network(options: argparse.Namespace) -> Cell:
    """Return the entries that all cells share; raise InputError for options that exclude others."""
    shared = ("model", "width", "scale", "seed", "samples", "steps")
    cell = {name: getattr(options, name) for name in shared}
    cell |= data_entries(options) | _architecture(options)
    return cell | _given(options, (*OF_ANY_MODEL, *(OF_AN_MLP if options.model == "mlp" else ())))


def _given(options: argparse.Namespace, names: Iterable[str]) -> Cell:
    """Return the options that were given, by their names in a cell."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _architecture(options: argparse.Namespace) -> Cell:
    given = _given(options, ("depth", "activation"))
    if options.model == "mlp":
        require_count("--width", options.width, 1)
        return {"depth": 1, "activation": "relu"} | given
    for name, value in (given | _given(options, OF_AN_MLP)).items():
        raise InputError(f"--{name} is for --model mlp; got --{name} {value}, model linear")
    return {}


def require_cells(options: argparse.Namespace, count: int, less: str, more: float = 0) -> None:
    """Raise InputError where so many cells, and ``more`` bytes, do not fit into the memory."""
    require_memory(
        count * CELL_BYTES + more,
        options.memory_limit,
        f"the record of {count:,} cells",
        less,
        "--memory-limit",
    )


def require_networks(
    options: argparse.Namespace,
    networks: Iterable[Cell],
    cells: Iterable[Cell],
    bytes_of: Callable[[Cell], int],
) -> None:
    """Raise InputError where the largest cells exceed the memory, or a network cannot be drawn.

    Each network is drawn once, as its data and weights decide. Each worker of a scheduler is
    assumed to have a machine of its own.
    """
    shapes = {_shape(cell): cell for cell in cells}
    required, largest = max(
        ((bytes_of(cell), cell) for cell in shapes.values()), key=lambda pair: pair[0]
    )
    workers = 1 if options.scheduler is not None else options.workers
    require_memory(
        workers * required,
        options.memory_limit,
        _sweep_of(workers, largest),
        "--workers, --samples or --steps, or a smaller --width",
        "--memory-limit",
    )
    for network in networks:
        phase_cells.start(network, [network["scale"]])
    _say_left_out(shapes.values())


def _say_left_out(cells: Iterable[Cell]) -> None:
    """Say on standard error how many samples the batches of an epoch leave out."""
    sizes = {(cell["batch_size"], cell["samples"]) for cell in cells if cell.get("batch_size")}
    for size, samples in sorted(sizes):
        if samples % size:
            rest = f"{samples % size} of the {samples} samples"
            print(f"batches of {size}: each epoch leaves out {rest}, drawn anew", file=sys.stderr)


def _shape(cell: Cell) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in cell.items() if name not in SAME_MEMORY)


def _sweep_of(workers: int, cell: Cell) -> str:
    shape = ", ".join(f"{name} {cell[name]}" for name in ("width", "depth") if name in cell)
    return f"this sweep, with {counted(workers, 'worker')} and networks of {shape},"
