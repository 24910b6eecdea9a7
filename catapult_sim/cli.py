"""The command line (CLI): parse options, run the command, report an error in one sentence."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import shtab

from catapult_sim import __version__
from catapult_sim.validation import InputError

COMMANDS = ("verify", "phase-diagram", "boundary", "simulate", "scan", "derive", "figures")
FAILED = 1
WRONG_CALL = 2
UNREAD = 128 + 13  # of SIGPIPE, a name that Windows does not have
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """Raised on SIGTERM, so that it stops a command as Ctrl-C does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``catapult-sim`` and return its exit status.

    0 if all went well; 1 if a claim was refuted (see ``verify --must``), or a cell, the disk, a
    worker or memory failed; 2 if the call was wrong; 130 if it was interrupted; 141 if the reader
    of its output ended; 143 if it was terminated.
    """
    _print_whatever_is_given()
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(given).parse_args(given)
    try:
        with _answering_sigterm():
            status = int(options.run(options))
            sys.stdout.flush()
            return status
    except InputError as refusal:
        return _say(options, str(refusal), WRONG_CALL)
    except MemoryError as error:
        return _say(options, f"memory does not suffice: {error}; {_kept(options)}", FAILED)
    except (OSError, BrokenExecutor) as error:
        if isinstance(error, BrokenPipeError) and _unread():
            return UNREAD
        return _say(options, f"{error}; {_kept(options)}", FAILED)
    except KeyboardInterrupt as stop:
        return _stopped(options, stop)


def _print_whatever_is_given() -> None:
    """Escape letters that the terminal does not have, such as those in the name of a file."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stopped(options: argparse.Namespace, stop: KeyboardInterrupt) -> int:
    terminated = isinstance(stop, Terminated)
    status = TERMINATED if terminated else INTERRUPTED
    print(file=sys.stderr)
    _say(options, f"{'terminated' if terminated else 'interrupted'}; {_kept(options)}", status)
    if getattr(options, "workers", 1) is None:
        # Threads cannot be cancelled; a normal exit would wait for them.
        os._exit(status)
    return status


def _unread() -> bool:
    """Tell whether standard output is closed, as by ``| head``; if so, discard what follows."""
    try:
        print(flush=True)  # fails again if it was standard output that failed
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _say(options: argparse.Namespace, sentence: str, status: int) -> int:
    print(f"catapult-sim {options.command}: {sentence}", file=sys.stderr, flush=True)
    return status


def _kept(options: argparse.Namespace) -> str:
    if not hasattr(options, "overwrite"):
        return "nothing was written"
    again = "with --resume instead of --overwrite" if options.overwrite else "again"
    return f"finished cells are in {options.out}; to continue, run the same command {again}"


@contextmanager
def _answering_sigterm() -> Iterator[None]:
    def terminate(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser of the command that is given; of all, where none is or for their help."""
    parser = argparse.ArgumentParser(
        prog="catapult-sim",
        description="Solvable models of deep-learning dynamics: derive their equations, train "
        "networks, draw phase diagrams, and test what papers claim.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    shtab.add_argument_to(parser, help="print the completion script of this shell")
    commands = parser.add_subparsers(dest="command", required=True)
    chosen = given[:1] if given and given[0] in COMMANDS else COMMANDS
    for name in chosen:  # a command loads what it needs, so that the others do not delay it
        import_module(f"catapult_sim.commands.{name.replace('-', '_')}").add(commands)
    return parser
