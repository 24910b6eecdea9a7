"""``catapult-sim figures``: draw the figure of an earlier command from its record."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from catapult_sim import plots
from catapult_sim.commands.sweeping import make_folder, read_config
from catapult_sim.validation import InputError

SWEEPS = ("phase-diagram", "boundary", "simulate", "scan", "try", "verify")


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "figures",
        help="draw the figure of an earlier command from its record, finished or not",
        description="Draw the figure of the folder of a phase-diagram, boundary, simulate, scan, "
        "try or verify from its record, also while it is being computed.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--from", type=Path, required=True, metavar="DIR", dest="source", help="folder to read")
    add("--out", type=Path, metavar="DIR", help="folder of the figure (default: the same folder)")


def run(options: argparse.Namespace) -> int:
    """Draw the figure and print its path."""
    figure, name = _drawn(_config(options.source), options.source)
    path = make_folder(options.out or options.source) / name
    plots.save(figure, path)
    print(path)
    return 0


def _drawn(config: dict[str, Any], source: Path) -> tuple[Any, str]:
    """Return the figure of a folder and its file name, or raise InputError."""
    command = config["options"]["command"]
    of_command = import_module(f"catapult_sim.commands.{command.replace('-', '_')}").figure
    try:
        found: tuple[Any, str] = of_command(config, source)
        return found
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"--from must be a folder as {command} wrote it; {source} holds something else "
            f"({type(error).__name__}: {error})"
        ) from error


def _config(source: Path) -> dict[str, Any]:
    config = read_config(source)
    if config is None or config["options"]["command"] not in SWEEPS:
        raise InputError(
            f"--from must be the folder of a {', '.join(SWEEPS)}, with its config.json; "
            f"got {source}"
        )
    return config
