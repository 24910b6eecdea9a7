"""Declare the options that the sweeping commands share, check them, and read them as a cell."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from catapult_sim.experiments import phase_cells
from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.numeric.runs.memory import MEMORY_LIMIT, require_memory
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell
from catapult_sim.validation import InputError, require_count, require_momentum, require_positive

CONVENTIONS = (
    "Conventions: the loss is (1/2m) sum |f - y|^2 over m samples; lambda_0 is the top eigenvalue "
    "of the kernel (1/m) J J^T at the start of each network, J the Jacobian of its outputs; "
    "c = eta lambda_0, with eta the learning rate; NTK parametrisation; full batches, or "
    "minibatches reshuffled every epoch."
)

# The least value of each whole number, and the numbers that must be positive.
LEAST = {"depth": 1, "samples": 1, "steps": 1, "batch_size": 1, "members": 1, "workers": 1}
LEAST |= {"seed": 0, "levels": 0}
POSITIVE = {"c", "tolerance", "memory_limit"}

# Entries of a cell on which its memory does not depend.
SAME_MEMORY = {"activation", "c", "curvature", "scale", "seed", "tolerance"}


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
    add_execution(parser, out).add_argument(
        "--memory-limit",
        type=float,
        default=MEMORY_LIMIT,
        metavar="BYTES",
        help="memory that all workers on this machine may take together",
    )
    return parser


def _add_network(parser: argparse.ArgumentParser, several: Collection[str]) -> None:
    """Add the options that choose a network, its data and its seed, and how it is trained."""
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
    words = ".npz with arrays X and y, or .csv with the label last (default: handwritten digits)"
    add("--data", words, metavar="FILE")
    add("--samples", "how many samples to draw from the data", type=int, default=32, metavar="M")
    add("--steps", "largest number of updates of a run", type=int, default=300, metavar="T")
    words = "heavy-ball momentum, from 0 to below 1 (default: 0)"
    add("--momentum", words, type=float, metavar="BETA")
    words = "samples of a minibatch, a divisor of --samples (default: all of them)"
    add("--batch-size", words, type=int, metavar="B")
    add("--seed", "random seed of weights, samples and batches", type=int, default=0)


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
    words = "folder for record, results and figure"
    group.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help=words)
    again = group.add_mutually_exclusive_group()
    words = "continue what DIR holds (default)"
    again.add_argument("--resume", action="store_true", help=words)
    words = "delete the results in DIR and start again"
    again.add_argument("--overwrite", action="store_true", help=words)
    words = "show a progress bar (default: on a terminal)"
    group.add_argument("--progress", action=argparse.BooleanOptionalAction, help=words)
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return group


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
    optional = ("momentum", "batch_size")
    cell = {name: getattr(options, name) for name in shared}
    cell |= phase_cells.data_entries(options.data) | _architecture(options)
    return cell | {
        name: value for name in optional if (value := getattr(options, name)) is not None
    }


def _architecture(options: argparse.Namespace) -> Cell:
    given = {"depth": options.depth, "activation": options.activation}
    if options.model == "mlp":
        require_count("--width", options.width, 1)
        usual = {"depth": 1, "activation": "relu"}
        return usual | {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if value is not None:
            raise InputError(f"--{name} is for --model mlp; got --{name} {value}, model linear")
    return {}


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
    require_memory(workers * required, options.memory_limit, _sweep_of(workers, largest))
    for network in networks:
        phase_cells.start(network, [network["scale"]])


def _shape(cell: Cell) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in cell.items() if name not in SAME_MEMORY)


def _sweep_of(workers: int, cell: Cell) -> str:
    shape = ", ".join(f"{name} {cell[name]}" for name in ("width", "depth") if name in cell)
    return f"this sweep, with {counted(workers, 'worker')} and networks of {shape},"
