"""The command line (CLI): parse options, run the command, report an error in one sentence."""

from __future__ import annotations

import argparse
import io
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from importlib import import_module

import shtab

from catapult_sim import __version__
from catapult_sim.commands.stopping import Stopped, stoppable
from catapult_sim.validation import InputError

COMMANDS = (
    "try",
    "verify",
    "phase-diagram",
    "boundary",
    "simulate",
    "scan",
    "derive",
    "figures",
    "page",
)
TOUR = """\
catapult-sim try                  a network on handwritten digits: where training explodes, and why
catapult-sim try --data FILE      the same on your data, CSV, NPZ or IDX
catapult-sim page --open          one page in your browser, to turn the learning rate up yourself
catapult-sim phase-diagram        lazy, catapult, divergent: learning rate against width
catapult-sim derive --list        the equations behind it, in LaTeX, Python or JavaScript
catapult-sim verify               what the papers say, judged here; -h after any of these: more"""
FAILED = 1
WRONG_CALL = 2
UNREAD = 128 + 13  # of SIGPIPE, a name that Windows does not have
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``catapult-sim`` and return its exit status.

    0 if all went well; 1 if a theorem failed (see ``verify --strict``), or a cell, the disk, a
    worker or memory did; 2 if the call was wrong; 130 if it was interrupted; 141 if the reader
    of its output ended; 143 if it was terminated.
    """
    _print_whatever_is_given()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where $HOME is not writable
    given = sys.argv[1:] if arguments is None else arguments
    options = _read(_parser(given), given)
    if options.command is None:
        print(TOUR)
        return 0
    try:
        with stoppable(lambda status: _stopped(options, status)):
            status = int(options.run(options))
            sys.stdout.flush()
            return status
    except InputError as refusal:
        return _say(options, _as_typed(str(refusal)), WRONG_CALL)
    except MemoryError as error:
        return _say(options, f"memory does not suffice: {error}; {_kept(options)}", FAILED)
    except (OSError, BrokenExecutor) as error:
        return _failed(options, error)
    except KeyboardInterrupt as stop:
        return _stopped(options, stop.status if isinstance(stop, Stopped) else INTERRUPTED)


def _read(parser: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Namespace:
    """Return the options; a file where none is expected is taken for data that lack --data."""
    options, rest = parser.parse_known_args(given)
    if rest:
        data = hasattr(options, "data") and os.path.exists(rest[0])
        hint = f"; data are named by --data {rest[0]}" if data else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    return options


def _print_whatever_is_given() -> None:
    """Escape letters that the terminal does not have, such as those in the name of a file."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stopped(options: argparse.Namespace, status: int) -> int:
    word = "terminated" if status == TERMINATED else "interrupted"
    return _say(options, f"{word}; {_kept(options)}", status, before="\n")


def _failed(options: argparse.Namespace, error: Exception) -> int:
    where = error.filename if isinstance(error, OSError) else None
    if isinstance(error, OSError) and where is None and _output_failed():
        if isinstance(error, BrokenPipeError):
            return UNREAD
        where = "standard output"
    words = f"{where}: {error.strerror}" if isinstance(error, OSError) and where else str(error)
    return _say(options, f"{words}; {_kept(options)}", FAILED)


def _as_typed(sentence: str) -> str:
    """Return a sentence with keyword arguments of Python, such as labels='classes', as options."""
    return re.sub(r"\b([a-z_]+)=('[^']*'|\"[^\"]*\")", _option, sentence)


def _option(match: re.Match[str]) -> str:
    return f"--{match[1].replace('_', '-')} {shlex.quote(match[2][1:-1])}"


def _output_failed() -> bool:
    """Tell whether standard output takes no more, as after ``| head``; if so, discard the rest."""
    try:
        print(flush=True)  # fails again if it was standard output that failed
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _say(options: argparse.Namespace, sentence: str, status: int, before: str = "") -> int:
    with suppress(OSError):  # who closed standard error wants to hear nothing
        print(f"{before}catapult-sim {options.command}: {sentence}", file=sys.stderr, flush=True)
    return status


def _kept(options: argparse.Namespace) -> str:
    if not hasattr(options, "overwrite") or options.out is None:
        return "nothing was written"
    again = "with --resume instead of --overwrite" if options.overwrite else "again"
    return f"finished cells are in {options.out}; to continue, run the same command {again}"


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser of the command that is given; of all, where none is or for their help."""
    parser = argparse.ArgumentParser(
        prog="catapult-sim",
        description="Solvable models of deep-learning dynamics: derive their equations, train "
        "networks, draw phase diagrams, and test what papers claim.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    shtab.add_argument_to(parser, help="print the completion script of this shell")
    commands = parser.add_subparsers(dest="command")
    chosen = given[:1] if given and given[0] in COMMANDS else COMMANDS
    for name in chosen:  # a command loads what it needs, so that the others do not delay it
        import_module(f"catapult_sim.commands.{name.replace('-', '_')}").add(commands)
    return parser
