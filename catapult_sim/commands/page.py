"""``catapult-sim page``: write the teaching page, one HTML file, and open it if asked to."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from catapult_sim import page
from catapult_sim.progress import showing


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "page",
        help="write the interactive page about the catapult, one HTML file",
        description="Write the interactive page about the catapult: one HTML file that needs no "
        "network, with seven scenes for a lecture or to learn from alone. Its button Present, or "
        "the key p, fills the screen with one scene.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        default=Path("catapult.html"),
        metavar="FILE",
        help="file to write (default: %(default)s)",
    )
    add("--open", action="store_true", help="open it in the browser")


def run(options: argparse.Namespace) -> int:
    """Write the page, print its path, and open it if asked to."""
    with showing(None, "deriving the rules of the page"):
        path = page.write(options.out)
    print(path)
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("no browser was found; open this file in one")
    return 0
