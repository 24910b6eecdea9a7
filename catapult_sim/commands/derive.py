"""``catapult-sim derive``: print an equation."""

from __future__ import annotations

import argparse
from typing import Any

from tabulate import tabulate

from catapult_sim.progress import saying, showing
from catapult_sim.validation import InputError

SIZES = {
    "samples": "number of samples",
    "inputs": "number of inputs",
    "outputs": "number of outputs",
}


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "derive",
        help="print an equation",
        description="Derive an equation and print it. Names: catapult-sim derive --list.",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("name", nargs="?", help="what to derive")
    add("--list", action="store_true", help="list what can be derived, and by which options")
    add(
        "--format",
        default="text",
        help="text (default), latex, mathml, numpy, python or javascript; "
        "with --steps text, latex, beamer or mathml",
    )
    add("--steps", action="store_true", help="print the derivation step by step")
    for size, meaning in SIZES.items():
        add(f"--{size}", type=int, metavar="N", help=meaning)
    add(
        "--order",
        type=int,
        metavar="P",
        help="highest power of the step size: at most 5 for shuffled batches, 10 for full ones, "
        "7 with momentum, 4 with replacement or repeats",
    )
    add("--sampling", help="shuffled (default), full, reversed_pair or replacement")
    add("--batches", metavar="M", help="number of minibatches, a number or a name")
    add("--repeats", metavar="N", help="steps in a row on each minibatch, a number or a name")
    add("--momentum", metavar="BETA", help="heavy ball, a number or a name; with --sampling full")
    add("--nesterov", action="store_const", const=True, help="Nesterov momentum")
    add("--loss", action="append", metavar="TEXT", help="a minibatch's loss; give one or several")


def run(options: argparse.Namespace) -> int:
    """Print an equation, or the list of those that can be derived."""
    from catapult_sim.symbolic import printed
    from catapult_sim.symbolic.step_by_step import FORMS
    from catapult_sim.symbolic.voices import VOICES

    if options.list:
        print(tabulate(printed.listing(), tablefmt="plain"))
        return 0
    if options.name is None:
        raise InputError("a name is required; catapult-sim derive --list has them; got none")
    forms = FORMS if options.steps else VOICES
    if options.format in FORMS and options.format not in forms:
        raise InputError(f"--format {options.format} is of whole derivations: add --steps")
    if options.format not in forms:
        wanted = "--format with --steps" if options.steps else "--format"
        raise InputError(f"{wanted} must be one of {', '.join(forms)}; got {options.format!r}")
    names = (*SIZES, "order", "sampling", "batches", "repeats", "momentum", "nesterov", "loss")
    given = {name: getattr(options, name) for name in names}
    at_work = f"catapult-sim derive: still at work on {options.name}"
    if options.order is not None:
        at_work += f" to order {options.order} (lower ones take less)"
    with showing(None, "terms") as tell, saying(at_work):
        if options.steps:
            steps = printed.derivation_steps(options.name, progress=tell, **given)
            found = FORMS[options.format](steps)
        else:
            found = str(printed.derive(options.name, options.format, progress=tell, **given))
    print(found)
    return 0
