"""The options that the commands which sweep share, and how help says what they are."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from catapult_sim.mlp.activations import ACTIVATIONS
from catapult_sim.numeric.runs.memory import MEMORY_LIMIT

NORMALISATION = (
    "Loss (1/2m) sum |f - y|^2 over m samples; kernel (1/m) J J^T, lambda_0 its top eigenvalue at "
    "the start of each network; c = eta lambda_0 is the learning rate times it. NTK "
    "parametrisation; full batches, or batches that each epoch deals anew."
)


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that names the default of each option that has one, as a shell would take it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default in (None, argparse.SUPPRESS) or default is False:
            return action.help
        several = default if isinstance(default, list) else [default]
        words = " ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in several)
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
    """Add a command that sweeps over networks, and what all of these share; return its parser.

    Options named in ``several`` take one value or more.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{does} {NORMALISATION}",
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    _add_network(parser, several)
    manner = add_manner(parser, out)
    words = "what all workers of this machine may take"
    manner.add_argument(
        "--memory-limit", type=float, default=MEMORY_LIMIT, metavar="BYTES", help=words
    )
    return parser


def _add_network(parser: argparse.ArgumentParser, several: Collection[str]) -> None:
    """Add the options that choose a network, its data and its seed, and how it is trained."""
    group = parser.add_argument_group("network")

    def add(name: str, **options: Any) -> None:
        if name.removeprefix("--") in several:
            options["nargs"] = "+"
        group.add_argument(name, **options)

    add("--model", choices=("linear", "mlp"), default="linear", help="exact linear network, or MLP")
    add("--width", type=_width, default=512, metavar="N", help="hidden units; inf if linear")
    add("--depth", type=int, metavar="K", help="hidden layers of an MLP (default: 1)")
    add("--activation", choices=tuple(ACTIVATIONS), help="of an MLP (default: relu)")
    add("--scale", type=float, default=1.0, help="standard deviation of the initial weights")
    add(
        "--data",
        metavar="FILE",
        help=".npz with X and y, or .csv with label last (default: digits)",
    )
    add("--samples", type=int, default=32, metavar="M", help="drawn from the data")
    add("--steps", type=int, default=300, metavar="T", help="updates, at most")
    add("--momentum", type=float, metavar="BETA", help="heavy ball (default: 0)")
    add(
        "--batch-size",
        type=int,
        metavar="B",
        help="a divisor of the samples (default: all of them)",
    )
    add("--seed", type=int, default=0, help="names weights, samples and batches")


def add_manner(parser: argparse.ArgumentParser, out: str, workers: int | None = 1) -> Any:
    """Add the options that say how to compute and where to put it; return their group.

    Without a number of ``workers`` all cores are used by threads of this process.
    """
    group = parser.add_argument_group("manner")
    where = group.add_mutually_exclusive_group()
    words = "processes" if workers else "processes (default: threads on all cores)"
    where.add_argument("--workers", type=int, default=workers, metavar="N", help=words)
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a running dask cluster")
    group.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help="where files go")
    again = group.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="compute only what DIR lacks, as always"
    )
    again.add_argument("--overwrite", action="store_true", help="forget what DIR holds")
    group.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="draw a bar (default: on a terminal)",
    )
    group.add_argument("--json", action="store_true", help="print it as JSON instead of words")
    return group


def _width(text: str) -> int | str:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if text != "inf" and not number.is_integer():
        raise argparse.ArgumentTypeError(f"must be a positive integer, or inf; got {text!r}")
    return text if text == "inf" else int(number)
